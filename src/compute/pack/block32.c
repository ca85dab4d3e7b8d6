/* SPDX-License-Identifier: Apache-2.0 */
/* compute/pack/block32: the formats with blocks of 32 weights, see pack.h and pack_row.h. */
#include "compute/pack/pack_row.h"

/* Bits 0 4 8 ... 28 of x, together in its low byte, and back. */
static uint32_t gather_bits(uint32_t x)
{
    x &= 0x11111111;
    x = (x | x >> 3) & 0x03030303;
    x = (x | x >> 6) & 0x000f000f;
    return (x | x >> 12) & 0xff;
}

static uint32_t spread_bits(uint32_t x)
{
    x = (x | x << 12) & 0x000f000f;
    x = (x | x << 6) & 0x03030303;
    return (x | x << 3) & 0x11111111;
}

/* Bit 4s + j <-> byte j, bit s. */
static uint32_t pack_fifth(uint32_t qh)
{
    return gather_bits(qh) | gather_bits(qh >> 1) << 8 | gather_bits(qh >> 2) << 16 |
           gather_bits(qh >> 3) << 24;
}

static uint32_t unpack_fifth(uint32_t w)
{
    return spread_bits(w & 0xff) | spread_bits(w >> 8 & 0xff) << 1 |
           spread_bits(w >> 16 & 0xff) << 2 | spread_bits(w >> 24) << 3;
}

/* The arrays of a record: m and the blocks' h may have no use in a format, then they take no room.
 */
#define RECORD(T, HAS_M, HAS_H)                                                                    \
    T uint16_t *d = (T uint16_t *)record, *m = d + 16 * nb;                                        \
    T uint8_t *h = (T uint8_t *)(m + (HAS_M ? 16 * nb : 0)), *q = h + (HAS_H ? 64 : 0);            \
    (void)m, (void)h

void q4_0_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q4_0 *b = blocks;
    RECORD(, 0, 0);
    for (uint32_t i = 0; i < nb; i++) {
        d[16 * i + r] = b[i].d;
        pack_split_nibbles(b[i].qs, q + 256 * i, r);
    }
}

void q4_0_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    struct q4_0 *b = blocks;
    RECORD(const, 0, 0);
    for (uint32_t i = 0; i < nb; i++) {
        b[i].d = d[16 * i + r];
        unpack_split_nibbles(q + 256 * i, b[i].qs, r);
    }
}

_Static_assert(sizeof(struct iq4_nl) == sizeof(struct q4_0), "both: d, then 16 low, 16 high");

void iq4_nl_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    q4_0_pack_row(blocks, record, r, nb);
}

void iq4_nl_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    q4_0_unpack_row(record, blocks, r, nb);
}

void q4_1_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q4_1 *b = blocks;
    RECORD(, 1, 0);
    for (uint32_t i = 0; i < nb; i++) {
        d[16 * i + r] = b[i].d;
        m[16 * i + r] = b[i].m;
        pack_split_nibbles(b[i].qs, q + 256 * i, r);
    }
}

void q4_1_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    struct q4_1 *b = blocks;
    RECORD(const, 1, 0);
    for (uint32_t i = 0; i < nb; i++) {
        b[i].d = d[16 * i + r];
        b[i].m = m[16 * i + r];
        unpack_split_nibbles(q + 256 * i, b[i].qs, r);
    }
}

#define FIVE sizeof(struct r16_five_bits)

void q5_0_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q5_0 *b = blocks;
    RECORD(, 0, 1);
    for (uint32_t i = 0; i < nb; i++) {
        d[16 * i + r] = b[i].d;
        put_word(h + FIVE * i, r, pack_fifth(b[i].qh));
        pack_split_nibbles(b[i].qs, q + FIVE * i, r);
    }
}

void q5_0_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    struct q5_0 *b = blocks;
    RECORD(const, 0, 1);
    for (uint32_t i = 0; i < nb; i++) {
        b[i].d = d[16 * i + r];
        b[i].qh = unpack_fifth(get_word(h + FIVE * i, r));
        unpack_split_nibbles(q + FIVE * i, b[i].qs, r);
    }
}

void q5_1_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q5_1 *b = blocks;
    RECORD(, 1, 1);
    for (uint32_t i = 0; i < nb; i++) {
        d[16 * i + r] = b[i].d;
        m[16 * i + r] = b[i].m;
        put_word(h + FIVE * i, r, pack_fifth(b[i].qh));
        pack_split_nibbles(b[i].qs, q + FIVE * i, r);
    }
}

void q5_1_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    struct q5_1 *b = blocks;
    RECORD(const, 1, 1);
    for (uint32_t i = 0; i < nb; i++) {
        b[i].d = d[16 * i + r];
        b[i].m = m[16 * i + r];
        b[i].qh = unpack_fifth(get_word(h + FIVE * i, r));
        unpack_split_nibbles(q + FIVE * i, b[i].qs, r);
    }
}

void q8_0_pack_row(const void *restrict blocks, void *restrict record, uint32_t r, uint32_t nb)
{
    const struct q8_0 *b = blocks;
    RECORD(, 0, 0);
    for (uint32_t i = 0; i < nb; i++) {
        d[16 * i + r] = b[i].d;
        for (uint32_t s = 0; s < 8; s++)
            memcpy(q + 512 * i + 64 * s + 4 * r, b[i].qs + 4 * s, 4);
    }
}

void q8_0_unpack_row(const void *restrict record, void *restrict blocks, uint32_t r, uint32_t nb)
{
    struct q8_0 *b = blocks;
    RECORD(const, 0, 0);
    for (uint32_t i = 0; i < nb; i++) {
        b[i].d = d[16 * i + r];
        for (uint32_t s = 0; s < 8; s++)
            memcpy(b[i].qs + 4 * s, q + 512 * i + 64 * s + 4 * r, 4);
    }
}
