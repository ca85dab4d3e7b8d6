/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q2_k: 2-bit weights, a 4-bit scale and minimum for each 16. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q2_k_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q2_k *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d), m = half(b->m);
        for (int s = 0; s < 16; s++) { /* 16 weights: one shift of half of 32 bytes */
            const uint8_t *qs = b->qs + s / 8 * 32 + s % 2 * 16;
            int shift = s % 8 / 2 * 2;
            float scale = d * (float)(b->scales[s] & 15), min = m * (float)(b->scales[s] >> 4);
            for (int j = 0; j < 16; j++)
                out[16 * s + j] = scale * (float)(qs[j] >> shift & 3) - min;
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = 0, .hi = 3, .n_tries = 21, .tries = {2.2f, 2.3f, 2.4f, 2.5f, 2.6f, 2.7f, 2.8f,
                                                         2.9f, 3.0f, 3.1f, 3.2f, 3.3f, 3.4f, 3.5f,
                                                         3.6f, 3.7f, 3.8f, 3.9f, 4.0f, 4.1f, 4.2f}},
    .k = 16,
    .per = 16,
    .s_lo = 0,
    .s_hi = 15,
    .reach = 1,
};

void q2_k_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q2_k *b = blocks;
    struct encoded e;
    encode_block_lines(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        b->m = e.m[i];
        for (int s = 0; s < 16; s++)
            b->scales[s] =
                (uint8_t)((int)e.s[16 * i + (uint32_t)s] | (int)e.min[16 * i + (uint32_t)s] << 4);
        memset(b->qs, 0, sizeof b->qs);
        for (int j = 0; j < 256; j++)
            b->qs[j / 128 * 32 + j % 32] |= (uint8_t)(q[j] << j % 128 / 32 * 2);
    }
}
