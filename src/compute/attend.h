/* SPDX-License-Identifier: Apache-2.0 */
/* compute/attend: attention of some queries over the keys and values of one KV head.
 *
 * A query keeps the running maximum of its scores, the sum of its weights and the weighted sum of
 * values (Milakov & Gimelshein 2018; Dao et al. 2022), so keys can be taken part by part: (I1) what
 * a query adds up, and in which order, depends on its own keys only: they are taken in tiles of 64
 * that start at multiples of 64, whatever the run and whoever is beside it. */
#ifndef MOAT_COMPUTE_ATTEND_H
#define MOAT_COMPUTE_ATTEND_H

#include <stdbool.h>
#include <stdint.h>

#include "compute/kv_type.h"

#define ATTEND_KEYS 16u /* of a block, compute/kv_block.h */
#define TILE_KEYS   64u
#define TILE_BLOCKS (TILE_KEYS / ATTEND_KEYS)

struct attend_query {
    const float *q;    /* [d] */
    float *out;        /* [d_v] weighted sum of values */
    float max, sum;    /* -INFINITY and 0 before the first key; or a sink and 1 */
    uint32_t from, to; /* keys it sees of its sequence */
    float slope;       /* added to a score for each position after `to`: ALiBi, Press et al. 2022 */
};

struct attend_run {
    enum kv_type type;
    uint32_t d, d_v;
    float scale, softcap; /* of scores; softcap 0: none */
    uint32_t first, last; /* keys to go over; `attend_prompt`: all that any of the queries sees */
    const void *cache;    /* for `block` */
    /* Keys and values of block b: positions 16 b and following. */
    void (*block)(const struct attend_run *r, uint32_t b, const void **k, const void **v);
};

/* Floats of scratch for n queries. */
static inline uint64_t attend_run_floats(uint64_t n, uint64_t d, uint64_t d_v)
{
    return ((n + 31) & ~(uint64_t)31) * (d + d_v + 32) + TILE_KEYS * (d + d_v + 64);
}

#endif
