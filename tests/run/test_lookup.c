/* SPDX-License-Identifier: Apache-2.0 */
/* tests/run/test_lookup: the longest ending that stood before, against a search by hand. */
#include "run/lookup.h"
#include "test.h"

/* Tokens of so few kinds that everything repeats, or of many. */
static uint32_t draw(uint32_t *state, uint32_t kinds)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % kinds;
}

/* The longest ending of token [n] that ends somewhere before too. */
static uint32_t longest(const uint32_t *token, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t end = 1; end < n; end++) {
        uint32_t same = 0;
        while (same < end && token[end - 1 - same] == token[n - 1 - same])
            same++;
        best = same > best ? same : best;
    }
    return best;
}

/* Did the last `matched` tokens stand before `next` [n] somewhere? */
static bool stood_before(const uint32_t *token, uint32_t all, uint32_t matched,
                         const uint32_t *next, uint32_t n)
{
    for (uint32_t end = matched; end < all; end++) {
        bool same = end + n <= all;
        for (uint32_t i = 0; same && i < matched; i++)
            same = token[end - 1 - i] == token[all - 1 - i];
        for (uint32_t i = 0; same && i < n; i++)
            same = token[end + i] == next[i];
        if (same)
            return true;
    }
    return false;
}

static void it_is_the_longest(void **state)
{
    enum { N = 400 };
    static const uint32_t kinds[] = {1, 2, 3, 8, 60};
    (void)state;
    for (uint32_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint32_t seed = 1; seed <= 8; seed++) {
            uint32_t token[N], next[8], random = seed;
            struct err e;
            struct lookup *l = lookup_new(N, &e);
            assert_non_null(l);
            for (uint32_t i = 0; i < N; i++) {
                token[i] = draw(&random, kinds[k]);
                lookup_add(l, token[i]);
                uint32_t matched = lookup_matched(l), n = lookup_next(l, 8, next);
                assert_int_equal(matched, longest(token, i + 1));
                assert_int_equal(n == 0, matched == 0);
                assert_true(!n || stood_before(token, i + 1, matched, next, n));
            }
            lookup_free(l);
        }
}

/* Beyond its room it knows the newer part: what it says stood there. */
static void the_older_half_is_forgotten(void **state)
{
    enum { N = 1000, MAX = 64 };
    (void)state;
    uint32_t token[N], next[4], random = 5;
    struct err e;
    struct lookup *l = lookup_new(MAX, &e);
    for (uint32_t i = 0; i < N; i++) {
        token[i] = draw(&random, 4);
        lookup_add(l, token[i]);
        uint32_t matched = lookup_matched(l), n = lookup_next(l, 4, next);
        assert_true(matched < MAX);
        assert_true(!n || stood_before(token, i + 1, matched, next, n));
    }
    lookup_reset(l);
    lookup_add(l, 1);
    assert_int_equal(lookup_matched(l), 0);
    lookup_free(l);
}

/* A million tokens of one kind, of two in turn, and of many. */
static void it_is_quick_whatever_comes(void **state)
{
    enum { N = 1000000 };
    (void)state;
    struct err e;
    struct lookup *l = lookup_new(N, &e);
    assert_non_null(l);
    for (uint32_t how = 0; how < 3; how++) {
        uint32_t random = 1;
        lookup_reset(l);
        for (uint32_t i = 0; i < N; i++)
            lookup_add(l, how == 0 ? 7 : how == 1 ? i % 2 : draw(&random, 50000));
        assert_int_equal(lookup_matched(l) > 900000, how < 2);
    }
    lookup_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_longest),
        cmocka_unit_test(the_older_half_is_forgotten),
        cmocka_unit_test(it_is_quick_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
