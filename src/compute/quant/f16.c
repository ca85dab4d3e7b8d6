/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/f16: F16 weights, IEEE half precision.
 *
 * The steps of half() in bits.h, with masks in place of choices: gcc would make a branch of a
 * choice between two floats, and then not vectorise. For a single scale the branch is the quicker
 * one. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant_encode.h"

void f16_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct half_word *w = blocks;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t h = w[i].h, exponent = h & 0x7c00, moved = (h & 0x7fff) << 13;
        uint32_t is_top = 0u - (exponent == 0x7c00), is_subnormal = 0u - (exponent == 0);
        uint32_t normal = moved + (112u << 23) + (is_top & 112u << 23);
        uint32_t subnormal = bits_of_float(float_of_bits(moved + (113u << 23)) - 0x1p-14f);
        uint32_t size = (normal & ~is_subnormal) | (subnormal & is_subnormal);
        out[i] = float_of_bits(size | (h & 0x8000) << 16);
    }
}

void f16_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                uint32_t n)
{
    (void)f, (void)w;
    struct half_word *out = blocks;
    for (uint32_t i = 0; i < n; i++)
        out[i].h = f32_to_f16(x[i]);
}
