/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/tq2_0: weights -1 0 1 (and 2) in two bits. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

void tq2_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct tq2_0 *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) { /* 32 weights: one shift of 32 bytes */
            const uint8_t *qs = b->qs + s / 4 * 32;
            int shift = s % 4 * 2;
            for (int j = 0; j < 32; j++)
                out[32 * s + j] = d * (float)((qs[j] >> shift & 3) - 1);
        }
    }
}
