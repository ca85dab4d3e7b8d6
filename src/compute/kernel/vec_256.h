/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_256: the words of vec_avx512.h in AVX2, FMA and F16C, but for those of dot
 * products: vec_avx2.h and vec_avxvnni.h add theirs.
 *
 * vi: 8 rows x 4 bytes, or 8 int32; vf: 8 rows of F32. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_256_H
#define MOAT_COMPUTE_KERNEL_VEC_256_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define LANES  8u

#define TILE_VECTORS    2u
#define TILE_ONE_SCALE  3u
#define TILE_TWO_SCALES 3u
#define TILE_F32        6u

#define ATTEND_QUERIES 6u
#define ATTEND_SUMS    12u
#define STAY(v)        __asm__("" : "+x"(v)) /* in a register, and sums in their order */

#define PREFETCH_AHEAD (__builtin_cpu_is("amd") ? 0u : 4096u) /* see vec_avx512.h */

typedef __m256i vi;
typedef __m256 vf;

INLINE vi vi_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE void vi_store(void *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

INLINE vi vi_zero(void)
{
    return _mm256_setzero_si256();
}

INLINE vi vi_low4(vi v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(0x0f));
}

INLINE vi vi_high4(vi v)
{
    return vi_low4(_mm256_srli_epi16(v, 4));
}

INLINE vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}

INLINE vi vi_bit4(vi v, int i) /* bit i of each byte, as 16 or 0 */
{
    vi at4 = i <= 4 ? _mm256_slli_epi16(v, 4 - i) : _mm256_srli_epi16(v, i - 4);
    return _mm256_and_si256(at4, _mm256_set1_epi8(0x10));
}

INLINE vi vi_pair(vi v, int i) /* bits 2i, 2i+1 of each byte */
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 2 * i), _mm256_set1_epi8(0x03));
}

INLINE vi vi_pair4(vi v, int i) /* the same, times 16 */
{
    vi at4 = i <= 2 ? _mm256_slli_epi16(v, 4 - 2 * i) : _mm256_srli_epi16(v, 2 * i - 4);
    return _mm256_and_si256(at4, _mm256_set1_epi8(0x30));
}

INLINE vi vi_bit2(vi v, int i) /* bit i of each byte, as 4 or 0 */
{
    vi at2 = i <= 2 ? _mm256_slli_epi16(v, 2 - i) : _mm256_srli_epi16(v, i - 2);
    return _mm256_and_si256(at2, _mm256_set1_epi8(0x04));
}

INLINE vi vi_add(vi a, vi b) /* int32 */
{
    return _mm256_add_epi32(a, b);
}

INLINE vi vi_lookup(const uint8_t table[16], vi index)
{
    vi t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return _mm256_shuffle_epi8(t, index);
}

INLINE vi vi_four(const int8_t *a) /* 4 activations for every row */
{
    int32_t four;
    __builtin_memcpy(&four, a, 4);
    return _mm256_set1_epi32(four);
}

INLINE vf vf_zero(void)
{
    return _mm256_setzero_ps();
}

INLINE vf vf_all(float x)
{
    return _mm256_set1_ps(x);
}

INLINE vf vf_of_int(vi v)
{
    return _mm256_cvtepi32_ps(v);
}

INLINE vf vf_fma(vf a, vf b, vf c) /* a b + c */
{
    return _mm256_fmadd_ps(a, b, c);
}

INLINE vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

INLINE vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

INLINE vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

INLINE void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}

INLINE vf vf_f16(const void *p) /* one F16 a row */
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

INLINE vf vf_bf16(const void *p) /* one BF16 a row */
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

INLINE __m128i bytes_of(const uint8_t *p, unsigned shift,
                        unsigned mask) /* (p[row] >> shift) & mask */
{
    __m128i v = _mm_loadl_epi64((const __m128i *)p);
    return _mm_and_si128(_mm_srli_epi16(v, (int)shift), _mm_set1_epi8((char)mask));
}

/* One byte a row, combined from two: see vec_avx512.h. */
INLINE vf vf_bits(const uint8_t *a, unsigned shift_a, unsigned mask_a, const uint8_t *b,
                  unsigned shift_b, unsigned mask_b, unsigned up_b)
{
    __m128i high = _mm_slli_epi16(bytes_of(b, shift_b, mask_b), (int)up_b);
    return vf_of_int(_mm256_cvtepu8_epi32(_mm_or_si128(bytes_of(a, shift_a, mask_a), high)));
}

INLINE vf vf_i8(const void *p)
{
    return vf_of_int(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

INLINE vf vf_byte(const uint8_t *p, unsigned shift, unsigned mask)
{
    return vf_of_int(_mm256_cvtepu8_epi32(bytes_of(p, shift, mask)));
}

INLINE vf vf_u16_bits(const uint16_t *p, unsigned shift, unsigned mask)
{
    vi v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    v = _mm256_and_si256(_mm256_srli_epi32(v, (int)shift), _mm256_set1_epi32((int)mask));
    return vf_of_int(v);
}

INLINE vf vf_of_byte(vi v, unsigned k)
{
    return vf_of_int(_mm256_and_si256(_mm256_srli_epi32(v, (int)(8 * k)), _mm256_set1_epi32(0xff)));
}

INLINE vf vf_of_signed_byte(vi v, unsigned k)
{
    return vf_of_int(_mm256_srai_epi32(_mm256_slli_epi32(v, (int)(24 - 8 * k)), 24));
}

/* The low 16 bits of every row's 32, together. */
INLINE __m128i low_halves(vi v)
{
    vi low = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
    return _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
}

INLINE vf vf_first_f16(vi v)
{
    return _mm256_cvtph_ps(low_halves(v));
}

INLINE vf vf_second_f16(vi v)
{
    return _mm256_cvtph_ps(low_halves(_mm256_srli_epi32(v, 16)));
}

INLINE vf vf_first_bf16(vi v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}

INLINE vf vf_second_bf16(vi v)
{
    return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000u)));
}

/* --- activations --- */
INLINE vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

INLINE vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

INLINE vf vf_scale2(vf v, vf n)
{
    vi up = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), up));
}

INLINE vf vf_zero_if_less(vf v, vf x, vf limit)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, limit, _CMP_NLT_UQ), v);
}

INLINE vf vf_abs(vf v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

INLINE float vf_largest(vf v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

INLINE float vf_total(vf v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

INLINE vi vi_round(vf v) /* to nearest even */
{
    return _mm256_cvtps_epi32(v);
}

INLINE int32_t vi_total(vi v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

INLINE void vi_store_i8(int8_t q[32], const vi n[4])
{
    vi bytes = _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));
    vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(bytes, order));
}

INLINE void vf_store_f16(uint16_t *p, vf v) /* to nearest even */
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

#endif
