/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q5_k: 5-bit weights, a 6-bit scale and minimum for each 32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

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
