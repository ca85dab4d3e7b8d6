/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q8_0: 8-bit weights, w = d * q. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

void q8_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q8_0 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        for (int j = 0; j < 32; j++)
            out[j] = d * (float)b->qs[j];
    }
}
