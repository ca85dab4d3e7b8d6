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
    uint32_t pos;         /* of the query, for the caller */
    uint32_t first, last; /* keys of the block it sees; first > last: none */
};

#endif
