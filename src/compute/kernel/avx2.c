/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx2: F32 sums with FMA over rows decoded to F32.
 *
 * A block of MATMUL_ROWS rows is decoded once and swept over all tokens, so a prompt pays for the
 * decoding once. Every y[t][r] is one 8-lane sum over k in steps of 8, folded in one fixed way,
 * then the tail: the same bits whatever the blocking around it. */
#include <immintrin.h>

#include "compute/kernel.h"
#include "compute/kernel/attend.h"
#include "compute/kernel/rows.h"
#include "compute/pack.h"
#include "compute/quant.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE float fold(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

ALWAYS_INLINE float add_tail(float sum, const float *a, const float *b, uint32_t from, uint32_t n)
{
    for (uint32_t k = from; k < n; k++)
        sum = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a[k]), _mm_set_ss(b[k]), _mm_set_ss(sum)));
    return sum;
}

static float dot(const float *a, const float *b, uint32_t n)
{
    __m256 acc = _mm256_setzero_ps();
    uint32_t k = 0;
    for (; k + 8 <= n; k += 8)
        acc = _mm256_fmadd_ps(_mm256_loadu_ps(a + k), _mm256_loadu_ps(b + k), acc);
    return add_tail(fold(acc), a, b, k, n);
}

/* R rows of w (F32, stride K) times T tokens; R and T are constants where this is inlined. */
ALWAYS_INLINE void block(const struct matmul *m, const float *w, uint32_t row, uint32_t token,
                         uint32_t R, uint32_t T)
{
    const uint32_t K = m->w->cols;
    const float *x = m->x->f32 + (size_t)token * m->x->stride;
    __m256 acc[4][3];
    for (uint32_t r = 0; r < R; r++)
        for (uint32_t t = 0; t < T; t++)
            acc[r][t] = _mm256_setzero_ps();
    uint32_t k = 0;
    for (; k + 8 <= K; k += 8)
        for (uint32_t t = 0; t < T; t++) {
            __m256 xv = _mm256_loadu_ps(x + (size_t)t * m->x->stride + k);
            for (uint32_t r = 0; r < R; r++)
                acc[r][t] = _mm256_fmadd_ps(_mm256_loadu_ps(w + (size_t)r * K + k), xv, acc[r][t]);
        }
    for (uint32_t r = 0; r < R; r++)
        for (uint32_t t = 0; t < T; t++) {
            float sum =
                add_tail(fold(acc[r][t]), w + (size_t)r * K, x + (size_t)t * m->x->stride, k, K);
            float *y = &m->y[(size_t)(token + t) * m->y_stride + row + r];
            sum += m->bias ? m->bias[row + r] : 0.0f;
            *y = m->add ? *y + sum : sum;
        }
}

ALWAYS_INLINE void sweep_tokens(const struct matmul *m, const float *w, uint32_t row, uint32_t R)
{
    uint32_t t = 0;
    for (; t + 3 <= m->n; t += 3)
        block(m, w, row, t, R, 3);
    for (; t < m->n; t++)
        block(m, w, row, t, R, 1);
}

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    const struct mat *w = m->w;
    for (uint32_t at = row0; at < row1; at += MATMUL_ROWS) {
        uint32_t n = row1 - at < MATMUL_ROWS ? row1 - at : MATMUL_ROWS;
        for (uint32_t r = 0; r < n; r++)
            mat_decode_row(w, at + r, scratch + (size_t)r * w->cols,
                           scratch + (size_t)MATMUL_ROWS * w->cols);
        uint32_t r = 0;
        for (; r + 4 <= n; r += 4)
            sweep_tokens(m, scratch + (size_t)r * w->cols, at + r, 4);
        for (; r < n; r++)
            sweep_tokens(m, scratch + (size_t)r * w->cols, at + r, 1);
    }
}

static void axpy(float *y, float a, const float *x, uint32_t n)
{
    __m256 av = _mm256_set1_ps(a);
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i,
                         _mm256_fmadd_ps(av, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++)
        y[i] += a * x[i];
}

static void scale(float *y, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] *= a;
}

static void from_f16(const uint16_t *h, float *out, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(h + i))));
    for (; i < n; i++)
        out[i] = f16_to_f32(h[i]);
}

static void to_f16(const float *x, uint16_t *out, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        out[i] = f32_to_f16(x[i]);
}

const struct kernels kernels_avx2 = {
    .isa = "avx2",
    .matmul = matmul,
    .dot = dot,
    .axpy = axpy,
    .gated = gated_rows,
    .norm = norm_row,
    .attend = attend_keys,
    .scale = scale,
    .from_f16 = from_f16,
    .to_f16 = to_f16,
};
