/* SPDX-License-Identifier: Apache-2.0 */
/* compute/attend: attention of some queries over one block of 16 keys.
 *
 * A query keeps the running maximum of its scores, the sum of its weights and the weighted sum of
 * values (Milakov & Gimelshein 2018; Dao et al. 2022), so blocks can be taken one after the other:
 * (I1) what a query adds up, and in which order, depends on its own keys only. */
#ifndef MOAT_COMPUTE_ATTEND_H
#define MOAT_COMPUTE_ATTEND_H

#include <stdbool.h>
#include <stdint.h>

#define ATTEND_KEYS 16u

struct attend_block {
    const float *k; /* [d][16]: the same coordinate of 16 keys together */
    const float *v; /* [16][d_v] */
    uint32_t d, d_v;
    float scale, softcap; /* of scores; softcap 0: none */
};

struct attend_query {
    const float *q;       /* [d] */
    float *out;           /* [d_v] weighted sum of values, not yet divided by sum */
    float max, sum;       /* -INFINITY and 0 before the first block; or a sink and 1 */
    uint32_t from, to;    /* keys it sees of its sequence */
    uint32_t first, last; /* of them those in the block, for `attend`; first > last: none */
};

/* --- prompts: many queries of one KV head over all their keys at once --- */

#define PROMPT_KEYS 64u /* keys taken together; they start at a multiple of it */

struct attend_run {
    uint32_t d, d_v;
    float scale, softcap;
    uint32_t first, last; /* keys that any of the queries sees */
    const void *cache;    /* for `block` */
    /* Keys [d][16] and values [16][d_v], F16, of block b: positions 16 b and following. */
    void (*block)(const struct attend_run *r, uint32_t b, const uint16_t **k, const uint16_t **v);
};

/* Floats of scratch for n queries. */
static inline uint64_t attend_run_floats(uint64_t n, uint64_t d, uint64_t d_v)
{
    return ((n + 31) & ~(uint64_t)31) * (d + d_v + 4) + PROMPT_KEYS * (d + d_v + 64);
}

#endif
