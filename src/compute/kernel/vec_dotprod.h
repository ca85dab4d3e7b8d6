/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_dotprod: vec_128.h with SDOT: 4 products of int8 added to each int32. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_DOTPROD_H
#define MOAT_COMPUTE_KERNEL_VEC_DOTPROD_H

#include "compute/kernel/vec_128.h"

#define TILE_ONE_SCALE  4u
#define TILE_TWO_SCALES 4u
#define DOT_STEPS(bits) 8u
#define DOT_CLASS(bits) ((bits) < 8 ? 4u : 8u)
#define DOT_CLASSES(X)  X(4u) X(8u) X(4u | TWO_SCALES)

typedef int32x4_t vd;

INLINE vd vd_zero(void)
{
    return vdupq_n_s32(0);
}

INLINE vd vd_dot(vd acc, vi u, const int8_t *a, uint32_t bits)
{
    (void)bits;
    return vdotq_s32(acc, vreinterpretq_s8_u8(u), vi_four(a));
}

INLINE vi vd_sum(vd acc)
{
    return vreinterpretq_u8_s32(acc);
}

#endif
