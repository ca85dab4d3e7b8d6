/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/bf16_panel: packed weights expanded to BF16 panels, and activations to BF16 tiles
 * (ACT_BF16 of compute/act.h), for AMX and for AVX-512 BF16.
 *
 * A panel is [row group of 16][PANEL_K / 32] tiles; a tile is [16 pairs of k][16 rows][2]: 64 bytes
 * hold two k of 16 rows. */
#ifndef MOAT_COMPUTE_KERNEL_BF16_PANEL_H
#define MOAT_COMPUTE_KERNEL_BF16_PANEL_H

#include <string.h>

#include "compute/kernel/bf16.h"
#include "compute/kernel/formats.h"

#define PANEL_K 256u /* k of a panel at most */

/* Tile of 16 rows x 32 k from one unpacked block. */
INLINE void expand_block(const struct unpacked *w, uint16_t *tile)
{
    for (uint32_t s = 0; s < 8; s++) {
        vf f[4];
        for (unsigned j = 0; j < 4; j++)
            f[j] = vf_fma(w->s[s / 4], vf_of_byte(w->u[s], j), w->o[s / 4]);
        store_pair(tile + s * 64, f[0], f[1]);
        store_pair(tile + s * 64 + 32, f[2], f[3]);
    }
}

/* Blocks from..to of one group -> tiles, one after the other. */
INLINE void expand_blocks(const struct mat *w, const uint8_t *group, uint32_t from, uint32_t to,
                          uint16_t *tiles, uint32_t block_bytes, unpack_fn *unpack)
{
    const uint32_t n_blocks = w->cols / 32;
    for (uint32_t b = from; b < to; b++) {
        uint32_t record = b & ~7u, nb = n_blocks - record < 8 ? n_blocks - record : 8;
        struct unpacked u;
        unpack(group + (size_t)record * block_bytes, nb, b - record, 0, &u);
        expand_block(&u, tiles + (size_t)(b - from) * TILE_HALF);
    }
}

/* k0..k1 of a group of 16-bit weights -> tiles; `low`: what BF16 left of F16. */
static void expand_halves(const struct mat *w, const uint8_t *group, uint32_t k0, uint32_t k1,
                          uint16_t *tiles, bool low)
{
    for (uint32_t k = k0; k < k1; k += 2, tiles += 32) {
        if (k >= w->cols) {
            memset(tiles, 0, 64);
            continue;
        }
        vi v = vi_load(group + (size_t)k * 32);
        if (w->type == DTYPE_BF16) {
            _mm512_store_si512(tiles, v);
            continue;
        }
        vf first = vf_first_f16(v), second = vf_second_f16(v);
        if (low) { /* 11 bits less the 8 that `high` kept */
            first = _mm512_sub_ps(first, vf_round_bf16(first));
            second = _mm512_sub_ps(second, vf_round_bf16(second));
        }
        store_pair(tiles, first, second);
    }
}

static void expand_group(const struct mat *w, uint32_t row, uint32_t k0, uint32_t k1,
                         uint16_t *tiles, bool low)
{
    const uint8_t *group = w->data + (size_t)row * w->row_bytes;
    switch (w->type) {
#define X(type, bytes, two, fn)                                                                    \
    case type:                                                                                     \
        expand_blocks(w, group, k0 / 32, k1 / 32, tiles, bytes, fn);                               \
        break;
        EACH_PACKED_FORMAT(X)
#undef X
    default:
        expand_halves(w, group, k0, k1, tiles, low);
    }
}

static void expand_panel(const struct mat *w, uint32_t row, uint32_t n_rows, uint32_t k0,
                         uint32_t k1, uint16_t *panel, bool low)
{
    for (uint32_t r = 0; r < n_rows; r += 16)
        expand_group(w, row + r, k0, k1, panel + (size_t)r * PANEL_K, low);
}

/* The line of row t that holds value k. */
INLINE uint16_t *act_tile_row(const struct act *a, uint32_t t, uint32_t k)
{
    return a->bf16 + ((size_t)(t / 16) * ((a->k + 31) / 32) + k / 32) * TILE_HALF + t % 16 * 32;
}

static void act_bf16(const struct act *a, uint32_t row, uint32_t k0, uint32_t k1)
{
    const float *x = a->f32 + (size_t)row * a->stride;
    for (uint32_t k = k0; k < k1; k += 32) {
        uint32_t left = k1 - k < 32 ? k1 - k : 32;
        __mmask32 m = left == 32 ? 0xffffffffu : (1u << left) - 1;
        __m512 low = _mm512_maskz_loadu_ps((__mmask16)m, x + k);
        __m512 high = _mm512_maskz_loadu_ps((__mmask16)(m >> 16), x + k + 16);
        _mm512_store_si512(act_tile_row(a, row, k), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

#endif
