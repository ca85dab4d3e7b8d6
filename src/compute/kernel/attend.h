/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/attend: compute/attend.h in the words of vec_<isa>.h.
 *
 * Some queries share each pass over the keys, two each pass over the values, so that sums in
 * registers, not loads, set the pace. (I1) of compute/attend.h: the grouping changes no bit. */
#ifndef MOAT_COMPUTE_KERNEL_ATTEND_H
#define MOAT_COMPUTE_KERNEL_ATTEND_H

#include <math.h>

#include "compute/attend.h"
#include "compute/kernel/lanes.h"

#define KEY_VECTORS   (ATTEND_KEYS / LANES)
#define VALUE_VECTORS 4u /* of a value that are summed at once */

/* A query's weights of the block's keys; what it summed before shrinks. */
struct weights {
    struct attend_query *query;
    float p[ATTEND_KEYS], shrink;
};

/* Scores, where the weights will stand. */
INLINE void score_keys(const struct attend_block *b, struct weights *w, uint32_t Q)
{
    const float *q[ATTEND_QUERIES];
    vf s[ATTEND_QUERIES][KEY_VECTORS];
    UNROLL (i, Q) {
        q[i] = w[i].query->q;
        UNROLL (v, KEY_VECTORS)
            s[i][v] = vf_zero();
    }
    for (uint32_t c = 0; c < b->d; c++) {
        vf k[KEY_VECTORS];
        UNROLL (v, KEY_VECTORS)
            k[v] = vf_load(b->k + (size_t)c * ATTEND_KEYS + v * LANES);
        UNROLL (i, Q)
            UNROLL (v, KEY_VECTORS)
                s[i][v] = vf_fma(vf_all(q[i][c]), k[v], s[i][v]);
    }
    UNROLL (i, Q)
        UNROLL (v, KEY_VECTORS)
            vf_store(w[i].p + v * LANES, vf_mul(s[i][v], vf_all(b->scale)));
}

static void hide_keys(const struct attend_query *q, float *s)
{
    for (uint32_t j = 0; j < ATTEND_KEYS; j++)
        if (j < q->first || j > q->last)
            s[j] = -INFINITY;
}

/* Scores -> weights relative to the query's maximum. */
static void weigh(const struct attend_block *b, struct weights *w)
{
    struct attend_query *q = w->query;
    if (b->softcap > 0)
        UNROLL (v, KEY_VECTORS)
            vf_store(w->p + v * LANES, soft_cap(vf_load(w->p + v * LANES), b->softcap));
    if (q->first > 0 || q->last < ATTEND_KEYS - 1)
        hide_keys(q, w->p);
    vf s[KEY_VECTORS], most = vf_load(w->p), sum = vf_zero();
    UNROLL (v, KEY_VECTORS) {
        s[v] = vf_load(w->p + v * LANES);
        most = vf_max(most, s[v]);
    }
    float largest = vf_largest(most), max = largest > q->max ? largest : q->max;
    UNROLL (v, KEY_VECTORS) {
        s[v] = vf_exp(vf_sub(s[v], vf_all(max)));
        sum = vf_add(sum, s[v]);
        vf_store(w->p + v * LANES, s[v]);
    }
    w->shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->max = max;
    q->sum = fmaf(q->sum, w->shrink, vf_total(sum));
}

/* out = out * shrink + sum of p[j] v[j] for V vectors of coordinates from c on. */
INLINE void add_vectors(const struct attend_block *b, const struct weights *w, uint32_t Q,
                        uint32_t c, uint32_t V)
{
    vf a[2][VALUE_VECTORS];
    UNROLL (i, Q)
        UNROLL (v, V)
            a[i][v] = vf_mul(vf_load(w[i].query->out + c + v * LANES), vf_all(w[i].shrink));
    for (uint32_t j = 0; j < ATTEND_KEYS; j++) {
        const float *value = b->v + (size_t)j * b->d_v + c;
        UNROLL (v, V) {
            vf x = vf_load(value + v * LANES);
            UNROLL (i, Q)
                a[i][v] = vf_fma(vf_all(w[i].p[j]), x, a[i][v]);
        }
    }
    UNROLL (i, Q)
        UNROLL (v, V)
            vf_store(w[i].query->out + c + v * LANES, a[i][v]);
}

INLINE void add_values(const struct attend_block *b, const struct weights *w, uint32_t Q)
{
    uint32_t c = 0;
    for (; c + VALUE_VECTORS * LANES <= b->d_v; c += VALUE_VECTORS * LANES)
        add_vectors(b, w, Q, c, VALUE_VECTORS);
    for (; c + LANES <= b->d_v; c += LANES)
        add_vectors(b, w, Q, c, 1);
    for (; c < b->d_v; c++)
        for (uint32_t i = 0; i < Q; i++) {
            float a = w[i].query->out[c] * w[i].shrink;
            for (uint32_t j = 0; j < ATTEND_KEYS; j++)
                a = fmaf(w[i].p[j], b->v[(size_t)j * b->d_v + c], a);
            w[i].query->out[c] = a;
        }
}

INLINE void attend_some(const struct attend_block *b, struct weights *w, uint32_t Q)
{
    uint32_t i = 0;
    score_keys(b, w, Q);
    for (uint32_t j = 0; j < Q; j++)
        weigh(b, &w[j]);
    for (; i + 2 <= Q; i += 2)
        add_values(b, w + i, 2);
    if (i < Q)
        add_values(b, w + i, 1);
}

static void attend_keys(const struct attend_block *b, struct attend_query *q, uint32_t n)
{
    struct weights w[ATTEND_QUERIES];
    uint32_t m = 0, done = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (q[i].first <= q[i].last)
            w[m++].query = &q[i];
        if (m == ATTEND_QUERIES) {
            attend_some(b, w, ATTEND_QUERIES);
            m = 0;
        }
    }
    for (; done + 3 <= m; done += 3)
        attend_some(b, w + done, 3);
    for (; done < m; done++)
        attend_some(b, w + done, 1);
}

#endif
