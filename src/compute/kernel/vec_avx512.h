/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_avx512: the words of unpack.h and matmul_q8.h in AVX-512 (F, BW, VL, VNNI).
 *
 * vi: 16 rows x 4 bytes, or 16 int32; vf: 16 rows of F32. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_AVX512_H
#define MOAT_COMPUTE_KERNEL_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

/* Shift counts are int to gcc and unsigned to clang. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

#define INLINE static inline __attribute__((always_inline))
#define LANES  16u /* rows of a vector */

typedef __m512i vi;
typedef __m512 vf;

INLINE vi vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

INLINE vi vi_zero(void)
{
    return _mm512_setzero_si512();
}

INLINE vi vi_low4(vi v) /* low nibble of each byte */
{
    return _mm512_and_si512(v, _mm512_set1_epi8(0x0f));
}

INLINE vi vi_high4(vi v)
{
    return vi_low4(_mm512_srli_epi16(v, 4));
}

INLINE vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}

INLINE vi vi_bit4(vi v, int i) /* bit i of each byte, as 16 or 0 */
{
    vi at4 =
        i <= 4 ? _mm512_slli_epi16(v, (unsigned)(4 - i)) : _mm512_srli_epi16(v, (unsigned)(i - 4));
    return _mm512_and_si512(at4, _mm512_set1_epi8(0x10));
}

INLINE vi vi_pair(vi v, int i) /* bits 2i, 2i+1 of each byte */
{
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * i)), _mm512_set1_epi8(0x03));
}

INLINE vi vi_pair4(vi v, int i) /* the same, times 16 */
{
    vi at4 = i <= 2 ? _mm512_slli_epi16(v, (unsigned)(4 - 2 * i))
                    : _mm512_srli_epi16(v, (unsigned)(2 * i - 4));
    return _mm512_and_si512(at4, _mm512_set1_epi8(0x30));
}

INLINE vi vi_bit2(vi v, int i) /* bit i of each byte, as 4 or 0 */
{
    vi at2 =
        i <= 2 ? _mm512_slli_epi16(v, (unsigned)(2 - i)) : _mm512_srli_epi16(v, (unsigned)(i - 2));
    return _mm512_and_si512(at2, _mm512_set1_epi8(0x04));
}

INLINE vi vi_add(vi a, vi b) /* int32 */
{
    return _mm512_add_epi32(a, b);
}

INLINE vi vi_flip_sign(vi v) /* int8 -> uint8 by adding 128 */
{
    return _mm512_xor_si512(v, _mm512_set1_epi8((char)0x80));
}

INLINE vi vi_lookup(const uint8_t table[16], vi index)
{
    vi t = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return _mm512_shuffle_epi8(t, index);
}

/* acc + sum over 4 bytes of u (unsigned) times a (signed, the same 4 for every row) */
INLINE vi vi_dot(vi acc, vi u, const int8_t *a)
{
    int32_t four;
    __builtin_memcpy(&four, a, 4);
    return _mm512_dpbusd_epi32(acc, u, _mm512_set1_epi32(four));
}

INLINE vf vf_zero(void)
{
    return _mm512_setzero_ps();
}

INLINE vf vf_all(float x)
{
    return _mm512_set1_ps(x);
}

INLINE vf vf_of_int(vi v)
{
    return _mm512_cvtepi32_ps(v);
}

INLINE vf vf_fma(vf a, vf b, vf c) /* a b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

INLINE vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

INLINE void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}

INLINE vf vf_f16(const void *p) /* one F16 a row */
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

/* One byte a row, combined from two as (a[row] >> shift_a & mask_a) | (b[row] >> shift_b & mask_b)
 * << up_b: how K-quants split six bits over two places. */
INLINE vf vf_bits(const uint8_t *a, unsigned shift_a, unsigned mask_a, const uint8_t *b,
                  unsigned shift_b, unsigned mask_b, unsigned up_b)
{
    vi va = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)a));
    vi vb = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)b));
    va = _mm512_and_si512(_mm512_srli_epi32(va, shift_a), _mm512_set1_epi32((int)mask_a));
    vb = _mm512_and_si512(_mm512_srli_epi32(vb, shift_b), _mm512_set1_epi32((int)mask_b));
    return vf_of_int(_mm512_or_si512(va, _mm512_slli_epi32(vb, up_b)));
}

INLINE vf vf_i8(const void *p)
{
    return vf_of_int(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
}

INLINE vf vf_byte(const uint8_t *p, unsigned shift, unsigned mask) /* (p[row] >> shift) & mask */
{
    vi v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
    return vf_of_int(_mm512_and_si512(_mm512_srli_epi32(v, shift), _mm512_set1_epi32((int)mask)));
}

INLINE vf vf_u16_bits(const uint16_t *p, unsigned shift,
                      unsigned mask) /* (p[row] >> shift) & mask */
{
    vi v = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return vf_of_int(_mm512_and_si512(_mm512_srli_epi32(v, shift), _mm512_set1_epi32((int)mask)));
}

/* k-th of the four bytes of every row, as F32 */
INLINE vf vf_of_byte(vi v, unsigned k)
{
    return vf_of_int(_mm512_and_si512(_mm512_srli_epi32(v, 8 * k), _mm512_set1_epi32(0xff)));
}

/* 16 rows x 2 halves of 16 bits: the first and second of every row, from F16 or BF16, as F32 */
INLINE vf vf_first_f16(vi v)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}

INLINE vf vf_second_f16(vi v)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(v, 16)));
}

INLINE vf vf_first_bf16(vi v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

INLINE vf vf_second_bf16(vi v)
{
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000u)));
}

#pragma GCC diagnostic pop

#endif
