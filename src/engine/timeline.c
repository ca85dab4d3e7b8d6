/* SPDX-License-Identifier: Apache-2.0 */
/* engine/timeline: see timeline.h. */
#include "engine/timeline.h"

#include <string.h>

#include "base/mem.h"

bool timeline_new(struct timeline *t, struct forward *f, uint32_t seq, struct err *e)
{
    *t = (struct timeline){.f = f, .seq = seq};
    t->token = mem_new(f->p.kv.n_ctx, sizeof *t->token, e);
    return t->token != NULL;
}

void timeline_free(struct timeline *t)
{
    mem_free(t->token);
    *t = (struct timeline){0};
}

bool timeline_add(struct timeline *t, const uint32_t *token, uint32_t n, uint32_t n_wanted,
                  struct err *e)
{
    if (!kv_reserve(t->f->kv, t->seq, t->n, n, e))
        return false;
    for (uint32_t i = 0; i < n; i++)
        batch_add(&t->f->batch, t->seq, t->n + i, token[i], i + n_wanted >= n);
    memmove(t->token + t->n, token, n * sizeof *token);
    t->n += n;
    return true;
}

/* Reads n tokens of a prompt (one batch at most) that follow what is there. */
static bool advance(struct timeline *t, const uint32_t *token, uint32_t n, bool last, struct err *e)
{
    batch_reset(&t->f->batch, true);
    if (!timeline_add(t, token, n, last ? 1 : 0, e))
        return false;
    forward(t->f);
    if (last)
        t->logits = forward_logits(t->f, 0, 1);
    return true;
}

/* A model with states or windows stops shortly before the end: what a template puts there often
 * differs in the next turn, which can then go back to that place. */
uint32_t timeline_step(const struct timeline *t, uint32_t left, uint32_t max)
{
    bool places = t->f->m->n_kv_slots[KV_SLOTS_STATE] || t->f->m->n_kv_slots[KV_WINDOW];
    if (places && left > 2 * KV_BLOCK && left <= max)
        return left - KV_BLOCK;
    return left < max ? left : max;
}

uint32_t timeline_same(const struct timeline *t, const uint32_t *token, uint32_t n)
{
    uint32_t same = 0;
    while (same < t->n && same < n && t->token[same] == token[same])
        same++;
    return same;
}

uint32_t timeline_keep(struct timeline *t, const uint32_t *token, uint32_t n)
{
    must(n > 0);
    return t->n = kv_truncate(t->f->kv, t->seq, timeline_same(t, token, n - 1));
}

bool timeline_share(struct timeline *t, const struct timeline *from, uint32_t n, struct err *e)
{
    t->n = 0;
    if (!kv_share(t->f->kv, t->seq, from->seq, n, e))
        return false;
    memcpy(t->token, from->token, n * sizeof *t->token);
    t->n = n;
    return true;
}

void timeline_forget(struct timeline *t)
{
    t->n = kv_truncate(t->f->kv, t->seq, 0);
}

bool timeline_sync(struct timeline *t, const uint32_t *token, uint32_t n, const atomic_bool *cancel,
                   uint32_t *reused, struct err *e)
{
    if (n > t->f->p.kv.n_ctx)
        return fail(e, ERR_LIMIT, "%u tokens do not fit the context of %u; raise it with --context",
                    n, t->f->p.kv.n_ctx);
    *reused = timeline_keep(t, token, n);
    while (t->n < n) {
        if (cancel && atomic_load(cancel))
            return fail(e, ERR_CANCELLED, "cancelled");
        uint32_t left = n - t->n, step = timeline_step(t, left, t->f->batch.max);
        if (!advance(t, token + t->n, step, step == left, e))
            return false;
    }
    return true;
}

bool timeline_push(struct timeline *t, uint32_t token, struct err *e)
{
    return timeline_push_all(t, &token, 1, e);
}

bool timeline_push_all(struct timeline *t, const uint32_t *token, uint32_t n, struct err *e)
{
    batch_reset(&t->f->batch, false);
    if (!timeline_add(t, token, n, n, e))
        return false;
    forward(t->f);
    t->logits = forward_logits(t->f, 0, n);
    return true;
}

void timeline_cut(struct timeline *t, uint32_t n)
{
    if (n < t->n)
        t->n = kv_truncate(t->f->kv, t->seq, n);
    must(t->n == n);
}

bool timeline_can_cut(const struct timeline *t)
{
    return t->f->m->n_kv_slots[KV_SLOTS_STATE] == 0;
}

void timeline_restored(struct timeline *t, const uint32_t *token, uint32_t n)
{
    must(kv_length(t->f->kv, t->seq) == n);
    memcpy(t->token, token, n * sizeof *token);
    t->n = n;
    t->logits = NULL;
}

uint64_t timeline_saved_bytes(const struct timeline *t)
{
    return sizeof t->n + (uint64_t)t->n * sizeof *t->token + kv_saved_bytes(t->f->kv, t->seq);
}

bool timeline_save(const struct timeline *t, kv_sink_fn *sink, void *arg, struct err *e)
{
    return sink(arg, &t->n, sizeof t->n, e) && sink(arg, t->token, t->n * sizeof *t->token, e) &&
           kv_save(t->f->kv, t->seq, sink, arg, e);
}

static bool known_tokens(const struct timeline *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (t->token[i] >= t->f->m->h.n_vocab)
            return false;
    return true;
}

bool timeline_restore(struct timeline *t, const unsigned char *in, uint64_t n, struct err *e)
{
    uint32_t tokens = 0;
    t->n = 0;
    t->logits = NULL;
    if (n >= sizeof tokens)
        memcpy(&tokens, in, sizeof tokens);
    uint64_t head = sizeof tokens + (uint64_t)tokens * sizeof *t->token;
    if (n < head || tokens > t->f->p.kv.n_ctx) {
        (void)kv_truncate(t->f->kv, t->seq, 0);
        return n < head ? fail(e, ERR_CORRUPT, "the saved sequence is cut off")
                        : fail(e, ERR_LIMIT,
                               "the saved sequence has %u tokens, the context is %u; raise it with "
                               "--context",
                               tokens, t->f->p.kv.n_ctx);
    }
    if (!kv_restore(t->f->kv, t->seq, in + head, n - head, e))
        return false;
    memcpy(t->token, in + sizeof tokens, tokens * sizeof *t->token);
    if (kv_length(t->f->kv, t->seq) != tokens || !known_tokens(t, tokens)) {
        (void)kv_truncate(t->f->kv, t->seq, 0);
        return fail(e, ERR_CORRUPT, "the saved sequence is not of this model and type of cache");
    }
    t->n = tokens;
    return true;
}
