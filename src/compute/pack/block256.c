/* SPDX-License-Identifier: Apache-2.0 */
/* compute/pack/block256: the formats with blocks of 256 weights, see pack.h and pack_row.h. */
#include "compute/pack/pack_row.h"

/* --- parts that formats share -------------------------------------------------------------------
 */

static void pack_bytes(const void *bytes, void *column, uint32_t r, uint32_t n)
{
    const uint8_t *from = bytes;
    uint8_t *to = column;
    for (uint32_t i = 0; i < n; i++)
        to[16 * i + r] = from[i];
}

static void unpack_bytes(const void *column, void *bytes, uint32_t r, uint32_t n)
{
    const uint8_t *from = column;
    uint8_t *to = bytes;
    for (uint32_t i = 0; i < n; i++)
        to[i] = from[16 * i + r];
}

/* Vector i of block b; from one block to the next it is `step` bytes. LOW: the first of the vectors
 * of low bits, behind those of the high ones. */
#define VECTOR(q, step, b, i) ((q) + (size_t)(step) * (b) + 64 * (i))
#define HIGH(g)               ((uint8_t *)(uintptr_t)(g)->b)
#define LOW(g)                (HIGH(g) + sizeof(g)->b->h)

/* Byte j of 32: block 2p low, 2p+1 high; four times (Q4_K, Q5_K). */
static void pack_nibbles(const uint8_t *qs, uint8_t *q, uint32_t step, uint32_t r)
{
    for (uint32_t p = 0; p < 4; p++)
        for (uint32_t t = 0; t < 4; t++) {
            uint64_t x = load8(qs + 32 * p + 8 * t);
            put_word(VECTOR(q, step, 2 * p, t), r, word_of_nibbles(x & LOW4));
            put_word(VECTOR(q, step, 2 * p + 1, t), r, word_of_nibbles(x >> 4 & LOW4));
        }
}

static void unpack_nibbles(const uint8_t *q, uint32_t step, uint8_t *qs, uint32_t r)
{
    for (uint32_t p = 0; p < 4; p++)
        for (uint32_t t = 0; t < 4; t++)
            store8(qs + 32 * p + 8 * t,
                   nibbles_of_word(get_word(VECTOR(q, step, 2 * p, t), r)) |
                       nibbles_of_word(get_word(VECTOR(q, step, 2 * p + 1, t), r)) << 4);
}

/* Bits 2i, 2i+1 of byte j of 32: block 4p + i; twice (Q2_K, Q3_K, high bits of Q6_K). */
static void pack_pairs(const uint8_t *qs, uint8_t *q, uint32_t step, uint32_t r)
{
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t u = 0; u < 2; u++) {
            uint64_t x = load8(qs + 32 * p + 16 * u), y = load8(qs + 32 * p + 16 * u + 8);
            for (uint32_t i = 0; i < 4; i++)
                put_word(VECTOR(q, step, 4 * p + i, u), r,
                         word_of_pairs(x >> 2 * i & LOW2, y >> 2 * i & LOW2));
        }
}

static void unpack_pairs(const uint8_t *q, uint32_t step, uint8_t *qs, uint32_t r)
{
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t u = 0; u < 2; u++) {
            uint64_t x = 0, y = 0;
            for (uint32_t i = 0; i < 4; i++) {
                uint32_t w = get_word(VECTOR(q, step, 4 * p + i, u), r);
                x |= pairs_of_word(w, 0) << 2 * i;
                y |= pairs_of_word(w, 1) << 2 * i;
            }
            store8(qs + 32 * p + 16 * u, x);
            store8(qs + 32 * p + 16 * u + 8, y);
        }
}

/* Bit a of each byte of x[b] changes places with bit b of the same byte of x[a]. */
static void transpose_bits(uint32_t x[8])
{
    uint32_t mask = 0x0f0f0f0f;
    for (uint32_t d = 4; d; d /= 2, mask ^= mask << d)
        for (uint32_t i = 0; i < 8; i++)
            if (!(i & d)) {
                uint32_t t = ((x[i] >> d) ^ x[i + d]) & mask;
                x[i + d] ^= t;
                x[i] ^= t << d;
            }
}

/* Bit b of byte 4s + j (block b) <-> bit s of byte j of vector b. */
static void pack_mask(const uint8_t *bits, uint8_t *h, uint32_t step, uint32_t r)
{
    uint32_t x[8];
    memcpy(x, bits, sizeof x);
    transpose_bits(x);
    for (uint32_t b = 0; b < 8; b++)
        put_word(VECTOR(h, step, b, 0), r, x[b]);
}

static void unpack_mask(const uint8_t *h, uint32_t step, uint8_t *bits, uint32_t r)
{
    uint32_t x[8];
    for (uint32_t b = 0; b < 8; b++)
        x[b] = get_word(VECTOR(h, step, b, 0), r);
    transpose_bits(x);
    memcpy(bits, x, sizeof x);
}

/* --- formats ------------------------------------------------------------------------------------
 */

void q2_k_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q2_k *b = blocks;
    struct r16_q2_k *g = record;
    (void)nb;
    g->d[r] = b->d;
    g->m[r] = b->m;
    pack_bytes(b->scales, g->sc, r, 16);
    pack_pairs(b->qs, (uint8_t *)(uintptr_t)g->q, sizeof *g->q, r);
}

void q2_k_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_q2_k *g = record;
    struct q2_k *b = blocks;
    (void)nb;
    b->d = g->d[r];
    b->m = g->m[r];
    unpack_bytes(g->sc, b->scales, r, 16);
    unpack_pairs((uint8_t *)(uintptr_t)g->q, sizeof *g->q, b->qs, r);
}

void q3_k_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q3_k *b = blocks;
    struct r16_q3_k *g = record;
    (void)nb;
    g->d[r] = b->d;
    pack_bytes(b->scales, g->sc, r, 12);
    pack_mask(b->hmask, HIGH(g), sizeof *g->b, r);
    pack_pairs(b->qs, LOW(g), sizeof *g->b, r);
}

void q3_k_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_q3_k *g = record;
    struct q3_k *b = blocks;
    (void)nb;
    b->d = g->d[r];
    unpack_bytes(g->sc, b->scales, r, 12);
    unpack_mask(HIGH(g), sizeof *g->b, b->hmask, r);
    unpack_pairs(LOW(g), sizeof *g->b, b->qs, r);
}

void q4_k_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q4_k *b = blocks;
    struct r16_q4_k *g = record;
    (void)nb;
    g->d[r] = b->d;
    g->m[r] = b->m;
    pack_bytes(b->scales, g->sc, r, 12);
    pack_nibbles(b->qs, (uint8_t *)(uintptr_t)g->q, sizeof *g->q, r);
}

void q4_k_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_q4_k *g = record;
    struct q4_k *b = blocks;
    (void)nb;
    b->d = g->d[r];
    b->m = g->m[r];
    unpack_bytes(g->sc, b->scales, r, 12);
    unpack_nibbles((uint8_t *)(uintptr_t)g->q, sizeof *g->q, b->qs, r);
}

void q5_k_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q5_k *b = blocks;
    struct r16_q5_k *g = record;
    (void)nb;
    g->d[r] = b->d;
    g->m[r] = b->m;
    pack_bytes(b->scales, g->sc, r, 12);
    pack_mask(b->qh, HIGH(g), sizeof *g->b, r);
    pack_nibbles(b->qs, LOW(g), sizeof *g->b, r);
}

void q5_k_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_q5_k *g = record;
    struct q5_k *b = blocks;
    (void)nb;
    b->d = g->d[r];
    b->m = g->m[r];
    unpack_bytes(g->sc, b->scales, r, 12);
    unpack_mask(HIGH(g), sizeof *g->b, b->qh, r);
    unpack_nibbles(LOW(g), sizeof *g->b, b->qs, r);
}

/* Low four bits: byte j of 64 holds w[j] low, w[j + 64] high; twice. Byte 32 v + j of a half is so
 * in blocks v and v + 2 of its four. */
void q6_k_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q6_k *b = blocks;
    struct r16_q6_k *g = record;
    (void)nb;
    g->d[r] = b->d;
    pack_bytes(b->scales, g->sc, r, 16);
    pack_pairs(b->qh, HIGH(g), sizeof *g->b, r);
    for (uint32_t v = 0; v < 4; v++)
        for (uint32_t t = 0; t < 4; t++) {
            uint64_t x = load8(b->ql + 32 * v + 8 * t);
            uint32_t block = v / 2 * 4 + v % 2;
            put_word(g->b[block].q[t], r, word_of_nibbles(x & LOW4));
            put_word(g->b[block + 2].q[t], r, word_of_nibbles(x >> 4 & LOW4));
        }
}

void q6_k_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_q6_k *g = record;
    struct q6_k *b = blocks;
    (void)nb;
    b->d = g->d[r];
    unpack_bytes(g->sc, b->scales, r, 16);
    unpack_pairs(HIGH(g), sizeof *g->b, b->qh, r);
    for (uint32_t v = 0; v < 4; v++)
        for (uint32_t t = 0; t < 4; t++) {
            uint32_t block = v / 2 * 4 + v % 2;
            store8(b->ql + 32 * v + 8 * t, nibbles_of_word(get_word(g->b[block].q[t], r)) |
                                               nibbles_of_word(get_word(g->b[block + 2].q[t], r))
                                                   << 4);
        }
}

void iq4_xs_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct iq4_xs *b = blocks;
    struct r16_iq4_xs *g = record;
    (void)nb;
    g->d[r] = b->d;
    g->sh[r] = b->scales_h;
    pack_bytes(b->scales_l, g->sl, r, 4);
    for (uint32_t i = 0; i < 8; i++)
        pack_split_nibbles(b->qs + 16 * i, g->q[i][0], r);
}

void iq4_xs_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    const struct r16_iq4_xs *g = record;
    struct iq4_xs *b = blocks;
    (void)nb;
    b->d = g->d[r];
    b->scales_h = g->sh[r];
    unpack_bytes(g->sl, b->scales_l, r, 4);
    for (uint32_t i = 0; i < 8; i++)
        unpack_split_nibbles(g->q[i][0], b->qs + 16 * i, r);
}
