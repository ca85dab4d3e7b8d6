/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/bf16: BF16 weights: the upper half of an F32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant_encode.h"

void bf16_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct half_word *w = blocks;
    for (uint64_t i = 0; i < n; i++)
        out[i] = float_of_bits((uint32_t)w[i].h << 16);
}

void bf16_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    (void)f, (void)w;
    struct half_word *out = blocks;
    for (uint32_t i = 0; i < n; i++)
        out[i].h = f32_to_bf16(x[i]);
}
