/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq1_s: about 1.6 bits: eight weights -1 0 1 from a grid of 2048, all moved by 1/8.
 */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq1_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq1_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            int qh = b->qh[s];
            float scale = d * (float)(2 * (qh >> 12 & 7) + 1),
                  delta = qh & 0x8000 ? -0.125f : 0.125f;
            for (int k = 0; k < 4; k++) {
                const int8_t *grid = iq1_grid[b->qs[4 * s + k] | (qh >> 3 * k & 7) << 8];
                for (int j = 0; j < 8; j++)
                    out[32 * s + 8 * k + j] = scale * ((float)grid[j] + delta);
            }
        }
    }
}
