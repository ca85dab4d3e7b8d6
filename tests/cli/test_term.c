/* SPDX-License-Identifier: Apache-2.0 */
/* Widths, wrapping, tables, bars, sizes, and text that must not act on the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's macro of this name hides base/err's function. */
#undef fail

#include "cli/progress.h"
#include "cli/table.h"
#include "cli/term.h"

static struct buf out;

static const char *wrap(const char *text, uint32_t indent, uint32_t at, uint32_t columns)
{
    buf_reset(&out);
    term_wrap(&out, str_of(text), indent, at, columns);
    return buf_c(&out);
}

static const char *clean(const char *text)
{
    buf_reset(&out);
    term_clean(&out, str_of(text));
    return buf_c(&out);
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(term_text_width(STR("abc")), 3);
    assert_int_equal(term_text_width(STR("模型")), 4);
    assert_int_equal(term_text_width(STR("e\xcc\x81")), 1); /* combining acute */
    assert_int_equal(term_text_width(STR("\xf0\x9f\x98\x80")), 2);
    assert_int_equal(term_text_width(STR("")), 0);
}

static void test_wrap(void **state)
{
    (void)state;
    assert_string_equal(wrap("one two three", 0, 0, 8), "one two\nthree\n");
    assert_string_equal(wrap("one two", 4, 2, 20), "  one two\n");
    assert_string_equal(wrap("one two three", 2, 2, 9), "one two\n  three\n");
    assert_string_equal(wrap("a\n\nb", 0, 0, 9), "a\n\nb\n");
    assert_string_equal(wrap("unbreakable", 0, 0, 5), "unbreakable\n");
    assert_string_equal(wrap("语言模型", 0, 0, 5), "语言\n模型\n");
    assert_string_equal(wrap("语言，模型", 0, 0, 5), "语\n言，\n模型\n"); /* no comma at a start */
    assert_string_equal(wrap("用moat吧", 0, 0, 6), "用moat\n吧\n");
    assert_string_equal(wrap("", 0, 0, 6), "\n");
}

static void test_clean(void **state)
{
    (void)state;
    assert_string_equal(clean("a\tb\nc"), "a\tb\nc");
    assert_string_equal(clean("\033[31mred\033]0;title\a"), "[31mred]0;title");
    assert_string_equal(clean("x\r\x7f\b"), "x");
    assert_string_equal(clean("\xc2\x9b"
                              "31m"),
                        "31m"); /* C1 CSI */
    assert_string_equal(clean("a\xe2\x80\xae"
                              "b\xe2\x81\xa6"
                              "c"),
                        "abc");                           /* bidi override, isolate */
    assert_string_equal(clean("\xf3\xa0\x81\x81x"), "x"); /* invisible tag */
    assert_string_equal(clean("\x9b"), "\xef\xbf\xbd");
    assert_string_equal(clean("你好 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"),
                        "你好 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb");
}

static void test_table(void **state)
{
    (void)state;
    struct table t;
    struct err e;
    table_init(&t, "lrl");
    table_cell(&t, STR("NAME"));
    table_cell(&t, STR("SIZE"));
    table_cell(&t, STR("NOTE"));
    table_cell(&t, STR("模型\n\033[2J"));
    table_fmt(&t, "%d", 7);
    table_cell(&t, STR(""));
    table_cell(&t, STR("x"));
    table_cell(&t, STR(""));
    table_cell(&t, STR("z"));
    buf_reset(&out);
    assert_true(table_render(&t, &out, &e));
    assert_string_equal(buf_c(&out), "NAME      SIZE  NOTE\n"
                                     "模型 [2J     7\n"
                                     "x               z\n");
    table_clear(&t);
}

static void test_size(void **state)
{
    (void)state;
    char s[16];
    assert_string_equal(term_size(0, s), "0 B");
    assert_string_equal(term_size(1023, s), "1023 B");
    assert_string_equal(term_size(1024, s), "1.0 KiB");
    assert_string_equal(term_size((1u << 20) - 1, s), "1.0 MiB");
    assert_string_equal(term_size(12ull << 30, s), "12.0 GiB");
    assert_string_equal(term_size(UINT64_MAX, s), "16.0 EiB");
}

static const char *line(uint64_t done, uint64_t total, double rate, uint32_t columns)
{
    struct progress p = {.label = "模型", .total = total, .done = done, .rate = rate};
    buf_reset(&out);
    progress_line(&p, columns, &out);
    return buf_c(&out);
}

static void test_progress(void **state)
{
    (void)state;
    assert_string_equal(line(512, 1024, 0, 50),
                        "模型   50% [===========>          ]  512 B/1.0 KiB");
    assert_string_equal(line(512, 1024, 64, 60),
                        "模型   50% [=========>        ]  512 B/1.0 KiB  64 B/s  0:08");
    assert_string_equal(line(512, 1024, 64, 30), "模型   50%  512 B/1.0 KiB  64 ");
    assert_string_equal(line(99, 0, 0, 80), "模型  99 B");
    for (uint32_t columns = 1; columns < 120; columns++)
        for (uint64_t done = 0; done <= 1000; done += 125)
            assert_true(term_text_width(str_of(line(done, 1000, 3.5, columns))) <= columns);
}

int main(void)
{
    buf_init(&out, 1u << 16);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width), cmocka_unit_test(test_wrap), cmocka_unit_test(test_clean),
        cmocka_unit_test(test_table), cmocka_unit_test(test_size), cmocka_unit_test(test_progress),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_clear(&out);
    return failed;
}
