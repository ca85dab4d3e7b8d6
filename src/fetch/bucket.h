/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/bucket: a bound on bytes a second, over all connections (a token bucket). */
#ifndef MOAT_FETCH_BUCKET_H
#define MOAT_FETCH_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t rate;   /* bytes a second; 0: no bound */
    double tokens;   /* bytes that may be taken; below 0: taken ahead */
    uint64_t now_ns; /* of the last refill */
};

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now_ns);
/* Takes n bytes, all or nothing: while anything is left, all of them. */
bool bucket_take(struct bucket *b, uint64_t n, uint64_t now_ns);
uint64_t bucket_wait_ns(struct bucket *b, uint64_t now_ns); /* until something is left */

#endif
