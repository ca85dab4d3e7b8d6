/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/amx_tiles: what the files that use AMX share. All tiles are 16 rows of 64 bytes.
 *
 * gcc 12: the tile intrinsics say nothing about memory, so compiler barriers stand where a tile
 * reads what plain code wrote and the reverse, and the configuration is static for the same reason.
 */
#ifndef MOAT_COMPUTE_KERNEL_AMX_TILES_H
#define MOAT_COMPUTE_KERNEL_AMX_TILES_H

#include "compute/attend.h"
#include "compute/kernel/vec_avx512.h"

#define SUM_TILE  256u /* F32 sums in a tile: 16 tokens x 16 rows */
#define TILE_HALF 512u /* 16-bit numbers in a tile: 16 rows x 32 */

#define BARRIER() __asm__ volatile("" ::: "memory")

static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tiles_16x64 = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

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

/* amx_attend.c */
bool amx_attend_run(const struct attend_run *r, struct attend_query *q, uint32_t n, float *scratch);

#endif
