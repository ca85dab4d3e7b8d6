/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/str: borrowed strings, strict numbers, UTF-8 against utf8proc over all inputs. */
#include "base/str.h"

#include <stdio.h>
#include <utf8proc.h>

#include "test.h"

static void comparing(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), STR("ab")));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_false(str_eq(STR("ab"), STR("aB")));
    assert_true(str_eq((struct str){NULL, 0}, STR("")));
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_is(STR("x"), "x"));
    assert_false(str_is(STR("x\0"), "x"));
    assert_true(str_is((struct str){NULL, 0}, NULL));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0); /* bytes are unsigned */
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_int_equal(str_cmp((struct str){NULL, 0}, STR("")), 0);
}

static void parts(void **state)
{
    (void)state;
    struct str s = STR("hello");
    assert_true(str_is(str_from(s, 2), "llo"));
    assert_true(str_is(str_from(s, 9), ""));
    assert_true(str_is(str_from((struct str){NULL, 0}, 0), ""));
    assert_true(str_is(str_sub(s, 1, 3), "ell"));
    assert_true(str_is(str_sub(s, 3, SIZE_MAX), "lo"));
    assert_true(str_is(str_sub(s, SIZE_MAX, SIZE_MAX), ""));
    assert_true(str_starts(s, STR("he")) && str_starts(s, STR("")) && str_starts(s, s));
    assert_false(str_starts(s, STR("hello!")));
    assert_true(str_ends(s, STR("lo")) && str_ends(s, STR("")));
    assert_false(str_ends(s, STR("x")));
    assert_true(str_is(str_trim(STR(" \t\r\n a b \v\f")), "a b"));
    assert_true(str_is(str_trim(STR("  ")), ""));
    assert_true(str_is(str_trim((struct str){NULL, 0}), ""));
    assert_true(str_is(str_trim(STR("\xc2\xa0x")), "\xc2\xa0x")); /* ASCII only */
}

static void finding(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find(STR("abc"), STR("")), 0);
    assert_int_equal(str_find(STR(""), STR("")), 0);
    assert_true(str_find(STR("abc"), STR("x")) == SIZE_MAX);
    assert_true(str_find(STR("ab"), STR("abc")) == SIZE_MAX);
    assert_int_equal(str_find(STR("a\0b"), STR("\0b")), 1);
}

static void cutting(void **state)
{
    (void)state;
    static const char *const want[] = {"a", "", "bc", ""};
    struct str rest = STR("a,,bc,"), head;
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_cut(&rest, ',', &head));
        assert_true(str_is(head, want[i]));
    }
    assert_false(str_cut(&rest, ',', &head));
    rest = STR("");
    assert_true(str_cut(&rest, ',', &head) && head.n == 0);
    assert_false(str_cut(&rest, ',', &head));
}

static void whole_numbers(void **state)
{
    (void)state;
    uint64_t v = 99;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x",
                                      "1.0",
                                      "1e3",
                                      "\xb2",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_to_u64(str_of(bad[i]), &v));
    assert_int_equal(v, 99);
    assert_false(str_to_u64(STR("1\0"), &v));
    assert_true(str_to_u64(STR("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_true(str_to_u64(STR("0"), &v) && v == 0);
    assert_true(str_to_u64(STR("007"), &v) && v == 7);
}

static void fractions(void **state)
{
    (void)state;
    double v = 99;
    static const char *const bad[] = {"",      " 1",  "1 ",  "inf",  "nan", "0x1p3", "1,5",
                                      "1e999", "1.e", "1-2", "--1.", ".",   "e5",    "-1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_to_f64(str_of(bad[i]), &v));
    char lengthy[1100];
    memset(lengthy, '1', sizeof lengthy);
    assert_false(str_to_f64((struct str){lengthy, sizeof lengthy}, &v));
    assert_false(str_to_f64(STR("1\0"), &v));
    assert_true(v == 99);
    assert_true(str_to_f64(STR("-0.5"), &v) && v == -0.5);
    assert_true(str_to_f64(STR("1e-3"), &v) && v == 1e-3);
    assert_true(str_to_f64(STR(".5"), &v) && v == 0.5);
    assert_true(str_to_f64((struct str){"1.25x", 4}, &v) && v == 1.25);
}

/* Every code point: written, it reads back; utf8proc says the same. */
static void all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char out[4], theirs[4];
        bool exists = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        size_t n = str_utf8_put(c, out), at = 0;
        assert_true(n >= 1 && n <= 4);
        uint32_t back = str_utf8_next((struct str){out, n}, &at);
        assert_int_equal(at, n);
        assert_int_equal(back, exists ? c : 0xfffd);
        if (exists) {
            assert_int_equal(n, utf8proc_encode_char((utf8proc_int32_t)c, (void *)theirs));
            assert_memory_equal(out, theirs, n);
        }
    }
    char out[4];
    assert_int_equal(str_utf8_put(UINT32_MAX, out), 3);
}

/* Every sequence of up to three bytes, and four with the first above 0xee. */
static void check_sequence(const unsigned char *p, size_t n)
{
    struct str s = {(const char *)p, n};
    utf8proc_int32_t c;
    utf8proc_ssize_t theirs = utf8proc_iterate(p, (utf8proc_ssize_t)n, &c);
    size_t at = 0;
    uint32_t ours = str_utf8_next(s, &at);
    if (theirs > 0) {
        if (ours != (uint32_t)c || at != (size_t)theirs)
            fail_msg("%02x %02x %02x\n", p[0], p[1], p[2]);
    } else if (ours != 0xfffd || at != 1) {
        fail_msg("%02x %02x %02x\n", p[0], p[1], p[2]);
    }
    if (str_utf8_valid(s) != (theirs == (utf8proc_ssize_t)n))
        if (theirs < 0 || str_utf8_valid(s) != str_utf8_valid(str_from(s, (size_t)theirs)))
            fail_msg("valid: %02x %02x %02x\n", p[0], p[1], p[2]);
}

static void all_short_sequences(void **state)
{
    (void)state;
    unsigned char p[4] = {0};
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            p[0] = (unsigned char)a;
            p[1] = (unsigned char)b;
            check_sequence(p, 1);
            check_sequence(p, 2);
            if (a < 0x80)
                continue;
            for (unsigned c = 0x70; c < 0xd0; c++) {
                p[2] = (unsigned char)c;
                check_sequence(p, 3);
                for (p[3] = 0x7f; a > 0xee && p[3] <= 0xc0; p[3] = (unsigned char)(p[3] + 1))
                    check_sequence(p, 4);
            }
        }
}

static void whole_characters(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t n, whole;
    } rows[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"a\xc3", 2, 1},
        {"a\xc3\xa9", 3, 3},
        {"\xe4\xb8", 2, 0},
        {"x\xe4\xb8\xad", 4, 4},
        {"\xf0\x9f\x98", 3, 0},
        {"ab\xf0", 3, 2},
        {"ab\xf0\x9f", 4, 2},
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xff", 1, 1},     /* can never become valid */
        {"\xc0", 1, 1},     /* overlong */
        {"\xed\xa0", 2, 2}, /* surrogate */
        {"\xf4\x90", 2, 2}, /* beyond U+10FFFF */
        {"\xe0\x80", 2, 2}, /* overlong */
        {"\x80\x80\x80", 3, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(str_utf8_whole((struct str){rows[i].s, rows[i].n}), rows[i].whole);
    const char *text = "a\xe4\xb8\xad!";
    static const size_t floors[] = {0, 1, 1, 1, 4, 5};
    for (size_t at = 0; at <= 5; at++)
        assert_int_equal(str_utf8_floor(text, at), floors[at]);
}

static void becomes_printable(const char *in, const char *out)
{
    char text[64];
    snprintf(text, sizeof text, "%s", in);
    str_make_printable(text);
    assert_string_equal(text, out);
}

static void printable(void **state)
{
    (void)state;
    becomes_printable("", "");
    becomes_printable("plain \xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80",
                      "plain \xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80");
    becomes_printable("\x01\x1f\x7f\xc2\x80\xc2\x9f", "?????");
    becomes_printable("\xe2\x80\x8e\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xa8",
                      "??????");
    becomes_printable("\xff\xc3", "??");
    becomes_printable("a\xe4\xb8", "a??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),        cmocka_unit_test(parts),
        cmocka_unit_test(finding),          cmocka_unit_test(cutting),
        cmocka_unit_test(whole_numbers),    cmocka_unit_test(fractions),
        cmocka_unit_test(all_code_points),  cmocka_unit_test(all_short_sequences),
        cmocka_unit_test(whole_characters), cmocka_unit_test(printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
