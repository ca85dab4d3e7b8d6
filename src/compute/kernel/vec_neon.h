/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_neon: vec_128.h with dot products of plain NEON: bytes multiplied into int16.
 *
 * Activations are -127..127, so an int16 has room for 8 products of weights up to 31, 4 of weights
 * up to 63 and 2 of int8: 8 * 31 * 127 = 31496, 4 * 63 * 127 = 32004, 2 * 128 * 127 = 32512. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_NEON_H
#define MOAT_COMPUTE_KERNEL_VEC_NEON_H

#include "compute/kernel/vec_128.h"

#define TILE_ONE_SCALE  2u
#define TILE_TWO_SCALES 2u
#define DOT_STEPS(bits) ((bits) <= 5 ? 8u : (bits) < 8 ? 4u : 2u)
#define DOT_CLASS(bits) ((bits) <= 5 ? 4u : (bits))
#define DOT_CLASSES(X)  X(4u) X(8u) X(4u | TWO_SCALES) X(6u | TWO_SCALES)

typedef int16x8x2_t vd; /* 4 products a row: rows 0 and 1, rows 2 and 3 */

INLINE vd vd_zero(void)
{
    return (vd){{vdupq_n_s16(0), vdupq_n_s16(0)}};
}

INLINE vd vd_dot(vd acc, vi u, const int8_t *a, uint32_t bits)
{
    (void)bits;
    int8x16_t w = vreinterpretq_s8_u8(u), four = vi_four(a);
    acc.val[0] = vmlal_s8(acc.val[0], vget_low_s8(w), vget_low_s8(four));
    acc.val[1] = vmlal_high_s8(acc.val[1], w, four);
    return acc;
}

INLINE vi vd_sum(vd acc)
{
    return vreinterpretq_u8_s32(vpaddq_s32(vpaddlq_s16(acc.val[0]), vpaddlq_s16(acc.val[1])));
}

#endif
