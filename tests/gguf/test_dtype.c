/* SPDX-License-Identifier: Apache-2.0 */
/* tests of gguf/dtype: sizes as the format's own description gives them, written down once more. */

#include "gguf/dtype.h"
#include "test.h"

/* id, name, weights per block, and the parts a block is made of */
static const struct {
    uint32_t id;
    const char *name;
    uint32_t block, bytes;
} rows[] = {
    {0, "F32", 1, 4},
    {1, "F16", 1, 2},
    {2, "Q4_0", 32, 2 + 16},
    {3, "Q4_1", 32, 2 + 2 + 16},
    {6, "Q5_0", 32, 2 + 4 + 16},
    {7, "Q5_1", 32, 2 + 2 + 4 + 16},
    {8, "Q8_0", 32, 2 + 32},
    {10, "Q2_K", 256, 2 + 2 + 256 / 16 + 256 / 4},
    {11, "Q3_K", 256, 2 + 256 / 4 + 256 / 8 + 12},
    {12, "Q4_K", 256, 2 + 2 + 256 / 2 + 12},
    {13, "Q5_K", 256, 2 + 2 + 256 / 2 + 256 / 8 + 12},
    {14, "Q6_K", 256, 2 + 256 / 2 + 256 / 4 + 256 / 16},
    {16, "IQ2_XXS", 256, 2 + 256 / 4},
    {17, "IQ2_XS", 256, 2 + 256 / 4 + 256 / 32},
    {18, "IQ3_XXS", 256, 2 + 256 / 4 + 256 / 8},
    {19, "IQ1_S", 256, 2 + 256 / 8 + 256 / 16},
    {20, "IQ4_NL", 32, 2 + 16},
    {21, "IQ3_S", 256, 2 + 256 / 4 + 256 / 8 + 256 / 32 + 4},
    {22, "IQ2_S", 256, 2 + 256 / 4 + 256 / 16},
    {23, "IQ4_XS", 256, 2 + 2 + 256 / 2 + 256 / 64},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32", 1, 4},
    {27, "I64", 1, 8},
    {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 256 / 8 + 256 / 16 + 256 / 32},
    {30, "BF16", 1, 2},
    {34, "TQ1_0", 256, 2 + 4 * 13},
    {35, "TQ2_0", 256, 2 + 64},
    {39, "MXFP4", 32, 1 + 16},
};
#define N (sizeof rows / sizeof *rows)

static void sizes_are_those_of_the_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        enum dtype t = (enum dtype)rows[i].id;
        assert_true(dtype_known(rows[i].id));
        assert_string_equal(dtype_name(t), rows[i].name);
        assert_int_equal(dtype_block(t), rows[i].block);
        assert_int_equal(dtype_bytes(t), rows[i].bytes);
    }
}

static void no_other_id_is_known(void **state)
{
    (void)state;
    size_t known = 0;
    for (uint32_t id = 0; id < 100000; id++)
        known += dtype_known(id);
    assert_int_equal(known, N);
    assert_false(dtype_known(UINT32_MAX));
    assert_false(dtype_known(1u << 31));
}

static void names_lead_back_to_ids(void **state)
{
    (void)state;
    enum dtype t = DTYPE_F32;
    for (size_t i = 0; i < N; i++) {
        assert_true(dtype_from_name(str_of(rows[i].name), &t));
        assert_int_equal(t, rows[i].id);
    }
    assert_false(dtype_from_name(STR("Q4"), &t));
    assert_false(dtype_from_name(STR("q4_0"), &t));
    assert_false(dtype_from_name(STR(""), &t));
    assert_int_equal(t, DTYPE_MXFP4); /* untouched by failures */
}

static void rows_are_whole_blocks(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_true(dtype_row_bytes(DTYPE_Q4_0, 64, &bytes));
    assert_int_equal(bytes, 36);
    assert_true(dtype_row_bytes(DTYPE_Q6_K, 512, &bytes));
    assert_int_equal(bytes, 420);
    assert_true(dtype_row_bytes(DTYPE_F16, 7, &bytes));
    assert_int_equal(bytes, 14);
    assert_false(dtype_row_bytes(DTYPE_Q4_0, 31, &bytes));
    assert_false(dtype_row_bytes(DTYPE_Q4_K, 32, &bytes));
}

static void sizes_do_not_wrap(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_true(dtype_row_bytes(DTYPE_F32, UINT64_MAX / 4, &bytes));
    assert_false(dtype_row_bytes(DTYPE_F32, UINT64_MAX / 4 + 1, &bytes));
    assert_false(dtype_row_bytes(DTYPE_F64, (uint64_t)1 << 61, &bytes));
    assert_false(dtype_row_bytes(DTYPE_Q8_0, UINT64_MAX - 31, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_format),
        cmocka_unit_test(no_other_id_is_known),
        cmocka_unit_test(names_lead_back_to_ids),
        cmocka_unit_test(rows_are_whole_blocks),
        cmocka_unit_test(sizes_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
