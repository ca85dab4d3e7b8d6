/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq4_xs: IQ4_NL values with a 6-bit scale for each 32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq4_xs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq4_xs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            const uint8_t *qs = b->qs + 16 * s;
            float *w = out + 32 * s;
            int scale = nibble(b->scales_l, s) | (b->scales_h >> 2 * s & 3) << 4;
            float ds = d * (float)(scale - 32);
            for (int j = 0; j < 16; j++) {
                w[j] = ds * iq4_nl_values[qs[j] & 15];
                w[j + 16] = ds * iq4_nl_values[qs[j] >> 4];
            }
        }
    }
}
