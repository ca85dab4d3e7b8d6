/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/tq2_0: weights -1 0 1 (and 2) in two bits. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void tq2_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct tq2_0 *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) { /* 32 weights: one shift of 32 bytes */
            const uint8_t *qs = b->qs + s / 4 * 32;
            int shift = s % 4 * 2;
            for (int j = 0; j < 32; j++)
                out[32 * s + j] = d * (float)((qs[j] >> shift & 3) - 1);
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -1, .hi = 1, .n_tries = 5, .tries = {1.0f, 1.6f, 2.3f, 3.2f, 4.6f}},
    .k = 256,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void tq2_0_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct tq2_0 *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        memset(b->qs, 0, sizeof b->qs);
        for (int j = 0; j < 256; j++)
            b->qs[j / 128 * 32 + j % 32] |= (uint8_t)((q[j] + 1) << j % 128 / 32 * 2);
    }
}
