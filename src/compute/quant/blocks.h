/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/blocks: how each weight format lies in the file.
 *
 * One struct per format, named after it, byte for byte as stored: little-endian, no padding, any
 * alignment (the structs are packed, so a field may be read where it stands). A block holds 32 or
 * 256 weights w[]. "d" and "m" are F16 (read them with half()). "Nibble i" of a byte array is the
 * low half of byte i/2 for even i and the high half for odd i. "16 low, 16 high" means that byte j
 * holds weight j in its low nibble and weight j + 16 in its high one.
 * Source: the GGML formats as the `gguf` Python package's quants.py decodes them. */
#ifndef MOAT_COMPUTE_QUANT_BLOCKS_H
#define MOAT_COMPUTE_QUANT_BLOCKS_H

#include <stdint.h>

#include "gguf/dtype.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are read as they are stored");

#define PACKED __attribute__((packed))
struct half_word { /* F16 and BF16 */
    uint16_t h;
} PACKED;

/* --- 32 weights, one scale ------------------------------------------------------------------- */
struct q4_0 { /* w = d * (q - 8) */
    uint16_t d;
    uint8_t qs[16]; /* 16 low, 16 high */
} PACKED;
struct q4_1 { /* w = d * q + m */
    uint16_t d, m;
    uint8_t qs[16]; /* 16 low, 16 high */
} PACKED;
struct q5_0 { /* w = d * (q - 16) */
    uint16_t d;
    uint32_t qh;    /* bit i: bit 4 of q[i] */
    uint8_t qs[16]; /* its lower four bits, 16 low, 16 high */
} PACKED;
struct q5_1 { /* w = d * q + m */
    uint16_t d, m;
    uint32_t qh;
    uint8_t qs[16];
} PACKED;
struct q8_0 { /* w = d * q */
    uint16_t d;
    int8_t qs[32];
} PACKED;
struct iq4_nl { /* w = d * iq4_nl_values[q] */
    uint16_t d;
    uint8_t qs[16]; /* 16 low, 16 high */
} PACKED;
struct mxfp4 {      /* w = scale * mxfp4_values[q], the values being twice the E2M1 numbers */
    uint8_t e;      /* E8M0: scale = 2^(e - 128) */
    uint8_t qs[16]; /* 16 low, 16 high */
} PACKED;

/* --- 256 weights, a scale for each 16 or 32 of them ------------------------------------------ */
struct q2_k {           /* w = (d * scale) * q - (m * min), for each 16 weights */
    uint8_t scales[16]; /* low nibble: scale, high: min */
    uint8_t qs[64];     /* two bits: byte j of 32 holds w[j], w[j+32], w[j+64], w[j+96]; twice */
    uint16_t d, m;
} PACKED;
struct q3_k {           /* w = (d * (scale - 32)) * q, -4 <= q <= 3, for each 16 weights */
    uint8_t hmask[32];  /* bit i of byte j: q[32 i + j] is not lowered by 4 */
    uint8_t qs[64];     /* low two bits, as in Q2_K */
    uint8_t scales[12]; /* see q3_k.c */
    uint16_t d;
} PACKED;
struct q4_k { /* w = (d * scale) * q - (m * min), for each 32 weights */
    uint16_t d, m;
    uint8_t scales[12]; /* eight 6-bit scales and mins: see bits.h */
    uint8_t qs[128];    /* byte j of 32 holds w[j] low, w[j+32] high; four times */
} PACKED;
struct q5_k { /* as Q4_K with five bits */
    uint16_t d, m;
    uint8_t scales[12];
    uint8_t qh[32];  /* bit i of byte j: bit 4 of q[32 i + j] */
    uint8_t qs[128]; /* as in Q4_K */
} PACKED;
struct q6_k {        /* w = (d * scale) * (q - 32), for each 16 weights */
    uint8_t ql[128]; /* low four bits: byte j of 64 holds w[j] low, w[j+64] high; twice */
    uint8_t qh[64];  /* high two bits, laid as in Q2_K */
    int8_t scales[16];
    uint16_t d;
} PACKED;
struct iq4_xs {           /* w = (d * (scale - 32)) * iq4_nl_values[q], for each 32 weights */
    uint16_t d, scales_h; /* bits 2i, 2i+1: the high two bits of scale i */
    uint8_t scales_l[4];  /* nibble i: its low four */
    uint8_t qs[128];      /* 16 low, 16 high; eight times */
} PACKED;
struct tq1_0 {      /* w = d * (t - 1), t one of 0 1 2 */
    uint8_t qs[48]; /* five t to a byte, see tq1_0.c */
    uint8_t qh[4];  /* four t to a byte */
    uint16_t d;
} PACKED;
struct tq2_0 {      /* w = d * (q - 1) */
    uint8_t qs[64]; /* two bits, as in Q2_K */
    uint16_t d;
} PACKED;

/* --- 256 weights from a codebook (codebooks.h), 4 or 8 at a time; scale s ----------------------
 */
struct iq2_xxs { /* w = +-(d * (s + 1/2) / 4) * grid */
    uint16_t d;
    struct {
        uint8_t grid[4]; /* 8 weights each */
        uint32_t signs;  /* four 7-bit indices of sign_bytes, then the 4-bit s */
    } PACKED part[8];    /* 32 weights */
} PACKED;
struct iq2_xs { /* the same */
    uint16_t d;
    uint16_t qs[32];   /* 9-bit grid index, 7-bit index of sign_bytes */
    uint8_t scales[8]; /* nibble i: s of 16 weights */
} PACKED;
struct iq2_s { /* the same */
    uint16_t d;
    uint8_t qs[32];    /* low byte of the 10-bit grid index */
    uint8_t signs[32]; /* bit j set: weight j is negative */
    uint8_t qh[8];     /* bits 8 and 9 of four grid indices */
    uint8_t scales[8]; /* nibble i: s of 16 weights */
} PACKED;
struct iq3_xxs { /* w = +-(d * (s + 1/2) / 2) * grid */
    uint16_t d;
    uint8_t qs[64];    /* grid index of 4 weights */
    uint32_t signs[8]; /* as in IQ2_XXS */
} PACKED;
struct iq3_s { /* w = +-(d * (2 s + 1)) * grid */
    uint16_t d;
    uint8_t qs[64];    /* low byte of the 9-bit grid index of 4 weights */
    uint8_t qh[8];     /* bit 8 of eight grid indices */
    uint8_t signs[32]; /* bit j set: weight j is negative */
    uint8_t scales[4]; /* nibble i: s of 32 weights */
} PACKED;
struct iq1_s { /* w = (d * (2 s + 1)) * (grid +- 1/8) */
    uint16_t d;
    uint8_t qs[32]; /* low byte of the 11-bit grid index of 8 weights */
    uint16_t qh[8]; /* bits 8 to 10 of four grid indices, the 3-bit s, then 1: minus 1/8 */
} PACKED;
struct iq1_m { /* the same */
    uint8_t qs[32];
    uint8_t qh[16];     /* nibble i: bits 8 to 10 of grid index i, then 1: minus 1/8 */
    uint16_t scales[4]; /* four 3-bit s for 16 weights each, then four bits of d, low ones first */
} PACKED;

#endif
