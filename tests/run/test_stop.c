/* SPDX-License-Identifier: Apache-2.0 */
/* Stop sequences against a naive search of the whole text, over random texts and splits. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/os.h"
#include "run/stop.h"
#include "test.h"

static uint32_t random_state = 7;

static uint32_t below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Texts over a tiny alphabet, so that prefixes overlap all the time; one letter has two bytes. */
static void random_text(struct buf *b, uint32_t n, uint32_t letters)
{
    static const char *const letter[] = {"a", "b", "\xc3\xa9", "c", "\n"};
    buf_reset(b);
    for (uint32_t i = 0; i < n; i++)
        buf_cstr(b, letter[below(letters)]);
}

/* Bytes of the longest proper beginning of a stop sequence at the end of text. */
static size_t open_end(struct str text, char *const *stops, uint32_t n)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < n; i++)
        for (size_t len = 1; len < strlen(stops[i]) && len <= text.n; len++)
            if (memcmp(text.p + text.n - len, stops[i], len) == 0 && len > longest)
                longest = len;
    return longest;
}

/* The sequence that ends first, the longest of those; *end: where it ends. */
static const char *first_stop(struct str text, char *const *stops, uint32_t n, size_t *end)
{
    for (*end = 1; *end <= text.n; ++*end) {
        const char *found = NULL;
        for (uint32_t i = 0; i < n; i++)
            if (str_ends(str_sub(text, 0, *end), str_of(stops[i])) &&
                (!found || strlen(stops[i]) > strlen(found)))
                found = stops[i];
        if (found)
            return found;
    }
    return NULL;
}

static void check_stream(struct str text, char *const *stops, uint32_t n)
{
    struct stop s;
    struct err e;
    struct buf out;
    size_t at = 0, end;
    const char *want = first_stop(text, stops, n, &end), *found = NULL;
    buf_init(&out, 1 << 20);
    assert_true(stop_init(&s, stops, n, &e));
    while (at < text.n) {
        size_t next = at;
        for (uint32_t k = below(4); next < text.n && k > 0; k--)
            str_utf8_next(text, &next);
        found = stop_push(&s, str_sub(text, at, next - at), &out);
        at = next;
        struct str so_far = str_sub(text, 0, at);
        size_t shown = found ? end - strlen(found) : at - open_end(so_far, stops, n);
        assert_true(found ? at >= end : !want || at < end);
        assert_int_equal(out.n, shown); /* nothing is kept back without need, nothing leaks */
        assert_true(str_utf8_valid(buf_view(&out)));
    }
    assert_true(found == want);
    if (!found)
        stop_flush(&s, &out);
    size_t shown = want ? end - strlen(want) : text.n;
    assert_true(str_eq(buf_view(&out), str_sub(text, 0, shown)));
    stop_clear(&s);
    buf_clear(&out);
}

static void test_random_splits(void **state)
{
    (void)state;
    enum { MAX = 4 };
    struct buf text, stop[MAX];
    buf_init(&text, 1 << 16);
    for (int i = 0; i < MAX; i++)
        buf_init(&stop[i], 64);
    for (int round = 0; round < 20000; round++) {
        uint32_t n = below(MAX + 1), letters = 2 + below(4);
        char *stops[MAX];
        for (uint32_t i = 0; i < n; i++) {
            random_text(&stop[i], 1 + below(7), letters);
            stops[i] = stop[i].p;
        }
        random_text(&text, below(40), letters);
        check_stream(buf_view(&text), stops, n);
    }
    buf_clear(&text);
    for (int i = 0; i < MAX; i++)
        buf_clear(&stop[i]);
}

static void test_after_a_stop(void **state)
{
    (void)state;
    char semicolon[] = ";", line[] = "\n";
    char *const stops[] = {semicolon, line};
    struct stop s;
    struct err e;
    struct buf out;
    buf_init(&out, 100);
    assert_true(stop_init(&s, stops, 2, &e));
    assert_null(stop_push(&s, STR("SELECT 1"), &out));
    assert_string_equal(buf_c(&out), "SELECT 1");
    assert_ptr_equal(stop_push(&s, STR(" ; x\n"), &out), semicolon);
    assert_ptr_equal(stop_push(&s, STR("more"), &out), semicolon); /* dropped */
    stop_flush(&s, &out);
    assert_string_equal(buf_c(&out), "SELECT 1 ");
    stop_clear(&s);
    buf_clear(&out);
}

/* The worst text for a naive search: a's for sequences of a's that never end. */
static void test_is_linear(void **state)
{
    (void)state;
    enum { N = 1 << 21 };
    static char stop[LIMIT_STOP_BYTES + 1];
    memset(stop, 'a', LIMIT_STOP_BYTES - 1);
    stop[LIMIT_STOP_BYTES - 1] = 'b';
    char *const stops[] = {stop};
    struct stop s;
    struct err e;
    struct buf out, text;
    buf_init(&out, N);
    buf_init(&text, N);
    for (int i = 0; i < N; i++)
        buf_byte(&text, 'a');
    assert_true(stop_init(&s, stops, 1, &e));
    uint64_t start = os_now_ns();
    assert_null(stop_push(&s, buf_view(&text), &out));
    assert_int_equal(out.n, N - (LIMIT_STOP_BYTES - 1));
    stop_flush(&s, &out);
    assert_true(os_now_ns() - start < 2000000000u); /* squared it would be a minute */
    assert_int_equal(out.n, N);
    stop_clear(&s);
    buf_clear(&out);
    buf_clear(&text);
}

static void test_refused(void **state)
{
    (void)state;
    static char empty[] = "", large[LIMIT_STOP_BYTES + 2];
    memset(large, 'x', LIMIT_STOP_BYTES + 1);
    char *const lists[][2] = {{large, empty}, {empty, large}};
    struct stop s;
    struct err e;
    for (int i = 0; i < 2; i++) {
        assert_false(stop_init(&s, lists[i], 2, &e));
        assert_int_equal(e.code, ERR_USAGE);
        stop_clear(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_splits),
        cmocka_unit_test(test_after_a_stop),
        cmocka_unit_test(test_is_linear),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
