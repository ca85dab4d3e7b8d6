/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/unpack: every weight format, once, in the words of a vec_<isa>.h.
 *
 * unpack_x(record, nb, b, part, out) turns 32-block b of a packed record (compute/pack.h: 16 rows,
 * nb blocks) into bytes u and, per row, w = s u + o: one pair (s, o) for the block, or one for each
 * half of 16 weights (TWO_SCALES formats). The bytes are unsigned, but for those of 8 bits where
 * SIGNED_OFFSET is 0: these are signed and have o = 0. `part` picks rows part*LANES.. of the 16.
 *
 * Included after a vec_<isa>.h; everything is inlined into matmul bodies with b and part constant
 * or nearly so. */
#ifndef MOAT_COMPUTE_KERNEL_UNPACK_H
#define MOAT_COMPUTE_KERNEL_UNPACK_H

#include <stdbool.h>

#define VEC_BYTES 64u /* one quant vector: 16 rows x 4 consecutive weights */

/* Bytes of one block's quants: vectors of low bits, and before them those of the high ones. */
enum {
    PAIRS = 2 * VEC_BYTES,
    THREE_BITS = (1 + 2) * VEC_BYTES,
    NIBBLES = 4 * VEC_BYTES,
    FIVE_BITS = (1 + 4) * VEC_BYTES,
    SIX_BITS = (2 + 4) * VEC_BYTES,
};

/* The codebook of IQ4_NL and IQ4_XS, as vi_signed would give it. */
#define IQ4(w) ((uint8_t)((w) + SIGNED_OFFSET))
static const uint8_t iq4_weights[16] = {
    IQ4(-127), IQ4(-104), IQ4(-83), IQ4(-65), IQ4(-49), IQ4(-35), IQ4(-22), IQ4(-10),
    IQ4(1),    IQ4(13),   IQ4(25),  IQ4(38),  IQ4(53),  IQ4(69),  IQ4(89),  IQ4(113),
};
#undef IQ4

struct unpacked {
    vi u[8]; /* step i: weights 4i..4i+3 of every row */
    vf s[2], o[2];
};

typedef void unpack_fn(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                       struct unpacked *out);

INLINE const uint8_t *quant_vector(const uint8_t *q, uint32_t i, uint32_t part)
{
    return q + i * VEC_BYTES + part * LANES * 4;
}

INLINE vf row_f16(const uint8_t *p, uint32_t i, uint32_t part) /* f16 [..][16] */
{
    return vf_f16(p + i * 32 + part * LANES * 2);
}

INLINE void nibbles(const uint8_t *q, uint32_t part, vi u[8])
{
    for (uint32_t t = 0; t < 4; t++) {
        vi v = vi_load(quant_vector(q, t, part));
        u[2 * t] = vi_low4(v);
        u[2 * t + 1] = vi_high4(v);
    }
}

/* The fifth bit, then the low four. */
INLINE void five_bits(const uint8_t *block, uint32_t part, vi u[8])
{
    vi bits = vi_load(quant_vector(block, 0, part));
    nibbles(block + VEC_BYTES, part, u);
    for (unsigned s = 0; s < 8; s++)
        u[s] = vi_or(u[s], vi_bit4(bits, (int)s));
}

INLINE void one_scale(struct unpacked *out, vf s, vf o)
{
    out->s[0] = out->s[1] = s;
    out->o[0] = out->o[1] = o;
}

INLINE void unpack_q4_0(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    vf d = row_f16(rec, b, part);
    nibbles(rec + nb * 32 + b * NIBBLES, part, out->u);
    one_scale(out, d, vf_mul(d, vf_all(-8)));
}

INLINE void unpack_q4_1(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    nibbles(rec + nb * 64 + b * NIBBLES, part, out->u);
    one_scale(out, row_f16(rec, b, part), row_f16(rec + nb * 32, b, part));
}

INLINE void unpack_q5_0(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    vf d = row_f16(rec, b, part);
    five_bits(rec + nb * 32 + b * FIVE_BITS, part, out->u);
    one_scale(out, d, vf_mul(d, vf_all(-16)));
}

INLINE void unpack_q5_1(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    five_bits(rec + nb * 64 + b * FIVE_BITS, part, out->u);
    one_scale(out, row_f16(rec, b, part), row_f16(rec + nb * 32, b, part));
}

INLINE void unpack_q8_0(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    vf d = row_f16(rec, b, part);
    for (uint32_t s = 0; s < 8; s++)
        out->u[s] = vi_signed(vi_load(quant_vector(rec + nb * 32, b * 8 + s, part)));
    one_scale(out, d, vf_mul(d, vf_all(-SIGNED_OFFSET)));
}

INLINE void unpack_iq4_nl(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                          struct unpacked *out)
{
    vf d = row_f16(rec, b, part);
    nibbles(rec + nb * 32 + b * NIBBLES, part, out->u);
    for (uint32_t s = 0; s < 8; s++)
        out->u[s] = vi_lookup(iq4_weights, out->u[s]);
    one_scale(out, d, vf_mul(d, vf_all(-SIGNED_OFFSET)));
}

/* Six-bit scale and minimum b of Q4_K and Q5_K, from sc[12][16]. */
INLINE void scale_and_min(const uint8_t *sc, uint32_t b, uint32_t part, vf *scale, vf *min)
{
    const uint8_t *at = sc + part * LANES;
    if (b < 4) {
        *scale = vf_byte(at + b * 16, 0, 63);
        *min = vf_byte(at + (b + 4) * 16, 0, 63);
    } else {
        *scale = vf_bits(at + (b + 4) * 16, 0, 15, at + (b - 4) * 16, 6, 3, 4);
        *min = vf_bits(at + (b + 4) * 16, 4, 15, at + b * 16, 6, 3, 4);
    }
}

INLINE void scale_k(const uint8_t *rec, uint32_t b, uint32_t part, struct unpacked *out)
{
    vf scale, min;
    scale_and_min(rec + 64, b, part, &scale, &min);
    one_scale(out, vf_mul(row_f16(rec, 0, part), scale),
              vf_mul(vf_mul(row_f16(rec, 1, part), vf_all(-1)), min));
}

INLINE void unpack_q4_k(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    (void)nb;
    nibbles(rec + 256 + b * NIBBLES, part, out->u);
    scale_k(rec, b, part, out);
}

INLINE void unpack_q5_k(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    (void)nb;
    five_bits(rec + 256 + b * FIVE_BITS, part, out->u);
    scale_k(rec, b, part, out);
}

INLINE void unpack_q6_k(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    (void)nb;
    vf d = row_f16(rec, 0, part);
    const uint8_t *block = rec + 32 + 256 + b * SIX_BITS;
    nibbles(block + 2 * VEC_BYTES, part, out->u);
    for (uint32_t i = 0; i < 2; i++) {
        vi h = vi_load(quant_vector(block, i, part));
        for (unsigned s = 0; s < 4; s++)
            out->u[4 * i + s] = vi_or(out->u[4 * i + s], vi_pair4(h, (int)s));
        out->s[i] = vf_mul(d, vf_i8(rec + 32 + (2 * b + i) * 16 + part * LANES));
        out->o[i] = vf_mul(out->s[i], vf_all(-32));
    }
}

INLINE void two_bits(const uint8_t *q, uint32_t part, vi u[8])
{
    for (uint32_t i = 0; i < 2; i++) {
        vi v = vi_load(quant_vector(q, i, part));
        for (unsigned s = 0; s < 4; s++)
            u[4 * i + s] = vi_pair(v, (int)s);
    }
}

INLINE void unpack_q2_k(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    (void)nb;
    vf d = row_f16(rec, 0, part), dmin = vf_mul(row_f16(rec, 1, part), vf_all(-1));
    two_bits(rec + 64 + 256 + b * PAIRS, part, out->u);
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *sc = rec + 64 + (2 * b + i) * 16 + part * LANES;
        out->s[i] = vf_mul(d, vf_byte(sc, 0, 15));
        out->o[i] = vf_mul(dmin, vf_byte(sc, 4, 15));
    }
}

/* Six-bit scale i (0..15) of Q3_K, from sc[12][16]: low nibbles in bytes 0-7, high pairs in 8-11.
 */
INLINE vf scale_q3(const uint8_t *sc, uint32_t i, uint32_t part)
{
    const uint8_t *at = sc + part * LANES;
    return vf_bits(at + i % 8 * 16, i < 8 ? 0 : 4, 15, at + (8 + i % 4) * 16, 2 * (i / 4), 3, 4);
}

INLINE void unpack_q3_k(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                        struct unpacked *out)
{
    (void)nb;
    vf d = row_f16(rec, 0, part);
    const uint8_t *block = rec + 32 + 192 + b * THREE_BITS;
    vi h = vi_load(quant_vector(block, 0, part));
    two_bits(block + VEC_BYTES, part, out->u);
    for (unsigned s = 0; s < 8; s++)
        out->u[s] = vi_or(out->u[s], vi_bit2(h, (int)s));
    for (uint32_t i = 0; i < 2; i++) {
        out->s[i] = vf_mul(d, vf_add(scale_q3(rec + 32, 2 * b + i, part), vf_all(-32)));
        out->o[i] = vf_mul(out->s[i], vf_all(-4));
    }
}

INLINE void unpack_iq4_xs(const uint8_t *rec, uint32_t nb, uint32_t b, uint32_t part,
                          struct unpacked *out)
{
    (void)nb;
    const uint16_t *high = (const uint16_t *)(const void *)(rec + 32) + part * LANES;
    vf low = vf_byte(rec + 64 + b / 2 * 16 + part * LANES, 4 * (b % 2), 15);
    vf scale = vf_fma(vf_u16_bits(high, 2 * b, 3), vf_all(16), vf_add(low, vf_all(-32)));
    vf s = vf_mul(row_f16(rec, 0, part), scale);
    nibbles(rec + 128 + b * NIBBLES, part, out->u);
    for (uint32_t i = 0; i < 8; i++)
        out->u[i] = vi_lookup(iq4_weights, out->u[i]);
    one_scale(out, s, vf_mul(s, vf_all(-SIGNED_OFFSET)));
}

#endif
