/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q4_1: 4-bit weights, w = d * q + m. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q4_1_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q4_1 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d), m = half(b->m);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)(b->qs[j] & 15) + m;
            out[j + 16] = d * (float)(b->qs[j] >> 4) + m;
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = 0,
              .hi = 15,
              .n_tries = 9,
              .n_plain = 1,
              .tries = {15.0f, 14.4f, 15.6f, 16.2f, 16.8f, 17.6f, 18.6f, 20.0f, 13.8f}},
    .k = 32,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void q4_1_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q4_1 *b = blocks;
    struct encoded e;
    encode_lines(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = e.q + 32 * i;
        b->d = e.d[i];
        b->m = e.m[i];
        put_nibbles(b->qs, q, 0);
    }
}
