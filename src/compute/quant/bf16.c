/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/bf16: BF16 weights: the upper half of an F32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

void bf16_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct half_word *w = blocks;
    for (uint64_t i = 0; i < n; i++)
        out[i] = float_of_bits((uint32_t)w[i].h << 16);
}
