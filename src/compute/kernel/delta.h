/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/delta: compute/delta.h in the words of vec_<isa>.h. Included by each kernel file.
 *
 * Some vectors of values are taken at a time, for all keys: first what the state says of the key
 * and the query, then the state itself, so nothing is summed across a vector. */
#ifndef MOAT_COMPUTE_KERNEL_DELTA_H
#define MOAT_COMPUTE_KERNEL_DELTA_H

#include <math.h>

#include "compute/delta.h"
#include "compute/kernel/lanes.h"

#define DELTA_VECTORS 4u

INLINE void delta_values(const struct delta_token *t, uint32_t at, uint32_t n, float kq)
{
    vf of_k[DELTA_VECTORS], of_q[DELTA_VECTORS], decay = vf_all(t->decay);
    vf scale = vf_all(1.0f / sqrtf((float)t->d)), beta = vf_all(t->beta);
    UNROLL (j, n)
        of_k[j] = of_q[j] = vf_all(0.0f);
    for (uint32_t i = 0; i < t->d; i++) {
        const float *row = t->state + (size_t)i * t->d + at;
        vf k = vf_all(t->k[i]), q = vf_all(t->q[i]);
        UNROLL (j, n) {
            vf s = vf_load(row + LANES * j);
            of_k[j] = vf_fma(s, k, of_k[j]);
            of_q[j] = vf_fma(s, q, of_q[j]);
        }
    }
    UNROLL (j, n) {
        float *v = t->v + at + LANES * j;
        of_k[j] = beta * (vf_load(v) - decay * of_k[j]);
        vf_store(v, scale * (decay * of_q[j] + vf_all(kq) * of_k[j]));
    }
    for (uint32_t i = 0; i < t->d; i++) {
        float *row = t->state + (size_t)i * t->d + at;
        vf k = vf_all(t->k[i]);
        UNROLL (j, n)
            vf_store(row + LANES * j, vf_fma(k, of_k[j], decay * vf_load(row + LANES * j)));
    }
}

static void delta_rule(const struct delta_token *t)
{
    float kq = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < t->d; i++)
        kq += t->k[i] * t->q[i];
    for (; at + LANES * DELTA_VECTORS <= t->d; at += LANES * DELTA_VECTORS)
        delta_values(t, at, DELTA_VECTORS, kq);
    for (; at + LANES <= t->d; at += LANES)
        delta_values(t, at, 1, kq);
    for (; at < t->d; at++)
        delta_value(t, at, kq);
}

#endif
