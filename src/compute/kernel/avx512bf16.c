/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512bf16: prompts with the BF16 dot products of AVX-512, where there is no AMX
 * (Zen 4 and later, Cooper Lake): weights expanded to BF16 panels, activations in BF16, sums in F32
 * over the whole of k. One token and few, and weights that are floats: the AVX-512 kernels.
 *
 * vdpbf16ps does half the products of vpdpbusd, but there are no scales to apply afterwards: 16
 * instructions for 32 k against 11, for 40 times less divergence (KL) than int8 with a scale
 * per 32.
 *
 * A panel of up to 256 rows x 256 k is expanded once and swept by all tokens, TILE_V row groups by
 * TILE_T tokens at a time in registers; 3 x 8 loads least for the sums there is room for. */
#include "compute/kernel/bf16_level.h"

#include "compute/kernel.h"
#include "compute/kernel/lanes.h"

#define TILE_V 3u
#define TILE_T 8u

#define SWEEP_ROWS   256u
#define SWEEP_TOKENS 512u

/* One thread's work on up to SWEEP_ROWS rows and SWEEP_TOKENS tokens. */
struct sweep {
    const struct matmul *m;
    uint32_t row, n_rows;     /* whole groups */
    uint32_t token, n_tokens; /* from a multiple of 16 */
    uint32_t room;            /* tokens whose sums there is room for: whole tiles */
    uint16_t *panel;          /* bf16_panel.h */
    float *sums;              /* [n_rows/16][room][16] */
};

/* Sums of V row groups and TILE_T tokens over n_tiles of k, added to those so far, or their start.
 * Tokens beyond the last are worked out too, from whatever lies in their place. */
INLINE void sweep_tile(const uint16_t *panel, const uint16_t *x, uint32_t n_tiles, float *sums,
                       size_t sums_step, uint32_t V, bool start)
{
    vf acc[TILE_V][TILE_T];
    UNROLL (v, V)
        UNROLL (t, TILE_T)
            acc[v][t] = start ? vf_zero() : vf_load(sums + v * sums_step + t * 16);
    for (uint32_t i = 0; i < n_tiles; i++, panel += TILE_HALF, x += TILE_HALF)
        for (uint32_t pair = 0; pair < 16; pair++) {
            __m512bh w[TILE_V];
            UNROLL (v, V)
                w[v] = (__m512bh)vi_load(panel + v * (PANEL_K * 16) + pair * 32);
            UNROLL (t, TILE_T) {
                int32_t two;
                __builtin_memcpy(&two, x + t * 32 + pair * 2, 4);
                __m512bh a = (__m512bh)_mm512_set1_epi32(two);
                UNROLL (v, V)
                    acc[v][t] = _mm512_dpbf16_ps(acc[v][t], w[v], a);
            }
        }
    UNROLL (v, V)
        UNROLL (t, TILE_T)
            vf_store(sums + v * sums_step + t * 16, acc[v][t]);
}

/* V row groups from group r on, all tokens, n_tiles of k from tile `tile` of the activations on. */
INLINE void sweep_groups(const struct sweep *s, uint32_t r, uint32_t tile, uint32_t n_tiles,
                         uint32_t V)
{
    const size_t sums_step = (size_t)s->room * 16;
    const uint16_t *panel = s->panel + (size_t)r * PANEL_K * 16;
    for (uint32_t t = 0; t < s->n_tokens; t += TILE_T)
        sweep_tile(panel, act_tile_row(s->m->x, s->token + t, tile * 32), n_tiles,
                   s->sums + r * sums_step + (size_t)t * 16, sums_step, V, tile == 0);
}

static void sweep_panel(const struct sweep *s, uint32_t tile, uint32_t n_tiles)
{
    uint32_t r = 0, end = s->n_rows / 16;
    for (; r + TILE_V <= end; r += TILE_V)
        sweep_groups(s, r, tile, n_tiles, TILE_V);
    if (r + 2 <= end) {
        sweep_groups(s, r, tile, n_tiles, 2);
        r += 2;
    }
    if (r < end)
        sweep_groups(s, r, tile, n_tiles, 1);
}

static void run_sweep(const struct sweep *s)
{
    const uint32_t k_end = (s->m->w->cols + 31) & ~31u;
    for (uint32_t k = 0; k < k_end; k += PANEL_K) {
        uint32_t end = k_end - k < PANEL_K ? k_end : k + PANEL_K;
        expand_panel(s->m->w, s->row, s->n_rows, k, end, s->panel, false);
        sweep_panel(s, k / 32, (end - k) / 32);
    }
    for (uint32_t t = 0; t < s->n_tokens; t++)
        for (uint32_t r = 0; r < s->n_rows; r += 16)
            store_lanes(s->m, s->token + t, s->row + r,
                        vf_load(s->sums + ((size_t)r / 16 * s->room + t) * 16));
}

static void matmul_bf16(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    struct sweep s = {
        .m = m, .panel = (uint16_t *)(void *)scratch, .sums = scratch + SWEEP_ROWS * PANEL_K / 2};
    for (s.row = row0; s.row < row1; s.row += SWEEP_ROWS)
        for (s.token = 0; s.token < m->n; s.token += SWEEP_TOKENS) {
            s.n_rows = row1 - s.row < SWEEP_ROWS ? row1 - s.row : SWEEP_ROWS;
            s.n_tokens = m->n - s.token < SWEEP_TOKENS ? m->n - s.token : SWEEP_TOKENS;
            s.room = (s.n_tokens + TILE_T - 1) / TILE_T * TILE_T;
            run_sweep(&s);
        }
}

static enum act_form form(const struct mat *w, uint32_t n, enum precision precision)
{
    bool packed = w->layout == MAT_R16 && w->type != DTYPE_F32 && w->type != DTYPE_F16;
    bool wanted = precision == PRECISION_NORMAL ||
                  (precision == PRECISION_FAST && w->type == DTYPE_BF16); /* no int8 for floats */
    return wanted && packed && n > DECODE_TOKENS ? ACT_BF16 : kernels_avx512.form(w, n, precision);
}

static uint64_t peak(enum arithmetic kind, uint64_t rounds, float *scratch)
{
    const uint16_t *panel = (const uint16_t *)(const void *)scratch;
    float *sums = scratch + TILE_V * PANEL_K * 16;
    if (kind != ARITHMETIC_BF16)
        return kernels_avx512.peak(kind, rounds, scratch);
    for (uint64_t i = 0; i < rounds; i++)
        sweep_tile(panel, panel + TILE_V * PANEL_K * 16, 4, sums, TILE_T * 16, TILE_V, false);
    return rounds * 4 * 32 * TILE_V * 16 * TILE_T;
}

const struct kernels kernels_avx512bf16 = {
    .isa = "avx512bf16",
    .form = form,
    .act = act,
    .matmul = matmul,
    .attend = avx512bf16_attend,
    .attend_prompt = avx512bf16_attend_prompt,
    .peak = peak,
};
