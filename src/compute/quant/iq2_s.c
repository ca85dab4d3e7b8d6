/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_s: about 2.6 bits: eight weights from a grid of 1024, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq2_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) {
            float scale = d * (0.5f + (float)nibble(b->scales, s)) * 0.25f;
            for (int k = 2 * s; k < 2 * s + 2; k++) {
                int index = b->qs[k] | (b->qh[k / 4] >> k % 4 * 2 & 3) << 8;
                signed_grid(scale, iq2_s_grid[index], b->signs[k], out + 8 * k, 8);
            }
        }
    }
}
