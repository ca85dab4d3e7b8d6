/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq3_xxs: about 3.06 bits: four weights from a grid of 256, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq3_xxs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq3_xxs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = b->signs[s];
            float scale = d * (0.5f + (float)(signs >> 28)) * 0.5f;
            for (int k = 0; k < 8; k++)
                signed_grid(scale, iq3_xxs_grid[b->qs[8 * s + k]],
                            (uint32_t)sign_bytes[signs >> k / 2 * 7 & 127] >> k % 2 * 4,
                            out + 32 * s + 4 * k, 4);
        }
    }
}
