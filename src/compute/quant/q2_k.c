/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q2_k: 2-bit weights, a 4-bit scale and minimum for each 16. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

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
