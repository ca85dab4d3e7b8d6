/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/packed: multiplications with packed weights (compute/pack.h), written once for
 * every instruction set with the words of vec_<isa>.h. Few tokens are done here, each weight being
 * unpacked into registers; panel.h does many.
 *
 * (I1) A row's sum runs over k in one order whatever the number of tokens: the same bits for 1
 * token or 500, for any split of the rows. add_dots says which; panel.h keeps to it. */
#ifndef MOAT_COMPUTE_KERNEL_PACKED_H
#define MOAT_COMPUTE_KERNEL_PACKED_H

#include "compute/kernel/formats.h"
#include "compute/kernel/lanes.h"
#include "compute/pack.h"

#define PARTS        (R16_ROWS / LANES) /* vectors of a group */
#define TILE_ROWS    (TILE_VECTORS * LANES)
#define VECTOR_BYTES (LANES * 4u)

/* What a format needs, as constants for the bodies below. */
struct format {
    uint32_t block_bytes; /* of one 32-block of 16 rows */
    uint32_t how;         /* see formats.h */
    unpack_fn *unpack;
};

INLINE uint32_t bits_of(uint32_t how)
{
    return how & (TWO_SCALES - 1);
}

/* Whether bytes are int8 and o is 0. */
INLINE bool is_signed(uint32_t how)
{
    return bits_of(how) == 8 && SIGNED_OFFSET == 0;
}

/* d (s I + o S) of one block added to acc (act.h): I the integer sums of both halves, or in the
 * first the whole. at: the block's place in x->d. */
INLINE vf add_dots(vf acc, const vf *s, const vf *o, vf first, vf second, const struct act *x,
                   size_t at, uint32_t how)
{
    vf d = vf_all(x->d[at]);
    if (how & TWO_SCALES) {
        acc = vf_fma(vf_fma(s[0], first, vf_mul(s[1], second)), d, acc);
        acc = vf_fma(o[0], vf_all(x->sum16[2 * at]), acc);
        return vf_fma(o[1], vf_all(x->sum16[2 * at + 1]), acc);
    }
    acc = vf_fma(vf_mul(s[0], first), d, acc);
    return is_signed(how) ? acc : vf_fma(o[0], vf_all(x->sum32[at]), acc);
}

/* Steps from..from + n of a block. */
INLINE vi dot_steps(const vi *u, const int8_t *a, uint32_t from, uint32_t n, uint32_t how)
{
    const uint32_t most = DOT_STEPS(bits_of(how)), step = most < n ? most : n;
    vi sum = vi_zero();
    UNROLL (i, n / step) {
        vd part = vd_zero();
        UNROLL (j, step) {
            uint32_t at = from + i * step + j;
            part = vd_dot(part, u[at], a + 4 * at, bits_of(how));
        }
        sum = i == 0 ? vd_sum(part) : vi_add(sum, vd_sum(part));
    }
    return sum;
}

/* Adds block `block`, unpacked, times token t's int8 activations. */
INLINE vf add_block(vf acc, const struct unpacked *w, const struct act *x, uint32_t t,
                    uint32_t block, uint32_t how)
{
    const int8_t *q = x->q + (size_t)t * x->k + (size_t)block * 32;
    size_t at = (size_t)t * (x->k / 32) + block;
    uint32_t n = how & TWO_SCALES ? 4 : 8;
    vf first = vf_of_int(dot_steps(w->u, q, 0, n, how)), second = first;
    if (how & TWO_SCALES)
        second = vf_of_int(dot_steps(w->u, q, 4, n, how));
    return add_dots(acc, w->s, w->o, first, second, x, at, how);
}

/* One group, T <= DECODE_TOKENS tokens. */
INLINE void group_pass(const struct matmul *m, uint32_t row, uint32_t T, struct format f)
{
    const uint8_t *group = m->w->data + (size_t)row * m->w->row_bytes;
    const uint32_t n_blocks = m->w->cols / 32, ahead = PREFETCH_AHEAD;
    vf acc[PARTS][DECODE_TOKENS];
    UNROLL (p, PARTS)
        for (uint32_t t = 0; t < T; t++)
            acc[p][t] = vf_zero();
    for (uint32_t at = 0; at < n_blocks; at += 8) {
        const uint8_t *rec = group + (size_t)at * f.block_bytes;
        uint32_t nb = n_blocks - at < 8 ? n_blocks - at : 8;
        for (uint32_t b = 0; b < nb; b++) {
            for (uint32_t i = 0; ahead && i < f.block_bytes; i += 64)
                __builtin_prefetch(rec + b * f.block_bytes + i + ahead, 0, 2);
            UNROLL (p, PARTS) {
                struct unpacked w;
                f.unpack(rec, nb, b, p, &w);
                for (uint32_t t = 0; t < T; t++)
                    acc[p][t] = add_block(acc[p][t], &w, m->x, t, at + b, f.how);
            }
        }
    }
    UNROLL (p, PARTS)
        for (uint32_t t = 0; t < T; t++)
            store_lanes(m, t, row + p * LANES, acc[p][t]);
}

/* Rows row0..row1 (whole groups). One token, the case of decoding, is a body of its own: its sum
 * stays in a register. */
INLINE void all_groups(const struct matmul *m, uint32_t row0, uint32_t row1, struct format f)
{
    for (uint32_t row = row0; row < row1; row += 16)
        if (m->n == 1)
            group_pass(m, row, 1, f);
        else
            group_pass(m, row, m->n, f);
}

/* --- weights that are floats --------------------------------------------------------------------
 */
/* Weights k and k + 1 of row vector v of F16 or BF16, from [k/2][16][2]. */
INLINE void two_weights(const struct mat *w, uint32_t row, uint32_t v, uint32_t k, bool bf16,
                        vf out[2])
{
    row += v * LANES;
    const uint8_t *group = w->data + (size_t)(row & ~15u) * w->row_bytes;
    vi pair = vi_load(group + (size_t)k * 32 + (size_t)(row % 16) * 4);
    out[0] = bf16 ? vf_first_bf16(pair) : vf_first_f16(pair);
    out[1] = bf16 ? vf_second_bf16(pair) : vf_second_f16(pair);
}

/* Weight k of a row vector of F32, from [k][16]. */
INLINE vf one_weight(const struct mat *w, uint32_t row, uint32_t v, uint32_t k)
{
    row += v * LANES;
    const uint8_t *group = w->data + (size_t)(row & ~15u) * w->row_bytes;
    return vf_load((const float *)(const void *)group + (size_t)k * 16 + row % 16);
}

INLINE void prefetch_rows(const struct mat *w, uint32_t row, uint32_t V, size_t at)
{
    for (uint32_t r = row; r < row + V * LANES; r += 16)
        __builtin_prefetch(w->data + (size_t)r * w->row_bytes + at, 0, 2);
}

/* V row vectors, T tokens: several sums at once, since each is one long chain. */
INLINE void float_pass(const struct matmul *m, uint32_t row, uint32_t V, uint32_t T,
                       enum dtype type)
{
    vf acc[TILE_VECTORS][DECODE_TOKENS];
    UNROLL (v, V)
        for (uint32_t t = 0; t < T; t++)
            acc[v][t] = vf_zero();
    const uint32_t step = type == DTYPE_F32 ? 1 : 2, ahead = PREFETCH_AHEAD;
    for (uint32_t k = 0; k < m->w->cols; k += step) {
        if (ahead)
            prefetch_rows(m->w, row, V, (size_t)k * (64 / step) + ahead);
        UNROLL (v, V) {
            vf w[2];
            if (type == DTYPE_F32)
                w[0] = one_weight(m->w, row, v, k);
            else
                two_weights(m->w, row, v, k, type == DTYPE_BF16, w);
            for (uint32_t t = 0; t < T; t++) {
                const float *x = m->x->f32 + (size_t)t * m->x->stride + k;
                for (uint32_t i = 0; i < step; i++)
                    acc[v][t] = vf_fma(w[i], vf_all(x[i]), acc[v][t]);
            }
        }
    }
    UNROLL (v, V)
        for (uint32_t t = 0; t < T; t++)
            store_lanes(m, t, row + v * LANES, acc[v][t]);
}

INLINE void float_rows(const struct matmul *m, uint32_t row, uint32_t V, enum dtype type)
{
    if (m->n == 1)
        float_pass(m, row, V, 1, type);
    else
        float_pass(m, row, V, m->n, type);
}

INLINE void float_groups(const struct matmul *m, uint32_t row0, uint32_t row1, enum dtype type)
{
    uint32_t row = row0;
    for (; row + TILE_ROWS <= row1; row += TILE_ROWS)
        float_rows(m, row, TILE_VECTORS, type);
    if (TILE_ROWS > 16 && row < row1)
        float_rows(m, row, TILE_VECTORS / 2, type);
}

/* Whole groups row0..row1 of a packed matrix, at most DECODE_TOKENS tokens in the form m->form:
 * Q8 for quantised weights, else F32. */
static void few_tokens(const struct matmul *m, uint32_t row0, uint32_t row1)
{
    switch (m->w->type) {
#define X(type, bytes, how, fn)                                                                    \
    case type:                                                                                     \
        all_groups(m, row0, row1, (struct format){bytes, how, fn});                                \
        break;
        EACH_PACKED_FORMAT(X)
#undef X
    case DTYPE_F16:
        float_groups(m, row0, row1, DTYPE_F16);
        break;
    case DTYPE_BF16:
        float_groups(m, row0, row1, DTYPE_BF16);
        break;
    default:
        float_groups(m, row0, row1, DTYPE_F32);
    }
}

#endif
