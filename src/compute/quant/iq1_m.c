/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq1_m: about 1.75 bits: eight weights -1 0 1 from a grid of 2048, each eight moved
 * by 1/8. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

static uint16_t scattered_scale(const struct iq1_m *b)
{
    int d = 0;
    for (int i = 0; i < 4; i++)
        d |= b->scales[i] >> 12 << 4 * i;
    return (uint16_t)d;
}

void iq1_m_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq1_m *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(scattered_scale(b));
        for (int s = 0; s < 16; s++) {
            float scale = d * (float)(2 * (b->scales[s / 4] >> s % 4 * 3 & 7) + 1);
            for (int k = 2 * s; k < 2 * s + 2; k++) {
                int high = nibble(b->qh, k);
                const int8_t *grid = iq1_grid[b->qs[k] | (high & 7) << 8];
                float delta = high & 8 ? -0.125f : 0.125f;
                for (int j = 0; j < 8; j++)
                    out[8 * k + j] = scale * ((float)grid[j] + delta);
            }
        }
    }
}
