/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of answers: bounded in all and for each key, oldest use first to go, each key's own.
 */
#include <stdio.h>

#include "serve/response_store.h"
#include "test.h"

#define MAX     65536u
#define SECOND  1000000000ull
#define AN_HOUR (RESPONSE_STORE_S * SECOND)

static bool put(struct response_store *s, const char *key, const char *id, size_t bytes,
                uint64_t now_ns)
{
    char text[MAX];
    memset(text, 'x', bytes);
    json_t *j = json_pack("{ss%}", "items", text, bytes);
    bool ok = response_store_put(s, MAX, key, id, j, now_ns);
    json_decref(j);
    return ok;
}

static bool has(struct response_store *s, const char *key, const char *id, uint64_t now_ns)
{
    json_t *j = response_store_get(s, key, str_of(id), now_ns);
    bool found = json_object_get(j, "items") != NULL;
    json_decref(j);
    return found;
}

static void test_own(void **state)
{
    (void)state;
    struct response_store s = {0};
    assert_true(put(&s, "anna", "resp_1", 10, 1));
    assert_true(has(&s, "anna", "resp_1", 2));
    assert_false(has(&s, "bert", "resp_1", 2));
    assert_false(has(&s, "", "resp_1", 2));
    assert_false(has(&s, "anna", "resp_2", 2));
    assert_false(response_store_remove(&s, "bert", STR("resp_1")));
    assert_true(response_store_remove(&s, "anna", STR("resp_1")));
    assert_false(has(&s, "anna", "resp_1", 2));
    assert_int_equal(s.n, 0);
    assert_int_equal(s.bytes, 0);
    assert_true(!s.oldest && !s.newest);
}

/* One key has a quarter at most; its own oldest goes, never another's. */
static void test_share(void **state)
{
    (void)state;
    struct response_store s = {0};
    char id[16];
    assert_true(put(&s, "bert", "theirs", 1000, 1));
    assert_false(put(&s, "anna", "large", MAX / RESPONSE_STORE_SHARE, 1));
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "resp_%d", i);
        assert_true(put(&s, "anna", id, 1000, 1));
        assert_true(has(&s, "anna", "resp_0", 1)); /* used: it stays */
    }
    assert_true(s.bytes <= MAX / RESPONSE_STORE_SHARE + 4096);
    assert_true(has(&s, "bert", "theirs", 1));
    assert_true(has(&s, "anna", "resp_99", 1));
    assert_false(has(&s, "anna", "resp_50", 1));
    response_store_clear(&s);
    assert_true(s.n == 0 && s.bytes == 0 && !s.newest);
}

/* All keys together have no more than there is. */
static void test_all(void **state)
{
    (void)state;
    struct response_store s = {0};
    char key[8];
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(put(&s, key, "resp", 3000, 1));
        assert_true(s.bytes <= MAX);
    }
    assert_false(has(&s, "k0", "resp", 1));
    assert_true(has(&s, "k399", "resp", 1));
    response_store_clear(&s);
}

static void test_age(void **state)
{
    (void)state;
    struct response_store s = {0};
    assert_true(put(&s, "", "old", 10, SECOND));
    assert_true(put(&s, "", "used", 10, SECOND));
    assert_true(has(&s, "", "used", AN_HOUR / 2));
    assert_false(has(&s, "", "old", AN_HOUR + 2 * SECOND));
    assert_true(has(&s, "", "used", AN_HOUR + 2 * SECOND));
    assert_int_equal(s.n, 1);
    response_store_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
