/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant against what the `gguf` Python package decodes (tests/data/make_quant.py says how
 * the data was made), and the 16-bit conversions over every value.
 *
 * With arguments it is a tool instead:
 *     test_quant decode NAME < blocks > f32     for quant_package.check.py
 *     test_quant speed [NAME]                   decoding speed of each format, one thread */
#include "base/buf.h"
#include "base/os.h"
#include "compute/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {
    "F32",   "F16",    "BF16",   "Q4_0",  "Q4_1",  "Q5_0",  "Q5_1",    "Q8_0",   "Q2_K",
    "Q3_K",  "Q4_K",   "Q5_K",   "Q6_K",  "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S",
    "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "IQ3_XXS",
};
enum { N_NAMES = sizeof names / sizeof *names };

static enum dtype dtype_of(const char *name)
{
    enum dtype t;
    must(dtype_from_name(str_of(name), &t) && quant_can_decode(t));
    return t;
}

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void every_format_has_a_decoder(void **state)
{
    (void)state;
    unsigned decodable = 0;
    for (uint32_t t = 0; t < DTYPE_COUNT; t++)
        decodable += quant_can_decode((enum dtype)t);
    assert_int_equal(decodable, N_NAMES);
    assert_false(quant_can_decode(DTYPE_I32));
    assert_null(quant_decoder(DTYPE_COUNT));
}

/* At every alignment of the source, with the words after the output untouched. */
static void check_golden(const char *name, const char *p, size_t size)
{
    enum dtype t = dtype_of(name);
    uint32_t block = dtype_block(t), bytes = dtype_bytes(t);
    size_t n_block = size / (bytes + 4 * block), n = n_block * block;
    assert_true(n_block > 0 && size == n_block * (bytes + 4 * block));
    char *source = test_malloc(n_block * bytes + 8);
    float *out = test_malloc((n + 1) * sizeof *out);
    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(source + shift, p, n_block * bytes);
        memset(out, 0x5a, (n + 1) * sizeof *out);
        quant_decode(t, source + shift, out, n);
        for (size_t i = 0; i < n; i++) {
            uint32_t want;
            memcpy(&want, p + n_block * bytes + 4 * i, sizeof want);
            if (bits(out[i]) != want)
                fail_msg("%s: weight %zu (source at +%zu) is %08x, not %08x", name, i, shift,
                         bits(out[i]), want);
        }
        assert_int_equal(bits(out[n]), 0x5a5a5a5a);
    }
    test_free(source);
    test_free(out);
}

static void golden_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        char path[64];
        struct err e;
        struct buf b;
        snprintf(path, sizeof path, "tests/data/quant/%s.bin", names[i]);
        buf_init(&b, 1 << 20);
        if (!buf_read_file(&b, path, &e))
            fail_msg("%s", e.msg);
        check_golden(names[i], b.p, b.n);
        buf_clear(&b);
    }
}

static void splitmix64(char *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n / 8; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        memcpy(p + 8 * i, &z, 8);
    }
}

static uint64_t fnv1a(const float *w, size_t n)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (isnan(w[i]) ? 0x7fc00000 : bits(w[i]))) * 0x100000001b3;
    return h;
}

static uint64_t sweep_hash(enum dtype t)
{
    size_t n_block = dtype_block(t) == 1 ? 65536 : 1024, n = n_block * dtype_block(t);
    char *source = test_malloc(n_block * dtype_bytes(t));
    float *out = test_malloc(n * sizeof *out);
    splitmix64(source, n_block * dtype_bytes(t), 1);
    quant_decode(t, source, out, n);
    uint64_t h = fnv1a(out, n);
    test_free(source);
    test_free(out);
    return h;
}

static void sweep(void **state)
{
    (void)state;
    FILE *f = fopen("tests/data/quant/sweep.txt", "r");
    assert_non_null(f);
    char name[16];
    unsigned long long want;
    size_t n = 0;
    for (; fscanf(f, "%15s %llx", name, &want) == 2; n++)
        if (sweep_hash(dtype_of(name)) != want)
            fail_msg("%s: 1024 blocks of SplitMix64 bytes decode otherwise than in gguf", name);
    assert_int_equal(n, N_NAMES);
    fclose(f);
}

/* The value of a finite F16 by its definition. */
static float f16_value(uint32_t h)
{
    int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    float v =
        exponent ? ldexpf((float)(fraction + 1024), exponent - 25) : ldexpf((float)fraction, -24);
    return h & 0x8000 ? -v : v;
}

static void f16_every_value(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h), row[9];
        uint16_t row_of_h[9]; /* the vector loop, and its remainder */
        for (int j = 0; j < 9; j++)
            row_of_h[j] = (uint16_t)h;
        f16_decode(row_of_h, row, 9);
        assert_int_equal(bits(row[0]), bits(f));
        assert_int_equal(bits(row[8]), bits(f));
        if ((h & 0x7fff) > 0x7c00) {
            assert_true(isnan(f));
            assert_int_equal(bits(f) >> 31, h >> 15);
            assert_int_equal(f32_to_f16(f), h | 0x200); /* quiet, payload kept */
            continue;
        }
        float want = (h & 0x7fff) == 0x7c00 ? (h >> 15 ? -INFINITY : INFINITY) : f16_value(h);
        assert_int_equal(bits(f), bits(want));
        assert_int_equal(f32_to_f16(f), h);
    }
}

/* Between each F16 and the next: halfway goes to the even one, anything else to the nearer. */
static void f16_rounding(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float a = f16_value(h), b = h == 0x7bff ? 65536.0f : f16_value(h + 1);
        float middle = a + (b - a) / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        assert_int_equal(f32_to_f16(middle), even);
        assert_int_equal(f32_to_f16(-middle), even | 0x8000);
        assert_int_equal(f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(f32_to_f16(nextafterf(b, 0)), h + 1);
        assert_int_equal(f32_to_f16(nextafterf(a, INFINITY)), h);
    }
    assert_int_equal(f32_to_f16(1e-45f), 0);
    assert_int_equal(f32_to_f16(of_bits(0xff800001)), 0xfe00); /* NaN, not infinity */
    assert_int_equal(f32_to_f16(-3e38f), 0xfc00);
}

static void bf16_every_value(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = bf16_to_f32((uint16_t)h);
        assert_int_equal(bits(f), h << 16);
        assert_int_equal(f32_to_bf16(f), (h & 0x7fff) > 0x7f80 ? h | 64 : h);
    }
}

static void bf16_rounding(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        if ((h & 0x7fff) >= 0x7f80) /* NaN whose payload is all in the lower half */
            assert_true(isnan(bf16_to_f32(f32_to_bf16(of_bits(h << 16 | 1)))));
        if ((h & 0x7fff) >= 0x7f80)
            continue;
        assert_int_equal(f32_to_bf16(of_bits(h << 16 | 0x7fff)), h);
        assert_int_equal(f32_to_bf16(of_bits(h << 16 | 0x8000)), h + (h & 1));
        assert_int_equal(f32_to_bf16(of_bits(h << 16 | 0x8001)), h + 1);
        assert_int_equal(f32_to_bf16(of_bits(h << 16 | 0xffff)), h + 1);
    }
}

/* --- the tool ----------------------------------------------------------------------------------
 */
static int decode_stdin(const char *name)
{
    enum dtype t = dtype_of(name);
    uint32_t block = dtype_block(t), bytes = dtype_bytes(t);
    static char in[256];
    static float out[256];
    while (fread(in, bytes, 1, stdin) == 1) {
        quant_decode(t, in, out, block);
        fwrite(out, sizeof *out, block, stdout);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Rows of 4096 weights decoded into the same buffer, as a matrix product would; best of several. */
static void speed_of(const char *name)
{
    enum { ROW = 4096, ROWS = 256 };
    enum dtype t = dtype_of(name);
    size_t row_bytes = (size_t)ROW / dtype_block(t) * dtype_bytes(t);
    char *in = malloc(row_bytes * ROWS);
    static float out[ROW];
    must(in);
    splitmix64(in, row_bytes * ROWS, 1);
    for (size_t i = 1; i < row_bytes * ROWS; i += 2)
        in[i] &= 0x37; /* no infinities, whatever is a scale */
    for (size_t i = 0; t == DTYPE_MXFP4 && i < row_bytes * ROWS; i += 17)
        in[i] = 120; /* nor subnormal results */
    double best = 1e9;
    for (int r = 0; r < 40; r++) {
        uint64_t t0 = os_now_ns();
        for (size_t k = 0; k < ROWS; k++)
            quant_decode(t, in + k * row_bytes, out, ROW);
        double ns = (double)(os_now_ns() - t0);
        best = ns < best ? ns : best;
    }
    printf("%-8s %6.2f Gweights/s\n", name, (double)ROW * ROWS / best);
    free(in);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "decode") == 0)
        return decode_stdin(argv[2]);
    if (argc >= 2 && strcmp(argv[1], "speed") == 0) {
        for (size_t i = 0; i < N_NAMES; i++)
            if (argc == 2 || strcmp(argv[2], names[i]) == 0)
                speed_of(names[i]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_a_decoder),
        cmocka_unit_test(golden_blocks),
        cmocka_unit_test(sweep),
        cmocka_unit_test(f16_every_value),
        cmocka_unit_test(f16_rounding),
        cmocka_unit_test(bf16_every_value),
        cmocka_unit_test(bf16_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
