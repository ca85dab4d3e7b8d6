/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512: AVX-512 with VNNI: packed weights by int8 activations, and in F32 for
 * exact sums; matrices that are not packed go to the AVX2 kernels. */
#include "compute/kernel/vec_avx512.h"

#include "compute/kernel/attend.h"
#include "compute/kernel/packed.h"
#include "compute/kernel/rows.h"

static enum act_form form(const struct mat *w, uint32_t n, bool exact)
{
    (void)n;
    bool quantised = dtype_block(w->type) > 1;
    return !exact && quantised && w->layout == MAT_R16 ? ACT_Q8 : ACT_F32;
}

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    uint32_t grouped = m->w->layout == MAT_R16 ? m->w->rows - m->w->rows % 16 : 0;
    uint32_t end = row1 < grouped ? row1 : grouped;
    if (row0 < end)
        packed_matmul(m, row0, end);
    if (row1 > grouped)
        kernels_avx2.matmul(m, row0 > grouped ? row0 : grouped, row1, scratch);
}

/* 32 values to int8: round to nearest, scale so that the largest becomes 127. */
static void quantise_block(const float *x, int8_t *q, float *d, float *sum32, float *sum16)
{
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    float max = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
    float scale = max / 127.0f, inverse = max > 0 ? 127.0f / max : 0.0f;
    __m512 f = _mm512_set1_ps(inverse);
    __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, f));
    __m512i qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, f));
    _mm_storeu_si128((__m128i *)q, _mm512_cvtsepi32_epi8(qa));
    _mm_storeu_si128((__m128i *)(q + 16), _mm512_cvtsepi32_epi8(qb));
    int sa = _mm512_reduce_add_epi32(qa), sb = _mm512_reduce_add_epi32(qb);
    *d = scale;
    sum16[0] = scale * (float)sa;
    sum16[1] = scale * (float)sb;
    *sum32 = scale * (float)(sa + sb);
}

static void act(const struct act *a, enum act_form f, uint32_t row, uint32_t k0, uint32_t k1)
{
    const float *x = a->f32 + (size_t)row * a->stride;
    if (f != ACT_Q8)
        return;
    for (uint32_t k = k0; k < k1; k += 32) {
        size_t block = (size_t)row * (a->k / 32) + k / 32;
        quantise_block(x + k, a->q + (size_t)row * a->k + k, a->d + block, a->sum32 + block,
                       a->sum16 + 2 * block);
    }
}

const struct kernels kernels_avx512 = {
    .isa = "avx512",
    .form = form,
    .act = act,
    .matmul = matmul,
    .gated = gated_rows,
    .norm = norm_row,
    .attend = attend_keys,
};
