/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/tile_pairs: integer sums of a tile of panel.h with SMMLA, which multiplies 2 rows
 * by 2 tokens over 8 k at once, twice the products of SDOT. The sums are put back to a vector of
 * rows for each token, so that what follows, and every bit, is as with tile_steps.h. */
#ifndef MOAT_COMPUTE_KERNEL_TILE_PAIRS_H
#define MOAT_COMPUTE_KERNEL_TILE_PAIRS_H

#include "compute/kernel/packed.h"

/* Steps 2i and 2i+1 of 4 rows -> 8 k of rows 0 and 1, 8 k of rows 2 and 3. */
INLINE void tile_order(vi u[8])
{
    for (uint32_t i = 0; i < 8; i += 2) {
        uint32x4_t a = vreinterpretq_u32_u8(u[i]), b = vreinterpretq_u32_u8(u[i + 1]);
        u[i] = vreinterpretq_u8_u32(vzip1q_u32(a, b));
        u[i + 1] = vreinterpretq_u8_u32(vzip2q_u32(a, b));
    }
}

/* 8 activations of two tokens. */
INLINE int8x16_t two_tokens(const int8_t *a, const int8_t *b)
{
    return vcombine_s8(vld1_s8(a), vld1_s8(b));
}

/* As in tile_steps.h. In sum[][t] and sum[][t + 1] the rows of a vector first lie in twos: those of
 * both tokens of rows 0 and 1, and of rows 2 and 3; the last of an odd T is its own partner. */
INLINE void tile_dots(const uint8_t *w, size_t w_stride, const int8_t *a, size_t a_stride,
                      uint32_t from, uint32_t n, uint32_t V, uint32_t T, uint32_t how,
                      vi sum[TILE_VECTORS][TILE_F32])
{
    (void)how;
    int32x4_t part[TILE_VECTORS][TILE_F32 / 2][2];
    UNROLL (i, n / 2) {
        const uint32_t at = from + 2 * i;
        int8x16_t tokens[TILE_F32 / 2];
        UNROLL (p, (T + 1) / 2) {
            const int8_t *one = a + 2 * p * a_stride + 4 * at;
            tokens[p] = two_tokens(one, 2 * p + 1 < T ? one + a_stride : one);
        }
        UNROLL (v, V)
            UNROLL (h, 2) {
                int8x16_t rows =
                    vld1q_s8((const int8_t *)w + v * w_stride + (at + h) * VECTOR_BYTES);
                UNROLL (p, (T + 1) / 2)
                    part[v][p][h] =
                        vmmlaq_s32(i == 0 ? vdupq_n_s32(0) : part[v][p][h], rows, tokens[p]);
            }
    }
    UNROLL (v, V)
        UNROLL (t, T) {
            const int32x4_t *both = part[v][t / 2];
            sum[v][t] = vreinterpretq_u8_s32(t % 2 ? vuzp2q_s32(both[0], both[1])
                                                   : vuzp1q_s32(both[0], both[1]));
        }
}

#endif
