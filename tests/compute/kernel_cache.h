/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_cache: keys and values as compute/kv_block stores them. */
#ifndef MOAT_TESTS_KERNEL_CACHE_H
#define MOAT_TESTS_KERNEL_CACHE_H

#include "compute/kv_block.h"
#include "kernel_expected.h"

enum { MOST_D = 200 };

/* n random keys and values in blocks `stride` bytes apart; what lies behind them is no number,
 * whatever the type, as memory that nobody wrote may be. */
static void fill_cache(const struct kernels *kernels, enum kv_type type, char *k, char *v,
                       size_t stride, uint32_t n_blocks, uint32_t n, uint32_t d, uint32_t d_v)
{
    float row[MOST_D];
    uint16_t half[MOST_D];
    memset(k, 0xff, n_blocks * stride);
    memset(v, 0xff, n_blocks * stride);
    for (uint32_t j = 0; j < n; j++) {
        for (uint32_t c = 0; c < d; c++)
            row[c] = random_float();
        kv_put_key(kernels, type, k + j / 16 * stride, j % 16, row, d, half);
        for (uint32_t c = 0; c < d_v; c++)
            row[c] = random_float();
        kv_put_value(kernels, type, v + j / 16 * stride, j % 16, row, d_v, half);
    }
}

/* What is stored comes back: as exactly as the type says, at the ends of what can be stored too. */
static void cache_types(void **state)
{
    static const double step[KV_TYPES] = {
        [KV_F16] = 1 / 2048.0, [KV_F32] = 0, [KV_BF16] = 1 / 256.0, [KV_Q8] = 0};
    static _Alignas(64) char block[MOST_D * 64 + 512];
    static const float sizes[] = {1, 1e-4f, 6e4f, 0};
    uint16_t half[MOST_D];
    float row[MOST_D];
    problem_seed = 9;
    for (enum kv_type t = 0; t < KV_TYPES; t++)
        for (uint32_t d = 1; d < MOST_D; d += d < 9 ? 1 : 19)
            for (uint32_t i = 0; i < 4; i++) {
                double most = 0;
                memset(block, 0xff, sizeof block);
                for (uint32_t c = 0; c < d; c++) {
                    row[c] = sizes[i] * random_float();
                    most = fmax(most, fabs((double)row[c]));
                }
                kv_put_key(*state, t, block, 5, row, d, half);
                for (uint32_t c = 0; c < d; c++)
                    assert_true(fabs((double)kv_key_at(t, block, d, 5, c) - (double)row[c]) <=
                                step[t] * fabs((double)row[c]) + (t == KV_F16 ? 3e-8 : 0) +
                                    (t == KV_Q8 ? most * 1.008 / 253 : 0));
                kv_put_value(*state, t, block, 11, row, d, half);
                for (uint32_t c = 0; c < d; c++)
                    assert_true(fabs((double)kv_value_at(t, block, d, 11, c) - (double)row[c]) <=
                                step[t] * fabs((double)row[c]) + (t == KV_F16 ? 3e-8 : 0) +
                                    (t == KV_Q8 ? most * 1.008 / 253 : 0));
                assert_true(kv_key_bytes(t, d) <= sizeof block &&
                            kv_value_bytes(t, d) <= sizeof block);
            }
}

/* q8 of numbers that are none, or too large: finite, and the others of the row keep their order. */
static void cache_extremes(void **state)
{
    static _Alignas(64) char block[MOST_D * 64 + 512];
    uint16_t half[4];
    const float rows[][4] = {{NAN, 1, -1, 0.5f},
                             {INFINITY, 1, -INFINITY, 0},
                             {-3.3e38f, 3.4e38f, 0, 1},
                             {1e-40f, -1e-44f, 0, 0}};
    for (uint32_t i = 0; i < 4; i++) {
        kv_put_key(*state, KV_Q8, block, 0, rows[i], 4, half);
        kv_put_value(*state, KV_Q8, block, 0, rows[i], 4, half);
        for (uint32_t c = 0; c < 4; c++) {
            assert_true(isfinite(kv_key_at(KV_Q8, block, 4, 0, c)));
            assert_true(isfinite(kv_value_at(KV_Q8, block, 4, 0, c)));
        }
    }
    kv_put_key(*state, KV_Q8, block, 0, rows[0], 4, half);
    assert_true(kv_key_at(KV_Q8, block, 4, 0, 0) == 0);
    assert_true(kv_key_at(KV_Q8, block, 4, 0, 1) > 0.99f);
}

#endif
