/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_state and logs_charset: what was read comes back, and nothing else does; which
 * characters a log is in. */
#include <stdlib.h>

#include "base/mem.h"
#include "test.h"
#include "work/logs_charset.h"
#include "work/logs_state.h"

static void fill(struct logs_state *s)
{
    static struct logs_shape shape;
    struct err e;
    uint32_t id;
    *s = (struct logs_state){.learnt = true, .n_line = 9, .file_lines = 4};
    s->format = (struct logs_format){.n = 2, .kind = {LOGS_FIELD_TIME, LOGS_FIELD_LEVEL}};
    static const char *const lines[] = {"user 7 in", "disk sda1 is full", "user 8 in", ""};
    for (uint64_t i = 0; i < 4; i++) {
        logs_scan(str_of(lines[i]), &shape);
        assert_true(logs_shapes_add(&s->shapes, &shape, str_of(lines[i]), i, &id, &e));
    }
    assert_true(logs_state_mark(s, 40, STR("the first"), STR("the last"), &e));
}

static void comes_back(void **state)
{
    struct logs_state s, t;
    struct buf one, two;
    struct err e;
    (void)state;
    fill(&s);
    assert_true(logs_state_put(&s, &one, &e));
    assert_true(logs_state_take(&t, buf_view(&one), "x", &e));
    assert_int_equal(t.shapes.n, 3);
    assert_int_equal(t.shapes.v[0].count, 2);
    assert_int_equal(t.n_line, 9);
    assert_int_equal(t.file_lines, 4);
    assert_int_equal(t.bytes, 40);
    assert_int_equal(t.format.kind[1], LOGS_FIELD_LEVEL);
    assert_true(t.learnt && logs_state_same(&t, STR("the first"), STR("the last")));
    assert_false(logs_state_same(&t, STR("the first"), STR("the least")));
    assert_true(logs_state_put(&t, &two, &e));
    assert_true(one.n == two.n && memcmp(one.p, two.p, one.n) == 0);
    buf_clear(&one);
    buf_clear(&two);
    logs_state_clear(&s);
    logs_state_clear(&t);
}

/* Every byte, and every length. */
static void refuses_changes(void **state)
{
    struct logs_state s, t;
    struct buf good;
    struct err e;
    (void)state;
    fill(&s);
    assert_true(logs_state_put(&s, &good, &e));
    for (size_t i = 0; i < good.n; i++) {
        good.p[i] = (char)(good.p[i] ^ 4);
        assert_false(logs_state_take(&t, buf_view(&good), "x", &e));
        good.p[i] = (char)(good.p[i] ^ 4);
        assert_false(logs_state_take(&t, str_sub(buf_view(&good), 0, i), "x", &e));
    }
    buf_clear(&good);
    logs_state_clear(&s);
}

/* With a right check sum: shapes that are none. */
static void refuses_what_is_no_shape(void **state)
{
    static const struct {
        uint8_t bytes[8];
        uint32_t n, n_slot;
        bool good;
    } all[] = {
        {{SHAPE_SLOT, 'a', SHAPE_END, LOGS_TEXT}, 3, 1, true},
        {{SHAPE_SLOT, SHAPE_ANY, SHAPE_END, ' ', 'x', LOGS_ID}, 5, 1, true},
        {{SHAPE_SLOT, 'a', 'b', LOGS_TEXT}, 3, 1, false},        /* it does not end */
        {{SHAPE_SLOT, 'a', SHAPE_END, LOGS_TYPES}, 3, 1, false}, /* no such type */
        {{SHAPE_SLOT, SHAPE_SLOT, SHAPE_END, 0}, 3, 1, false},   /* one in another */
        {{SHAPE_END, 'a', 0}, 2, 0, false},                      /* an end of none */
        {{SHAPE_SLOT, 'a', SHAPE_END, 0, 0}, 3, 2, false},       /* fewer slots than types */
        {{'a', SHAPE_VAR, 0}, 2, 0, false},                      /* a value outside of slots */
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct logs_state s = {.n_line = 1, .file_lines = 1}, t;
        struct logs_entry v = {.count = 1, .n = all[i].n, .n_slot = all[i].n_slot};
        struct buf file;
        struct err e;
        uint32_t id;
        v.hash = logs_shapes_hash(all[i].bytes, v.n);
        assert_true(logs_shapes_put(&s.shapes, all[i].bytes, all[i].bytes + v.n, v, &id, &e));
        assert_true(logs_state_put(&s, &file, &e));
        bool taken = logs_state_take(&t, buf_view(&file), "x", &e);
        assert_int_equal(taken, all[i].good);
        if (taken)
            logs_state_clear(&t);
        buf_clear(&file);
        logs_state_clear(&s);
    }
}

static void tells_characters(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum logs_charset is;
    } all[] = {
        {"plain text\n", 11, LOGS_BYTES},
        {"\xe7\x94\xa8\xe6\x88\xb7 17\n", 10, LOGS_BYTES},
        {"\xd3\xc3\xbb\xa7 17 \xb5\xc7\xc2\xbc\n", 13, LOGS_GB18030},
        {"caf\xe9 \xff\xfe 12\n", 11, LOGS_BYTES},
        {"caf\xe9\n", 5, LOGS_BYTES},
        {"\xff\xfe"
         "a\0b\0",
         6, LOGS_UTF16_LITTLE},
        {"\xfe\xff\0a\0b", 6, LOGS_UTF16_BIG},
        {"a\0b\0c\0d\0e\0f\0g\0h\0", 16, LOGS_UTF16_LITTLE},
        {"\0a\0b\0c\0d\0e\0f\0g\0h", 16, LOGS_UTF16_BIG},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, LOGS_BYTES},
        {"", 0, LOGS_BYTES},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(logs_charset_of((struct str){all[i].bytes, all[i].n}), all[i].is);
}

static void decodes(void **state)
{
    static const struct {
        enum logs_charset c;
        const char *bytes;
        size_t n;
        const char *text;
    } all[] = {
        {LOGS_GB18030, "\xd3\xc3\xbb\xa7 17\n", 8, "用户 17\n"},
        {LOGS_GB18030, "a\xff\xd3\xc3\n\xd3", 6, "a\xef\xbf\xbd用\n\xef\xbf\xbd"},
        {LOGS_UTF16_LITTLE,
         "\xff\xfe"
         "a\0\x3d\xd8\x00\xde",
         8, "a😀"},
        {LOGS_UTF16_LITTLE,
         "\x3d\xd8"
         "a\0\x00\xde"
         "b",
         7,
         "\xef\xbf\xbd"
         "a\xef\xbf\xbd\xef\xbf\xbd"},
        {LOGS_UTF16_BIG, "\0a\x52\x1b", 4, "a创"},
        {LOGS_BYTES, "a\xff", 2, "a\xff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct buf out;
        struct err e;
        buf_init(&out, 1000);
        assert_true(logs_charset_decode(all[i].c, (struct str){all[i].bytes, all[i].n}, &out, &e));
        assert_string_equal(buf_c(&out), all[i].text);
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses_changes),
        cmocka_unit_test(refuses_what_is_no_shape),
        cmocka_unit_test(tells_characters),
        cmocka_unit_test(decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
