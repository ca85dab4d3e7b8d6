/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q6_k: 6-bit weights, an 8-bit scale for each 16. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q6_k_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q6_k *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) { /* 16 weights: see struct q6_k */
            const uint8_t *ql = b->ql + s / 8 * 64 + s % 4 * 16;
            const uint8_t *qh = b->qh + s / 8 * 32 + s % 2 * 16;
            int low = s % 8 / 4 * 4, high = s % 8 / 2 * 2;
            float scale = d * (float)b->scales[s];
            for (int j = 0; j < 16; j++)
                out[16 * s + j] =
                    scale * (float)(((ql[j] >> low & 15) | (qh[j] >> high & 3) << 4) - 32);
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -32,
              .hi = 31,
              .n_tries = 7,
              .tries = {-32.6f, -32.2f, -31.8f, -31.4f, 31.4f, 31.0f, 30.6f}},
    .k = 16,
    .per = 16,
    .s_lo = -128,
    .s_hi = 127,
    .reach = 1,
};

void q6_k_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q6_k *b = blocks;
    struct encoded e;
    encode_block_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        for (int s = 0; s < 16; s++)
            b->scales[s] = (int8_t)e.s[16 * i + (uint32_t)s];
        memset(b->ql, 0, sizeof b->ql);
        memset(b->qh, 0, sizeof b->qh);
        for (int j = 0; j < 256; j++) {
            int code = q[j] + 32;
            b->ql[j / 128 * 64 + j % 64] |= (uint8_t)((code & 15) << j % 128 / 64 * 4);
            b->qh[j / 128 * 32 + j % 32] |= (uint8_t)(code >> 4 << j % 128 / 32 * 2);
        }
    }
}
