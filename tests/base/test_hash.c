/* SPDX-License-Identifier: Apache-2.0 */
/* tests/base/test_hash: SHA-256 vectors of FIPS 180, and trees against RFC 6962 read recursively.
 */
#include "base/hash.h"
#include "test.h"

#include <stdio.h>

static const char *hex(const struct hash *h)
{
    static char text[65];
    for (int i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", h->b[i]);
    return text;
}

static void sha256_vectors(void **state)
{
    (void)state;
    struct hash h;
    assert_true(hash_of((struct str[]){STR("a"), STR(""), STR("bc")}, 3, &h, NULL));
    assert_string_equal(hex(&h),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hash_of(NULL, 0, &h, NULL));
    assert_string_equal(hex(&h),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(hash_leaf("", 0, &h, NULL));
    assert_string_equal(hex(&h),
                        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

/* MTH of the RFC, word for word. */
static void tree(const struct hash *leaf, size_t n, struct hash *out)
{
    struct hash left, right;
    size_t k = 1;
    if (n == 1) {
        *out = leaf[0];
        return;
    }
    while (2 * k < n)
        k *= 2;
    tree(leaf, k, &left);
    tree(leaf + k, n - k, &right);
    assert_true(hash_of((struct str[]){STR("\1"), {(char *)left.b, 32}, {(char *)right.b, 32}}, 3,
                        out, NULL));
}

static void trees(void **state)
{
    (void)state;
    static struct hash leaf[130];
    struct hash got, want;
    for (size_t i = 0; i < 130; i++)
        assert_true(hash_leaf(&i, sizeof i, &leaf[i], NULL));
    for (size_t n = 1; n <= 130; n++) {
        tree(leaf, n, &want);
        assert_true(hash_root(leaf, n, &got, NULL));
        assert_true(hash_eq(&got, &want));
    }
    assert_true(hash_root(leaf, 0, &got, NULL));
    assert_true(hash_of(NULL, 0, &want, NULL));
    assert_true(hash_eq(&got, &want));
}

static void a_stream_is_its_parts(void **state)
{
    (void)state;
    struct err e;
    struct hash whole, pieces;
    struct hash_stream s;
    char text[1000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31);
    assert_true(hash_of(&(struct str){text, sizeof text}, 1, &whole, &e));
    assert_true(hash_begin(&s, &e));
    for (size_t at = 0; at < sizeof text; at += 125)
        assert_true(hash_add(&s, text + at, 125, &e));
    assert_true(hash_end(&s, &pieces, &e));
    assert_true(hash_eq(&whole, &pieces));
    assert_true(hash_begin(&s, &e) && hash_end(&s, NULL, &e) && s.ctx == NULL);
}

static void digits_are_read_as_they_are_written(void **state)
{
    (void)state;
    struct hash h, again;
    char hex[2 * HASH_BYTES + 1];
    for (size_t i = 0; i < HASH_BYTES; i++)
        h.b[i] = (uint8_t)(i * 37 + 5);
    hash_hex(&h, hex);
    assert_true(hash_parse(&again, str_of(hex)));
    assert_true(hash_eq(&h, &again));
    assert_false(hash_parse(&again, (struct str){hex, 63}));
    assert_false(hash_parse(&again, STR("")));
    hex[63] = 'A';
    assert_false(hash_parse(&again, str_of(hex)));
    hex[63] = 'g';
    assert_false(hash_parse(&again, str_of(hex)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256_vectors), cmocka_unit_test(trees),
                                       cmocka_unit_test(a_stream_is_its_parts),
                                       cmocka_unit_test(digits_are_read_as_they_are_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
