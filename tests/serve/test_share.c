/* SPDX-License-Identifier: Apache-2.0 */
/* Places shared by keys: whoever asks for most leaves room for the others. */
#include "serve/share.h"
#include "test.h"

/* As many as it gets. */
static uint32_t fill(struct share *s, const char *key, uint32_t *taken, uint32_t places)
{
    struct err e;
    while (share_allows(s, key, *taken, places)) {
        assert_true(share_take(s, key, &e));
        ++*taken;
    }
    return share_of(s, key);
}

static void test_shares(void **state)
{
    (void)state;
    struct share s = {0};
    uint32_t taken = 0;
    assert_int_equal(fill(&s, "greedy", &taken, 40), 32);
    assert_true(share_allows(&s, "small", taken, 40));
    assert_true(fill(&s, "second", &taken, 40) >= 5);
    assert_true(share_allows(&s, "third", taken, 40)); /* a place is left for who has none */
    assert_false(share_allows(&s, "greedy", taken, 40));
    while (share_of(&s, "greedy")) {
        share_give(&s, "greedy");
        taken--;
    }
    assert_true(fill(&s, "second", &taken, 40) > 25);
    assert_false(share_allows(&s, "third", 40, 40));
    share_clear(&s);
}

/* Those that come and go leave nothing behind. */
static void test_counts(void **state)
{
    (void)state;
    struct share s = {0};
    struct err e;
    static const char *const keys[] = {"a", "b", "c"};
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < 3; i++) {
            assert_true(share_take(&s, keys[i], &e));
            assert_true(share_take(&s, keys[(i + 1) % 3], &e));
            share_give(&s, keys[i]);
            share_give(&s, keys[(i + 1) % 3]);
            assert_int_equal(s.n, 0);
        }
    share_give(&s, "nobody");
    assert_int_equal(share_of(&s, "a"), 0);
    share_clear(&s);
}

/* Places that are fewer than keys, and one place. */
static void test_few(void **state)
{
    (void)state;
    struct share s = {0};
    uint32_t taken = 0;
    assert_int_equal(fill(&s, "a", &taken, 1), 1);
    assert_false(share_allows(&s, "b", taken, 1));
    share_clear(&s);
    taken = 0;
    assert_int_equal(fill(&s, "a", &taken, 2), 2); /* 1 < 4 * 1 */
    share_clear(&s);
    assert_false(share_allows(&s, "a", 5, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shares), cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
