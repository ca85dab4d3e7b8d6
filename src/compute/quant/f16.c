/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/f16: F16 weights: IEEE half precision. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

void f16_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct half_word *w = blocks;
    for (uint64_t i = 0; i < n; i++)
        out[i] = half(w[i].h);
}
