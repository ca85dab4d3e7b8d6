/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/vec_128: the words of vec_avx512.h in NEON, as every AArch64 has it, but for those
 * of dot products: vec_neon.h and vec_dotprod.h add theirs.
 *
 * vi: 4 rows x 4 bytes, or 4 int32; vf: 4 rows of F32. Weights of 8 bits stay signed. */
#ifndef MOAT_COMPUTE_KERNEL_VEC_128_H
#define MOAT_COMPUTE_KERNEL_VEC_128_H

#include <arm_neon.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define LANES  4u

#define TILE_VECTORS  4u
#define TILE_F32      6u
#define SIGNED_OFFSET 0

#define ATTEND_QUERIES 6u
#define ATTEND_SUMS    24u
#define STAY(v)        __asm__("" : "+w"(v)) /* in a register, and sums in their order */
#define PREFETCH_AHEAD 4096u

typedef uint8x16_t vi;
typedef float32x4_t vf;

INLINE vi vi_load(const void *p)
{
    return vld1q_u8(p);
}

INLINE void vi_store(void *p, vi v)
{
    vst1q_u8(p, v);
}

INLINE vi vi_zero(void)
{
    return vdupq_n_u8(0);
}

/* Bytes move by the same count: a constant one becomes part of the instruction. */
INLINE vi vi_up(vi v, int n)
{
    return v << vdupq_n_u8((uint8_t)n);
}

INLINE vi vi_down(vi v, int n)
{
    return v >> vdupq_n_u8((uint8_t)n);
}

INLINE vi vi_low4(vi v)
{
    return vandq_u8(v, vdupq_n_u8(0x0f));
}

INLINE vi vi_high4(vi v)
{
    return vi_down(v, 4);
}

INLINE vi vi_or(vi a, vi b)
{
    return vorrq_u8(a, b);
}

INLINE vi vi_bit4(vi v, int i) /* bit i of each byte, as 16 or 0 */
{
    return vandq_u8(i <= 4 ? vi_up(v, 4 - i) : vi_down(v, i - 4), vdupq_n_u8(0x10));
}

INLINE vi vi_pair(vi v, int i) /* bits 2i, 2i+1 of each byte */
{
    return vandq_u8(vi_down(v, 2 * i), vdupq_n_u8(0x03));
}

INLINE vi vi_pair4(vi v, int i) /* the same, times 16 */
{
    return vandq_u8(i <= 2 ? vi_up(v, 4 - 2 * i) : vi_down(v, 2 * i - 4), vdupq_n_u8(0x30));
}

INLINE vi vi_bit2(vi v, int i) /* bit i of each byte, as 4 or 0 */
{
    return vandq_u8(i <= 2 ? vi_up(v, 2 - i) : vi_down(v, i - 2), vdupq_n_u8(0x04));
}

INLINE vi vi_add(vi a, vi b) /* int32 */
{
    return vreinterpretq_u8_u32(vaddq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}

INLINE vi vi_signed(vi v)
{
    return v;
}

INLINE vi vi_lookup(const uint8_t table[16], vi index)
{
    return vqtbl1q_u8(vld1q_u8(table), index);
}

INLINE int8x16_t vi_four(const int8_t *a) /* 4 activations for every row */
{
    int32_t four;
    __builtin_memcpy(&four, a, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

INLINE vf vf_zero(void)
{
    return vdupq_n_f32(0);
}

INLINE vf vf_all(float x)
{
    return vdupq_n_f32(x);
}

INLINE vf vf_of_int(vi v)
{
    return vcvtq_f32_s32(vreinterpretq_s32_u8(v));
}

INLINE vf vf_fma(vf a, vf b, vf c) /* a b + c */
{
    return vfmaq_f32(c, a, b);
}

INLINE vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}

INLINE vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

INLINE vf vf_load(const float *p)
{
    return vld1q_f32(p);
}

INLINE void vf_store(float *p, vf v)
{
    vst1q_f32(p, v);
}

INLINE vf vf_f16(const void *p) /* one F16 a row */
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

INLINE vf vf_bf16(const void *p) /* one BF16 a row */
{
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}

INLINE void vf_store_f16(uint16_t *p, vf v) /* to nearest even */
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

INLINE uint8x8_t four_bytes(const void *p)
{
    uint32_t four;
    __builtin_memcpy(&four, p, 4);
    return vreinterpret_u8_u32(vdup_n_u32(four));
}

/* (p[row] >> shift) & mask */
INLINE uint8x8_t bytes_of(const uint8_t *p, unsigned shift, unsigned mask)
{
    return vand_u8(four_bytes(p) >> vdup_n_u8((uint8_t)shift), vdup_n_u8((uint8_t)mask));
}

INLINE vf vf_of_bytes(uint8x8_t v)
{
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(v))));
}

/* One byte a row, combined from two: see vec_avx512.h. */
INLINE vf vf_bits(const uint8_t *a, unsigned shift_a, unsigned mask_a, const uint8_t *b,
                  unsigned shift_b, unsigned mask_b, unsigned up_b)
{
    uint8x8_t high = bytes_of(b, shift_b, mask_b) << vdup_n_u8((uint8_t)up_b);
    return vf_of_bytes(vorr_u8(bytes_of(a, shift_a, mask_a), high));
}

INLINE vf vf_i8(const void *p)
{
    int16x8_t v = vmovl_s8(vreinterpret_s8_u8(four_bytes(p)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(v)));
}

INLINE vf vf_byte(const uint8_t *p, unsigned shift, unsigned mask)
{
    return vf_of_bytes(bytes_of(p, shift, mask));
}

INLINE vf vf_u16_bits(const uint16_t *p, unsigned shift, unsigned mask)
{
    uint32x4_t v = vmovl_u16(vld1_u16(p)) >> vdupq_n_u32(shift);
    return vcvtq_f32_u32(vandq_u32(v, vdupq_n_u32(mask)));
}

INLINE vf vf_of_byte(vi v, unsigned k)
{
    uint32x4_t byte = vreinterpretq_u32_u8(v) >> vdupq_n_u32(8 * k);
    return vcvtq_f32_u32(vandq_u32(byte, vdupq_n_u32(0xff)));
}

INLINE vf vf_of_signed_byte(vi v, unsigned k)
{
    int32x4_t top = vreinterpretq_s32_u32(vreinterpretq_u32_u8(v) << vdupq_n_u32(24 - 8 * k));
    return vcvtq_f32_s32(vshrq_n_s32(top, 24));
}

INLINE vf vf_first_f16(vi v)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(vreinterpretq_u32_u8(v))));
}

INLINE vf vf_second_f16(vi v)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vshrn_n_u32(vreinterpretq_u32_u8(v), 16)));
}

INLINE vf vf_first_bf16(vi v)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u8(v), 16));
}

INLINE vf vf_second_bf16(vi v)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_u8(v), vdupq_n_u32(0xffff0000u)));
}

/* --- activations --- */
INLINE vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

INLINE vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}

INLINE vf vf_scale2(vf v, vf n) /* v 2^n */
{
    int32x4_t up = vshlq_n_s32(vcvtnq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), up));
}

INLINE vf vf_zero_if_less(vf v, vf x, vf limit) /* 0 where x < limit, else v */
{
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, limit)));
}

INLINE vf vf_abs(vf v)
{
    return vabsq_f32(v);
}

INLINE vf vf_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}

INLINE vf vf_min(vf a, vf b)
{
    return vminq_f32(a, b);
}

INLINE float vf_largest(vf v)
{
    return vmaxvq_f32(v);
}

INLINE float vf_total(vf v)
{
    return vaddvq_f32(v);
}

INLINE vi vi_round(vf v) /* to nearest even */
{
    return vreinterpretq_u8_s32(vcvtnq_s32_f32(v));
}

INLINE int32_t vi_total(vi v)
{
    return vaddvq_s32(vreinterpretq_s32_u8(v));
}

INLINE int16x8_t two_narrowed(const vi n[2])
{
    return vcombine_s16(vqmovn_s32(vreinterpretq_s32_u8(n[0])),
                        vqmovn_s32(vreinterpretq_s32_u8(n[1])));
}

INLINE void vi_store_i8(int8_t q[32], const vi n[8])
{
    for (uint32_t i = 0; i < 4; i++)
        vst1_s8(q + 8 * i, vqmovn_s16(two_narrowed(n + 2 * i)));
}

#endif
