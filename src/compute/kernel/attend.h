/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/attend: compute/attend.h in vectors of 16 floats, which the compiler cuts to what
 * the instruction set has. Included by each kernel file. */
#ifndef MOAT_COMPUTE_KERNEL_ATTEND_H
#define MOAT_COMPUTE_KERNEL_ATTEND_H

#include <math.h>

#include "compute/attend.h"
#include "compute/kernel/lanes.h"

/* Queries that share one pass over the keys. */
#define QUERY_BLOCK 8u

INLINE_16 void score_queries(const struct attend_block *b, const struct attend_query *q, uint32_t n,
                             lanes16 score[QUERY_BLOCK])
{
    for (uint32_t i = 0; i < n; i++)
        score[i] = (lanes16){0};
    for (uint32_t c = 0; c < b->d; c++) {
        lanes16 k = load16(b->k + (size_t)c * ATTEND_KEYS);
        for (uint32_t i = 0; i < n; i++)
            score[i] += q[i].q[c] * k;
    }
}

/* Scores -> weights relative to the query's maximum; what was summed before shrinks to it. */
INLINE_16 lanes16 weigh(const struct attend_block *b, struct attend_query *q, lanes16 score,
                        float *shrink)
{
    float s[ATTEND_KEYS];
    float max = q->max;
    store16(s, score * b->scale);
    for (uint32_t j = 0; b->softcap > 0 && j < ATTEND_KEYS; j++)
        s[j] = b->softcap * tanhf(s[j] / b->softcap);
    for (uint32_t j = 0; j < ATTEND_KEYS; j++) {
        s[j] = j < q->first || j > q->last ? -INFINITY : s[j];
        max = s[j] > max ? s[j] : max;
    }
    lanes16 p = exp16(load16(s) - max);
    *shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->max = max;
    q->sum = q->sum * *shrink + sum16(p);
    return p;
}

/* out = out * shrink + sum of p[j] v[j] */
INLINE_16 void add_values(const struct attend_block *b, struct attend_query *q, lanes16 weights,
                          float shrink)
{
    float p[ATTEND_KEYS];
    uint32_t c = 0;
    store16(p, weights);
    for (; c + 64 <= b->d_v; c += 64) {
        lanes16 a0 = load16(q->out + c) * shrink, a1 = load16(q->out + c + 16) * shrink;
        lanes16 a2 = load16(q->out + c + 32) * shrink, a3 = load16(q->out + c + 48) * shrink;
        for (uint32_t j = 0; j < ATTEND_KEYS; j++) {
            const float *v = b->v + (size_t)j * b->d_v + c;
            a0 += p[j] * load16(v);
            a1 += p[j] * load16(v + 16);
            a2 += p[j] * load16(v + 32);
            a3 += p[j] * load16(v + 48);
        }
        store16(q->out + c, a0);
        store16(q->out + c + 16, a1);
        store16(q->out + c + 32, a2);
        store16(q->out + c + 48, a3);
    }
    for (; c < b->d_v; c++) {
        float a = q->out[c] * shrink;
        for (uint32_t j = 0; j < ATTEND_KEYS; j++)
            a += p[j] * b->v[(size_t)j * b->d_v + c];
        q->out[c] = a;
    }
}

INLINE_16 void attend_some(const struct attend_block *b, struct attend_query *q, uint32_t n)
{
    lanes16 score[QUERY_BLOCK];
    score_queries(b, q, n, score);
    for (uint32_t i = 0; i < n; i++) {
        if (q[i].first > q[i].last)
            continue;
        float shrink;
        lanes16 p = weigh(b, &q[i], score[i], &shrink);
        add_values(b, &q[i], p, shrink);
    }
}

static void attend_keys(const struct attend_block *b, struct attend_query *q, uint32_t n)
{
    for (; n >= QUERY_BLOCK; n -= QUERY_BLOCK, q += QUERY_BLOCK)
        attend_some(b, q, QUERY_BLOCK);
    for (; n > 0; n--, q++)
        attend_some(b, q, 1);
}

#endif
