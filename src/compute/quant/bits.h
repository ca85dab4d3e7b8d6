/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/bits: the few words the decoders share, inline so that their loops vectorise.
 *
 * Products and sums are written in the order the reference evaluates them, and compute/quant is
 * compiled without floating-point contraction. In fact every product here is exact (a scale has 11
 * significant bits, and what it is multiplied by at most 12 more: Q6_K, IQ4_XS), so only the one
 * sum of a format with a minimum rounds, and a fast kernel that reorders or fuses gives the same.
 */
#ifndef MOAT_COMPUTE_QUANT_BITS_H
#define MOAT_COMPUTE_QUANT_BITS_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* 1 << i: a compare with a constant vector is what baseline SIMD has in place of a shift by i. */
static const uint32_t bit_mask[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
};

/* F16 to F32. Moving exponent and fraction up to their F32 places leaves the bias 112 short
 * (127 - 15); infinity and NaN want that much once more. A subnormal is given the implicit bit it
 * lacks (exponent 1) and that bit's value, 2^-14, is subtracted again: exact, and no F32 subnormal,
 * which would be slow, ever appears. f16.c has the same in a form that vectorises. */
static inline float half(uint16_t h)
{
    uint32_t exponent = h & 0x7c00u, moved = (h & 0x7fffu) << 13;
    uint32_t normal = moved + (exponent == 0x7c00u ? 224u << 23 : 112u << 23);
    uint32_t subnormal = bits_of_float(float_of_bits(moved + (113u << 23)) - 0x1p-14f);
    return float_of_bits((exponent ? normal : subnormal) | (h & 0x8000u) << 16);
}

/* The eight 6-bit scales s and mins m of Q4_K and Q5_K: the first four of each lie in bytes 0-3 and
 * 4-7, whose top two bits are the top bits of the last four; their low nibbles are in bytes 8-11.
 */
static inline void k_scales(const uint8_t packed[12], uint8_t s[8], uint8_t m[8])
{
    for (int i = 0; i < 4; i++) {
        s[i] = packed[i] & 63;
        m[i] = packed[i + 4] & 63;
        s[i + 4] = (uint8_t)((packed[i + 8] & 15) | (packed[i] >> 6) << 4);
        m[i + 4] = (uint8_t)((packed[i + 8] >> 4) | (packed[i + 4] >> 6) << 4);
    }
}

/* The other way; whole numbers from 0 to 63. */
static inline void put_k_scales(uint8_t packed[12], const float *s, const float *m)
{
    for (int i = 0; i < 4; i++) {
        int s1 = (int)s[i + 4], m1 = (int)m[i + 4];
        packed[i] = (uint8_t)((int)s[i] | s1 >> 4 << 6);
        packed[i + 4] = (uint8_t)((int)m[i] | m1 >> 4 << 6);
        packed[i + 8] = (uint8_t)((s1 & 15) | (m1 & 15) << 4);
    }
}

static inline uint8_t nibble(const uint8_t *p, int i)
{
    return (p[i / 2] >> (i % 2 * 4)) & 15;
}

/* out[j] = scale * grid[j], negative where bit j of signs is set: the reference multiplies by -1,
 * which flips the sign bit. */
static inline void signed_grid(float scale, const uint8_t *grid, uint32_t signs, float *out, int n)
{
    for (int j = 0; j < n; j++) {
        uint32_t flip = signs & bit_mask[j] ? 0x80000000u : 0;
        out[j] = float_of_bits(bits_of_float(scale * (float)grid[j]) ^ flip);
    }
}

#endif
