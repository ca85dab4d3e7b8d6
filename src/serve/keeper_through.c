/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_through: what the keeper has errands bring from upstream; see keeper_private.h. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "serve/keeper_private.h"
#include "serve/through.h"

static bool start_listing(const struct asked *a, enum listing_kind kind, struct err *e)
{
    struct listing_job q = {&a->k->shelf.store, a->k->config, kind, "", ""};
    const struct str parts[] = {str_of(kind == LISTING_HF ? "hf" : "registry"),
                                {"", 1},
                                str_of(a->w->repository),
                                {"", 1},
                                str_of(a->w->revision)};
    struct hash h;
    char key[ERRAND_KEY] = "listing ";
    if (!hash_of(parts, sizeof parts / sizeof *parts, &h, e))
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(key + 8 + 2 * i, 3, "%02x", h.b[i]);
    snprintf(q.repository, sizeof q.repository, "%s", a->w->repository);
    snprintf(q.revision, sizeof q.revision, "%s", a->w->revision);
    struct errand *r = errand_find(&a->k->errands, key);
    if (!r)
        r = errand_start(&a->k->errands, key, listing_fetch, &q, a->k->line, e);
    return r && errand_join(r, a->id, a->w, e);
}

bool need_listing(struct asked *a, enum listing_kind kind, struct listing *l, bool *waits,
                  struct err *e)
{
    const struct config *c = a->k->config;
    bool fresh = false, known;
    *l = (struct listing){0};
    if (!(kind == LISTING_HF ? c->upstream_hf : c->upstream_registry)[0])
        return false;
    known = listing_read(l, &a->k->shelf.store, kind, a->w->repository, a->w->revision, &fresh);
    if (fresh || a->tried)
        return known;
    listing_clear(l);
    *waits = start_listing(a, kind, e);
    return false;
}

/* Bytes that errands are bringing now. */
static uint64_t under_way(const struct errands *all)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < all->n; i++)
        sum += all->v[i]->size;
    return sum;
}

bool need_pull(const struct asked *a, const struct listing *l, const struct listing_file *f,
               struct err *e)
{
    char key[ERRAND_KEY];
    if (a->tried && a->tried->code != ERR_NONE)
        return no_model(a, e);
    snprintf(key, sizeof key, "pull %s", f->digest.hex);
    struct errand *r = errand_find(&a->k->errands, key);
    if (r)
        return errand_join(r, a->id, a->w, e);
    struct through_job *q = mem_new(1, sizeof *q, e);
    if (!q)
        return false;
    q->store = &a->k->shelf.store;
    q->config = a->k->config;
    q->others = under_way(&a->k->errands);
    bool ok = through_plan(q, l, f, e);
    r = ok ? errand_start(&a->k->errands, key, through_pull, q, a->k->line, e) : NULL;
    if (r) {
        char what[2 * WANT_TEXT + 8];
        r->size = f->size;
        a->k->stats.pulls++;
        snprintf(what, sizeof what, "%s/%s", a->w->repository, a->w->file);
        keeper_note(a->k, "begin", r, what);
    }
    mem_free(q);
    return r && errand_join(r, a->id, a->w, e);
}
