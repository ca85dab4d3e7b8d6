/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q8_0: 8-bit weights, w = d * q. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q8_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q8_0 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        for (int j = 0; j < 32; j++)
            out[j] = d * (float)b->qs[j];
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -127, .hi = 127, .n_tries = 1, .tries = {127.0f}},
    .k = 32,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void q8_0_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q8_0 *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = e.q + 32 * i;
        b->d = e.d[i];
        memcpy(b->qs, q, 32);
    }
}
