/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes a request gets for these headers: the cases of RFC 9110, and what is none. */
#include "serve/range.h"
#include "test.h"

static struct range of(const char *range, const char *if_range, const char *if_none_match,
                       uint64_t size)
{
    struct range_asked asked = {str_of(range), str_of(if_range), str_of(if_none_match)};
    return range_of(&asked, size, STR("abc"));
}

static void expect(const char *range, uint64_t size, enum range_kind kind, uint64_t first,
                   uint64_t n)
{
    struct range r = of(range, "", "", size);
    if (r.kind != kind || r.first != first || r.n != n)
        fail_msg("%s of %llu: kind %d, %llu bytes from %llu", range, (unsigned long long)size,
                 (int)r.kind, (unsigned long long)r.n, (unsigned long long)r.first);
}

static void test_one(void **state)
{
    (void)state;
    expect("bytes=0-0", 10, RANGE_PART, 0, 1);
    expect("bytes=3-5", 10, RANGE_PART, 3, 3);
    expect("bytes=3-", 10, RANGE_PART, 3, 7);
    expect("bytes=3-99", 10, RANGE_PART, 3, 7);
    expect("bytes=-4", 10, RANGE_PART, 6, 4);
    expect("bytes=-40", 10, RANGE_PART, 0, 10);
    expect("bytes= 3 - 5 ", 10, RANGE_PART, 3, 3);
    expect("bytes=3-99999999999999999999999999", 10, RANGE_PART, 3, 7);
    expect("bytes=9-9", 10, RANGE_PART, 9, 1);
}

static void test_outside(void **state)
{
    (void)state;
    expect("bytes=10-", 10, RANGE_OUTSIDE, 0, 0);
    expect("bytes=10-12", 10, RANGE_OUTSIDE, 0, 0);
    expect("bytes=99999999999999999999999999-", 10, RANGE_OUTSIDE, 0, 0);
    expect("bytes=-0", 10, RANGE_OUTSIDE, 0, 0);
    expect("bytes=0-", 0, RANGE_OUTSIDE, 0, 0);
    expect("bytes=-1", 0, RANGE_OUTSIDE, 0, 0);
}

static void test_whole(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",          "bytes",      "bytes=",     "bytes=-",     "bytes=5",        "bytes=5-3",
        "octets=1",  "bytes=a-b",  "bytes=1-b",  "bytes=+1-2",  "bytes=0-1,3-4",  "bytes=0x1-2",
        "Bytes=1-2", "bytes=1--2", "bytes=-1-2", "bytes=1-2-3", "bytes=\xff-\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], 10, RANGE_WHOLE, 0, 10);
}

static void test_tags(void **state)
{
    (void)state;
    assert_int_equal(of("bytes=1-", "\"abc\"", "", 9).kind, RANGE_PART);
    assert_int_equal(of("bytes=1-", "\"abd\"", "", 9).kind, RANGE_WHOLE);
    assert_int_equal(of("bytes=1-", "W/\"abc\"", "", 9).kind, RANGE_WHOLE);
    assert_int_equal(of("bytes=1-", "abc", "", 9).kind, RANGE_WHOLE);
    assert_int_equal(of("bytes=1-", "Sat, 28 Nov 2026 08:00:00 GMT", "", 9).kind, RANGE_WHOLE);
    assert_int_equal(of("", "", "\"abc\"", 9).kind, RANGE_SAME);
    assert_int_equal(of("bytes=1-", "", "\"x\", W/\"abc\"", 9).kind, RANGE_SAME);
    assert_int_equal(of("", "", "*", 9).kind, RANGE_SAME);
    assert_int_equal(of("bytes=1-", "", "\"x\"", 9).kind, RANGE_PART);
    assert_int_equal(of("", "", "\"", 9).kind, RANGE_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
