/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_xs: about 2.3 bits: eight weights from a grid of 512, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq2_xs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_xs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) {
            float scale = d * (0.5f + (float)nibble(b->scales, s)) * 0.25f;
            for (int k = 0; k < 2; k++) {
                int q = b->qs[2 * s + k];
                signed_grid(scale, iq2_xs_grid[q & 511], sign_bytes[q >> 9], out + 16 * s + 8 * k,
                            8);
            }
        }
    }
}
