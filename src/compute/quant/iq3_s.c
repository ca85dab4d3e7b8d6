/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq3_s: about 3.4 bits: four weights from a grid of 512, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq3_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq3_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int k = 0; k < 64; k++) {
            float scale = d * (float)(1 + 2 * nibble(b->scales, k / 8));
            int index = b->qs[k] | (b->qh[k / 8] >> k % 8 & 1) << 8;
            signed_grid(scale, iq3_s_grid[index], nibble(b->signs, k), out + 4 * k, 4);
        }
    }
}
