/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant_encode: the bytes of every format against tests/data/quant/encode.txt, the same in
 * every instruction set and however a row is cut; how far from the weights they decode to; and what
 * is extreme.
 *
 * With arguments it is a tool instead:
 *     test_quant_encode golden                             writes encode.txt to standard output
 *     test_quant_encode encode NAME [IMPORTANCE] < f32 > blocks   for quant_package.check.py
 *     test_quant_encode speed [NAME]                       speed of each format, one thread */
#include "compute/quant_encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "compute/cpu.h"
#include "compute/quant.h"
#include "test.h"

/* And how large the root mean square error may be where the weights' own is 1. */
static const struct {
    const char *name;
    double most;
} formats[] = {
    {"F32", 0},       {"F16", 3e-4},  {"BF16", 2.5e-3}, {"Q4_0", .085},   {"Q4_1", .078},
    {"Q5_0", .044},   {"Q5_1", .038}, {"Q8_0", .0055},  {"Q2_K", .28},    {"Q3_K", .155},
    {"Q4_K", .075},   {"Q5_K", .037}, {"Q6_K", .019},   {"IQ4_NL", .08},  {"IQ4_XS", .085},
    {"TQ1_0", .5},    {"TQ2_0", .5},  {"MXFP4", .12},   {"IQ1_S", .65},   {"IQ1_M", .6},
    {"IQ2_XXS", .45}, {"IQ2_XS", .4}, {"IQ2_S", .35},   {"IQ3_XXS", .25}, {"IQ3_S", .2},
};
enum { N_FORMATS = sizeof formats / sizeof *formats, N = 3 * ENCODE_PART + 256 };

static enum dtype dtype_of(const char *name)
{
    enum dtype t;
    must(dtype_from_name(str_of(name), &t) && quant_can_encode(t));
    return t;
}

static size_t size_of(enum dtype t, size_t n)
{
    return n / dtype_block(t) * dtype_bytes(t);
}

/* Nearly normal, some columns larger than others: as weights are. */
static void make_weights(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < 8; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(seed >> 40) / (1 << 24) - 0.5;
        }
        x[i] = (float)(sum * sqrt(1.5) * (i / 96 % 5 == 0 ? 2 : 1));
    }
}

static double error_of(const float *x, const float *y, const float *w, size_t n)
{
    double sum = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i], weight = w ? (double)w[i] : 1;
        sum += weight * d * d;
        all += weight * (double)x[i] * (double)x[i];
    }
    return sqrt(sum / all);
}

static const struct fit_kernels *kernels_at(int i)
{
#if defined(__x86_64__)
    if (i == 1)
        return cpu_has_avx2() ? &fit_avx2 : NULL;
    if (i == 2)
        return cpu_has_avx512_vnni() ? &fit_avx512 : NULL;
#endif
    return i == 0 ? &fit_plain : NULL;
}

static uint64_t fnv1a(const unsigned char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

static uint64_t hash_of(const struct fit_kernels *k, const char *name, bool weighted)
{
    static float x[N], w[N];
    enum dtype t = dtype_of(name);
    size_t size = size_of(t, N);
    unsigned char *b = test_malloc(size);
    make_weights(x, N, 1);
    make_weights(w, N, 2);
    for (size_t i = 0; i < N; i++)
        w[i] *= w[i];
    quant_encode(k, t, x, weighted ? w : NULL, b, N);
    uint64_t h = fnv1a(b, size);
    test_free(b);
    return h;
}

static void golden(void **state)
{
    char name[16];
    unsigned long long plain, weighted;
    size_t n = 0;
    (void)state;
    FILE *f = fopen("tests/data/quant/encode.txt", "r");
    assert_non_null(f);
    for (; fscanf(f, "%15s %llx %llx", name, &plain, &weighted) == 3; n++)
        for (int i = 0; i < 3; i++) {
            const struct fit_kernels *k = kernels_at(i);
            if (k && (hash_of(k, name, false) != plain || hash_of(k, name, true) != weighted))
                fail_msg("%s, %s: other bytes than in encode.txt", name, k->isa);
        }
    assert_int_equal(n, N_FORMATS);
    fclose(f);
}

static void near_enough(void **state)
{
    static float x[N], y[N], w[N];
    unsigned char *b = test_malloc(sizeof x);
    (void)state;
    make_weights(x, N, 3);
    make_weights(w, N, 4);
    for (size_t i = 0; i < N; i++)
        w[i] = w[i] * w[i] + 0.01f;
    for (size_t i = 0; i < N_FORMATS; i++) {
        enum dtype t = dtype_of(formats[i].name);
        quant_encode(&fit_plain, t, x, NULL, b, N);
        quant_decode(t, b, y, N);
        double error = error_of(x, y, NULL, N), unweighted = error_of(x, y, w, N);
        if (!(error <= formats[i].most))
            fail_msg("%s: error %g of the weights' size", formats[i].name, error);
        quant_encode(&fit_plain, t, x, w, b, N);
        quant_decode(t, b, y, N);
        double weighted = error_of(x, y, w, N);
        if (!(weighted <= unweighted * 1.0001))
            fail_msg("%s: importance makes it worse: %g, not %g", formats[i].name, weighted,
                     unweighted);
    }
    test_free(b);
}

/* A row is cut into parts; where does not matter. */
static void parts(void **state)
{
    static float x[N];
    (void)state;
    make_weights(x, N, 5);
    for (size_t i = 0; i < N_FORMATS; i++) {
        enum dtype t = dtype_of(formats[i].name);
        size_t size = size_of(t, N), at = size_of(t, 256);
        unsigned char *whole = test_malloc(size), *two = test_malloc(size + 1);
        two[size] = 0x5a;
        quant_encode(&fit_plain, t, x, NULL, whole, N);
        quant_encode(&fit_plain, t, x, NULL, two, 256);
        quant_encode(&fit_plain, t, x + 256, NULL, two + at, N - 256);
        assert_memory_equal(whole, two, size);
        assert_int_equal(two[size], 0x5a);
        test_free(whole);
        test_free(two);
    }
}

static void extremes(void **state)
{
    static const float values[] = {0, -0.0f, 1e-38f, -1e-45f, 1, -1, 60000, 3e38f, -3e38f, 1e-6f};
    float x[256], y[256], zero[256] = {0};
    unsigned char b[1024];
    (void)state;
    for (size_t f = 0; f < N_FORMATS; f++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            for (int one = 0; one < 2; one++) {
                enum dtype t = dtype_of(formats[f].name);
                for (int j = 0; j < 256; j++)
                    x[j] = one && j != 77 ? 0 : values[i];
                for (int weighted = 0; weighted < 2; weighted++) {
                    quant_encode(&fit_plain, t, x, weighted ? zero : NULL, b, 256);
                    quant_decode(t, b, y, 256);
                    for (int j = 0; j < 256; j++)
                        if (!isfinite(y[j]) && !(t == DTYPE_F16 && fabsf(x[j]) > 65504))
                            fail_msg("%s of %g is not finite", formats[f].name, (double)values[i]);
                }
            }
}

static int write_golden(void)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        printf("%s %llx %llx\n", formats[i].name,
               (unsigned long long)hash_of(&fit_plain, formats[i].name, false),
               (unsigned long long)hash_of(&fit_plain, formats[i].name, true));
    return 0;
}

static int encode_stream(const char *name, const char *importance)
{
    struct buf in, w;
    struct err e;
    enum dtype t = dtype_of(name);
    buf_init(&in, 1u << 30);
    buf_init(&w, 1u << 30);
    const struct fit_kernels *k = fit_init(&e);
    must(k && buf_read_file(&in, "-", &e) && (!importance || buf_read_file(&w, importance, &e)));
    size_t n = in.n / sizeof(float), size = size_of(t, n);
    char *out = test_malloc(size);
    must(!importance || w.n == in.n);
    quant_encode(k, t, (const float *)(const void *)buf_c(&in),
                 importance ? (const float *)(const void *)buf_c(&w) : NULL, out, n);
    fwrite(out, 1, size, stdout);
    test_free(out);
    buf_clear(&in);
    buf_clear(&w);
    return 0;
}

static int speed(const char *only)
{
    enum { COUNT = 1 << 20 };
    struct err e;
    const struct fit_kernels *k = fit_init(&e);
    float *x = test_malloc(COUNT * sizeof *x);
    char *out = test_malloc(COUNT * sizeof *x);
    make_weights(x, COUNT, 6);
    for (size_t i = 0; k && i < N_FORMATS; i++) {
        if (only && strcmp(only, formats[i].name) != 0)
            continue;
        clock_t start = clock(), took = 0;
        uint64_t rounds = 0;
        for (; took < CLOCKS_PER_SEC / 4; rounds++, took = clock() - start)
            quant_encode(k, dtype_of(formats[i].name), x, NULL, out, COUNT);
        printf("%-7s %8.1f million weights/s (%s)\n", formats[i].name,
               (double)(rounds * COUNT) / (double)took * CLOCKS_PER_SEC / 1e6, k->isa);
    }
    test_free(x);
    test_free(out);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "golden") == 0)
        return write_golden();
    if (argc > 2 && strcmp(argv[1], "encode") == 0)
        return encode_stream(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc > 1 && strcmp(argv[1], "speed") == 0)
        return speed(argc > 2 ? argv[2] : NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(near_enough),
        cmocka_unit_test(parts),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
