/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq4_nl: 4-bit weights with unevenly spaced values. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded.h"

void iq4_nl_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq4_nl *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        for (int j = 0; j < 16; j++) {
            out[j] = d * iq4_nl_values[b->qs[j] & 15];
            out[j + 16] = d * iq4_nl_values[b->qs[j] >> 4];
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = 0,
              .hi = 0,
              .n_tries = 12,
              .tries = {-133.0f, -130.0f, -127.0f, -124.0f, -121.0f, -118.0f, -115.0f, 119.0f,
                        116.0f, 113.0f, 110.0f, 107.0f},
              .values = iq4_nl_values,
              .n_values = 16},
    .k = 32,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void iq4_nl_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                   uint32_t n)
{
    struct iq4_nl *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = e.q + 32 * i;
        b->d = e.d[i];
        put_nibbles(b->qs, q, 0);
    }
}
