/* SPDX-License-Identifier: Apache-2.0 */
/* engine/draft: see draft.h. */
#include "engine/draft.h"

#include <math.h>

bool draft_new(struct draft *d, struct forward *f, uint32_t seq, struct err *e)
{
    d->logits = NULL;
    return timeline_new(&d->t, f, seq, e);
}

void draft_free(struct draft *d)
{
    timeline_free(&d->t);
    d->logits = NULL;
}

/* Many tokens as a prompt is read, few in one pass of decoding. */
static bool advance(struct draft *d, const uint32_t *token, uint32_t n, bool last)
{
    struct forward *f = d->t.f;
    struct err e;
    batch_reset(&f->batch, n > DECODE_TOKENS);
    if (!timeline_add(&d->t, token, n, last ? 1 : 0, &e))
        return false;
    forward(f);
    d->logits = last ? forward_logits(f, 0, 1) : NULL;
    return last;
}

bool draft_read(struct draft *d, const uint32_t *token, uint32_t n)
{
    d->logits = NULL;
    if (n == 0 || n > d->t.f->p.kv.n_ctx)
        return false;
    uint32_t at = timeline_keep(&d->t, token, n), left = n - at;
    uint32_t step = left < DRAFT_PIECE ? left : DRAFT_PIECE;
    return advance(d, token + at, step, step == left);
}

uint32_t draft_next(const struct draft *d, uint32_t n_vocab, float *lead)
{
    float first = -INFINITY, second = -INFINITY;
    uint32_t best = 0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        float x = d->logits[i];
        if (x > first) {
            second = first;
            first = x;
            best = i;
        } else if (x > second) {
            second = x;
        }
    }
    *lead = first - second;
    return best;
}

bool draft_push(struct draft *d, uint32_t token)
{
    return d->t.n < d->t.f->p.kv.n_ctx && advance(d, &token, 1, true);
}
