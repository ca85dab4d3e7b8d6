/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_speed: how fast one thread multiplies: decoding (one token, 96 MB of
 * weights, so that they come from memory, and 512 rows, which stay cached), four and eight tokens,
 * prompts. Time is that of this thread, the
 * best of several: other load disturbs little, but it shares the memory. */
#ifndef MOAT_TESTS_KERNEL_SPEED_H
#define MOAT_TESTS_KERNEL_SPEED_H

#include <stdio.h>
#include <time.h>

#include "kernel_expected.h"

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One packed group of 16 rows, over and over. */
static struct mat many_rows(const struct shape *s, uint32_t cols, size_t bytes)
{
    uint64_t row_bytes;
    must(dtype_row_bytes(s->type, cols, &row_bytes));
    size_t groups = bytes / (16 * row_bytes) + 1, size = groups * 16 * row_bytes;
    uint8_t *data = new_items(size, 1), *rows = new_items(16 * row_bytes, 1);
    for (uint32_t r = 0; r < 16; r++)
        fill_row(s, rows + r * row_bytes, cols, 0);
    for (size_t g = 0; g < groups; g++)
        if (g == 0)
            pack_group(s->type, rows, cols, data);
        else
            memcpy(data + g * 16 * row_bytes, data, 16 * row_bytes);
    mem_free(rows);
    return (struct mat){.data = data,
                        .type = s->type,
                        .layout = MAT_R16,
                        .rows = (uint32_t)(groups * 16),
                        .cols = cols,
                        .row_bytes = row_bytes,
                        .n_expert = 1};
}

/* Seconds of one multiplication with n tokens, chunk rows at a time as the engine does it. */
static double time_of(const struct kernels *k, const struct mat *w, uint32_t n, uint32_t chunk,
                      enum precision precision)
{
    struct act x = new_act(n, w->cols);
    float *f32 = new_items((size_t)n * x.stride, 4), *y = new_items((size_t)n * w->rows, 4);
    float *mine = new_items(kernel_scratch_floats(w->cols), 4);
    struct matmul m = {
        .w = w, .x = &x, .form = k->form(w, n, precision), .y = y, .n = n, .y_stride = w->rows};
    double best = 1e9, begin = thread_seconds();
    for (size_t i = 0; i < (size_t)n * x.stride; i++)
        f32[i] = random_float();
    x.f32 = f32;
    for (uint32_t t = 0; t < n; t++)
        k->act(&x, m.form, t, 0, w->cols);
    for (int i = 0; i < 3 || (thread_seconds() - begin < 0.25 && i < 100); i++) {
        double t0 = thread_seconds();
        for (uint32_t r = 0; r < w->rows; r += chunk)
            k->matmul(&m, r, w->rows - r < chunk ? w->rows : r + chunk, mine);
        best = fmin(best, thread_seconds() - t0);
    }
    free_act(&x);
    mem_free(f32);
    mem_free(y);
    mem_free(mine);
    return best;
}

static double act_seconds(const struct kernels *k, const struct mat *w)
{
    enum { N = 64, ROUNDS = 20 };
    struct act x = new_act(N, w->cols);
    float *f32 = new_items((size_t)N * x.stride, 4);
    double best = 1e9;
    x.f32 = f32;
    for (size_t i = 0; i < (size_t)N * x.stride; i++)
        f32[i] = random_float();
    for (int i = 0; i < ROUNDS; i++) {
        double t0 = thread_seconds();
        for (uint32_t t = 0; t < N; t++)
            k->act(&x, k->form(w, N, PRECISION_NORMAL), t, 0, w->cols);
        best = fmin(best, thread_seconds() - t0);
    }
    mem_free(f32);
    free_act(&x);
    return best / ((double)N * w->cols);
}

static void speed_of(const struct kernels *k, const struct shape *s)
{
    enum { COLS = 1536, LONG = 8960 };
    struct mat large = many_rows(s, COLS, 96u << 20), small = large, wide;
    double bytes = (double)(large.rows * large.row_bytes) / 1e9;
    double macs = (double)large.rows * COLS / 1e9;
    small.rows = 512;
    wide = many_rows(s, LONG, 256 * (size_t)LONG * dtype_bytes(s->type) / dtype_block(s->type));
    wide.rows = 256;
    double one = time_of(k, &large, 1, 64, PRECISION_NORMAL),
           four = time_of(k, &large, 4, 64, PRECISION_NORMAL);
    double eight = time_of(k, &large, 8, 64, PRECISION_NORMAL);
    double near_gb =
        (double)(small.rows * small.row_bytes) / 1e9 / time_of(k, &small, 1, 64, PRECISION_NORMAL);
    printf("%-8s %-7s decode GB/s: %5.1f, cached %5.1f  x4 %5.2f  x8 %5.2f  ", k->isa,
           dtype_name(s->type), bytes / one, near_gb, four / one, eight / one);
    printf("prompt GMAC/s: 16 %6.1f  64 %6.1f  512 %6.1f  512 long %6.1f  exact 64 %6.1f",
           16 * macs * 512 / large.rows / time_of(k, &small, 16, 64, PRECISION_NORMAL),
           64 * macs * 512 / large.rows / time_of(k, &small, 64, 64, PRECISION_NORMAL),
           512 * macs * 512 / large.rows / time_of(k, &small, 512, 256, PRECISION_NORMAL),
           512 * 256.0 * LONG / 1e9 / time_of(k, &wide, 512, 256, PRECISION_NORMAL),
           64 * macs * 512 / large.rows / time_of(k, &small, 64, 64, PRECISION_EXACT));
    printf("  act %.2f ns\n", 1e9 * act_seconds(k, &small));
    mem_free((void *)(uintptr_t)large.data);
    mem_free((void *)(uintptr_t)wide.data);
}

static bool is_named(const char *name, int n, char **names, size_t first, size_t end,
                     const char *const *all)
{
    bool any = false;
    for (int i = 0; i < n; i++)
        for (size_t j = first; j < end; j++)
            if (strcmp(names[i], all[j]) == 0) {
                any = true;
                if (strcmp(names[i], name) == 0)
                    return true;
            }
    return !any;
}

static void kernel_speed(const struct kernels *k, int n, char **names)
{
    static const char *isa[] = {"ref", "avx2", "avxvnni", "avx512", "avx512bf16",
                                "amx", "neon", "dotprod", "i8mm"};
    const char *types[N_SHAPES];
    for (size_t i = 0; i < N_SHAPES; i++)
        types[i] = dtype_name(shapes[i].type);
    if (!is_named(k->isa, n, names, 0, sizeof isa / sizeof *isa, isa) ||
        (n == 0 && strcmp(k->isa, "ref") == 0))
        return;
    for (size_t i = 0; i < N_SHAPES; i++)
        if (is_named(types[i], n, names, 0, N_SHAPES, types))
            speed_of(k, &shapes[i]);
}

#endif
