/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/test_kernel: every table of kernels this CPU can run, in every form of activations,
 * against sums in double (kernel_problem.h says which, and how the tolerances come about), and the
 * promises of kernel.h: the same bits for any number of tokens and any split of the rows.
 *
 * With arguments it is a tool instead (kernel_speed.h):
 *     test_kernel speed [ISA|FORMAT]...    one thread, time of this thread alone */
#include <stdio.h>

#include "kernel_attend.h"
#include "kernel_cache.h"
#include "kernel_expected.h"
#include "kernel_run.h"
#include "kernel_speed.h"

enum { TOKENS = 64 };
static const uint32_t counts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, TOKENS};
enum { N_COUNTS = sizeof counts / sizeof *counts };

static uint32_t lengths_of(enum dtype t, const uint32_t **lengths)
{
    static const uint32_t by_32[] = {32, 64, 256, 288, 512, 544, 1024, 4096};
    static const uint32_t by_256[] = {256, 512, 1024, 4096};
    static const uint32_t by_1[] = {1, 2, 7, 33, 34, 64, 288, 1026};
    uint32_t block = dtype_block(t);
    *lengths = block == 1 ? by_1 : block == 32 ? by_32 : by_256;
    return block == 256 ? 4 : 8;
}

static float *scratch; /* of the longest row, with a guard behind */
static size_t scratch_floats;
#define GUARD 12345.678f

static void scratch_guard(uint32_t cols)
{
    scratch_floats = kernel_scratch_floats(cols);
    scratch[scratch_floats] = GUARD;
}

/* y of some tokens from `from` on, in rows of p->rows + 3; what was there before is in y. */
static void multiply(const struct kernels *k, struct problem *p, enum act_form form, uint32_t from,
                     uint32_t n, const float *bias, bool add, float *y, uint32_t rows_at_once)
{
    struct act x = act_rows(&p->x, from, n);
    struct matmul m = {.w = &p->packed,
                       .x = &x,
                       .form = form,
                       .y = y,
                       .n = n,
                       .y_stride = p->rows + 3,
                       .bias = bias,
                       .add = add};
    for (uint32_t r = 0; r < p->rows; r += rows_at_once)
        k->matmul(&m, r, p->rows - r < rows_at_once ? p->rows : r + rows_at_once, scratch);
    assert_true(scratch[scratch_floats] == GUARD);
}

static void fill(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((int)(i * 37 % 101) - 50) / 8;
}

/* Rows that are not packed are multiplied in F32 whatever the form. */
static void check_sums(const struct kernels *k, struct problem *p, enum act_form form, uint32_t n,
                       const float *bias, bool add, const float *before, const float *y)
{
    for (uint32_t t = 0; t < n; t++) {
        size_t row = (size_t)t * (p->rows + 3);
        for (uint32_t r = 0; r < p->rows; r++) {
            double b = bias ? (double)bias[r] : 0, start = add ? (double)before[row + r] : 0;
            enum act_form f = mat_is_grouped(&p->packed, r) ? form : ACT_F32;
            double want = p->want[f][(size_t)t * p->rows + r] + b + start;
            double limit = p->tolerance[f][(size_t)t * p->rows + r] +
                           2 * U * (fabs(want) + fabs(b) + fabs(start)) + 1e-30;
            double got = (double)y[row + r];
            if (!(fabs(got - want) <= limit))
                fail_msg("%s %s %ux%u form %d: token %u of %u, row %u is %.9g, not %.9g +- %.2g",
                         k->isa, dtype_name(p->shape->type), p->rows, p->cols, form, t, n, r, got,
                         want, limit);
        }
        for (uint32_t i = 0; i < 3; i++) /* between the rows of y */
            assert_true(y[row + p->rows + i] == before[row + p->rows + i]);
    }
}

/* (I1) of kernel.h: the tokens of y by themselves, and with other splits of the rows. */
static void check_bits(const struct kernels *k, struct problem *p, enum act_form form,
                       const float *bias, const float *y)
{
    uint32_t stride = p->rows + 3, step = form == ACT_BF16 ? 16 : 1;
    float *one = new_items((size_t)stride * TOKENS, 4);
    for (uint32_t t = 0; t < TOKENS; t += step) {
        fill(one, stride);
        multiply(k, p, form, t, 1, bias, false, one, t % 3 == 2 ? 32 : 16);
        if (memcmp(one, y + (size_t)t * stride, p->rows * sizeof *y) != 0)
            fail_msg("%s %s %ux%u form %d: token %u has other bits when alone", k->isa,
                     dtype_name(p->shape->type), p->rows, p->cols, form, t);
    }
    mem_free(one);
}

static void check_form(const struct kernels *k, struct problem *p, enum act_form form)
{
    size_t size = (size_t)(p->rows + 3) * TOKENS;
    float *y = new_items(size, 4), *before = new_items(size, 4), *all = new_items(size, 4);
    float *bias = new_items(p->rows, 4);
    work_out(p, form);
    work_out(p, ACT_F32); /* for the rows after the last group */
    fill(before, size);
    fill(bias, p->rows);
    fill(all, size);
    multiply(k, p, form, 0, TOKENS, bias, false, all, p->rows);
    check_sums(k, p, form, TOKENS, bias, false, before, all);
    check_bits(k, p, form, bias, all);
    for (size_t i = 0; i < N_COUNTS; i++) {
        bool add = i % 2 == 0;
        uint32_t rows_at_once = i % 3 == 0 ? 16 : i % 3 == 1 ? 48 : p->rows;
        memcpy(y, before, size * sizeof *y);
        multiply(k, p, form, 0, counts[i], i % 4 < 2 ? NULL : bias, add, y, rows_at_once);
        check_sums(k, p, form, counts[i], i % 4 < 2 ? NULL : bias, add, before, y);
        memcpy(y, before, size * sizeof *y);
        multiply(k, p, form, 0, counts[i], bias, false, y, rows_at_once);
        for (uint32_t t = 0; t < counts[i]; t++)
            assert_memory_equal(y + t * (p->rows + 3), all + t * (p->rows + 3), p->rows * 4);
    }
    mem_free(y);
    mem_free(before);
    mem_free(all);
    mem_free(bias);
}

static void check_problem(const struct kernels *k, struct problem *p)
{
    scratch_guard(p->cols);
    bool used[ACT_FORMS] = {[ACT_F32] = true};
    for (size_t i = 0; i < N_COUNTS; i++) {
        used[k->form(&p->packed, counts[i], PRECISION_NORMAL)] = true;
        used[k->form(&p->packed, counts[i], PRECISION_FAST)] = true;
        assert_int_equal(k->form(&p->packed, counts[i], PRECISION_EXACT), ACT_F32);
    }
    for (enum act_form f = ACT_F32; f < ACT_FORMS; f++)
        if (used[f])
            check_form(k, p, f);
}

/* Made once, for all tables. */
static struct problem *problem_of(size_t shape, uint32_t i, uint32_t cols)
{
    static const uint32_t rows[] = {37, 16, 5, 48, 33, 32, 51, 37};
    static struct problem all[N_SHAPES][8];
    struct problem *p = &all[shape][i];
    problem_seed = shape * 100 + i + 1;
    if (p->n == 0)
        problem_init(p, &shapes[shape], rows[(i + shape) % 8], cols, TOKENS);
    return p;
}

/* --- the tests, one for every table -------------------------------------------------------------
 */
static void sums(void **state)
{
    for (size_t s = 0; s < N_SHAPES; s++) {
        const uint32_t *lengths;
        for (uint32_t i = 0; i < lengths_of(shapes[s].type, &lengths); i++)
            check_problem(*state, problem_of(s, i, lengths[i]));
    }
}

/* Rows as they lie in the file, formats that are never packed among them. */
static void plain_rows(void **state)
{
    static const enum dtype types[] = {DTYPE_IQ2_XS, DTYPE_MXFP4, DTYPE_TQ1_0};
    const struct kernels *k = *state;
    for (size_t i = 0; i < N_SHAPES + 3; i++) {
        struct shape s = i < N_SHAPES ? shapes[i] : (struct shape){.type = types[i - N_SHAPES]};
        struct problem p;
        problem_init(&p, &s, 19, 512, TOKENS);
        struct mat r16 = p.packed;
        p.packed = p.plain;
        scratch_guard(p.cols);
        for (size_t c = 0; c < N_COUNTS; c++)
            assert_int_equal(k->form(&p.packed, counts[c], PRECISION_NORMAL), ACT_F32);
        check_form(k, &p, ACT_F32);
        p.packed = r16;
        problem_clear(&p);
    }
}

static void check_act(const struct kernels *k, struct problem *p, enum act_form form)
{
    struct act x = new_act(p->n, p->cols);
    const struct act *want = &p->x;
    size_t blocks = (size_t)p->n * (p->cols / 32), tiles = (size_t)(p->n + 15) / 16;
    x.f32 = want->f32;
    for (uint32_t t = 0; t < p->n; t++) { /* in parts, as fused stages do it */
        uint32_t cut = t % 3 * 64 < p->cols ? t % 3 * 64 : 0;
        k->act(&x, form, t, cut, p->cols);
        k->act(&x, form, t, 0, cut);
    }
    if (form == ACT_BF16)
        assert_memory_equal(x.bf16, want->bf16, tiles * ((p->cols + 31) / 32) * 1024);
    if (form == ACT_Q8) {
        assert_memory_equal(x.q, want->q, (size_t)p->n * p->cols);
        assert_memory_equal(x.d, want->d, blocks * 4);
        assert_memory_equal(x.sum32, want->sum32, blocks * 4);
        assert_memory_equal(x.sum16, want->sum16, blocks * 8);
    }
    free_act(&x);
}

static void activations(void **state)
{
    const struct kernels *k = *state;
    static const uint32_t lengths[] = {32, 96, 34, 1024};
    for (size_t i = 0; i < 4; i++) {
        struct problem p;
        problem_init(&p, &shapes[N_SHAPES - 2], 16, lengths[i], TOKENS);
        struct mat q4 = {.type = DTYPE_Q4_0, .layout = MAT_R16, .rows = 16, .cols = lengths[i]};
        for (uint32_t n = 1; n <= TOKENS; n *= 8)
            if (k->form(&q4, n, PRECISION_NORMAL) != ACT_Q8 || lengths[i] % 32 == 0)
                check_act(k, &p, k->form(&q4, n, PRECISION_NORMAL));
        problem_clear(&p);
    }
}

static void norms(void **state)
{
    const struct kernels *k = *state;
    enum { N = 1537 };
    static float x[N], weight[N], out[N + 1];
    problem_seed = 8;
    for (uint32_t n = 1; n <= N; n += n < 70 ? 1 : 163) {
        double squares = 0, eps = (double)1e-5f;
        for (uint32_t i = 0; i < n; i++) {
            x[i] = (n % 2 ? 100.0f : 1e-3f) * random_float();
            weight[i] = random_float();
            squares += (double)x[i] * (double)x[i];
        }
        out[n] = 3;
        memcpy(out, x, n * sizeof *x);
        k->norm(out, weight, 1e-5f, out, n);
        for (uint32_t i = 0; i < n; i++) {
            double want = (double)x[i] * (double)weight[i] / sqrt(squares / n + eps);
            assert_true(fabs((double)out[i] - want) <= U * (n / 8 + 12) * fabs(want));
        }
        assert_true(out[n] == 3);
    }
}

/* x sigmoid(z), z = x for SiLU; z = 2 sqrt(2/pi) (x + .044715 x^3) makes it GELU's tanh form. The
 * exact one is x times the normal distribution. */
static double gate(double x, enum gating g)
{
    if (g == GATE_CLAMPED)
        return fmin(x, 7) / (1 + exp(-(double)1.702f * fmin(x, 7)));
    if (g == GATE_GELU_ERF)
        return x * erfc(-x / sqrt(2)) / 2;
    if (g == GATE_RELU2)
        return x > 0 ? x * x : 0;
    double z = g == GATE_SILU ? x : 1.5957691216057308 * (x + 0.044715 * x * x * x);
    return x / (1 + exp(-z));
}

/* The first n of size values; |b| <= 1, or NULL. */
static void check_gated(const struct kernels *k, const float *a, const float *b, enum gating g,
                        uint32_t n, uint32_t size)
{
    float y[128];
    memcpy(y, a, size * sizeof *y);
    k->gated(y, b, g, n);
    for (uint32_t i = 0; i < size; i++) {
        double with = b ? (double)b[i] + (g == GATE_CLAMPED ? 1 : 0) : 1;
        double want = i < n ? gate((double)a[i], g) * with : (double)a[i];
        assert_true(fabs((double)y[i] - want) <= 16 * U * fmax(fabs((double)a[i]), fabs(want)));
    }
}

static void rows_of_floats(void **state)
{
    const struct kernels *k = *state;
    enum { N = 70 };
    float a[N], b[N], y[N];
    for (uint32_t n = 0; n < N; n++) {
        double terms = 0;
        for (uint32_t i = 0; i < N; i++)
            a[i] = 30 * random_float(), b[i] = random_float();
        for (uint32_t i = 0; i < n; i++)
            terms += fabs((double)a[i] * (double)b[i]);
        assert_true(fabs((double)k->dot(a, b, n) - (double)kernels_ref.dot(a, b, n)) <=
                    (n + 2) * U * terms);
        memcpy(y, b, sizeof y);
        k->axpy(y, 3.25f, a, n);
        for (uint32_t i = 0; i < N; i++)
            assert_true(fabs((double)y[i] - (i < n ? (double)(b[i] + 3.25f * a[i])
                                                   : (double)b[i])) <= 4 * U * 100);
        memcpy(y, b, sizeof y);
        k->scale(y, -0.75f, n);
        for (uint32_t i = 0; i < N; i++)
            assert_true(y[i] == (i < n ? -0.75f * b[i] : b[i]));
        for (enum gating g = GATE_SILU; g <= GATE_CLAMPED; g++) {
            check_gated(k, a, b, g, n, N);
            if (g != GATE_CLAMPED)
                check_gated(k, a, NULL, g, n, N);
        }
    }
}

/* Some tokens of the gated delta rule against the same in double precision. */
static void delta_tokens(void **state)
{
    const struct kernels *k = *state;
    enum { N = 130 };
    static float s[N * N];
    static double want[N * N];
    static const uint32_t widths[] = {1, 3, 8, 16, 17, 33, 64, 100, 128, N};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        uint32_t d = widths[w];
        float q[N], key[N], v[N];
        for (uint32_t i = 0; i < d * d; i++)
            want[i] = (double)(s[i] = random_float());
        for (int token = 0; token < 5; token++) {
            struct delta_token t = {s, q, key, v, d, 0.5f + 0.1f * (float)token, 0.7f};
            double out[N];
            for (uint32_t i = 0; i < d; i++)
                q[i] = random_float(), key[i] = random_float() / (float)d, v[i] = random_float();
            for (uint32_t j = 0; j < d; j++) {
                double says = 0;
                out[j] = 0;
                for (uint32_t i = 0; i < d; i++)
                    says += (want[i * d + j] *= (double)t.decay) * (double)key[i];
                for (uint32_t i = 0; i < d; i++) {
                    want[i * d + j] += (double)key[i] * (double)t.beta * ((double)v[j] - says);
                    out[j] += want[i * d + j] * (double)q[i] / sqrt(d);
                }
            }
            k->delta(&t);
            for (uint32_t j = 0; j < d; j++)
                assert_true(fabs((double)v[j] - out[j]) <= 64 * U * (double)d);
        }
        for (uint32_t i = 0; i < d * d; i++)
            assert_true(fabs((double)s[i] - want[i]) <= 64 * U);
    }
}

static void half_floats(void **state)
{
    const struct kernels *k = *state;
    enum { N = 1 << 16 };
    static uint16_t h[N], back[N];
    static float f[N];
    for (uint32_t i = 0; i < N; i++)
        h[i] = (uint16_t)i;
    k->from_f16(h, f, N);
    for (uint32_t i = 0; i < N; i++) {
        float want = f16_to_f32(h[i]);
        assert_true(isnan(want) ? isnan(f[i]) : memcmp(&want, &f[i], 4) == 0);
    }
    for (uint32_t i = 0; i < N; i++)
        f[i] = isnan(f[i]) ? 0 : f[i] * (1 + (float)(i % 7) * 0x1p-13f);
    for (uint32_t n = N - 9; n <= N; n++) {
        k->to_f16(f, back, n);
        for (uint32_t i = n - 40; i < n; i++)
            assert_int_equal(back[i], f32_to_f16(f[i]));
    }
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(back[i], f32_to_f16(f[i]));
}

/* --- the levels ---------------------------------------------------------------------------------
 */
static const char *const isa_names[] = {"ref", "avx2", "avxvnni", "avx512", "avx512bf16",
                                        "amx", "neon", "dotprod", "i8mm"};
enum { N_ISA = sizeof isa_names / sizeof *isa_names };

/* The table with MOAT_ISA=name; false where this CPU or build has none. */
static bool level(const char *name, struct kernels *k)
{
    struct err e = {0};
    setenv("MOAT_ISA", name, 1);
    const struct kernels *chosen = kernel_init(&e);
    unsetenv("MOAT_ISA");
    if (!chosen)
        return false;
    *k = *chosen;
    return strcmp(k->isa, name) == 0;
}

static void unknown_levels(void **state)
{
    (void)state;
    struct err e = {0};
    setenv("MOAT_ISA", "sse9", 1);
    assert_null(kernel_init(&e));
    assert_int_equal(e.code, ERR_USAGE);
    unsetenv("MOAT_ISA");
    assert_non_null(kernel_init(&e));
}

static int run_all(void)
{
    enum { N_TITLES = 11 };
    static struct kernels tables[N_ISA];
    static char names[N_ISA][N_TITLES][40];
    static void (*const functions[])(void **) = {
        sums,      plain_rows, activations,  rows_of_floats, half_floats,   norms,
        attention, runs,       delta_tokens, cache_types,    cache_extremes};
    static const char *const titles[] = {
        "sums",      "plain_rows", "activations",  "rows_of_floats", "half_floats",   "norms",
        "attention", "runs",       "delta_tokens", "cache_types",    "cache_extremes"};
    struct CMUnitTest tests[N_ISA * N_TITLES + 1] = {cmocka_unit_test(unknown_levels)};
    size_t n = 1;
    for (size_t i = 0; i < N_ISA; i++)
        for (size_t j = 0; j < N_TITLES && level(isa_names[i], &tables[i]); j++) {
            snprintf(names[i][j], sizeof names[i][j], "%s_%s", isa_names[i], titles[j]);
            tests[n++] = (struct CMUnitTest){
                .name = names[i][j], .test_func = functions[j], .initial_state = &tables[i]};
        }
    scratch = new_items(kernel_scratch_floats(4096), 4);
    int failed = _cmocka_run_group_tests("test_kernel", tests, n, NULL, NULL);
    mem_free(scratch);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "speed") != 0)
        return run_all();
    for (size_t i = 0; i < N_ISA; i++) {
        struct kernels k;
        if (level(isa_names[i], &k))
            kernel_speed(&k, argc - 2, argv + 2);
    }
    return 0;
}
