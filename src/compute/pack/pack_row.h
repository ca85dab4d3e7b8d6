/* SPDX-License-Identifier: Apache-2.0 */
/* compute/pack/pack_row: the parts that pack.c puts together.
 *
 * A format is packed row by row: pack_row moves the blocks that row r has in a record to their
 * places there, unpack_row brings them back. nb is the number of blocks (always 1 where a block has
 * 256 weights). Sixteen pack_row fill a record. Quants move as 4-byte words, the four k of a step,
 * with shifts over eight bytes at once. */
#ifndef MOAT_COMPUTE_PACK_PACK_ROW_H
#define MOAT_COMPUTE_PACK_PACK_ROW_H

#include <string.h>

#include "compute/pack.h"
#include "compute/quant/blocks.h"

typedef void pack_row_fn(const void *restrict blocks, void *restrict record, uint32_t r,
                         uint32_t nb);
typedef void unpack_row_fn(const void *restrict record, void *restrict blocks, uint32_t r,
                           uint32_t nb);

#define PACK_FORMATS(X)                                                                            \
    X(Q4_0, q4_0)                                                                                  \
    X(Q4_1, q4_1)                                                                                  \
    X(Q5_0, q5_0)                                                                                  \
    X(Q5_1, q5_1)                                                                                  \
    X(Q8_0, q8_0)                                                                                  \
    X(IQ4_NL, iq4_nl)                                                                              \
    X(Q2_K, q2_k)                                                                                  \
    X(Q3_K, q3_k)                                                                                  \
    X(Q4_K, q4_k)                                                                                  \
    X(Q5_K, q5_k)                                                                                  \
    X(Q6_K, q6_k)                                                                                  \
    X(IQ4_XS, iq4_xs)

#define X(name, lower)                                                                             \
    pack_row_fn lower##_pack_row;                                                                  \
    unpack_row_fn lower##_unpack_row;
PACK_FORMATS(X)
#undef X

#define LOW4 0x0f0f0f0f0f0f0f0full
#define LOW2 0x0303030303030303ull

static inline uint64_t load8(const void *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline void store8(void *p, uint64_t x)
{
    memcpy(p, &x, 8);
}

/* Row r's word of a vector. */
static inline uint32_t get_word(const uint8_t *vector, uint32_t r)
{
    uint32_t w;
    memcpy(&w, vector + 4 * r, 4);
    return w;
}

static inline void put_word(uint8_t *vector, uint32_t r, uint32_t w)
{
    memcpy(vector + 4 * r, &w, 4);
}

/* Eight quants of 4 bits, one to a byte <-> the word with the first four in its low nibbles. */
static inline uint32_t word_of_nibbles(uint64_t x)
{
    return (uint32_t)(x | x >> 28);
}

static inline uint64_t nibbles_of_word(uint32_t w)
{
    return ((uint64_t)w | (uint64_t)w << 28) & LOW4;
}

/* Sixteen quants of 2 bits, one to a byte, x first <-> the word with step i in bits 2i, 2i+1. */
static inline uint32_t word_of_pairs(uint64_t x, uint64_t y)
{
    return (uint32_t)(x | x >> 30 | y << 4 | y >> 26);
}

static inline uint64_t pairs_of_word(uint32_t w, uint32_t half)
{
    uint64_t x = w >> 4 * half;
    return (x | x << 30) & LOW2;
}

/* 16 bytes of "16 low, 16 high" (blocks.h) <-> row r of four vectors. */
static inline void pack_split_nibbles(const uint8_t *qs, uint8_t *q, uint32_t r)
{
    uint64_t a = load8(qs), b = load8(qs + 8);
    put_word(q, r, word_of_nibbles(a & LOW4));
    put_word(q + 64, r, word_of_nibbles(b & LOW4));
    put_word(q + 128, r, word_of_nibbles(a >> 4 & LOW4));
    put_word(q + 192, r, word_of_nibbles(b >> 4 & LOW4));
}

static inline void unpack_split_nibbles(const uint8_t *q, uint8_t *qs, uint32_t r)
{
    for (uint32_t i = 0; i < 2; i++)
        store8(qs + 8 * i, nibbles_of_word(get_word(q + 64 * i, r)) |
                               nibbles_of_word(get_word(q + 128 + 64 * i, r)) << 4);
}

#endif
