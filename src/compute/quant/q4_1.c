/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q4_1: 4-bit weights, w = d * q + m. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

void q4_1_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q4_1 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d), m = half(b->m);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)(b->qs[j] & 15) + m;
            out[j + 16] = d * (float)(b->qs[j] >> 4) + m;
        }
    }
}
