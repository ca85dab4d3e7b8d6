/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_avx2: vec_256.h with dot products of AVX2.
 *
 * vpmaddubsw adds two products of unsigned by signed bytes into int16 and saturates. Activations
 * are -127..127, so weights of b bits leave room for 1 << (7 - b) such sums: 8 steps of 4 bits are
 * at most 8 * 2 * 15 * 127 = 30480. Weights of 8 bits stay signed: |w| * (a with the sign of w) is
 * at most 2 * 128 * 127 = 32512. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_AVX2_H
#define MOAT_COMPUTE_KERNEL_VEC_AVX2_H

#include "compute/kernel/vec_256.h"

#define SIGNED_OFFSET   0
#define DOT_STEPS(bits) ((bits) <= 4 ? 8u : (bits) < 8 ? 1u << (7 - (bits)) : 1u)
#define DOT_CLASS(bits) ((bits) <= 4 ? 4u : (bits))
#define DOT_CLASSES(X)  X(4u) X(5u) X(8u) X(4u | TWO_SCALES) X(6u | TWO_SCALES)

typedef __m256i vd; /* 16 int16, two a row */

INLINE vi vi_signed(vi v)
{
    return v;
}

INLINE vd vd_zero(void)
{
    return _mm256_setzero_si256();
}

/* The empty asm keeps gcc from adding up the steps in another order, for which it wants more
 * registers than there are: a third of the speed. */
INLINE vd vd_dot(vd acc, vi u, const int8_t *a, uint32_t bits)
{
    vi four = vi_four(a);
    if (bits == 8) {
        four = _mm256_sign_epi8(four, u);
        u = _mm256_abs_epi8(u);
    }
    acc = _mm256_add_epi16(acc, _mm256_maddubs_epi16(u, four));
    __asm__("" : "+x"(acc));
    return acc;
}

INLINE vi vd_sum(vd acc)
{
    return _mm256_madd_epi16(acc, _mm256_set1_epi16(1));
}

#endif
