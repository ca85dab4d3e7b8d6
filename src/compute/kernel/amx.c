/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/amx: prompts on AMX: packed weights expanded to BF16 panels, activations in BF16
 * tiles, sums in F32 tiles over the whole of k. One token and few: the AVX-512 kernels.
 *
 * Blocking: a panel of up to 256 rows x 512 k (256 KiB) is expanded once and swept by all tokens;
 * 512 tokens x 512 k of activations are as large again, so both stay in a 2 MiB second-level cache.
 * The inner step is 2 x 2 tiles: 32 tokens x 32 rows, each loaded tile used twice.
 *
 * F16 does not fit BF16: a weight is the sum of two BF16 numbers, and the panel is swept twice.
 *
 * gcc 12: the tile intrinsics say nothing about memory, so compiler barriers stand where a tile
 * reads what plain code wrote, and the configuration is static for the same reason. */
#include <string.h>

#include "compute/kernel/vec_avx512.h"

#include "compute/kernel.h"
#include "compute/kernel/formats.h"

#define AMX_ROWS  256u
#define K_BLOCK   512u
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
            vi mask = _mm512_set1_epi32((int)0xffff0000u), half = _mm512_set1_epi32(0x8000);
            vi a = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(first), half), mask);
            vi b = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(second), half), mask);
            first = _mm512_sub_ps(first, _mm512_castsi512_ps(a));
            second = _mm512_sub_ps(second, _mm512_castsi512_ps(b));
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

/* Sums of 32 tokens x 32 rows over n_tiles of k, added to c. */
static void sweep_2x2(const uint16_t *a, size_t a_step, const uint16_t *b, size_t b_step,
                      uint32_t n_tiles, float *c, size_t c_stride)
{
    float *c1 = c + 16 * c_stride;
    _tile_loadd(0, c, c_stride * 4);
    _tile_loadd(1, c + 16, c_stride * 4);
    _tile_loadd(2, c1, c_stride * 4);
    _tile_loadd(3, c1 + 16, c_stride * 4);
    for (uint32_t k = 0; k < n_tiles; k++, a += TILE_HALF, b += TILE_HALF) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + b_step, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + a_step, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, c_stride * 4);
    _tile_stored(1, c + 16, c_stride * 4);
    _tile_stored(2, c1, c_stride * 4);
    _tile_stored(3, c1 + 16, c_stride * 4);
}

/* The same for 16 x 16, where tokens or rows run out. */
static void sweep_1x1(const uint16_t *a, const uint16_t *b, uint32_t n_tiles, float *c,
                      size_t c_stride)
{
    _tile_loadd(0, c, c_stride * 4);
    for (uint32_t k = 0; k < n_tiles; k++, a += TILE_HALF, b += TILE_HALF) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
    }
    _tile_stored(0, c, c_stride * 4);
}

/* c of fewer than 16 tokens: through a whole tile beside it. */
static void sweep_cut(const uint16_t *a, const uint16_t *b, uint32_t n_tiles, float *c,
                      size_t c_stride, uint32_t tokens)
{
    _Alignas(64) float whole[16 * 16] = {0};
    for (uint32_t t = 0; t < tokens; t++)
        memcpy(whole + 16 * t, c + t * c_stride, 64);
    BARRIER();
    sweep_1x1(a, b, n_tiles, whole, 16);
    BARRIER();
    for (uint32_t t = 0; t < tokens; t++)
        memcpy(c + t * c_stride, whole + 16 * t, 64);
}

/* All tokens over a panel of n_rows rows x n_tiles of k; tile0: the panel's first tile in a row of
 * activation tiles. */
static void sweep_panel(const struct matmul *m, uint32_t row0, uint32_t n_rows, uint32_t tile0,
                        uint32_t n_tiles, const uint16_t *panel)
{
    const size_t a_step = (size_t)(m->w->cols + 31) / 32 * TILE_HALF, b_step = (size_t)K_BLOCK * 16;
    for (uint32_t r = 0; r < n_rows; r += 32) {
        const uint16_t *b = panel + r / 16 * b_step;
        for (uint32_t t = 0; t < m->n; t += 32) {
            const uint16_t *a = m->x->bf16 + t / 16 * a_step + (size_t)tile0 * TILE_HALF;
            float *c = m->y + (size_t)t * m->y_stride + row0 + r;
            if (n_rows - r >= 32 && m->n - t >= 32) {
                sweep_2x2(a, a_step, b, b_step, n_tiles, c, m->y_stride);
                continue;
            }
            for (uint32_t i = 0; i < 2 && t + 16 * i < m->n; i++)
                for (uint32_t j = 0; j < 2 && r + 16 * j < n_rows; j++) {
                    uint32_t tokens = m->n - t - 16 * i;
                    sweep_cut(a + i * a_step, b + j * b_step, n_tiles,
                              c + 16 * i * (size_t)m->y_stride + 16 * j, m->y_stride,
                              tokens < 16 ? tokens : 16);
                }
        }
    }
}

/* What the sums start from: the bias, or zero, on top of y where they are added to it. */
static void start_sums(const struct matmul *m, uint32_t row0, uint32_t row1)
{
    for (uint32_t t = 0; t < m->n; t++) {
        float *y = m->y + (size_t)t * m->y_stride;
        for (uint32_t r = row0; r < row1; r++)
            y[r] = (m->add ? y[r] : 0.0f) + (m->bias ? m->bias[r] : 0.0f);
    }
}

/* Whole groups row0..row1, at most AMX_ROWS of them. panel: AMX_ROWS * K_BLOCK 16-bit numbers. */
static void matmul_bf16(const struct matmul *m, uint32_t row0, uint32_t row1, uint16_t *panel)
{
    const uint32_t k_end = (m->w->cols + 31) & ~31u;
    const int n_parts = m->w->type == DTYPE_F16 ? 2 : 1;
    start_sums(m, row0, row1);
    BARRIER();
    _tile_loadconfig(&tiles_16x64);
    for (uint32_t k = 0; k < k_end; k += K_BLOCK) {
        uint32_t end = k_end - k < K_BLOCK ? k_end : k + K_BLOCK;
        for (int part = 0; part < n_parts; part++) {
            for (uint32_t r = row0; r < row1; r += 16)
                expand_group(m->w, r, k, end, panel + (size_t)(r - row0) * K_BLOCK, part);
            BARRIER();
            sweep_panel(m, row0, row1 - row0, k / 32, (end - k) / 32, panel);
            BARRIER();
        }
    }
}

static enum act_form form(const struct mat *w, uint32_t n, bool exact)
{
    bool packed = w->layout == MAT_R16 && w->type != DTYPE_F32;
    return !exact && packed && n > DECODE_TOKENS ? ACT_BF16 : kernels_avx512.form(w, n, exact);
}

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    uint32_t grouped = m->w->rows - m->w->rows % 16, end = row1 < grouped ? row1 : grouped;
    if (m->form != ACT_BF16) {
        kernels_avx512.matmul(m, row0, row1, scratch);
        return;
    }
    for (uint32_t r = row0; r < end; r += AMX_ROWS)
        matmul_bf16(m, r, end - r < AMX_ROWS ? end : r + AMX_ROWS, (uint16_t *)scratch);
    if (row1 > end)
        kernels_avx512.matmul(m, row0 > end ? row0 : end, row1, scratch);
}

static void act(const struct act *a, enum act_form f, uint32_t row, uint32_t k0, uint32_t k1)
{
    if (f != ACT_BF16) {
        kernels_avx512.act(a, f, row, k0, k1);
        return;
    }
    const float *x = a->f32 + (size_t)row * a->stride;
    uint16_t *tile = a->bf16 + (size_t)(row / 16) * ((a->k + 31) / 32) * TILE_HALF + row % 16 * 32;
    for (uint32_t k = k0; k < k1; k += 32) {
        uint32_t left = k1 - k < 32 ? k1 - k : 32;
        __mmask32 m = left == 32 ? 0xffffffffu : (1u << left) - 1;
        __m512 low = _mm512_maskz_loadu_ps((__mmask16)m, x + k);
        __m512 high = _mm512_maskz_loadu_ps((__mmask16)(m >> 16), x + k + 16);
        _mm512_store_si512(tile + (size_t)(k / 32) * TILE_HALF,
                           (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

const struct kernels kernels_amx = {
    .isa = "amx",
    .form = form,
    .act = act,
    .matmul = matmul,
};
