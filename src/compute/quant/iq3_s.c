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
        for (int s = 0; s < 8; s++) {
            float scale = d * (float)(1 + 2 * nibble(b->scales, s));
            for (int k = 8 * s; k < 8 * s + 8; k++) {
                int index = b->qs[k] | (b->qh[s] >> k % 8 & 1) << 8;
                signed_grid(scale, iq3_s_grid[index], nibble(b->signs, k), out + 4 * k, 4);
            }
        }
    }
}
