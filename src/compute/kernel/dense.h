/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/dense: multiplications with rows as they lie in the file, and operations on rows
 * of floats, in the words of vec_<isa>.h.
 *
 * A block of MATMUL_ROWS rows is decoded to F32 once and swept over all tokens, so a prompt pays
 * for the decoding once. Every y[t][r] is one sum of LANES parts over k, folded in one fixed way,
 * then the tail: the same bits whatever the blocking around it. */
#ifndef MOAT_COMPUTE_KERNEL_DENSE_H
#define MOAT_COMPUTE_KERNEL_DENSE_H

#include <math.h>

#include "compute/kernel.h"
#include "compute/pack.h"
#include "compute/quant.h"

INLINE float add_tail(float sum, const float *a, const float *b, uint32_t from, uint32_t n)
{
    for (uint32_t k = from; k < n; k++)
        sum = fmaf(a[k], b[k], sum);
    return sum;
}

static float dot(const float *a, const float *b, uint32_t n)
{
    vf acc = vf_zero();
    uint32_t k = 0;
    for (; k + LANES <= n; k += LANES)
        acc = vf_fma(vf_load(a + k), vf_load(b + k), acc);
    return add_tail(vf_total(acc), a, b, k, n);
}

#define DENSE_ROWS   4u
#define DENSE_TOKENS 3u

/* R rows of w (F32, stride K) times T tokens; R and T are constants where this is inlined. */
INLINE void dense_block(const struct matmul *m, const float *w, uint32_t row, uint32_t token,
                        uint32_t R, uint32_t T)
{
    const uint32_t K = m->w->cols;
    const float *x = m->x->f32 + (size_t)token * m->x->stride;
    vf acc[DENSE_ROWS][DENSE_TOKENS];
    for (uint32_t r = 0; r < R; r++)
        for (uint32_t t = 0; t < T; t++)
            acc[r][t] = vf_zero();
    uint32_t k = 0;
    for (; k + LANES <= K; k += LANES)
        for (uint32_t t = 0; t < T; t++) {
            vf xv = vf_load(x + (size_t)t * m->x->stride + k);
            for (uint32_t r = 0; r < R; r++)
                acc[r][t] = vf_fma(vf_load(w + (size_t)r * K + k), xv, acc[r][t]);
        }
    for (uint32_t r = 0; r < R; r++)
        for (uint32_t t = 0; t < T; t++) {
            float sum = add_tail(vf_total(acc[r][t]), w + (size_t)r * K,
                                 x + (size_t)t * m->x->stride, k, K);
            float *y = &m->y[(size_t)(token + t) * m->y_stride + row + r];
            sum += m->bias ? m->bias[row + r] : 0.0f;
            *y = m->add ? *y + sum : sum;
        }
}

INLINE void dense_sweep(const struct matmul *m, const float *w, uint32_t row, uint32_t R)
{
    uint32_t t = 0;
    for (; t + DENSE_TOKENS <= m->n; t += DENSE_TOKENS)
        dense_block(m, w, row, t, R, DENSE_TOKENS);
    for (; t < m->n; t++)
        dense_block(m, w, row, t, R, 1);
}

static void dense_matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    const struct mat *w = m->w;
    for (uint32_t at = row0; at < row1; at += MATMUL_ROWS) {
        uint32_t n = row1 - at < MATMUL_ROWS ? row1 - at : MATMUL_ROWS;
        for (uint32_t r = 0; r < n; r++)
            mat_decode_row(w, at + r, scratch + (size_t)r * w->cols,
                           scratch + (size_t)MATMUL_ROWS * w->cols);
        uint32_t r = 0;
        for (; r + DENSE_ROWS <= n; r += DENSE_ROWS)
            dense_sweep(m, scratch + (size_t)r * w->cols, at + r, DENSE_ROWS);
        for (; r < n; r++)
            dense_sweep(m, scratch + (size_t)r * w->cols, at + r, 1);
    }
}

static void axpy(float *y, float a, const float *x, uint32_t n)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, vf_fma(vf_all(a), vf_load(x + i), vf_load(y + i)));
    for (; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

static void scale(float *y, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] *= a;
}

static void from_f16(const uint16_t *h, float *out, uint32_t n)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store(out + i, vf_f16(h + i));
    for (; i < n; i++)
        out[i] = f16_to_f32(h[i]);
}

static void to_f16(const float *x, uint16_t *out, uint32_t n)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store_f16(out + i, vf_load(x + i));
    for (; i < n; i++)
        out[i] = f32_to_f16(x[i]);
}

#endif
