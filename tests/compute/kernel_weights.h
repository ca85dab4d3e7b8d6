/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_weights: rows of every weight format, of eight kinds: ordinary ones, all
 * bits clear, all set, the smallest and the largest scales a file can hold, of both signs. And
 * `most`, the largest |w| that a block of these scales can express. */
#ifndef MOAT_TESTS_KERNEL_WEIGHTS_H
#define MOAT_TESTS_KERNEL_WEIGHTS_H

#include <math.h>
#include <stddef.h>

#include "base/mem.h"
#include "compute/quant.h"
#include "compute/quant/blocks.h"
#include "test.h"

/* Where a format keeps what: F16 scale and minimum, small scales, quants. */
struct shape {
    enum dtype type;
    size_t d, m, scales, n_scales, quants, n_quants; /* m == d: no minimum */
};
#define SHAPE(TYPE, s, m, scales, n_scales, quants, n_quants)                                      \
    {                                                                                              \
        TYPE, offsetof(struct s, d), offsetof(struct s, m), offsetof(struct s, scales),            \
            (n_scales), offsetof(struct s, quants), (n_quants)                                     \
    }

static const struct shape shapes[] = {
    SHAPE(DTYPE_Q4_0, q4_0, d, d, 0, qs, 16),
    SHAPE(DTYPE_Q4_1, q4_1, m, d, 0, qs, 16),
    SHAPE(DTYPE_Q5_0, q5_0, d, d, 0, qh, 20),
    SHAPE(DTYPE_Q5_1, q5_1, m, d, 0, qh, 20),
    SHAPE(DTYPE_Q8_0, q8_0, d, d, 0, qs, 32),
    SHAPE(DTYPE_IQ4_NL, iq4_nl, d, d, 0, qs, 16),
    SHAPE(DTYPE_Q2_K, q2_k, m, scales, 16, qs, 64),
    SHAPE(DTYPE_Q3_K, q3_k, d, scales, 12, hmask, 96),
    SHAPE(DTYPE_Q4_K, q4_k, m, scales, 12, qs, 128),
    SHAPE(DTYPE_Q5_K, q5_k, m, scales, 12, qh, 160),
    SHAPE(DTYPE_Q6_K, q6_k, d, scales, 16, ql, 192),
    SHAPE(DTYPE_IQ4_XS, iq4_xs, d, scales_h, 6, qs, 128),
    {.type = DTYPE_F16},
    {.type = DTYPE_BF16},
    {.type = DTYPE_F32},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static uint64_t problem_seed = 1;

static uint32_t random32(void)
{
    uint64_t z = problem_seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return (uint32_t)((z ^ z >> 27) >> 20);
}

static float random_float(void) /* -1..1 */
{
    return (float)(int32_t)random32() * 0x1p-31f;
}

static void *new_items(size_t n, size_t size)
{
    struct err e;
    void *p = mem_new_aligned(n + 64 / size + 1, size, &e);
    must(p);
    return p;
}

static void put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, 2);
}

static uint16_t scale_of_kind(uint32_t kind)
{
    static const uint16_t extreme[] = {0x0001, 0x7bff, 0xfbff, 0x8003, 0x0000};
    float sign = random32() % 2 ? 1.0f : -1.0f;
    return kind < 3 ? f32_to_f16(sign * (0.01f + fabsf(random_float())) / 16) : extreme[kind - 3];
}

static void fill_block(const struct shape *s, uint8_t *block, uint32_t kind)
{
    if (s->n_quants == 0) { /* of a format without a row above: no infinity wherever its scale is */
        for (size_t i = 0; i < dtype_bytes(s->type); i++)
            block[i] = random32() & 0xbb;
        return;
    }
    for (size_t i = 0; i < s->n_quants; i++)
        block[s->quants + i] = (uint8_t)(kind == 1 ? 0 : kind == 2 ? 0xff : random32());
    for (size_t i = 0; i < s->n_scales; i++)
        block[s->scales + i] = (uint8_t)(kind % 3 == 1 ? (random32() % 2 ? 0xff : 0)
                                         : kind == 2   ? 0x80
                                                       : random32());
    put16(block + s->d, scale_of_kind(kind));
    if (s->m != s->d)
        put16(block + s->m, scale_of_kind(kind));
}

static void fill_plain(enum dtype t, uint8_t *row, uint32_t cols, uint32_t kind)
{
    static const float sizes[] = {1, 1e-3f, 100, 0x1p-24f, 60000, -1, 0x1p-15f, 0};
    for (uint32_t k = 0; k < cols; k++) {
        float w = random_float() * sizes[kind];
        if (t == DTYPE_F32)
            memcpy(row + 4 * (size_t)k, &w, 4);
        else
            put16(row + 2 * (size_t)k, t == DTYPE_F16 ? f32_to_f16(w) : f32_to_bf16(w));
    }
}

static void fill_row(const struct shape *s, uint8_t *row, uint32_t cols, uint32_t kind)
{
    size_t bytes = dtype_bytes(s->type);
    if (dtype_block(s->type) == 1)
        fill_plain(s->type, row, cols, kind);
    else
        for (size_t b = 0; b < cols / dtype_block(s->type); b++)
            fill_block(s, row + b * bytes, kind);
}

/* The largest |w| of every block, by trying bytes of quants that reach the ends. */
static void find_most(const struct shape *s, const uint8_t *row, uint32_t cols, float *most)
{
    static const uint8_t tries[] = {0x00, 0xff, 0x80, 0x7f};
    size_t block = dtype_block(s->type), bytes = dtype_bytes(s->type);
    float w[256];
    uint8_t copy[256];
    for (size_t b = 0; b < cols / block; b++)
        for (size_t i = 0; i < sizeof tries; i++) {
            memcpy(copy, row + b * bytes, bytes);
            memset(copy + s->quants, tries[i], s->n_quants);
            quant_decode(s->type, copy, w, block);
            for (size_t k = 0; k < block; k++)
                most[b * block + k] = fmaxf(most[b * block + k], fabsf(w[k]));
        }
}

#endif
