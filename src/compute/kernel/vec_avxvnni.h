/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_avxvnni: vec_256.h with dot products of AVX-VNNI (the VEX form of VNNI). */
#ifndef MOAT_COMPUTE_KERNEL_VEC_AVXVNNI_H
#define MOAT_COMPUTE_KERNEL_VEC_AVXVNNI_H

#include "compute/kernel/vec_256.h"

#define SIGNED_OFFSET   128
#define DOT_STEPS(bits) 8u
#define DOT_CLASS(bits) 8u
#define DOT_CLASSES(X)  X(8u) X(8u | TWO_SCALES)

typedef __m256i vd; /* 8 int32 */

INLINE vi vi_signed(vi v)
{
    return _mm256_xor_si256(v, _mm256_set1_epi8((char)0x80));
}

INLINE vd vd_zero(void)
{
    return _mm256_setzero_si256();
}

INLINE vd vd_dot(vd acc, vi u, const int8_t *a, uint32_t bits)
{
    (void)bits;
    return _mm256_dpbusd_avx_epi32(acc, u, vi_four(a));
}

INLINE vi vd_sum(vd acc)
{
    return acc;
}

#endif
