/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/map: what is put in comes out, for many keys, odd ones, and sizes that cannot be.
 */
#include "base/map.h"

#include <stdio.h>

#include "test.h"

enum { N = 20000 };
static char names[N][12];

static struct str name(uint32_t i)
{
    return str_of(names[i]);
}

static void many_keys(void **state)
{
    (void)state;
    struct map m = {0};
    struct err e;
    uint32_t v;
    assert_false(map_get(&m, STR("nothing"), &v));
    for (uint32_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "k%u", i);
        assert_true(map_put(&m, name(i), i, &e));
        assert_int_equal(m.n, i + 1);
    }
    for (uint32_t i = 0; i < N; i++)
        assert_true(map_get(&m, name(i), &v) && v == i);
    for (uint32_t i = 0; i < N; i++)
        assert_true(map_put(&m, name(i), i * 2, &e));
    assert_int_equal(m.n, N); /* replaced, not added */
    assert_true(map_get(&m, STR("k777"), &v) && v == 1554);
    v = 5;
    assert_false(map_get(&m, STR("k20000"), &v));
    assert_int_equal(v, 5);
    assert_true((m.cap & (m.cap - 1)) == 0 && m.cap >= 2 * N);
    map_clear(&m);
    assert_false(map_get(&m, STR("k1"), &v));
    map_clear(&m);
}

static void odd_keys(void **state)
{
    (void)state;
    struct map m = {0};
    struct err e;
    uint32_t v;
    static const struct str keys[] = {{NULL, 0},         {"\0", 1},       {"\0\0", 2},
                                      {"a\0", 2},        {"a", 1},        {"12345678", 8},
                                      {"12345678\0", 9}, {"123456789", 9}};
    for (uint32_t i = 0; i < 8; i++)
        assert_true(map_put(&m, keys[i], i, &e));
    assert_int_equal(m.n, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_true(map_get(&m, keys[i], &v) && v == i);
    assert_true(map_get(&m, STR(""), &v) && v == 0);
    map_clear(&m);
}

static void reserving(void **state)
{
    (void)state;
    struct map m = {0};
    struct err e = {0};
    uint32_t v;
    assert_true(map_reserve(&m, 1000, &e));
    size_t cap = m.cap;
    assert_true(cap >= 2000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(map_put(&m, name(i), i, &e));
    assert_int_equal(m.cap, cap); /* no growth in between */
    static const size_t vast[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 4,
                                  (size_t)1 << 60};
    for (size_t i = 0; i < 5; i++) {
        e.code = ERR_NONE;
        assert_false(map_reserve(&m, vast[i], &e));
        assert_int_equal(e.code, ERR_LIMIT);
    }
    assert_true(map_get(&m, STR("k999"), &v) && v == 999); /* unharmed */
    map_clear(&m);
}

/* The hash spreads: n keys into n buckets leave about 1/e (6027) of them empty. */
static void the_hash_spreads(void **state)
{
    (void)state;
    static unsigned char used[16384];
    size_t empty = 0;
    for (uint32_t i = 0; i < 16384; i++)
        used[map_hash(name(i)) & 16383] = 1;
    for (size_t i = 0; i < 16384; i++)
        empty += !used[i];
    assert_true(empty > 5570 && empty < 6554); /* by chance, 40 more or less */
    memset(used, 0, sizeof used);
    empty = 0;
    for (uint32_t i = 0; i < 16384; i++)
        used[map_hash((struct str){(const char *)&i, sizeof i}) & 16383] = 1;
    for (size_t i = 0; i < 16384; i++)
        empty += !used[i];
    assert_true(empty > 5570 && empty < 6554);
    assert_true(map_hash(STR("a")) == map_hash(STR("a")));
    assert_true(map_hash(STR("a")) != map_hash(STR("a\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_keys),
        cmocka_unit_test(odd_keys),
        cmocka_unit_test(reserving),
        cmocka_unit_test(the_hash_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
