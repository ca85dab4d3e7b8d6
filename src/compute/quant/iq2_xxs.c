/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_xxs: about 2.06 bits: eight weights from a grid of 256, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq2_xxs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_xxs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = b->part[s].signs;
            float scale = d * (0.5f + (float)(signs >> 28)) * 0.25f;
            for (int k = 0; k < 4; k++)
                signed_grid(scale, iq2_xxs_grid[b->part[s].grid[k]],
                            sign_bytes[signs >> 7 * k & 127], out + 32 * s + 8 * k, 8);
        }
    }
}
