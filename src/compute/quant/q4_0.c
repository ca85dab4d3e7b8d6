/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q4_0: 4-bit weights, w = d * (q - 8). */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q4_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q4_0 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((b->qs[j] & 15) - 8);
            out[j + 16] = d * (float)((b->qs[j] >> 4) - 8);
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -8,
              .hi = 7,
              .n_tries = 12,
              .n_plain = 2,
              .tries = {-8.0f, 7.4f, -8.8f, -8.4f, -7.6f, -9.4f, -10.0f, 8.0f, 8.6f, 7.0f, -11.0f,
                        9.4f}},
    .k = 32,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void q4_0_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q4_0 *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = e.q + 32 * i;
        b->d = e.d[i];
        put_nibbles(b->qs, q, 8);
    }
}
