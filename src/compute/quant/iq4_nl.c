/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq4_nl: 4-bit weights with unevenly spaced values. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"

void iq4_nl_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq4_nl *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        for (int j = 0; j < 16; j++) {
            out[j] = d * iq4_nl_values[b->qs[j] & 15];
            out[j + 16] = d * iq4_nl_values[b->qs[j] >> 4];
        }
    }
}
