/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/peak: the tiles of panel.h over operands that stay in the nearest cache, with
 * nothing around them: as many multiply-adds as this level can do. Included after tile_steps.h or
 * tile_pairs.h. */
#ifndef MOAT_COMPUTE_KERNEL_PEAK_H
#define MOAT_COMPUTE_KERNEL_PEAK_H

#include "compute/kernel/packed.h"

#define PEAK_K 32u /* of a round */

/* So that what follows reads its operands again. */
#define AGAIN() __asm__ volatile("" ::: "memory")

static uint64_t peak_f32(uint64_t rounds, float *scratch)
{
    const float *x = scratch + PEAK_K * TILE_ROWS; /* [TILE_F32][PEAK_K] */
    vf acc[TILE_VECTORS][TILE_F32];
    UNROLL (t, TILE_F32)
        UNROLL (v, TILE_VECTORS)
            acc[v][t] = vf_zero();
    for (uint64_t i = 0; i < rounds; i++) {
        AGAIN();
        for (uint32_t k = 0; k < PEAK_K; k++) {
            vf w[TILE_VECTORS];
            UNROLL (v, TILE_VECTORS)
                w[v] = vf_load(scratch + k * TILE_ROWS + v * LANES);
            UNROLL (t, TILE_F32)
                UNROLL (v, TILE_VECTORS)
                    acc[v][t] = vf_fma(w[v], vf_all(x[t * PEAK_K + k]), acc[v][t]);
        }
    }
    UNROLL (t, TILE_F32)
        UNROLL (v, TILE_VECTORS)
            vf_store(scratch + (t * TILE_VECTORS + v) * LANES, acc[v][t]);
    return rounds * PEAK_K * TILE_ROWS * TILE_F32;
}

static uint64_t peak_int8(uint64_t rounds, float *scratch)
{
    const uint8_t *w = (const uint8_t *)scratch; /* [TILE_VECTORS][8] vectors */
    const int8_t *x = (const int8_t *)w + TILE_VECTORS * 8 * VECTOR_BYTES; /* [tokens][32] */
    vi acc[TILE_VECTORS][TILE_F32], sum[TILE_VECTORS][TILE_F32];
    UNROLL (t, TILE_ONE_SCALE)
        UNROLL (v, TILE_VECTORS)
            acc[v][t] = vi_zero();
    for (uint64_t i = 0; i < rounds; i++) {
        AGAIN();
        tile_dots(w, 8 * VECTOR_BYTES, x, PEAK_K, 0, 8, TILE_VECTORS, TILE_ONE_SCALE, 4, sum);
        UNROLL (t, TILE_ONE_SCALE)
            UNROLL (v, TILE_VECTORS)
                acc[v][t] = vi_add(acc[v][t], sum[v][t]);
    }
    UNROLL (t, TILE_ONE_SCALE)
        UNROLL (v, TILE_VECTORS)
            vi_store(scratch + (t * TILE_VECTORS + v) * LANES, acc[v][t]);
    return rounds * PEAK_K * TILE_ROWS * TILE_ONE_SCALE;
}

static uint64_t peak(enum arithmetic kind, uint64_t rounds, float *scratch)
{
    switch (kind) {
    case ARITHMETIC_F32:
        return peak_f32(rounds, scratch);
    case ARITHMETIC_INT8:
        return peak_int8(rounds, scratch);
    default:
        return 0;
    }
}

#endif
