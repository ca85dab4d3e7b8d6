/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q6_k: 6-bit weights, an 8-bit scale for each 16. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

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
