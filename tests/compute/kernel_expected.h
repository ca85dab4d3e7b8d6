/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_expected: what a problem's product is in double, and how far from it
 * rounding can bring a kernel: kernel_problem.h. */
#ifndef MOAT_TESTS_KERNEL_EXPECTED_H
#define MOAT_TESTS_KERNEL_EXPECTED_H

#include "kernel_problem.h"

#define U 5.9604644775390625e-8 /* half a unit in the last place of 1 */

struct expected {
    double sum, tolerance;
};

static struct expected expect_f32(const struct problem *p, const float *w, const float *most,
                                  uint32_t t)
{
    const float *x = p->x.f32 + (size_t)t * p->x.stride;
    double sum = 0, terms = 0, weights = 0;
    for (uint32_t k = 0; k < p->cols; k++) {
        sum += (double)w[k] * (double)x[k];
        terms += fabs((double)w[k] * (double)x[k]);
        weights += (double)most[k] * fabs((double)x[k]);
    }
    return (struct expected){sum, U * ((p->cols + 4) * terms + 20 * weights)};
}

static struct expected expect_q8(const struct problem *p, const float *w, const float *most,
                                 uint32_t t)
{
    const int8_t *q = p->x.q + (size_t)t * p->cols;
    const float *d = p->x.d + (size_t)t * (p->cols / 32);
    double sum = 0, terms = 0;
    for (uint32_t k = 0; k < p->cols; k++) {
        sum += (double)w[k] * (double)d[k / 32] * q[k];
        terms += 3 * (double)most[k] * (double)d[k / 32] * abs(q[k]);
    }
    return (struct expected){sum, U * (p->cols / 32 * 3 + 12) * terms};
}

/* A weight may be rounded either way when the kernel's F32 weight, a few roundings from ours, can
 * lie on the other side of the middle. F16 is kept whole, in two parts. */
static struct expected expect_bf16(const struct problem *p, const float *w, const float *most,
                                   uint32_t t)
{
    double sum = 0, terms = 0, unsure = 0;
    for (uint32_t k = 0; k < p->cols; k++) {
        double x = (double)bf16_to_f32(p->x.bf16[bf16_at(&p->x, t, k)]);
        float near = p->shape->n_quants ? (float)(20 * U) * most[k] : 0;
        double rounded = (double)bf16_to_f32(f32_to_bf16(w[k]));
        double low = (double)bf16_to_f32(f32_to_bf16(w[k] - near));
        double high = (double)bf16_to_f32(f32_to_bf16(w[k] + near));
        if (p->shape->type == DTYPE_F16)
            rounded = low = high = (double)w[k];
        sum += rounded * x;
        terms += fabs(rounded * x);
        unsure += (high - low) * fabs(x);
    }
    return (struct expected){sum, U * 2 * (p->cols + 32) * terms + unsure};
}

/* Fills want[form] and tolerance[form]. */
static void work_out(struct problem *p, enum act_form form)
{
    size_t n = (size_t)p->n * p->rows;
    if (p->want[form])
        return;
    p->want[form] = new_items(n, sizeof(double));
    p->tolerance[form] = new_items(n, sizeof(double));
    for (uint32_t t = 0; t < p->n; t++)
        for (uint32_t r = 0; r < p->rows; r++) {
            const float *w = p->w + (size_t)r * p->cols, *most = p->most + (size_t)r * p->cols;
            struct expected e = form == ACT_F32  ? expect_f32(p, w, most, t)
                                : form == ACT_Q8 ? expect_q8(p, w, most, t)
                                                 : expect_bf16(p, w, most, t);
            p->want[form][(size_t)t * p->rows + r] = e.sum;
            p->tolerance[form][(size_t)t * p->rows + r] = e.tolerance;
        }
}

static void problem_init(struct problem *p, const struct shape *s, uint32_t rows, uint32_t cols,
                         uint32_t n)
{
    *p = (struct problem){.shape = s, .rows = rows, .cols = cols, .n = n};
    p->w = new_items((size_t)rows * cols, 4);
    p->most = new_items((size_t)rows * cols, 4);
    make_weights(p);
    make_activations(p);
}

static void problem_clear(struct problem *p)
{
    mem_free((void *)(uintptr_t)p->plain.data);
    mem_free((void *)(uintptr_t)p->packed.data);
    mem_free(p->w);
    mem_free(p->most);
    mem_free((void *)(uintptr_t)p->x.f32);
    free_act(&p->x);
    for (int f = 0; f < ACT_FORMS; f++) {
        mem_free(p->want[f]);
        mem_free(p->tolerance[f]);
    }
}

#endif
