/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/mem: checked sizes, zeroed memory, arenas. */
#include "base/mem.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void checked_sizes(void **state)
{
    (void)state;
    size_t v = 7;
    assert_true(mem_mul(SIZE_MAX / 2, 2, &v) && v == SIZE_MAX - 1);
    assert_false(mem_mul(SIZE_MAX / 2 + 1, 2, &v));
    assert_true(mem_mul(SIZE_MAX, 0, &v) && v == 0);
    assert_true(mem_add(SIZE_MAX - 1, 1, &v) && v == SIZE_MAX);
    assert_false(mem_add(SIZE_MAX, 1, &v));
}

static bool all_zero(const void *p, size_t n)
{
    const unsigned char *b = p;
    while (n--)
        if (*b++)
            return false;
    return true;
}

static void blocks_are_zeroed_and_sizes_cannot_wrap(void **state)
{
    (void)state;
    struct err e = {0};
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = mem_new(n, 3, &e), *q = mem_new_aligned(n, 3, &e);
        assert_true(p && q);
        assert_true(all_zero(p, n * 3) && all_zero(q, n * 3));
        assert_int_equal((uintptr_t)q % 64, 0);
        memset(p, 0xff, n * 3);
        memset(q, 0xff, n * 3);
        mem_free(p);
        mem_free(q);
    }
    /* Volatile, or the compiler sees that these cannot succeed. */
    volatile size_t half = SIZE_MAX / 2 + 2, most = SIZE_MAX - 100;
    assert_null(mem_new(half, 2, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(mem_new_aligned(half, 2, &e));
    assert_null(mem_new_aligned(most, 1, &e));
    assert_null(mem_new(most, 1, NULL));
    mem_free(NULL);
}

static void growing(void **state)
{
    (void)state;
    struct err e;
    uint32_t *items = NULL;
    size_t cap = 0;
    for (size_t n = 0; n < 10000; n++) {
        size_t before = cap;
        assert_true(mem_grow(&items, n, &cap, sizeof *items, &e));
        assert_true(cap > n);
        assert_true(before == cap || all_zero(items + n, (cap - n) * sizeof *items));
        items[n] = (uint32_t)n;
    }
    for (size_t n = 0; n < 10000; n++)
        assert_int_equal(items[n], n);
    uint32_t *was = items;
    volatile size_t vast = SIZE_MAX / 4;
    cap = vast;
    assert_false(mem_grow(&items, vast, &cap, sizeof *items, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_ptr_equal(items, was); /* still owned */
    assert_true(cap == vast);
    mem_free(items);
}

static void lazy_pages(void **state)
{
    (void)state;
    struct err e = {0};
    size_t vast = (size_t)1 << 40; /* more than the machine has: only what is touched counts */
    unsigned char *p = mem_new_lazy(vast, 1, &e);
    assert_non_null(p);
    assert_true(all_zero(p + vast / 2, 5000));
    p[0] = p[vast - 1] = 1;
    mem_free_lazy(p, vast, 1);
    p = mem_new_lazy(0, 8, &e);
    assert_non_null(p);
    mem_free_lazy(p, 0, 8);
    mem_free_lazy(NULL, 8, 8);
    assert_null(mem_new_lazy(SIZE_MAX / 2, 4, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(mem_new_lazy(SIZE_MAX / 2, 1, &e));
}

#ifdef MOAT_MEM_GUARD
static void dies_of(void (*work)(void))
{
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        mem_guard(true);
        work();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void take_block(void)
{
    mem_free(mem_new(1, 1, NULL));
}

static void take_arena(void)
{
    struct arena a = {0};
    if (arena_new(&a, 1, 1, NULL))
        arena_clear(&a);
}
#endif

static void the_guard_is_fatal_where_it_is_built_in(void **state)
{
    (void)state;
#ifdef MOAT_MEM_GUARD
    dies_of(take_block);
    dies_of(take_arena);
#else
    mem_guard(true);
    mem_free(mem_new(1, 1, NULL));
#endif
    mem_guard(false);
    mem_free(mem_new(1, 1, NULL));
}

static void arenas(void **state)
{
    (void)state;
    struct arena a = {0};
    struct err e;
    unsigned char *parts[500];
    for (size_t i = 0; i < 500; i++) {
        parts[i] = arena_new(&a, i, 7, &e);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        assert_true(all_zero(parts[i], i * 7));
        memset(parts[i], (int)(i & 0xff), i * 7);
    }
    for (size_t i = 0; i < 500; i++) /* nobody wrote over anybody */
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(parts[i][j], i & 0xff);
    unsigned char *large = arena_new(&a, 1 << 20, 1, &e);
    assert_true(large && all_zero(large, 1 << 20));
    assert_string_equal(arena_copy(&a, STR("text"), &e), "text");
    assert_string_equal(arena_copy(&a, (struct str){NULL, 0}, &e), "");
    volatile size_t vast = SIZE_MAX - 3;
    assert_null(arena_new(&a, vast, 1, &e));
    assert_null(arena_new(&a, vast, 8, &e));
    assert_null(arena_new(&a, vast / 2, 1, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(arena_new(&a, 1, 1, &e)); /* it goes on */
    arena_clear(&a);
    assert_int_equal(a.used, 0);
    arena_clear(&a);
}

static void arenas_have_a_cap(void **state)
{
    (void)state;
    struct arena a = {.max = 100};
    struct err e;
    assert_non_null(arena_new(&a, 96, 1, &e));
    assert_null(arena_new(&a, 5, 1, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    arena_clear(&a);
    assert_non_null(arena_new(&a, 96, 1, &e)); /* the cap counts anew */
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_sizes),
        cmocka_unit_test(blocks_are_zeroed_and_sizes_cannot_wrap),
        cmocka_unit_test(growing),
        cmocka_unit_test(lazy_pages),
        cmocka_unit_test(the_guard_is_fatal_where_it_is_built_in),
        cmocka_unit_test(arenas),
        cmocka_unit_test(arenas_have_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
