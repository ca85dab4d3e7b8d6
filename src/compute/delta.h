/* SPDX-License-Identifier: Apache-2.0 */
/* compute/delta: one token of one head of the gated delta rule (Yang, Kautz & Hatamizadeh 2024).
 *
 * S is [d keys][d values]: S = decay S + k (beta (v - decay S k))', and what comes out, S q /
 * sqrt(d), takes the place of v. Each value has sums of its own, over the keys in their order. */
#ifndef MOAT_COMPUTE_DELTA_H
#define MOAT_COMPUTE_DELTA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct delta_token {
    float *state;       /* [d][d] */
    const float *q, *k; /* [d] */
    float *v;           /* [d], then the result */
    uint32_t d;
    float decay, beta;
};

/* Value `at` alone; kq is k . q. */
static inline void delta_value(const struct delta_token *t, uint32_t at, float kq)
{
    float of_k = 0, of_q = 0, *column = t->state + at;
    for (uint32_t i = 0; i < t->d; i++) {
        of_k += column[(size_t)i * t->d] * t->k[i];
        of_q += column[(size_t)i * t->d] * t->q[i];
    }
    float change = t->beta * (t->v[at] - t->decay * of_k);
    t->v[at] = (t->decay * of_q + kq * change) / sqrtf((float)t->d);
    for (uint32_t i = 0; i < t->d; i++)
        column[(size_t)i * t->d] = t->decay * column[(size_t)i * t->d] + t->k[i] * change;
}

#endif
