/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q3_k: 3-bit weights, a 6-bit scale for each 16.
 *
 * The low nibbles of scales 0-7 are those of bytes 0-7, of scales 8-15 the high ones; the top two
 * bits of scale i are bits 2 (i / 4) of byte 8 + i % 4. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

static int scale_of(const uint8_t packed[12], int i)
{
    return (packed[i % 8] >> i / 8 * 4 & 15) | (packed[8 + i % 4] >> i / 4 * 2 & 3) << 4;
}

void q3_k_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q3_k *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) { /* 16 weights: one shift of half of 32 bytes */
            const uint8_t *qs = b->qs + s / 8 * 32 + s % 2 * 16, *mask = b->hmask + s % 2 * 16;
            int shift = s % 8 / 2 * 2, bit = 1 << s / 2;
            float scale = d * (float)(scale_of(b->scales, s) - 32);
            for (int j = 0; j < 16; j++)
                out[16 * s + j] = scale * (float)((qs[j] >> shift & 3) - (mask[j] & bit ? 0 : 4));
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -4,
              .hi = 3,
              .n_tries = 15,
              .tries = {-5.2f, -4.9f, -4.6f, -4.3f, -4.0f, -3.7f, -3.4f, -3.1f, 4.2f, 3.9f, 3.6f,
                        3.3f, 3.0f, 2.7f, 2.4f}},
    .k = 16,
    .per = 16,
    .s_lo = -32,
    .s_hi = 31,
    .reach = 2,
};

static void put_scales(uint8_t packed[12], const float *s)
{
    memset(packed, 0, 12);
    for (int i = 0; i < 16; i++) {
        int scale = (int)s[i] + 32;
        packed[i % 8] |= (uint8_t)((scale & 15) << i / 8 * 4);
        packed[8 + i % 4] |= (uint8_t)(scale >> 4 << i / 4 * 2);
    }
}

void q3_k_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q3_k *b = blocks;
    struct encoded e;
    encode_block_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        put_scales(b->scales, e.s + 16 * i);
        memset(b->qs, 0, sizeof b->qs);
        memset(b->hmask, 0, sizeof b->hmask);
        for (int j = 0; j < 256; j++) {
            b->qs[j / 128 * 32 + j % 32] |= (uint8_t)(((q[j] + 4) & 3) << j % 128 / 32 * 2);
            b->hmask[j % 32] |= (uint8_t)((q[j] >= 0) << j / 32);
        }
    }
}
