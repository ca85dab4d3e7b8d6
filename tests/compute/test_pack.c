/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/test_pack: R16 is a permutation that can be undone, and every weight lies where
 * compute/pack.h says: a second reading of that comment, weight by weight, is compared with
 * quant_decode of the rows.
 *
 * With arguments it is a tool instead:
 *     test_pack speed [NAME]        packing, unpacking, and copying, one thread */
#include "base/mem.h"
#include "base/os.h"
#include "compute/kernel.h"
#include "compute/pack.h"
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/codebooks.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const enum dtype types[] = {
    DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q4_0,   DTYPE_Q4_1,
    DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_Q8_0, DTYPE_Q2_K,   DTYPE_Q3_K,
    DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_NL, DTYPE_IQ4_XS,
};
enum { N_TYPES = sizeof types / sizeof *types, MOST = 16 * 4 * 1024 };

static uint64_t seed = 1;

static void random_bytes(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        ((uint8_t *)p)[i] = (uint8_t)((z ^ z >> 27) >> 20);
    }
}

/* Lengths that a format takes: one block, records that are not full, several full ones. */
static size_t lengths_of(enum dtype t, uint32_t out[8])
{
    static const uint32_t by_32[] = {32, 96, 224, 256, 288, 576, 768, 992};
    static const uint32_t by_256[] = {256, 512, 768, 1024};
    static const uint32_t by_1[] = {2, 6, 32, 34, 256, 1000};
    uint32_t block = dtype_block(t);
    const uint32_t *from = block == 1 ? by_1 : block == 32 ? by_32 : by_256;
    size_t n = block == 1 ? 6 : block == 32 ? 8 : 4;
    memcpy(out, from, n * sizeof *out);
    return n;
}

static size_t row_bytes(enum dtype t, uint32_t cols)
{
    uint64_t n;
    must(dtype_row_bytes(t, cols, &n));
    return n;
}

static void what_is_supported(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++) {
        assert_true(pack_supported(types[i], 256));
        assert_false(pack_supported(types[i], 0));
        if (dtype_block(types[i]) > 1)
            assert_false(pack_supported(types[i], dtype_block(types[i]) + 1));
    }
    assert_true(pack_supported(DTYPE_F32, 3));
    assert_false(pack_supported(DTYPE_F16, 3));
    assert_false(pack_supported(DTYPE_BF16, 255));
    assert_true(pack_supported(DTYPE_Q4_0, 32));
    assert_false(pack_supported(DTYPE_Q4_K, 128));
    assert_false(pack_supported(DTYPE_IQ2_XS, 256));
    assert_false(pack_supported(DTYPE_MXFP4, 256));
    assert_false(pack_supported(DTYPE_I8, 256));
    assert_false(pack_supported(DTYPE_COUNT, 256));
}

static void check_round_trip(enum dtype t, uint32_t cols)
{
    static uint8_t rows[MOST + 64], group[MOST + 64], back[MOST + 64], one[MOST / 16 + 64];
    size_t n = row_bytes(t, cols);
    assert_true(16 * n <= MOST);
    random_bytes(rows, 16 * n);
    memset(group, 0xa5, sizeof group);
    memset(back, 0xa5, sizeof back);
    pack_group(t, rows, cols, group);
    unpack_group(t, group, cols, back);
    if (memcmp(rows, back, 16 * n) != 0)
        fail_msg("%s of %u columns does not come back", dtype_name(t), cols);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(group[16 * n + (size_t)i], 0xa5);
        assert_int_equal(back[16 * n + (size_t)i], 0xa5);
    }
    for (uint32_t r = 0; r < 16; r++) {
        memset(one, 0xa5, sizeof one);
        pack_extract_row(t, group, r, cols, one);
        assert_memory_equal(one, rows + r * n, n);
        assert_int_equal(one[n], 0xa5);
    }
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t cols[8];
        for (size_t j = lengths_of(types[i], cols); j-- > 0;)
            check_round_trip(types[i], cols[j]);
    }
}

/* Every single bit of a group, alone, comes from one bit of the rows: with the round trip this
 * says that packing is a permutation of bits. */
static void bits_move_one_by_one(void **state)
{
    (void)state;
    static uint8_t rows[MOST], group[MOST];
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t cols = dtype_block(types[i]) == 256 ? 256 : 96;
        size_t n = 16 * row_bytes(types[i], cols);
        for (size_t bit = 0; bit < 8 * n; bit += 1 + bit % 3) {
            unsigned found = 0;
            memset(rows, 0, n);
            rows[bit / 8] = (uint8_t)(1u << bit % 8);
            pack_group(types[i], rows, cols, group);
            for (size_t b = 0; b < n; b++)
                found += (unsigned)__builtin_popcount(group[b]);
            assert_int_equal(found, 1);
        }
    }
}

/* --- pack.h read once more, weight by weight ----------------------------------------------------
 */
static unsigned quant4(const r16_vector *q, uint32_t r, uint32_t k) /* q[4][64], k < 32 */
{
    uint32_t s = k / 4;
    return (unsigned)q[s / 2][4 * r + k % 4] >> (s % 2 * 4) & 15;
}

static unsigned quant2(const r16_vector *q, uint32_t r, uint32_t k) /* q[2][64] */
{
    uint32_t s = k / 4;
    return (unsigned)q[s / 4][4 * r + k % 4] >> (s % 4 * 2) & 3;
}

static unsigned fifth(const uint8_t *h, uint32_t r, uint32_t k)
{
    return (unsigned)h[4 * r + k % 4] >> k / 4 & 1;
}

static float weight32(enum dtype t, const void *record, uint32_t nb, uint32_t r, uint32_t k)
{
    struct r16_view v = r16_view(t, record, nb);
    uint32_t b = k / 32, i = k % 32;
    float d = half(v.d[16 * b + r]), m = v.m ? half(v.m[16 * b + r]) : 0;
    if (t == DTYPE_Q8_0)
        return d * (float)(int8_t)v.q[v.step * b + 64 * (i / 4) + 4 * r + i % 4];
    int q = (int)quant4((const r16_vector *)(v.q + v.step * b), r, i);
    if (v.h)
        q |= (int)fifth(v.h + v.step * b, r, i) << 4;
    if (t == DTYPE_IQ4_NL)
        return d * iq4_nl_values[q];
    if (v.m) {
        float w = d * (float)q;
        return w + m;
    }
    return d * (float)(q - (v.h ? 16 : 8));
}

static float weight_k_min(const uint16_t *d, const uint16_t *m, const uint8_t sc[12][16],
                          uint32_t r, uint32_t b, unsigned q)
{
    uint8_t packed[12], s[8], mins[8];
    for (int i = 0; i < 12; i++)
        packed[i] = sc[i][r];
    k_scales(packed, s, mins);
    float w = half(d[r]) * (float)s[b] * (float)q; /* no sum here: it could be fused */
    float min = half(m[r]) * (float)mins[b];
    return w - min;
}

static int q3_scale(const struct r16_q3_k *g, uint32_t r, uint32_t i) /* i < 16 */
{
    unsigned low = g->sc[i % 8][r] >> i / 8 * 4 & 15, high = g->sc[8 + i % 4][r] >> i / 4 * 2 & 3;
    return (int)(low | high << 4) - 32;
}

static float weight_q2_k(const struct r16_q2_k *g, uint32_t r, uint32_t k)
{
    unsigned sc = g->sc[k / 16][r], q = quant2(g->q[k / 32], r, k % 32);
    float w = half(g->d[r]) * (float)(sc & 15) * (float)q, min = half(g->m[r]) * (float)(sc >> 4);
    return w - min;
}

static float weight_q3_k(const struct r16_q3_k *g, uint32_t r, uint32_t k)
{
    const struct r16_three_bits *b = &g->b[k / 32];
    int q = (int)quant2(b->q, r, k % 32) - (fifth(b->h, r, k % 32) ? 0 : 4);
    return half(g->d[r]) * (float)q3_scale(g, r, k / 16) * (float)q;
}

static float weight_q6_k(const struct r16_q6_k *g, uint32_t r, uint32_t k)
{
    const struct r16_six_bits *b = &g->b[k / 32];
    unsigned q = quant4(b->q, r, k % 32) | quant2(b->h, r, k % 32) << 4;
    return half(g->d[r]) * (float)g->sc[k / 16][r] * (float)((int)q - 32);
}

static float weight_iq4_xs(const struct r16_iq4_xs *g, uint32_t r, uint32_t k)
{
    uint32_t b = k / 32;
    int scale = (g->sl[b / 2][r] >> b % 2 * 4 & 15) | (g->sh[r] >> 2 * b & 3) << 4;
    return half(g->d[r]) * (float)(scale - 32) * iq4_nl_values[quant4(g->q[b], r, k % 32)];
}

static float weight256(enum dtype t, const void *record, uint32_t r, uint32_t k)
{
    uint32_t b = k / 32, i = k % 32;
    const struct r16_q4_k *q4 = record;
    const struct r16_q5_k *q5 = record;
    switch ((int)t) {
    case DTYPE_Q2_K:
        return weight_q2_k(record, r, k);
    case DTYPE_Q3_K:
        return weight_q3_k(record, r, k);
    case DTYPE_Q4_K:
        return weight_k_min(q4->d, q4->m, q4->sc, r, b, quant4(q4->q[b], r, i));
    case DTYPE_Q5_K:
        return weight_k_min(q5->d, q5->m, q5->sc, r, b,
                            quant4(q5->b[b].q, r, i) | fifth(q5->b[b].h, r, i) << 4);
    case DTYPE_Q6_K:
        return weight_q6_k(record, r, k);
    default:
        return weight_iq4_xs(record, r, k);
    }
}

static float weight(enum dtype t, const uint8_t *group, uint32_t cols, uint32_t r, uint32_t k)
{
    uint32_t at = k / 256 * 256, left = cols - at < 256 ? cols - at : 256;
    const uint8_t *record = group + 16 * row_bytes(t, at);
    if (t == DTYPE_F32)
        return ((const float *)group)[16 * k + r];
    if (t == DTYPE_F16)
        return f16_to_f32(((const uint16_t *)group)[(k / 2 * 16 + r) * 2 + k % 2]);
    if (t == DTYPE_BF16)
        return bf16_to_f32(((const uint16_t *)group)[(k / 2 * 16 + r) * 2 + k % 2]);
    if (dtype_block(t) == 32)
        return weight32(t, record, left / 32, r, k - at);
    return weight256(t, record, r, k - at);
}

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void every_weight_is_where_it_should_be(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t rows[MOST], group[MOST];
    static float want[1024];
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t cols[8];
        for (size_t j = lengths_of(types[i], cols); j-- > 0;) {
            size_t n = row_bytes(types[i], cols[j]);
            random_bytes(rows, 16 * n);
            pack_group(types[i], rows, cols[j], group);
            for (uint32_t r = 0; r < 16; r++) {
                quant_decode(types[i], rows + r * n, want, cols[j]);
                for (uint32_t k = 0; k < cols[j]; k++)
                    if (!same(weight(types[i], group, cols[j], r, k), want[k]))
                        fail_msg("%s: row %u, weight %u of %u is %g, not %g", dtype_name(types[i]),
                                 r, k, cols[j], weight(types[i], group, cols[j], r, k), want[k]);
            }
        }
    }
}

/* A matrix of 37 rows, packed as the engine does it, gives the same bits as the plain one. */
static void pack_matrix(const struct mat *w, uint8_t *to)
{
    for (uint32_t r = 0; r < w->rows; r += 16)
        if (r + 16 <= w->rows)
            pack_group(w->type, w->data + r * w->row_bytes, w->cols, to + r * w->row_bytes);
        else
            memcpy(to + r * w->row_bytes, w->data + r * w->row_bytes, (w->rows - r) * w->row_bytes);
}

/* Random rows without infinities and NaN: no 16-bit word, wherever it is a scale, has the top
 * exponent. */
static void random_rows(uint8_t *rows, size_t n)
{
    random_bytes(rows, n);
    for (size_t i = 0; i < n; i++)
        rows[i] &= 0xbb;
}

static void check_kernels(enum dtype t, const struct kernels *kernels)
{
    enum { ROWS = 37, COLS = 256, TOKENS = 5 };
    static _Alignas(64) uint8_t rows[ROWS * COLS * 4], packed[ROWS * COLS * 4];
    static float x[TOKENS * COLS], y[2][TOKENS * ROWS], scratch[17 * COLS];
    struct mat plain = {.data = rows,
                        .type = t,
                        .rows = ROWS,
                        .cols = COLS,
                        .row_bytes = row_bytes(t, COLS),
                        .n_expert = 1};
    struct mat r16 = plain;
    random_rows(rows, ROWS * plain.row_bytes);
    pack_matrix(&plain, packed);
    r16.data = packed;
    r16.layout = MAT_R16;
    for (int i = 0; i < TOKENS * COLS; i++)
        x[i] = (float)(i * 37 % 101 - 50) / 64;
    for (int i = 0; i < 2; i++) {
        struct act in = {.n = TOKENS, .k = COLS, .f32 = x, .stride = COLS};
        struct matmul m = {
            .w = i ? &r16 : &plain, .x = &in, .y = y[i], .n = TOKENS, .y_stride = ROWS};
        kernels->matmul(&m, 0, 16, scratch);
        kernels->matmul(&m, 16, ROWS, scratch);
    }
    if (memcmp(y[0], y[1], sizeof y[0]) != 0)
        fail_msg("%s: kernels %s give other sums for packed rows", dtype_name(t), kernels->isa);
}

static void the_reference_gives_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_TYPES; i++)
        check_kernels(types[i], &kernels_ref);
}

/* --- the tool -----------------------------------------------------------------------------------
 */
static double best_of(enum dtype t, int what, const uint8_t *from, uint8_t *to, size_t group_bytes)
{
    enum { COLS = 4096, GROUPS = 64 };
    double best = 1e18;
    for (int i = 0; i < 12; i++) {
        uint64_t t0 = os_now_ns();
        for (size_t g = 0; g < GROUPS; g++)
            if (what == 0)
                pack_group(t, from + g * group_bytes, COLS, to + g * group_bytes);
            else if (what == 1)
                unpack_group(t, from + g * group_bytes, COLS, to + g * group_bytes);
            else
                memcpy(to + g * group_bytes, from + g * group_bytes, group_bytes);
        double ns = (double)(os_now_ns() - t0);
        best = ns < best ? ns : best;
    }
    return (double)(GROUPS * group_bytes) / best;
}

static void speed_of(enum dtype t)
{
    size_t group_bytes = 16 * row_bytes(t, 4096), n = 64 * group_bytes;
    uint8_t *from = malloc(n), *to = malloc(n);
    must(from && to);
    random_bytes(from, n);
    memset(to, 0, n);
    printf("%-8s pack %6.2f GB/s  unpack %6.2f GB/s  copy %6.2f GB/s\n", dtype_name(t),
           best_of(t, 0, from, to, group_bytes), best_of(t, 1, from, to, group_bytes),
           best_of(t, 2, from, to, group_bytes));
    free(from);
    free(to);
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "speed") == 0) {
        for (size_t i = 0; i < N_TYPES; i++)
            if (argc == 2 || strcmp(argv[2], dtype_name(types[i])) == 0)
                speed_of(types[i]);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_supported),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(bits_move_one_by_one),
        cmocka_unit_test(every_weight_is_where_it_should_be),
        cmocka_unit_test(the_reference_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
