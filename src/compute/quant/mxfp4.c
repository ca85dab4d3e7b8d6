/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/mxfp4: 4-bit floating point weights with a power of two for each 32.
 *
 * The values are kept doubled, so the scale is half of 2^(e - 127); where that is subnormal (e < 2)
 * its single bit is shifted into the fraction. e = 255 is not NaN here: the reference goes on to
 * 2^127. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void mxfp4_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct mxfp4 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = float_of_bits(b->e < 2 ? 0x00200000u << b->e : (b->e - 1u) << 23);
        for (int j = 0; j < 16; j++) {
            out[j] = d * mxfp4_values[b->qs[j] & 15];
            out[j + 16] = d * mxfp4_values[b->qs[j] >> 4];
        }
    }
}
