/* SPDX-License-Identifier: Apache-2.0 */
/* lab/protobuf: fields of every kind, and bytes that end early. */
#include "lab/protobuf.h"

#include "test.h"

#define BYTES(text) ((struct str){text, sizeof(text) - 1})

static void fields(void **state)
{
    struct str m = BYTES("\x08\xac\x02\x12\x03"
                         "abc\x1d\0\0\xc0\x3f\x21\1\0\0\0\0\0\0\0");
    struct protobuf_field f;
    struct err e;
    (void)state;
    assert_true(protobuf_next(&m, &f, &e) && f.number == 1 && f.value == 300);
    assert_true(protobuf_next(&m, &f, &e) && f.number == 2 && str_is(f.bytes, "abc"));
    assert_true(protobuf_next(&m, &f, &e) && f.number == 3);
    assert_true(protobuf_float(&f) == 1.5f);
    assert_true(protobuf_next(&m, &f, &e) && f.number == 4 && f.value == 1);
    assert_false(protobuf_next(&m, &f, &e));
    assert_int_equal(e.code, ERR_NONE);
}

static void damaged(void **state)
{
    static const struct str rows[] = {BYTES("\x08"),
                                      BYTES("\x80"),
                                      BYTES("\x12\x04"
                                            "abc"),
                                      BYTES("\x1d\0\0\0"),
                                      BYTES("\x21\0\0\0\0"),
                                      BYTES("\x0b\0"),
                                      BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
                                      BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f")};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str m = rows[i];
        struct protobuf_field f;
        struct err e;
        assert_false(protobuf_next(&m, &f, &e));
        assert_int_equal(e.code, ERR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields), cmocka_unit_test(damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
