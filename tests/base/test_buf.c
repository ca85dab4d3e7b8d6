/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/buf: growth, the maximum, sticky failure, reading files and pipes. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void adding(void **state)
{
    (void)state;
    struct buf b;
    struct err e;
    buf_init(&b, 1000);
    assert_string_equal(buf_c(&b), "");
    assert_int_equal(buf_view(&b).n, 0);
    assert_non_null(buf_view(&b).p);
    buf_cstr(&b, "one");
    buf_byte(&b, '\0');
    buf_str(&b, STR("two"));
    buf_str(&b, (struct str){NULL, 0});
    buf_add(&b, NULL, 0);
    buf_utf8(&b, 0x4e2d);
    buf_fmt(&b, "%d%s", 42, "!");
    assert_int_equal(b.n, 13);
    assert_memory_equal(b.p,
                        "one\0two\xe4\xb8\xad"
                        "42!",
                        14);
    assert_true(buf_ok(&b, "it", &e));
    buf_drop_front(&b, 4);
    assert_string_equal(buf_c(&b), "two\xe4\xb8\xad"
                                   "42!");
    buf_drop_front(&b, 100);
    assert_int_equal(b.n, 0);
    assert_string_equal(buf_c(&b), "");
    buf_clear(&b);
    assert_int_equal(b.max, 1000);
    buf_clear(&b);
}

static void the_maximum_holds_exactly(void **state)
{
    (void)state;
    for (size_t max = 0; max < 300; max++) {
        struct buf b;
        struct err e = {0};
        buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            buf_byte(&b, 'x');
        assert_true(buf_ok(&b, "it", &e));
        assert_int_equal(b.n, max);
        buf_byte(&b, 'y');
        assert_false(buf_ok(&b, "it", &e));
        assert_int_equal(e.code, ERR_LIMIT);
        assert_int_equal(b.n, max);
        assert_int_equal(strlen(buf_c(&b)), max);
        buf_clear(&b);
    }
}

static void failure_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    buf_cstr(&b, "12345");
    buf_cstr(&b, "6789"); /* one too many: nothing of it is added */
    buf_cstr(&b, "6");    /* would fit, but must not follow what is missing */
    assert_true(b.bad);
    assert_string_equal(buf_c(&b), "12345");
    buf_reset(&b);
    assert_false(b.bad);
    buf_fmt(&b, "%s", "12345678");
    assert_string_equal(buf_c(&b), "12345678");
    buf_fmt(&b, "%c", 'x');
    assert_true(b.bad);
    assert_false(buf_ok(&b, "it", NULL));
    buf_clear(&b);
}

static void a_zeroed_buffer_is_valid(void **state)
{
    (void)state;
    struct buf b = {0};
    struct err e;
    assert_string_equal(buf_c(&b), "");
    assert_true(buf_ok(&b, "it", &e));
    buf_drop_front(&b, 3);
    buf_byte(&b, 'x');
    assert_false(buf_ok(&b, "it", &e));
    buf_reset(&b);
    buf_clear(&b);
}

static void huge_maxima_do_not_wrap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    for (size_t i = 0; i < 5000; i++)
        buf_fmt(&b, "%zu,", i);
    assert_false(b.bad);
    assert_memory_equal(b.p, "0,1,2,", 6);
    buf_add(&b, "x", SIZE_MAX - 2); /* cannot be had */
    assert_true(b.bad);
    buf_clear(&b);
}

static void reading_files(void **state)
{
    (void)state;
    struct buf b;
    struct err e;
    char path[] = "/tmp/moat-test-XXXXXX", chunk[1000];
    int fd = mkstemp(path);
    memset(chunk, 'c', sizeof chunk);
    for (int i = 0; i < 200; i++)
        assert_int_equal(write(fd, chunk, sizeof chunk), sizeof chunk);
    close(fd);
    buf_init(&b, 200000);
    assert_true(buf_read_file(&b, path, &e));
    assert_int_equal(b.n, 200000);
    buf_clear(&b);
    buf_init(&b, 199999);
    assert_false(buf_read_file(&b, path, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.msg, path));
    buf_clear(&b);
    unlink(path);
    assert_false(buf_read_file(&b, path, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(buf_read_file(&b, "/tmp", &e));
    assert_int_equal(e.code, ERR_IO);
}

static void reading_standard_input(void **state)
{
    (void)state;
    struct buf b;
    struct err e;
    int pipes[2], old = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "from a pipe", 11), 11);
    close(pipes[1]);
    dup2(pipes[0], STDIN_FILENO);
    buf_init(&b, 100);
    bool ok = buf_read_file(&b, "-", &e);
    dup2(old, STDIN_FILENO);
    assert_true(ok);
    assert_string_equal(buf_c(&b), "from a pipe");
    close(pipes[0]);
    close(old);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding),
        cmocka_unit_test(the_maximum_holds_exactly),
        cmocka_unit_test(failure_sticks),
        cmocka_unit_test(a_zeroed_buffer_is_valid),
        cmocka_unit_test(huge_maxima_do_not_wrap),
        cmocka_unit_test(reading_files),
        cmocka_unit_test(reading_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
