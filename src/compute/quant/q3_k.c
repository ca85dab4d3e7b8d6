/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q3_k: 3-bit weights, a 6-bit scale for each 16.
 *
 * The low nibbles of scales 0-7 are those of bytes 0-7, of scales 8-15 the high ones; the top two
 * bits of scale i are bits 2 (i / 4) of byte 8 + i % 4. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

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
