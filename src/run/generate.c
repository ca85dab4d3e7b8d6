/* SPDX-License-Identifier: Apache-2.0 */
/* run/generate: see generate.h. The body of `decode` is the journey: one named call a step. */
#include "run/generate.h"

#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "engine/timeline.h"
#include "run/shift.h"
#include "run/state.h"

struct generator {
    struct loaded l;
    struct timeline timeline;
    struct tokens prompt;
    struct speculation *speculation; /* made for the first answer that may guess */
    struct rope_options rope;
    struct hash identity; /* of the model, for saved states */
    bool identified;
};

struct generator *generator_open(struct gguf *gguf, const struct settings *s,
                                 const struct load_options *o, struct memplan *plan, struct err *e)
{
    *plan = (struct memplan){0};
    struct generator *g = mem_new(1, sizeof *g, e);
    if (!g) {
        gguf_close(gguf);
        return NULL;
    }
    g->rope = s->rope;
    if (loaded_open(&g->l, gguf, s, o, plan, e) && timeline_new(&g->timeline, g->l.f, 0, e))
        return g;
    generator_close(g);
    return NULL;
}

void generator_close(struct generator *g)
{
    if (!g)
        return;
    tokens_clear(&g->prompt);
    timeline_free(&g->timeline);
    speculation_free(g->speculation);
    loaded_close(&g->l);
    mem_free(g);
}

const struct vocab *generator_vocab(const struct generator *g)
{
    return g->l.vocab;
}

const struct chat *generator_chat(const struct generator *g)
{
    return g->l.chat;
}

uint32_t generator_context(const struct generator *g)
{
    return loaded_context(&g->l);
}

uint32_t generator_context_trained(const struct generator *g)
{
    return g->l.model->h.n_ctx_train;
}

uint32_t generator_threads(const struct generator *g)
{
    return g->l.f->p.n_threads;
}

uint32_t generator_length(const struct generator *g)
{
    return g->timeline.n;
}

static bool identify(struct generator *g, struct err *e)
{
    struct hash_stream s;
    bool ok = g->identified || hash_begin(&s, e);
    if (!ok || g->identified)
        return ok;
    for (uint32_t i = 0; ok && i < g->l.g->n_splits; i++) {
        struct str all = gguf_bytes(g->l.g, i);
        ok = hash_add(&s, all.p, all.n, e);
    }
    for (uint32_t i = 0; ok && i < g->l.adapters.n; i++) {
        struct str all = gguf_bytes(g->l.adapters.v[i].g, 0);
        ok = hash_add(&s, all.p, all.n, e) &&
             hash_add(&s, &g->l.adapters.v[i].scale, sizeof(float), e);
    }
    ok = ok && hash_add(&s, &g->rope, sizeof g->rope, e);
    g->identified = hash_end(&s, ok ? &g->identity : NULL, e) && ok;
    return g->identified;
}

bool generator_save(struct generator *g, const char *path, struct str attached, struct err *e)
{
    return identify(g, e) && state_write(&g->timeline, &g->identity, attached, path, e);
}

bool generator_restore(struct generator *g, const char *path, struct buf *attached, struct err *e)
{
    return identify(g, e) && state_read(&g->timeline, &g->identity, path, attached, e);
}

/* What one generation needs beside the generator. */
struct journey {
    struct generator *g;
    const struct settings *s;
    const atomic_bool *cancel;
    generate_text_fn *on_text;
    void *arg;
    struct generation *r;
    struct completion completion;
    struct shift shift;
    struct speculation *guesses; /* NULL: none are made */
    struct pass {                /* the last one */
        uint32_t token[DECODE_TOKENS], n;
        uint32_t row; /* whose logits are to be chosen from */
    } pass;
    uint64_t start_ns;
    bool first_shown;
};

static double seconds_since(uint64_t ns)
{
    return (double)(os_now_ns() - ns) * 1e-9;
}

/* The token that begins every text is always kept. */
static bool start_shift(struct journey *j, struct err *e)
{
    const struct tokens *prompt = &j->g->prompt;
    uint32_t keep = j->s->keep;
    if (!j->s->context_shift)
        return true;
    if (keep == 0 && prompt->n && prompt->id[0] == j->g->l.vocab->bos)
        keep = 1;
    j->r->n_kept = keep;
    return shift_init(&j->shift, generator_context(j->g), keep, e);
}

static void drop_oldest(struct journey *j)
{
    struct tokens *all = &j->g->prompt;
    uint32_t gone = j->shift.step ? shift_drop(&j->shift, all->id, (uint32_t)all->n) : 0;
    all->n -= gone;
    j->r->n_dropped += gone;
}

static bool read_prompt(struct journey *j, struct str prompt, struct err *e)
{
    struct generator *g = j->g;
    if (!loaded_tokenize(&g->l, prompt, &g->prompt, e) || !start_shift(j, e))
        return false;
    drop_oldest(j);
    j->r->n_prompt = (uint32_t)g->prompt.n;
    return loaded_check_prompt(&g->l, j->s, &g->prompt, e);
}

/* The context is full: what stays of it, and one more, is computed anew. */
static bool push_shifted(struct journey *j, uint32_t id, struct err *e)
{
    struct tokens *all = &j->g->prompt;
    struct timeline *t = &j->g->timeline;
    uint32_t reused;
    all->n = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (!tokens_push(all, t->token[i], e))
            return false;
    if (!tokens_push(all, id, e))
        return false;
    drop_oldest(j);
    return timeline_sync(t, all->id, (uint32_t)all->n, j->cancel, &reused, e);
}

/* Guesses are made where they are allowed, and what is not wanted of them can be taken back. */
static bool start_guessing(struct journey *j, struct err *e)
{
    struct generator *g = j->g;
    if (j->s->speculation == SPECULATION_OFF || !timeline_can_cut(&g->timeline))
        return true;
    if (!g->speculation)
        g->speculation = loaded_speculation(&g->l, 0, e);
    if (!g->speculation)
        return false;
    speculation_begin(g->speculation, g->prompt.id, g->prompt.n);
    j->guesses = g->speculation;
    return true;
}

/* Guesses behind the first token of the pass, as many as there is room for. */
static void add_guesses(struct journey *j, struct pass *p)
{
    uint32_t n = j->g->timeline.n, room = generator_context(j->g) - n;
    uint32_t left = completion_left(&j->completion, n + 1);
    left = (left < room ? left : room) - 1;
    if (j->guesses && left)
        p->n += speculation_guess(j->guesses, 1, left, p->token + 1);
    j->r->n_guessed += p->n - 1;
}

/* Computes what follows a token. */
static bool push(struct journey *j, uint32_t id, struct err *e)
{
    struct timeline *t = &j->g->timeline;
    struct pass *p = &j->pass;
    *p = (struct pass){.token = {id}, .n = 1};
    if (t->n >= generator_context(j->g))
        return push_shifted(j, id, e);
    add_guesses(j, p);
    uint64_t t0 = os_now_ns();
    bool ok = timeline_push_all(t, p->token, p->n, e);
    pass_costs_note(&j->g->l.costs, p->n, seconds_since(t0));
    return ok;
}

/* The logits behind a token that is chosen are there already, where it had been guessed. */
static bool was_guessed(struct journey *j, uint32_t id)
{
    struct pass *p = &j->pass;
    if (p->row + 1 == p->n || p->token[p->row + 1] != id)
        return false;
    p->row++;
    j->r->n_right++;
    return true;
}

/* Gives out what is certain; false when the caller wants no more. */
static bool show(struct journey *j)
{
    struct buf *shown = &j->completion.shown;
    if (shown->n == 0)
        return true;
    if (!j->first_shown)
        j->r->first_token_s = seconds_since(j->start_ns);
    j->first_shown = true;
    bool more = j->on_text(j->arg, buf_view(shown));
    buf_reset(shown);
    return more;
}

/* One token more: chosen, and shown. */
static bool step(struct journey *j, uint32_t *id, bool *over, struct err *e)
{
    struct timeline *t = &j->g->timeline;
    struct completion *c = &j->completion;
    uint32_t n_vocab = j->g->l.model->h.n_vocab, at = t->n - (j->pass.n - 1 - j->pass.row);
    if (!completion_choose(c, t->logits + (size_t)j->pass.row * n_vocab, at, id, e))
        return false;
    completion_take(c, at, *id, over);
    if (j->guesses)
        speculation_add(j->guesses, *id);
    if (!show(j)) {
        c->finish = FINISH_CANCELLED;
        *over = true;
    }
    if (*over || !was_guessed(j, *id))
        timeline_cut(t, at);
    return true;
}

/* Samples until the answer ends. */
static bool decode(struct journey *j, struct err *e)
{
    struct completion *c = &j->completion;
    for (;;) {
        uint32_t id, row = j->pass.row;
        bool over;
        c->finish = FINISH_CANCELLED;
        if (j->cancel && atomic_load(j->cancel))
            return true;
        if (!step(j, &id, &over, e))
            return false;
        if (over)
            return true;
        c->finish = FINISH_CANCELLED;
        if (j->pass.row == row && !push(j, id, e))
            return e->code == ERR_CANCELLED;
    }
}

static bool answer(struct journey *j, struct err *e)
{
    const struct tokens *prompt = &j->g->prompt;
    uint64_t t0 = os_now_ns();
    if (!timeline_sync(&j->g->timeline, prompt->id, (uint32_t)prompt->n, j->cancel, &j->r->n_reused,
                       e)) {
        j->r->finish = FINISH_CANCELLED;
        return e->code == ERR_CANCELLED;
    }
    j->r->prompt_s = seconds_since(t0);
    t0 = os_now_ns();
    j->pass = (struct pass){.n = 1};
    if (!start_guessing(j, e) || !decode(j, e))
        return false;
    completion_end(&j->completion);
    (void)show(j);
    j->r->decode_s = seconds_since(t0);
    j->r->finish = j->completion.finish;
    return true;
}

bool generate(struct generator *g, struct str prompt, const struct settings *s,
              const atomic_bool *cancel, generate_text_fn *on_text, void *arg,
              struct generation *result, struct err *e)
{
    *result = (struct generation){0};
    struct journey j = {.g = g,
                        .s = s,
                        .cancel = cancel,
                        .on_text = on_text,
                        .arg = arg,
                        .r = result,
                        .start_ns = os_now_ns()};
    bool ok = read_prompt(&j, prompt, e) &&
              completion_start(&j.completion, &g->l, s, &g->prompt, STR(""), e) && answer(&j, e);
    result->seed = j.completion.seed;
    result->mask_s = j.completion.mask_s;
    result->n_generated = j.completion.n_generated;
    memcpy(result->stop, j.completion.stopped, sizeof result->stop);
    completion_clear(&j.completion);
    return ok;
}
