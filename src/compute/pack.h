/* SPDX-License-Identifier: Apache-2.0 */
/* compute/pack: R16, the layout of weights that the kernels read (MAT_R16), and the way there and
 * back.
 *
 * 16 consecutive rows of a matrix form a group. Group g lies at data + g * 16 * row_bytes and has
 * exactly the bytes of its rows: packing permutes their bits, so unpack_group restores the rows bit
 * for bit, whatever they hold. Rows after the last full group stay row-major behind the groups;
 * every expert of a stack is packed on its own in the same way. So row r of any layout begins its
 * group, or itself, at an address that does not depend on the layout.
 *
 * A group is a sequence of records along k. A record holds 256 weights of each of the 16 rows; in
 * the formats with blocks of 32 it holds 8 blocks of each row, or nb < 8 in the last one of a row
 * whose length is not a multiple of 256, and then every [8] of its struct counts nb: take the
 * arrays from r16_view, not from the struct. Scales and bits stand in the order of the arrays
 * below, the row always last: d[b][r] is the scale of block b of row r. Blocks count along the
 * dequantised row: block b is weights 32b..32b+31.
 *
 * Quants come in vectors of 64 bytes = 16 rows x 4 consecutive k: byte 4r + j belongs to row r.
 * A block of 32 has eight steps of 4 k; step s covers k = 4s..4s+3.
 *   q[4][64], 4 bits: vector t has step 2t in the low nibbles and step 2t+1 in the high ones
 *   q[8][64], 8 bits: vector s is step s
 *   q[2][64] and h[2][64], 2 bits: vector u has step 4u+i in bits 2i, 2i+1
 *   h[64], the fifth bit (Q3_K: hmask): bit s is k = 4s+j
 * A block's high bits lie right before its low ones: all of a block is read front to back, one
 * stream for the caches (with the high bits of a whole record in front Zen 4 read Q6_K at 11 GB/s
 * instead of 30).
 *
 * F16 and BF16 are [K/2][16 rows][2] (K even), F32 is [K][16 rows].
 *
 * A group is as aligned as 16 rows make it: 32 bytes when the matrix is, at least 2 in a stack of
 * experts with rows % 16 != 0. The design and what it is worth: DESIGN section 6. */
#ifndef MOAT_COMPUTE_PACK_H
#define MOAT_COMPUTE_PACK_H

#include <stdint.h>

#include "compute/mat.h"

#define R16_VERSION                                                                                \
    2 /* of the layout: raise it with any change, so that stored packs are made anew */
#define R16_ROWS    16
#define R16_WEIGHTS 256 /* of one row in one record */

typedef uint8_t r16_vector[64];

struct r16_q4_0 { /* and IQ4_NL */
    uint16_t d[8][16];
    r16_vector q[8][4];
};
struct r16_q4_1 {
    uint16_t d[8][16], m[8][16];
    r16_vector q[8][4];
};
struct r16_five_bits {
    r16_vector h, q[4];
};
struct r16_q5_0 {
    uint16_t d[8][16];
    struct r16_five_bits b[8];
};
struct r16_q5_1 {
    uint16_t d[8][16], m[8][16];
    struct r16_five_bits b[8];
};
struct r16_q8_0 {
    uint16_t d[8][16];
    r16_vector q[8][8]; /* int8, as stored */
};
struct r16_q2_k {
    uint16_t d[16], m[16];
    uint8_t sc[16][16]; /* of 16 weights each: low nibble scale, high min */
    r16_vector q[8][2];
};
struct r16_q3_k {
    uint16_t d[16];
    uint8_t sc[12][16]; /* byte i of the stored scales */
    struct r16_three_bits {
        r16_vector h, q[2];
    } b[8];
};
struct r16_q4_k {
    uint16_t d[16], m[16];
    uint8_t sc[12][16]; /* byte i of the stored scales */
    r16_vector q[8][4];
};
struct r16_q5_k {
    uint16_t d[16], m[16];
    uint8_t sc[12][16];
    struct r16_five_bits b[8];
};
struct r16_q6_k {
    uint16_t d[16];
    int8_t sc[16][16]; /* of 16 weights each */
    struct r16_six_bits {
        r16_vector h[2], q[4]; /* high two bits, low four */
    } b[8];
};
struct r16_iq4_xs {
    uint16_t d[16], sh[16]; /* sh: bits 2b, 2b+1 are the high two of scale b */
    uint8_t sl[4][16];      /* nibble b: its low four */
    r16_vector q[8][4];
};

/* The arrays of a record of nb blocks of Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 IQ4_NL; NULL where there is none.
 */
struct r16_view {
    const uint16_t *d, *m; /* [nb][16] */
    const uint8_t *h, *q;  /* of block 0: [64]; [4][64], Q8_0: [8][64] */
    uint32_t step;         /* bytes from a block's h and q to those of the next */
};

static inline struct r16_view r16_view(enum dtype t, const void *record, uint32_t nb)
{
    bool has_m = t == DTYPE_Q4_1 || t == DTYPE_Q5_1, has_h = t == DTYPE_Q5_0 || t == DTYPE_Q5_1;
    const uint16_t *d = (const uint16_t *)record, *m = d + 16 * nb;
    const uint8_t *h = (const uint8_t *)(has_m ? m + 16 * nb : m), *q = has_h ? h + 64 : h;
    uint32_t step = t == DTYPE_Q8_0 ? 512 : has_h ? sizeof(struct r16_five_bits) : 256;
    return (struct r16_view){d, has_m ? m : NULL, has_h ? h : NULL, q, step};
}

/* Whether rows of `cols` weights of this format can be packed. */
bool pack_supported(enum dtype t, uint64_t cols);

/* rows: 16 rows as they lie in the file; group: as many bytes. They must not overlap. */
void pack_group(enum dtype t, const void *rows, uint64_t cols, void *group);
/* The part of that group from weight k0 to k1 of every row: whole records (k0 a multiple of 256, k1
 * too or cols). out begins with the record of k0. */
void pack_records(enum dtype t, const void *rows, uint64_t cols, uint64_t k0, uint64_t k1,
                  void *out);
void unpack_group(enum dtype t, const void *group, uint64_t cols, void *rows);
/* Row r < 16 of a group as it lies in the file. */
void pack_extract_row(enum dtype t, const void *group, uint32_t r, uint64_t cols, void *row);

/* A row of a matrix in F32. raw: cols floats of memory, used where the row must be extracted. */
void mat_decode_row(const struct mat *w, uint32_t row, float *out, float *raw);

#endif
