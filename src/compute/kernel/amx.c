/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/amx: prompts on AMX: packed weights expanded to BF16 panels, activations in BF16
 * tiles, sums in F32 tiles over the whole of k. One token and few: the AVX-512 kernels.
 *
 * Blocking: a panel of up to 256 rows x 256 k (128 KiB) is expanded once and swept by all tokens;
 * 512 tokens x 256 k of activations and the sums stay beside it in a 2 MiB second-level cache. The
 * inner step is 2 x 2 tiles: 32 tokens x 32 rows, each loaded tile used twice. Its 2 x 16 KiB fit
 * the first-level cache, without which loads and not multiplications set the pace: 512 k lost a
 * tenth, 1024 a third. While a panel is swept the packed weights of the next one are prefetched:
 * they lie a row's length apart, which the processor does not foresee.
 *
 * F16 does not fit BF16: a weight is the sum of two BF16 numbers, and the panel is swept twice. */
#include "compute/kernel/vec_avx512.h"

#include "compute/kernel.h"
#include "compute/kernel/amx_tiles.h"
#include "compute/kernel/bf16_level.h"
#include "compute/kernel/gate.h"

#define AMX_ROWS   256u
#define AMX_TOKENS 512u

/* Sums of 32 tokens x 32 rows over n_tiles of k, added to the four tiles of c, or their start. */
INLINE void sweep_2x2(const uint16_t *a, size_t a_step, const uint16_t *b, size_t b_step,
                      uint32_t n_tiles, float *c, size_t c_step, bool start)
{
    float *c1 = c + c_step;
    if (start) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, c, 64);
        _tile_loadd(1, c + SUM_TILE, 64);
        _tile_loadd(2, c1, 64);
        _tile_loadd(3, c1 + SUM_TILE, 64);
    }
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
    _tile_stored(0, c, 64);
    _tile_stored(1, c + SUM_TILE, 64);
    _tile_stored(2, c1, 64);
    _tile_stored(3, c1 + SUM_TILE, 64);
}

/* The same for 16 x 16, where tokens or rows run out. */
INLINE void sweep_1x1(const uint16_t *a, const uint16_t *b, uint32_t n_tiles, float *c, bool start)
{
    if (start)
        _tile_zero(0);
    else
        _tile_loadd(0, c, 64);
    for (uint32_t k = 0; k < n_tiles; k++, a += TILE_HALF, b += TILE_HALF) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
    }
    _tile_stored(0, c, 64);
}

/* One thread's work on up to AMX_ROWS rows and AMX_TOKENS tokens. The panel holds the same rows of
 * one matrix, or of gate and up. */
struct sweep {
    const struct matmul *m[2];
    uint32_t n_mats;
    uint32_t row, n_rows;     /* of each, whole groups */
    uint32_t token, n_tokens; /* from a multiple of 16 */
    uint16_t *panel;          /* [n_mats][n_rows/16][PANEL_K/32] tiles */
    float *sums;              /* [n_tokens/16][n_mats][n_rows/16] tiles of 16 tokens x 16 rows */
};

static uint32_t panel_rows(const struct sweep *s)
{
    return s->n_mats * s->n_rows;
}

/* What the next panel is made of. */
struct ahead {
    uint32_t row, n_rows, k0, k1; /* n_rows 0: nothing */
};

/* Where a thread goes on after the k0..k1 of a sweep: further along k, or with the rows below. */
static struct ahead next_panel(const struct sweep *s, uint32_t k1)
{
    const struct mat *w = s->m[0]->w;
    struct ahead a = {s->row, s->n_rows, k1, w->cols};
    if (k1 >= w->cols) {
        uint32_t left = w->rows - (s->row + s->n_rows);
        a = (struct ahead){s->row + s->n_rows, left < s->n_rows ? left & ~15u : s->n_rows, 0,
                           w->cols};
    }
    a.k1 = a.k1 - a.k0 < PANEL_K ? a.k1 : a.k0 + PANEL_K;
    return a;
}

/* Asks for part `part` of `n_parts` of the packed weights of the next panel. */
static void prefetch_part(const struct mat *w, const struct ahead *a, uint32_t part,
                          uint32_t n_parts)
{
    const uint64_t group_bytes = 16 * w->row_bytes;
    const uint64_t from = group_bytes * a->k0 / w->cols, n = group_bytes * a->k1 / w->cols - from;
    const uint64_t lines = (n + 63) / 64, all = lines * (a->n_rows / 16),
                   end = all * (part + 1) / n_parts;
    const uint8_t *first = w->data + a->row * w->row_bytes + from;
    for (uint64_t i = all * part / n_parts; i < end; i++)
        _mm_prefetch((const char *)first + i / lines * group_bytes + i % lines * 64, _MM_HINT_T1);
}

/* All tokens over the panel, n_tiles of k from tile `tile0` of the activations on. */
static void sweep_panel(const struct sweep *s, uint32_t tile0, uint32_t n_tiles, bool start)
{
    const size_t a_step = (size_t)(s->m[0]->w->cols + 31) / 32 * TILE_HALF;
    const size_t b_step = (size_t)PANEL_K * 16, c_step = (size_t)panel_rows(s) / 16 * SUM_TILE;
    const uint16_t *a = s->m[0]->x->bf16 + s->token / 16 * a_step + (size_t)tile0 * TILE_HALF;
    const uint32_t r_end = panel_rows(s) / 16, t_end = (s->n_tokens + 15) / 16; /* in tiles */
    const uint32_t n_parts = (r_end + 1) / 2 * ((t_end + 1) / 2);
    const struct ahead ahead = next_panel(s, (tile0 + n_tiles) * 32);
    uint32_t part = 0;
    for (uint32_t r = 0; r < r_end; r += 2)
        for (uint32_t t = 0; t < t_end; t += 2, part++) {
            for (uint32_t i = 0; i < s->n_mats; i++)
                prefetch_part(s->m[i]->w, &ahead, part, n_parts);
            if (r + 2 <= r_end && t + 2 <= t_end) {
                sweep_2x2(a + t * a_step, a_step, s->panel + r * b_step, b_step, n_tiles,
                          s->sums + t * c_step + r * SUM_TILE, c_step, start);
                continue;
            }
            for (uint32_t i = t; i < t + 2 && i < t_end; i++)
                for (uint32_t j = r; j < r + 2 && j < r_end; j++)
                    sweep_1x1(a + i * a_step, s->panel + j * b_step, n_tiles,
                              s->sums + i * c_step + j * SUM_TILE, start);
        }
}

/* Sums -> y, with what it is to be added to. */
static void store_sums(const struct sweep *s)
{
    const struct matmul *m = s->m[0];
    for (uint32_t t = 0; t < s->n_tokens; t++) {
        const float *tile = s->sums + (size_t)(t / 16) * (s->n_rows / 16) * SUM_TILE + t % 16 * 16;
        for (uint32_t r = 0; r < s->n_rows; r += 16, tile += SUM_TILE)
            store_lanes(m, s->token + t, s->row + r, vf_load(tile));
    }
}

/* Sums of gate and up -> their gated product, in the tiles the next multiplication reads. */
INLINE void store_gated(const struct sweep *s, const struct act *out, enum gating act)
{
    const struct matmul *gate = s->m[0], *up = s->m[1];
    const size_t mat_step = (size_t)s->n_rows / 16 * SUM_TILE;
    for (uint32_t t = 0; t < s->n_tokens; t++) {
        const float *tile = s->sums + (size_t)(t / 16) * 2 * mat_step + t % 16 * 16;
        for (uint32_t i = 0; i < s->n_rows; i += 16, tile += SUM_TILE) {
            uint32_t r = s->row + i;
            vf g = vf_load(tile), u = vf_load(tile + mat_step);
            g = gate->bias ? vf_add(g, vf_load(gate->bias + r)) : g;
            u = up->bias ? vf_add(u, vf_load(up->bias + r)) : u;
            g = gated(g, u, act);
            _mm256_store_si256((__m256i *)(void *)(act_tile_row(out, s->token + t, r) + r % 32),
                               (__m256i)_mm512_cvtneps_pbh(g));
        }
    }
}

/* Between blocks of k the sums wait in whole tiles of their own: y's rows lie pages apart, and
 * going there block by block cost a fifth of the speed. */
static void run_sweep(const struct sweep *s)
{
    const struct mat *w = s->m[0]->w;
    const uint32_t k_end = (w->cols + 31) & ~31u;
    const int n_parts = w->type == DTYPE_F16 ? 2 : 1;
    for (uint32_t k = 0; k < k_end; k += PANEL_K) {
        uint32_t end = k_end - k < PANEL_K ? k_end : k + PANEL_K;
        for (int part = 0; part < n_parts; part++) {
            for (uint32_t i = 0; i < s->n_mats; i++)
                expand_panel(s->m[i]->w, s->row, s->n_rows, k, end,
                             s->panel + (size_t)i * s->n_rows * PANEL_K, part);
            BARRIER();
            sweep_panel(s, k / 32, (end - k) / 32, k == 0 && part == 0);
            BARRIER();
        }
    }
}

/* The n_rows rows of a sweep from `row` on, tokens from `token` on, as far as there are any. */
static void place_sweep(struct sweep *s, uint32_t row, uint32_t row1, uint32_t token)
{
    const uint32_t most = AMX_ROWS / s->n_mats, n = s->m[0]->n;
    s->row = row;
    s->n_rows = row1 - row < most ? row1 - row : most;
    s->token = token;
    s->n_tokens = n - token < AMX_TOKENS ? n - token : AMX_TOKENS;
}

static void matmul_bf16(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    struct sweep s = {.m = {m},
                      .n_mats = 1,
                      .panel = (uint16_t *)(void *)scratch,
                      .sums = scratch + AMX_ROWS * PANEL_K / 2};
    _tile_loadconfig(&tiles_16x64);
    for (uint32_t r = row0; r < row1; r += AMX_ROWS)
        for (uint32_t t = 0; t < m->n; t += AMX_TOKENS) {
            place_sweep(&s, r, row1, t);
            run_sweep(&s);
            store_sums(&s);
        }
}

static void store_gated_by(const struct sweep *s, const struct act *out, enum gating act)
{
    switch (act) {
    case GATE_SILU:
        store_gated(s, out, GATE_SILU);
        break;
    case GATE_GELU:
        store_gated(s, out, GATE_GELU);
        break;
    case GATE_GELU_ERF:
        store_gated(s, out, GATE_GELU_ERF);
        break;
    case GATE_RELU2:
        store_gated(s, out, GATE_RELU2);
        break;
    case GATE_CLAMPED:
        store_gated(s, out, GATE_CLAMPED);
    }
}

static bool matmul_gated(const struct gated_matmul *g, uint32_t row0, uint32_t row1, float *scratch)
{
    if (g->gate.form != ACT_BF16 || g->up.form != ACT_BF16 || g->gate.w->rows % 32 != 0 ||
        (g->gate.w->type == DTYPE_F16) != (g->up.w->type == DTYPE_F16))
        return false;
    struct sweep s = {.m = {&g->gate, &g->up},
                      .n_mats = 2,
                      .panel = (uint16_t *)(void *)scratch,
                      .sums = scratch + AMX_ROWS * PANEL_K / 2};
    _tile_loadconfig(&tiles_16x64);
    for (uint32_t r = row0; r < row1; r += AMX_ROWS / 2)
        for (uint32_t t = 0; t < g->gate.n; t += AMX_TOKENS) {
            place_sweep(&s, r, row1, t);
            run_sweep(&s);
            store_gated_by(&s, g->out, g->act);
        }
    return true;
}

static enum act_form form(const struct mat *w, uint32_t n, enum precision precision)
{
    bool packed = w->layout == MAT_R16 && w->type != DTYPE_F32;
    return precision != PRECISION_EXACT && packed && n > DECODE_TOKENS
               ? ACT_BF16
               : kernels_avx512.form(w, n, precision);
}

static uint64_t peak(enum arithmetic kind, uint64_t rounds, float *scratch)
{
    const uint16_t *tiles = (const uint16_t *)(const void *)scratch;
    if (kind != ARITHMETIC_BF16)
        return kernels_avx512.peak(kind, rounds, scratch);
    _tile_loadconfig(&tiles_16x64);
    for (uint64_t i = 0; i < rounds; i++)
        sweep_2x2(tiles, 4 * TILE_HALF, tiles + 8 * TILE_HALF, 4 * TILE_HALF, 4,
                  scratch + 8 * TILE_HALF, 2 * SUM_TILE, true);
    return rounds * 4 * 32 * 32 * 32;
}

const struct kernels kernels_amx = {
    .isa = "amx",
    .form = form,
    .act = act,
    .matmul = matmul,
    .gated_matmul = matmul_gated,
    .attend_prompt = amx_attend_prompt,
    .peak = peak,
};
