/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/bf16: F32 -> BF16, in pairs, as the dot products of AVX-512 BF16 and the tiles of
 * AMX take them. */
#ifndef MOAT_COMPUTE_KERNEL_BF16_H
#define MOAT_COMPUTE_KERNEL_BF16_H

#include "compute/attend.h"
#include "compute/kernel/vec_avx512.h"

#define TILE_HALF 512u /* 16-bit numbers in a tile: 16 rows x 32 */

/* x as the nearest BF16 number, half away from zero, in F32. */
INLINE vf vf_round_bf16(vf x)
{
    vi v = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000u)));
}

/* Two rows of a BF16 tile: weights 2i, 2i+1 of 16 rows, rounded half away from zero. */
INLINE void store_pair(uint16_t *tile_row, vf first, vf second)
{
    vi half = _mm512_set1_epi32(0x8000);
    vi a = _mm512_add_epi32(_mm512_castps_si512(first), half);
    vi b = _mm512_add_epi32(_mm512_castps_si512(second), half);
    a = _mm512_srli_epi32(a, 16);
    b = _mm512_ternarylogic_epi32(_mm512_set1_epi32((int)0xffff0000u), b, a,
                                  0xea); /* (m & b) | a */
    _mm512_store_si512(tile_row, b);
}

/* avx512bf16_decode.c */
void avx512bf16_attend(const struct attend_run *r, struct attend_query *q, uint32_t n,
                       float *scratch);

/* avx512bf16_attend.c */
bool avx512bf16_attend_prompt(const struct attend_run *r, struct attend_query *q, uint32_t n,
                              float *scratch);

#endif
