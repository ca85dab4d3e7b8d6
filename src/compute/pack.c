/* SPDX-License-Identifier: Apache-2.0 */
/* compute/pack: see pack.h. The walk over the records of a group; formats are under pack/. */
#include "compute/pack.h"

#include "compute/pack/pack_row.h"
#include "compute/quant.h"

enum {
#define X(name, id, text, block, bytes)                                                            \
    name##_RECORD = (bytes) * (R16_ROWS * R16_WEIGHTS / (block)),
    DTYPE_TABLE(X)
#undef X
};
_Static_assert(sizeof(struct r16_q4_0) == DTYPE_IQ4_NL_RECORD, "IQ4_NL is packed as Q4_0");
#define SAME_SIZE(name, lower)                                                                     \
    _Static_assert(sizeof(struct r16_##lower) == DTYPE_##name##_RECORD, #name " is a "             \
                                                                              "permutation");
SAME_SIZE(Q4_0, q4_0)
SAME_SIZE(Q4_1, q4_1)
SAME_SIZE(Q5_0, q5_0)
SAME_SIZE(Q5_1, q5_1)
SAME_SIZE(Q8_0, q8_0)
SAME_SIZE(Q2_K, q2_k)
SAME_SIZE(Q3_K, q3_k)
SAME_SIZE(Q4_K, q4_k)
SAME_SIZE(Q5_K, q5_k)
SAME_SIZE(Q6_K, q6_k)
SAME_SIZE(IQ4_XS, iq4_xs)

static const struct format {
    pack_row_fn *pack;
    unpack_row_fn *unpack;
} formats[DTYPE_COUNT] = {
#define X(name, lower) [DTYPE_##name] = {lower##_pack_row, lower##_unpack_row},
    PACK_FORMATS(X)
#undef X
};

/* Formats that are a plain transposition of 4-byte words. */
static bool is_words(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

bool pack_supported(enum dtype t, uint64_t cols)
{
    if ((unsigned)t >= DTYPE_COUNT || cols == 0)
        return false;
    if (is_words(t))
        return cols * dtype_bytes(t) % 4 == 0;
    return formats[t].pack && cols % dtype_block(t) == 0;
}

static uint64_t row_bytes_of(enum dtype t, uint64_t cols)
{
    must(pack_supported(t, cols));
    return cols / dtype_block(t) * dtype_bytes(t);
}

/* [16][n] words <-> [n][16], 16 of them at a time so that what is written stays in the nearest
 * cache. */
static void pack_words(const unsigned char *rows, uint64_t n, uint64_t from, uint64_t end,
                       unsigned char *out)
{
    for (; from < end; from += 16, out += (size_t)4 * R16_ROWS * 16) {
        uint64_t m = end - from < 16 ? end - from : 16;
        for (uint64_t r = 0; r < R16_ROWS; r++)
            for (uint64_t i = 0; i < m; i++)
                memcpy(out + 4 * (R16_ROWS * i + r), rows + 4 * (n * r + from + i), 4);
    }
}

static void extract_words(const unsigned char *group, uint32_t r, uint64_t n, unsigned char *row)
{
    for (uint64_t i = 0; i < n; i++)
        memcpy(row + 4 * i, group + 4 * (R16_ROWS * i + r), 4);
}

/* A record of a row that begins at weight k: its blocks, and where both forms have them. */
struct place {
    uint32_t nb;
    uint64_t in_row, in_group; /* byte offsets */
};

static struct place place_of(enum dtype t, uint64_t cols, uint64_t k)
{
    uint64_t left = cols - k, n = left < R16_WEIGHTS ? left : R16_WEIGHTS;
    uint64_t at = k / dtype_block(t) * dtype_bytes(t);
    return (struct place){(uint32_t)(n / dtype_block(t)), at, at * R16_ROWS};
}

void pack_records(enum dtype t, const void *rows, uint64_t cols, uint64_t k0, uint64_t k1,
                  void *out)
{
    const unsigned char *from = rows;
    unsigned char *to = out;
    uint64_t row_bytes = row_bytes_of(t, cols);
    must(k0 % R16_WEIGHTS == 0 && k1 <= cols);
    if (is_words(t)) {
        pack_words(from, row_bytes / 4, k0 * dtype_bytes(t) / 4, k1 * dtype_bytes(t) / 4, to);
        return;
    }
    uint64_t first = place_of(t, cols, k0).in_group;
    for (uint64_t k = k0; k < k1; k += R16_WEIGHTS) {
        struct place p = place_of(t, cols, k);
        for (uint32_t r = 0; r < R16_ROWS; r++)
            formats[t].pack(from + r * row_bytes + p.in_row, to + p.in_group - first, r, p.nb);
    }
}

void pack_group(enum dtype t, const void *rows, uint64_t cols, void *group)
{
    pack_records(t, rows, cols, 0, cols, group);
}

void pack_extract_row(enum dtype t, const void *group, uint32_t r, uint64_t cols, void *row)
{
    const unsigned char *from = group;
    unsigned char *to = row;
    uint64_t row_bytes = row_bytes_of(t, cols);
    if (is_words(t)) {
        extract_words(from, r, row_bytes / 4, to);
        return;
    }
    for (uint64_t k = 0; k < cols; k += R16_WEIGHTS) {
        struct place p = place_of(t, cols, k);
        formats[t].unpack(from + p.in_group, to + p.in_row, r, p.nb);
    }
}

void unpack_group(enum dtype t, const void *group, uint64_t cols, void *rows)
{
    unsigned char *to = rows;
    uint64_t row_bytes = row_bytes_of(t, cols);
    for (uint32_t r = 0; r < R16_ROWS; r++)
        pack_extract_row(t, group, r, cols, to + r * row_bytes);
}

void mat_decode_row(const struct mat *w, uint32_t row, float *out, float *raw)
{
    const void *stored = w->data + row * w->row_bytes;
    if (mat_is_grouped(w, row)) {
        uint32_t r = row % R16_ROWS;
        pack_extract_row(w->type, w->data + (row - r) * w->row_bytes, r, w->cols, raw);
        stored = raw;
    }
    quant_decode(w->type, stored, out, w->cols);
}
