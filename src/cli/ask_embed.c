/* SPDX-License-Identifier: Apache-2.0 */
/* cli/ask_embed: see ask_embed.h. */
#include "cli/ask_embed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/term.h"
#include "engine/embedding.h"

#define GROUP 16u        /* passages embedded in one pass */
#define ENDS  (4u << 20) /* bytes at each end of a model that tell which it is */

/* By its size and both its ends: all of a large model would take longer than the question. */
static bool identify(struct ask_embed *a, const struct gguf *g, struct err *e)
{
    struct hash h;
    char hex[2 * HASH_BYTES + 1];
    struct str all = gguf_bytes(g, 0), size = {(const char *)&all.n, sizeof all.n};
    size_t skip = all.n > ENDS ? all.n - ENDS : 0;
    const struct str parts[] = {size, str_sub(all, 0, ENDS), str_from(all, skip)};
    if (!hash_of(parts, 3, &h, e))
        return false;
    hash_hex(&h, hex);
    snprintf(a->digest, sizeof a->digest, "%s", hex);
    return true;
}

bool ask_embed_open(struct ask_embed *a, const char *model, uint32_t threads, struct err *e)
{
    const struct lab_params p = {.kv = KV_F16, .embedding = true, .threads = threads};
    *a = (struct ask_embed){.width = 0};
    if (!model)
        return true;
    struct gguf *g = open_model(model, e);
    if (!g || !identify(a, g, e)) {
        gguf_close(g);
        return false;
    }
    if (!packs_open_lab(&a->lab, g, &p, e))
        return false;
    enum pooling pooling = a->lab.m->h.pooling;
    if (pooling == POOLING_NONE || pooling == POOLING_RANK || pooling == POOLING_UNSTATED)
        return fail(e, ERR_UNSUPPORTED,
                    "%s makes no vector of a text; give a model that embeds as --embedding", model);
    if (!embedding_check(a->lab.m, pooling, e) || !(a->vocab = vocab_new(a->lab.g, e)))
        return false;
    if (a->vocab->n_tokens > a->lab.m->h.n_vocab)
        return fail(e, ERR_CORRUPT, "the vocabulary has %u tokens, but the model only %u",
                    a->vocab->n_tokens, a->lab.m->h.n_vocab);
    a->width = embedding_width(a->lab.m, pooling);
    return true;
}

void ask_embed_close(struct ask_embed *a)
{
    vocab_free(a->vocab);
    if (a->lab.g)
        lab_close(&a->lab);
    *a = (struct ask_embed){.width = 0};
}

static bool read_text(const struct ask_embed *a, struct str text, struct tokens *ids, struct err *e)
{
    size_t most = embedding_longest(a->lab.f);
    ids->n = 0;
    if (!tokenize(a->vocab, text, true, false, ids, e))
        return false;
    if (ids->n > most) {
        ids->id[most - 1] = ids->id[ids->n - 1]; /* the token that ends every text */
        ids->n = most;
    }
    return ids->n > 0 || fail(e, ERR_USAGE, "there is nothing to embed: a text is empty");
}

bool ask_embed_text(struct ask_embed *a, struct str text, float *v, struct err *e)
{
    struct tokens ids = {0};
    bool ok = read_text(a, text, &ids, e);
    struct embed_text one = {.token = ids.id, .n = (uint32_t)ids.n, .out = v};
    ok = ok && embed_texts(a->lab.f, a->lab.m->h.pooling, &one, 1, e);
    if (ok)
        embedding_normalise(v, a->width);
    tokens_clear(&ids);
    a->n_texts++;
    return ok;
}

/* --- passages ------------------------------------------------------------------------------------
 */

struct group {
    struct tokens ids[GROUP];
    int64_t id[GROUP];
    float *v; /* [GROUP][width] */
    uint32_t n;
};

static bool flush(struct ask_embed *a, struct docs_index *ix, struct group *g, struct err *e)
{
    struct embed_text text[GROUP];
    for (uint32_t i = 0; i < g->n; i++)
        text[i] = (struct embed_text){
            .token = g->ids[i].id, .n = (uint32_t)g->ids[i].n, .out = g->v + (size_t)i * a->width};
    bool ok = g->n == 0 || embed_texts(a->lab.f, a->lab.m->h.pooling, text, g->n, e);
    for (uint32_t i = 0; ok && i < g->n; i++) {
        embedding_normalise(text[i].out, a->width);
        ok = docs_index_set_vector(ix, g->id[i], text[i].out, a->width, e);
    }
    a->n_texts += g->n;
    g->n = 0;
    if (ok && term_is(STDERR_FILENO))
        fprintf(stderr, "\r%s: %llu", _("embedding passages"), (unsigned long long)a->n_texts);
    return ok;
}

static bool add_passage(struct ask_embed *a, struct group *g, const struct docs_passage *p,
                        struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_DOCS_FILE + DOCS_TITLE + 1);
    buf_fmt(&text, "%s\n%s", p->title, p->text);
    bool ok = buf_ok(&text, "passage", e) && read_text(a, buf_view(&text), &g->ids[g->n], e);
    g->id[g->n++] = p->id;
    buf_clear(&text);
    return ok;
}

bool ask_embed_index(struct ask_embed *a, struct docs_index *ix, struct err *e)
{
    struct group g = {.n = 0};
    struct docs_passage p = {.id = 0};
    bool ok = !a->width || (g.v = mem_new(GROUP, a->width * sizeof *g.v, e)) != NULL;
    int64_t after = 0;
    for (bool more = ok && a->width; ok && more;) {
        ok = docs_index_bare(ix, after, &p, e);
        more = ok && p.id;
        after = p.id;
        if (more)
            ok = add_passage(a, &g, &p, e);
        if (ok && (!more || g.n == GROUP))
            ok = flush(a, ix, &g, e);
        docs_passage_clear(&p);
    }
    if (a->n_texts && term_is(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    for (uint32_t i = 0; i < GROUP; i++)
        tokens_clear(&g.ids[i]);
    mem_free(g.v);
    return ok;
}
