/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_avx512: the words of unpack.h, packed.h and panel.h in AVX-512 (F, BW, VL,
 * VNNI). vec_256.h and vec_neon.h give the same.
 *
 * vi: LANES rows x 4 bytes, or LANES int32; vf: LANES rows of F32; vd: LANES dot products of bytes
 * in the making, exact for DOT_STEPS(bits) steps of 4 k with weights of so many bits. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_AVX512_H
#define MOAT_COMPUTE_KERNEL_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

/* Shift counts are int to gcc and unsigned to clang. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

#define INLINE static inline __attribute__((always_inline))
#define LANES  16u /* rows of a vector */

/* Tiles of panel.h: row vectors, and tokens by weights with one scale, two, and in F32. */
#define TILE_VECTORS    2u
#define TILE_ONE_SCALE  6u
#define TILE_TWO_SCALES 4u
#define TILE_F32        12u

/* Of attend.h: queries that share one pass over keys and values, and their sums in registers. */
#define ATTEND_QUERIES 8u
#define ATTEND_SUMS    24u
#define STAY(v)        __asm__("" : "+v"(v)) /* in a register, and sums in their order */

/* How far ahead of use weights of a decode are fetched by instruction; 0: not at all. AMD's own
 * prefetchers do better alone (Zen 4, Q4_K, one thread: 31 GB/s against 20 with 4096), Intel's need
 * the help (a Xeon with AMX: 27 against 30). */
#define PREFETCH_AHEAD (__builtin_cpu_is("amd") ? 0u : 4096u)

/* Weights of 8 bits: int8 becomes uint8 by adding this. */
#define SIGNED_OFFSET   128
#define DOT_STEPS(bits) 8u
#define DOT_CLASS(bits) 8u /* bits that give the same code in panel.h */
#define DOT_CLASSES(X)  X(8u) X(8u | TWO_SCALES)

typedef __m512i vi;
typedef __m512 vf;
typedef __m512i vd;

INLINE vi vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

INLINE void vi_store(void *p, vi v)
{
    _mm512_storeu_si512(p, v);
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

INLINE vi vi_signed(vi v) /* weights of 8 bits, as stored -> as vd_dot takes them */
{
    return _mm512_xor_si512(v, _mm512_set1_epi8((char)0x80));
}

INLINE vi vi_lookup(const uint8_t table[16], vi index)
{
    vi t = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return _mm512_shuffle_epi8(t, index);
}

INLINE vd vd_zero(void)
{
    return _mm512_setzero_si512();
}

/* acc + the sum of 4 weights of each row times 4 activations, the same for every row */
INLINE vd vd_dot(vd acc, vi u, const int8_t *a, uint32_t bits)
{
    int32_t four;
    (void)bits;
    __builtin_memcpy(&four, a, 4);
    return _mm512_dpbusd_epi32(acc, u, _mm512_set1_epi32(four));
}

INLINE vi vd_sum(vd acc)
{
    return acc;
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

INLINE vf vf_bf16(const void *p) /* one BF16 a row */
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

INLINE __m128i bytes_of(const uint8_t *p, unsigned shift,
                        unsigned mask) /* (p[row] >> shift) & mask */
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    return _mm_and_si128(_mm_srli_epi16(v, (int)shift), _mm_set1_epi8((char)mask));
}

/* One byte a row, combined from two as (a[row] >> shift_a & mask_a) | (b[row] >> shift_b & mask_b)
 * << up_b: how K-quants split six bits over two places. */
INLINE vf vf_bits(const uint8_t *a, unsigned shift_a, unsigned mask_a, const uint8_t *b,
                  unsigned shift_b, unsigned mask_b, unsigned up_b)
{
    __m128i high = _mm_slli_epi16(bytes_of(b, shift_b, mask_b), (int)up_b);
    return vf_of_int(_mm512_cvtepu8_epi32(_mm_or_si128(bytes_of(a, shift_a, mask_a), high)));
}

INLINE vf vf_i8(const void *p)
{
    return vf_of_int(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
}

INLINE vf vf_byte(const uint8_t *p, unsigned shift, unsigned mask) /* (p[row] >> shift) & mask */
{
    return vf_of_int(_mm512_cvtepu8_epi32(bytes_of(p, shift, mask)));
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

INLINE vf vf_of_signed_byte(vi v, unsigned k)
{
    return vf_of_int(_mm512_srai_epi32(_mm512_slli_epi32(v, 24 - 8 * k), 24));
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

/* --- activations --- */
INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

INLINE vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

INLINE vf vf_scale2(vf v, vf n) /* v times 2^n, n whole and -126..127 */
{
    return _mm512_scalef_ps(v, n);
}

INLINE vf vf_zero_if_less(vf v, vf x, vf limit) /* v, but 0 where x < limit */
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), v);
}

INLINE float vf_total(vf v)
{
    return _mm512_reduce_add_ps(v);
}

INLINE vf vf_abs(vf v)
{
    return _mm512_abs_ps(v);
}

INLINE vf vf_max(vf a, vf b) /* b where either is not a number */
{
    return _mm512_max_ps(a, b);
}

INLINE vf vf_min(vf a, vf b) /* b where either is not a number */
{
    return _mm512_min_ps(a, b);
}

INLINE float vf_largest(vf v)
{
    return _mm512_reduce_max_ps(v);
}

INLINE vi vi_round(vf v) /* to nearest even */
{
    return _mm512_cvtps_epi32(v);
}

INLINE int32_t vi_total(vi v)
{
    return _mm512_reduce_add_epi32(v);
}

INLINE void vi_store_i8(int8_t q[32], const vi n[2])
{
    _mm_storeu_si128((__m128i *)q, _mm512_cvtsepi32_epi8(n[0]));
    _mm_storeu_si128((__m128i *)(q + 16), _mm512_cvtsepi32_epi8(n[1]));
}

#pragma GCC diagnostic pop

#endif
