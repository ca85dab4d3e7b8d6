/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q5_k: 5-bit weights, a 6-bit scale and minimum for each 32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q5_k_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q5_k *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d), m = half(b->m);
        uint8_t scales[8], mins[8];
        k_scales(b->scales, scales, mins);
        for (int s = 0; s < 8; s += 2) {
            const uint8_t *qs = b->qs + 16 * s;
            float *w = out + 32 * s;
            float scale0 = d * (float)scales[s], min0 = m * (float)mins[s];
            float scale1 = d * (float)scales[s + 1], min1 = m * (float)mins[s + 1];
            for (int j = 0; j < 32; j++) {
                int high = b->qh[j] >> s;
                w[j] = scale0 * (float)((qs[j] & 15) | (high & 1) << 4) - min0;
                w[j + 32] = scale1 * (float)(qs[j] >> 4 | (high & 2) << 3) - min1;
            }
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = 0,
              .hi = 31,
              .n_tries = 13,
              .tries = {29.6f, 29.8f, 30.0f, 30.2f, 30.4f, 30.6f, 30.8f, 31.0f, 31.2f, 31.4f, 31.6f,
                        31.8f, 32.0f}},
    .k = 32,
    .per = 8,
    .s_lo = 0,
    .s_hi = 63,
    .reach = 1,
};

void q5_k_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q5_k *b = blocks;
    struct encoded e;
    encode_block_lines(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        b->m = e.m[i];
        put_k_scales(b->scales, e.s + 8 * i, e.min + 8 * i);
        memset(b->qh, 0, sizeof b->qh);
        for (int j = 0; j < 256; j++)
            b->qh[j % 32] |= (uint8_t)((q[j] >> 4 & 1) << j / 32);
        for (int s = 0; s < 8; s += 2, q += 64)
            for (int j = 0; j < 32; j++)
                b->qs[16 * s + j] = (uint8_t)((q[j] & 15) | (q[j + 32] & 15) << 4);
    }
}
