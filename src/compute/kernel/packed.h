/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/packed: multiplications with packed weights (compute/pack.h), written once for
 * every instruction set with the words of vec_<isa>.h.
 *
 * (I1) A row's sum runs over k in one order whatever the number of tokens: the same bits for 1
 * token or 500, for any split of the rows. */
#ifndef MOAT_COMPUTE_KERNEL_PACKED_H
#define MOAT_COMPUTE_KERNEL_PACKED_H

#include "compute/kernel.h"
#include "compute/kernel/formats.h"

#define PREFETCH_BYTES 4096u
#define PASS_TOKENS    16u /* tokens that share one pass over a group */

/* Adds block `block`, unpacked, times token t's int8 activations: d (s I + o S), see act.h. */
INLINE vf add_block_q8(vf acc, const struct unpacked *w, const struct act *x, uint32_t t,
                       uint32_t block, bool two_scales)
{
    const int8_t *q = x->q + (size_t)t * x->k + (size_t)block * 32;
    vf d = vf_all(x->d[(size_t)t * (x->k / 32) + block]);
    vi first = vi_zero(), second = vi_zero();
    for (uint32_t s = 0; s < 4; s++) {
        first = vi_dot(first, w->u[s], q + 4 * s);
        second = vi_dot(second, w->u[s + 4], q + 4 * (s + 4));
    }
    if (two_scales) {
        const float *sum = x->sum16 + (size_t)t * (x->k / 16) + (size_t)block * 2;
        vf dot = vf_fma(w->s[0], vf_of_int(first), vf_mul(w->s[1], vf_of_int(second)));
        acc = vf_fma(w->o[0], vf_all(sum[0]), vf_fma(dot, d, acc));
        return vf_fma(w->o[1], vf_all(sum[1]), acc);
    }
    acc = vf_fma(vf_mul(w->s[0], vf_of_int(vi_add(first, second))), d, acc);
    return vf_fma(w->o[0], vf_all(x->sum32[(size_t)t * (x->k / 32) + block]), acc);
}

/* The same with F32 activations and sums. */
INLINE vf add_block_f32(vf acc, const struct unpacked *w, const struct act *x, uint32_t t,
                        uint32_t block, bool two_scales)
{
    const float *v = x->f32 + (size_t)t * x->stride + (size_t)block * 32;
    (void)two_scales;
    for (uint32_t s = 0; s < 8; s++)
        for (uint32_t j = 0; j < 4; j++) {
            vf weight = vf_fma(w->s[s / 4], vf_of_byte(w->u[s], j), w->o[s / 4]);
            acc = vf_fma(weight, vf_all(v[4 * s + j]), acc);
        }
    return acc;
}

typedef vf add_block_fn(vf acc, const struct unpacked *w, const struct act *x, uint32_t t,
                        uint32_t block, bool two_scales);

/* What a format needs, as constants for the bodies below. */
struct format {
    uint32_t block_bytes; /* of one 32-block of 16 rows */
    bool two_scales;
    unpack_fn *unpack;
};

/* LANES rows of one group, T <= PASS_TOKENS tokens from `token` on. */
INLINE void group_pass(const struct matmul *m, uint32_t row, uint32_t half, uint32_t token,
                       uint32_t T, struct format f, add_block_fn *add_block)
{
    const uint8_t *group = m->w->data + (size_t)row * m->w->row_bytes;
    const uint32_t n_blocks = m->w->cols / 32;
    vf acc[PASS_TOKENS];
    for (uint32_t t = 0; t < T; t++)
        acc[t] = vf_zero();
    for (uint32_t at = 0; at < n_blocks; at += 8) {
        const uint8_t *rec = group + (size_t)at * f.block_bytes;
        uint32_t nb = n_blocks - at < 8 ? n_blocks - at : 8;
        for (uint32_t b = 0; b < nb; b++) {
            struct unpacked w;
            for (uint32_t p = 0; p < f.block_bytes; p += 64)
                __builtin_prefetch(rec + b * f.block_bytes + p + PREFETCH_BYTES, 0, 2);
            f.unpack(rec, nb, b, half, &w);
            for (uint32_t t = 0; t < T; t++)
                acc[t] = add_block(acc[t], &w, m->x, token + t, at + b, f.two_scales);
        }
    }
    for (uint32_t t = 0; t < T; t++)
        store_lanes(m, token + t, row + half * LANES, acc[t]);
}

/* Tokens of the next pass, t of n done. */
INLINE uint32_t pass_tokens(uint32_t n, uint32_t t)
{
    return n - t < PASS_TOKENS ? n - t : PASS_TOKENS;
}

/* Rows row0..row1 (whole groups), all tokens. One token, the case of decoding, is a body of its
 * own: its sum stays in a register. */
INLINE void all_groups(const struct matmul *m, uint32_t row0, uint32_t row1, struct format f,
                       add_block_fn *add_block)
{
    for (uint32_t row = row0; row < row1; row += 16)
        for (uint32_t half = 0; half < 16 / LANES; half++)
            if (m->n == 1)
                group_pass(m, row, half, 0, 1, f, add_block);
            else
                for (uint32_t t = 0; t < m->n; t += PASS_TOKENS)
                    group_pass(m, row, half, t, pass_tokens(m->n, t), f, add_block);
}

/* Weights of 16 bits, [k/2][16][2]. */
INLINE void halves_pass(const struct matmul *m, uint32_t row, uint32_t half, uint32_t token,
                        uint32_t T, bool bf16)
{
    const uint8_t *group = m->w->data + (size_t)row * m->w->row_bytes + half * LANES * 4;
    vf acc[PASS_TOKENS];
    for (uint32_t t = 0; t < T; t++)
        acc[t] = vf_zero();
    for (uint32_t k = 0; k < m->w->cols; k += 2) {
        const uint8_t *p = group + (size_t)k * 32;
        __builtin_prefetch(p + PREFETCH_BYTES, 0, 2);
        vi v = vi_load(p);
        vf first = bf16 ? vf_first_bf16(v) : vf_first_f16(v);
        vf second = bf16 ? vf_second_bf16(v) : vf_second_f16(v);
        for (uint32_t t = 0; t < T; t++) {
            const float *x = m->x->f32 + (size_t)(token + t) * m->x->stride + k;
            acc[t] = vf_fma(second, vf_all(x[1]), vf_fma(first, vf_all(x[0]), acc[t]));
        }
    }
    for (uint32_t t = 0; t < T; t++)
        store_lanes(m, token + t, row + half * LANES, acc[t]);
}

/* F32 weights, [k][16]. */
INLINE void floats_pass(const struct matmul *m, uint32_t row, uint32_t half, uint32_t token,
                        uint32_t T)
{
    const float *group =
        (const float *)(const void *)(m->w->data + (size_t)row * m->w->row_bytes) + half * LANES;
    vf acc[PASS_TOKENS];
    for (uint32_t t = 0; t < T; t++)
        acc[t] = vf_zero();
    for (uint32_t k = 0; k < m->w->cols; k++) {
        vf w = vf_load(group + (size_t)k * 16);
        for (uint32_t t = 0; t < T; t++)
            acc[t] = vf_fma(w, vf_all(m->x->f32[(size_t)(token + t) * m->x->stride + k]), acc[t]);
    }
    for (uint32_t t = 0; t < T; t++)
        store_lanes(m, token + t, row + half * LANES, acc[t]);
}

INLINE void float_pass(const struct matmul *m, uint32_t row, uint32_t half, uint32_t token,
                       uint32_t T)
{
    if (m->w->type == DTYPE_F32)
        floats_pass(m, row, half, token, T);
    else
        halves_pass(m, row, half, token, T, m->w->type == DTYPE_BF16);
}

static void float_groups(const struct matmul *m, uint32_t row0, uint32_t row1)
{
    for (uint32_t row = row0; row < row1; row += 16)
        for (uint32_t half = 0; half < 16 / LANES; half++)
            if (m->n == 1)
                float_pass(m, row, half, 0, 1);
            else
                for (uint32_t t = 0; t < m->n; t += PASS_TOKENS)
                    float_pass(m, row, half, t, pass_tokens(m->n, t));
}

/* Whole groups row0..row1 of a packed matrix, with activations in the form m->form. */
static void packed_matmul(const struct matmul *m, uint32_t row0, uint32_t row1)
{
    switch (m->w->type) {
#define X(type, bytes, two, fn)                                                                    \
    case type:                                                                                     \
        if (m->form == ACT_Q8)                                                                     \
            all_groups(m, row0, row1, (struct format){bytes, two, fn}, add_block_q8);              \
        else                                                                                       \
            all_groups(m, row0, row1, (struct format){bytes, two, fn}, add_block_f32);             \
        break;
        EACH_PACKED_FORMAT(X)
#undef X
    default:
        float_groups(m, row0, row1);
    }
}

#endif
