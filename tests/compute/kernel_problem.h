/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_problem: a matrix and rows of activations that try a kernel, what it should
 * give, and how far from that rounding can bring it.
 *
 * The rows of activations are of five kinds: ordinary, one huge value, all next to zero, zero but
 * for one block, blocks of very different size.
 *
 * What a form should give, in double: F32 from the decoded weights and the activations; Q8 from the
 * decoded weights and the int8 activations times their scales; BF16 from both rounded to BF16. The
 * tolerance counts roundings: U = 2^-24 of every partial sum, which is at most the sum of the
 * absolute terms a kernel may form (w = s u + o: |s u| <= 2 most, |o| <= most, where most is the
 * largest |w| a block of these scales can express). */
#ifndef MOAT_TESTS_KERNEL_PROBLEM_H
#define MOAT_TESTS_KERNEL_PROBLEM_H

#include <math.h>
#include <stdlib.h>

#include "compute/kernel.h"
#include "compute/pack.h"
#include "kernel_weights.h"

struct problem {
    const struct shape *shape;
    uint32_t rows, cols, n;
    struct mat plain, packed; /* packed.layout is MAT_ROWS where nothing can be packed */
    struct act x;             /* all forms filled, as the definition in act.h says */
    float *w, *most;          /* [rows][cols]: the weights; the largest a block can express */
    double *want[ACT_FORMS], *tolerance[ACT_FORMS]; /* [n][rows] */
};

static void decode_weights(struct problem *p)
{
    for (uint32_t r = 0; r < p->rows; r++) {
        const uint8_t *row = p->plain.data + r * p->plain.row_bytes;
        float *w = p->w + (size_t)r * p->cols, *most = p->most + (size_t)r * p->cols;
        quant_decode(p->shape->type, row, w, p->cols);
        if (p->shape->n_quants)
            find_most(p->shape, row, p->cols, most);
        for (uint32_t k = 0; k < p->cols; k++)
            most[k] = fmaxf(most[k], fabsf(w[k]));
    }
}

static void make_weights(struct problem *p)
{
    uint64_t row_bytes;
    must(dtype_row_bytes(p->shape->type, p->cols, &row_bytes));
    uint8_t *rows = new_items(p->rows * row_bytes, 1), *packed = new_items(p->rows * row_bytes, 1);
    for (uint32_t r = 0; r < p->rows; r++)
        fill_row(p->shape, rows + r * row_bytes, p->cols, r % 8);
    p->plain = (struct mat){.data = rows,
                            .type = p->shape->type,
                            .rows = p->rows,
                            .cols = p->cols,
                            .row_bytes = row_bytes,
                            .n_expert = 1};
    p->packed = p->plain;
    p->packed.data = packed;
    memcpy(packed, rows, p->rows * row_bytes);
    if (pack_supported(p->shape->type, p->cols)) {
        p->packed.layout = MAT_R16;
        for (uint32_t r = 0; r + 16 <= p->rows; r += 16)
            pack_group(p->shape->type, rows + r * row_bytes, p->cols, packed + r * row_bytes);
    }
    decode_weights(p);
}

static float activation(uint32_t kind, uint32_t k, uint32_t cols)
{
    switch (kind) {
    case 0:
        return random_float();
    case 1:
        return k == cols / 3 ? 20000.0f : random_float();
    case 2:
        return random_float() * 1e-39f;
    case 3:
        return k / 32 == cols / 64 ? random_float() : 0;
    default:
        return random_float() * powf(10, (float)(k / 32 % 12) * 4 - 34);
    }
}
/* The definition of ACT_Q8: round to nearest even, the largest becomes 127, if above 1e-36. */
static void quantise(const struct act *x, uint32_t t, uint32_t block)
{
    const float *v = x->f32 + (size_t)t * x->stride + (size_t)block * 32;
    size_t at = (size_t)t * (x->k / 32) + block;
    float largest = 0;
    int sum[2] = {0, 0};
    for (int i = 0; i < 32; i++)
        largest = fmaxf(largest, fabsf(v[i]));
    float inverse = largest > 1e-36f ? 127.0f / largest : 0;
    x->d[at] = largest > 1e-36f ? largest / 127.0f : 0;
    for (int i = 0; i < 32; i++) {
        int q = (int)nearbyintf(v[i] * inverse);
        x->q[(size_t)t * x->k + (size_t)block * 32 + (size_t)i] = (int8_t)q;
        sum[i / 16] += q;
    }
    x->sum16[2 * at] = x->d[at] * (float)sum[0];
    x->sum16[2 * at + 1] = x->d[at] * (float)sum[1];
    x->sum32[at] = x->d[at] * (float)(sum[0] + sum[1]);
}

static size_t bf16_at(const struct act *x, uint32_t t, uint32_t k)
{
    return ((size_t)(t / 16) * ((x->k + 31) / 32) + k / 32) * 512 + t % 16 * 32 + k % 32;
}

/* Room for all forms of n rows of k values, nothing in it. */
static struct act new_act(uint32_t n, uint32_t k)
{
    uint32_t blocks = k / 32, tiles = (n + 15) / 16 * ((k + 31) / 32);
    struct act x = {.n = n, .k = k, .stride = k + 5};
    x.q = new_items((size_t)n * k, 1);
    x.d = new_items((size_t)n * blocks, 4);
    x.sum32 = new_items((size_t)n * blocks, 4);
    x.sum16 = new_items((size_t)n * blocks * 2, 4);
    x.bf16 = new_items((size_t)tiles * 512, 2);
    return x;
}

static void free_act(struct act *x)
{
    mem_free(x->q);
    mem_free(x->d);
    mem_free(x->sum32);
    mem_free(x->sum16);
    mem_free(x->bf16);
}

static void make_activations(struct problem *p)
{
    p->x = new_act(p->n, p->cols);
    float *f32 = new_items((size_t)p->n * p->x.stride, 4);
    p->x.f32 = f32;
    for (uint32_t t = 0; t < p->n; t++) {
        for (uint32_t k = 0; k < p->cols; k++) {
            float v = activation(t % 5, k, p->cols);
            f32[(size_t)t * p->x.stride + k] = v;
            p->x.bf16[bf16_at(&p->x, t, k)] = f32_to_bf16(fabsf(v) < 0x1p-126f ? 0 * v : v);
        }
        for (uint32_t b = 0; b < p->cols / 32; b++)
            quantise(&p->x, t, b);
    }
}

#endif
