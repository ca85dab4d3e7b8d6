/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/tile_steps: integer sums of a tile of panel.h, step after step with vd_dot of
 * vec_<isa>.h. tile_pairs.h gives the same sums two rows and two tokens at a time. */
#ifndef MOAT_COMPUTE_KERNEL_TILE_STEPS_H
#define MOAT_COMPUTE_KERNEL_TILE_STEPS_H

#include "compute/kernel/packed.h"

/* What a row vector's unpacked block is turned into before it is stored in a panel. */
INLINE void tile_order(vi u[8])
{
    (void)u;
}

/* Integer sums of steps from..from + n of a block: V row vectors, w_stride bytes from one to the
 * next, T tokens at a. */
INLINE void tile_dots(const uint8_t *w, size_t w_stride, const int8_t *a, size_t a_stride,
                      uint32_t from, uint32_t n, uint32_t V, uint32_t T, uint32_t how,
                      vi sum[TILE_VECTORS][TILE_F32])
{
    const uint32_t most = DOT_STEPS(bits_of(how)), step = most < n ? most : n;
    UNROLL (i, n / step) {
        vd part[TILE_VECTORS][TILE_F32];
        UNROLL (j, step) {
            const uint32_t at = from + i * step + j;
            vi u[TILE_VECTORS];
            UNROLL (v, V)
                u[v] = vi_load(w + v * w_stride + at * VECTOR_BYTES);
            UNROLL (t, T)
                UNROLL (v, V)
                    part[v][t] = vd_dot(j == 0 ? vd_zero() : part[v][t], u[v],
                                        a + t * a_stride + 4 * at, bits_of(how));
        }
        UNROLL (v, V)
            UNROLL (t, T)
                sum[v][t] = i == 0 ? vd_sum(part[v][t]) : vi_add(sum[v][t], vd_sum(part[v][t]));
    }
}

#endif
