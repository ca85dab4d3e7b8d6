/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/panel: multiplications with packed weights for many tokens, in the words of
 * vec_<isa>.h; tile_steps.h or tile_pairs.h, included before, says how integer sums are formed.
 *
 * A panel of TILE_VECTORS row vectors and as much of k as the nearest cache holds is unpacked once
 * into scratch (bytes and scales for Q8, F32 weights for F32) and swept by all tokens, a tile of
 * some at a time in registers. Between blocks of k the sums wait in scratch, as F32, which changes
 * no bit: (I1) of packed.h holds. */
#ifndef MOAT_COMPUTE_KERNEL_PANEL_H
#define MOAT_COMPUTE_KERNEL_PANEL_H

#include "compute/kernel/packed.h"

#define PANEL_BYTES  20480u
#define PANEL_ROWS   256u /* rows and tokens whose sums wait together */
#define PANEL_TOKENS 512u

_Static_assert(PANEL_BYTES + PANEL_ROWS * PANEL_TOKENS * 4 <= PANEL_FLOATS * 4, "scratch");

/* One thread's work. */
struct sweep {
    const struct matmul *m;
    uint32_t token, n_tokens; /* <= PANEL_TOKENS */
    uint32_t row, vectors;    /* of the panel */
    uint32_t k0, k1;          /* of the panel */
    bool last;                /* of k: the sums are complete */
    uint32_t how;             /* Q8: class of dot products */
    uint8_t *panel;           /* Q8: [block][vectors] packed_block; F32: [k][vectors] vf */
    float *sums;              /* [n_tokens][vectors] vf */
};

/* What T tokens from `token` on (counted in the sweep) have summed up over the k before this panel.
 * The rows of y lie pages apart: they are fetched while the tile is worked out. */
INLINE void begin_tile(const struct sweep *s, uint32_t token, uint32_t V, uint32_t T,
                       vf acc[TILE_VECTORS][TILE_F32])
{
    const float *sums = s->sums + (size_t)token * V * LANES;
    const float *y = s->m->y + (size_t)(s->token + token) * s->m->y_stride + s->row;
    UNROLL (t, T)
        UNROLL (v, V) {
            acc[v][t] = s->k0 ? vf_load(sums + (t * V + v) * LANES) : vf_zero();
            if (s->last)
                __builtin_prefetch(y + (size_t)t * s->m->y_stride + v * LANES, 1, 3);
        }
}

INLINE void end_tile(const struct sweep *s, uint32_t token, uint32_t V, uint32_t T,
                     vf acc[TILE_VECTORS][TILE_F32])
{
    float *sums = s->sums + (size_t)token * V * LANES;
    UNROLL (t, T)
        UNROLL (v, V)
            if (s->last)
                store_lanes(s->m, s->token + token + t, s->row + v * LANES, acc[v][t]);
            else
                vf_store(sums + (t * V + v) * LANES, acc[v][t]);
}

/* --- Q8 -----------------------------------------------------------------------------------------
 */
/* Unpacked block of one row vector: u[8], then s and o. */
INLINE size_t block_bytes(uint32_t how)
{
    uint32_t pairs = how & TWO_SCALES ? 2 : 1;
    return VECTOR_BYTES * (8 + pairs * (is_signed(how) ? 1 : 2));
}

INLINE void fill_q8(const struct sweep *s, struct format f)
{
    const struct mat *w = s->m->w;
    const uint32_t n_blocks = w->cols / 32, pairs = f.how & TWO_SCALES ? 2 : 1;
    uint8_t *out = s->panel;
    for (uint32_t b = s->k0 / 32; b < s->k1 / 32; b++)
        for (uint32_t v = 0; v < s->vectors; v++, out += block_bytes(f.how)) {
            uint32_t record = b & ~7u, nb = n_blocks - record < 8 ? n_blocks - record : 8;
            uint32_t row = s->row + v * LANES;
            const uint8_t *group = w->data + (size_t)(row & ~15u) * w->row_bytes;
            struct unpacked u;
            f.unpack(group + (size_t)record * f.block_bytes, nb, b - record, row % 16 / LANES, &u);
            tile_order(u.u);
            for (uint32_t i = 0; i < 8; i++)
                vi_store(out + i * VECTOR_BYTES, u.u[i]);
            for (uint32_t i = 0; i < pairs; i++) {
                vf_store((float *)(void *)(out + (8 + i) * VECTOR_BYTES), u.s[i]);
                if (!is_signed(f.how))
                    vf_store((float *)(void *)(out + (8 + pairs + i) * VECTOR_BYTES), u.o[i]);
            }
        }
}

/* The blocks of the panel for T tokens from `token` on (counted in the sweep). */
INLINE void tile_q8(const struct sweep *s, uint32_t token, uint32_t V, uint32_t T, uint32_t how)
{
    const struct act *x = s->m->x;
    const size_t per_token = x->k / 32, first = (size_t)(s->token + token) * per_token + s->k0 / 32;
    const uint8_t *w = s->panel;
    vf acc[TILE_VECTORS][TILE_F32];
    begin_tile(s, token, V, T, acc);
    for (uint32_t b = 0; b < (s->k1 - s->k0) / 32; b++, w += V * block_bytes(how)) {
        const int8_t *a = x->q + (first + b) * 32;
        vi second[TILE_VECTORS][TILE_F32], one[TILE_VECTORS][TILE_F32];
        if (how & TWO_SCALES)
            tile_dots(w, block_bytes(how), a, x->k, 4, 4, V, T, how, second);
        tile_dots(w, block_bytes(how), a, x->k, 0, how & TWO_SCALES ? 4 : 8, V, T, how, one);
        UNROLL (v, V) {
            const float *scales = (const float *)(const void *)(w + v * block_bytes(how));
            vf so[4];
            for (uint32_t i = 0; 8 + i < block_bytes(how) / VECTOR_BYTES; i++)
                so[i] = vf_load(scales + (8 + i) * LANES);
            UNROLL (t, T)
                acc[v][t] =
                    add_dots(acc[v][t], so, so + (how & TWO_SCALES ? 2 : 1), vf_of_int(one[v][t]),
                             vf_of_int(how & TWO_SCALES ? second[v][t] : one[v][t]), x,
                             first + t * per_token + b, how);
        }
    }
    end_tile(s, token, V, T, acc);
}

INLINE void sweep_q8(const struct sweep *s, uint32_t V, uint32_t how)
{
    const uint32_t T = how & TWO_SCALES ? TILE_TWO_SCALES : TILE_ONE_SCALE;
    uint32_t t = 0;
    for (; t + T <= s->n_tokens; t += T)
        tile_q8(s, t, V, T, how);
    for (; t + 2 <= s->n_tokens; t += 2)
        tile_q8(s, t, V, 2, how);
    if (t < s->n_tokens)
        tile_q8(s, t, V, 1, how);
}

/* --- F32 ----------------------------------------------------------------------------------------
 */
/* Weight j of step i of a block. */
INLINE vf weight_of(const struct unpacked *w, uint32_t i, uint32_t j, uint32_t how)
{
    vf u = is_signed(how) ? vf_of_signed_byte(w->u[i], j) : vf_of_byte(w->u[i], j);
    return is_signed(how) ? vf_mul(w->s[i / 4], u) : vf_fma(w->s[i / 4], u, w->o[i / 4]);
}

INLINE void fill_f32(const struct sweep *s, struct format f)
{
    const struct mat *w = s->m->w;
    const uint32_t n_blocks = w->cols / 32;
    float *out = (float *)(void *)s->panel;
    for (uint32_t b = s->k0 / 32; b < s->k1 / 32; b++, out += (size_t)32 * s->vectors * LANES)
        for (uint32_t v = 0; v < s->vectors; v++) {
            uint32_t record = b & ~7u, nb = n_blocks - record < 8 ? n_blocks - record : 8;
            uint32_t row = s->row + v * LANES;
            const uint8_t *group = w->data + (size_t)(row & ~15u) * w->row_bytes;
            struct unpacked u;
            f.unpack(group + (size_t)record * f.block_bytes, nb, b - record, row % 16 / LANES, &u);
            for (uint32_t i = 0; i < 32; i++)
                vf_store(out + (i * s->vectors + v) * LANES, weight_of(&u, i / 4, i % 4, f.how));
        }
}

static void fill_floats(const struct sweep *s)
{
    const struct mat *w = s->m->w;
    float *out = (float *)(void *)s->panel;
    const size_t step = (size_t)s->vectors * LANES;
    for (uint32_t v = 0; v < s->vectors; v++, out += LANES)
        if (w->type == DTYPE_F32)
            for (uint32_t k = s->k0; k < s->k1; k++)
                vf_store(out + (k - s->k0) * step, one_weight(w, s->row, v, k));
        else
            for (uint32_t k = s->k0; k < s->k1; k += 2) {
                vf pair[2];
                two_weights(w, s->row, v, k, w->type == DTYPE_BF16, pair);
                vf_store(out + (k - s->k0) * step, pair[0]);
                vf_store(out + (k + 1 - s->k0) * step, pair[1]);
            }
}

INLINE void tile_f32(const struct sweep *s, uint32_t token, uint32_t V, uint32_t T)
{
    const size_t stride = s->m->x->stride;
    const float *x = s->m->x->f32 + (s->token + token) * stride + s->k0;
    const float *w = (const float *)(const void *)s->panel;
    vf acc[TILE_VECTORS][TILE_F32];
    begin_tile(s, token, V, T, acc);
    for (uint32_t k = 0; k < s->k1 - s->k0; k++, w += V * LANES) {
        vf wv[TILE_VECTORS];
        UNROLL (v, V)
            wv[v] = vf_load(w + v * LANES);
        UNROLL (t, T)
            UNROLL (v, V)
                acc[v][t] = vf_fma(wv[v], vf_all(x[t * stride + k]), acc[v][t]);
    }
    end_tile(s, token, V, T, acc);
}

INLINE void sweep_f32(const struct sweep *s, uint32_t V)
{
    uint32_t t = 0;
    for (; t + TILE_F32 <= s->n_tokens; t += TILE_F32)
        tile_f32(s, t, V, TILE_F32);
    for (; t + 4 <= s->n_tokens; t += 4)
        tile_f32(s, t, V, 4);
    for (; t < s->n_tokens; t++)
        tile_f32(s, t, V, 1);
}

/* --- both ---------------------------------------------------------------------------------------
 */
static void fill_panel(const struct sweep *s)
{
    switch (s->m->w->type) {
#define X(type, bytes, how, fn)                                                                    \
    case type:                                                                                     \
        if (s->m->form == ACT_Q8)                                                                  \
            fill_q8(s, (struct format){bytes, how, fn});                                           \
        else                                                                                       \
            fill_f32(s, (struct format){bytes, how, fn});                                          \
        break;
        EACH_PACKED_FORMAT(X)
#undef X
    default:
        fill_floats(s);
    }
}

static void sweep_tokens_f32(const struct sweep *s)
{
    if (TILE_ROWS == 16 || s->vectors == TILE_VECTORS)
        sweep_f32(s, TILE_VECTORS);
    else
        sweep_f32(s, TILE_VECTORS / 2);
}

/* s->how is one of DOT_CLASSES. */
static void sweep_tokens_q8(const struct sweep *s)
{
#define X(class)                                                                                   \
    if (s->how == (class)) {                                                                       \
        if (TILE_ROWS == 16 || s->vectors == TILE_VECTORS)                                         \
            sweep_q8(s, TILE_VECTORS, class);                                                      \
        else                                                                                       \
            sweep_q8(s, TILE_VECTORS / 2, class);                                                  \
    }
    DOT_CLASSES(X)
#undef X
}

static uint32_t how_of(enum dtype t)
{
    switch (t) {
#define X(type, bytes, how, fn)                                                                    \
    case type:                                                                                     \
        return ((how)&TWO_SCALES) | DOT_CLASS((how) & (TWO_SCALES - 1));
        EACH_PACKED_FORMAT(X)
#undef X
    default:
        return 0;
    }
}

/* Rows row0..row1, at most PANEL_ROWS, for the tokens of `all`; one block of k after the other, so
 * that the activations of one stay near while all rows pass. */
static void sweep_rows(const struct sweep *all, uint32_t row0, uint32_t row1)
{
    const struct matmul *m = all->m;
    const uint32_t bytes =
        TILE_VECTORS * (m->form == ACT_Q8 ? (uint32_t)block_bytes(all->how) : 32 * VECTOR_BYTES);
    const uint32_t k_step = PANEL_BYTES / bytes * 32;
    for (uint32_t k = 0; k < m->w->cols; k += k_step)
        for (uint32_t row = row0; row < row1; row += TILE_ROWS) {
            struct sweep s = *all;
            s.row = row;
            s.vectors = row1 - row < TILE_ROWS ? TILE_VECTORS / 2 : TILE_VECTORS;
            s.k0 = k;
            s.k1 = m->w->cols - k < k_step ? m->w->cols : k + k_step;
            s.last = s.k1 == m->w->cols;
            s.sums = all->sums + (size_t)(row - row0) * s.n_tokens;
            fill_panel(&s);
            if (m->form == ACT_Q8)
                sweep_tokens_q8(&s);
            else
                sweep_tokens_f32(&s);
        }
}

/* Whole groups row0..row1 of a packed matrix, all tokens, in the form m->form. */
static void packed_matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    bool exact = m->form == ACT_F32 && dtype_block(m->w->type) > 1;
    if (m->n <= DECODE_TOKENS && !exact) {
        few_tokens(m, row0, row1);
        return;
    }
    struct sweep s = {.m = m,
                      .how = how_of(m->w->type),
                      .panel = (uint8_t *)scratch,
                      .sums = scratch + PANEL_BYTES / 4};
    for (uint32_t row = row0; row < row1; row += PANEL_ROWS)
        for (s.token = 0; s.token < m->n; s.token += PANEL_TOKENS) {
            s.n_tokens = m->n - s.token < PANEL_TOKENS ? m->n - s.token : PANEL_TOKENS;
            sweep_rows(&s, row, row1 - row < PANEL_ROWS ? row1 : row + PANEL_ROWS);
        }
}

#endif
