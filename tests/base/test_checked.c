/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are compared with their hashes before use: right ones come, by any number of threads;
 * changed, shortened and swapped ones never do. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"
#include "test.h"

enum { N = 3 * HASH_LEAF_BYTES + 12345, N_LEAVES = 4 };

static unsigned char *content;

static int start(void **state)
{
    (void)state;
    content = malloc(N);
    for (size_t i = 0; i < N; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 13);
    return content ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    free(content);
    return 0;
}

/* An open file of the content, with its leaves. */
static struct checked *open_content(int *fd)
{
    char path[] = "/tmp/moat-checked-XXXXXX";
    struct err e;
    struct hash *leaves = mem_new(N_LEAVES, sizeof *leaves, &e);
    *fd = mkstemp(path);
    assert_true(*fd >= 0 && leaves);
    unlink(path);
    assert_int_equal(write(*fd, content, N), N);
    for (size_t i = 0; i < N_LEAVES; i++) {
        size_t at = i * HASH_LEAF_BYTES, left = N - at;
        assert_true(hash_leaf(content + at, left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES,
                              &leaves[i], &e));
    }
    struct checked *c = checked_new(dup(*fd), N, leaves, "content", &e);
    assert_non_null(c);
    return c;
}

static void test_right_bytes(void **state)
{
    (void)state;
    int fd;
    struct err e;
    struct checked *c = open_content(&fd);
    const unsigned char *p = checked_bytes(c);
    assert_true(checked_need(c, p + HASH_LEAF_BYTES - 1, 2, &e));
    assert_memory_equal(p, content, 2 * HASH_LEAF_BYTES);
    assert_true(checked_need(c, p + N, 0, &e));
    assert_true(checked_need(c, p + N - 1, 1, &e));
    assert_int_equal(p[N - 1], content[N - 1]);
    assert_int_equal(p[2 * HASH_LEAF_BYTES], 0); /* nobody asked for it */
    checked_free(c);
    close(fd);
}

/* What was checked stays, whatever becomes of the file; what was not is refused. */
static void test_changed_afterwards(void **state)
{
    (void)state;
    int fd;
    struct err e;
    struct checked *c = open_content(&fd);
    const unsigned char *p = checked_bytes(c);
    assert_true(checked_need(c, p, 1, &e));
    assert_int_equal(pwrite(fd, "x", 1, 5), 1);
    assert_int_equal(pwrite(fd, "x", 1, HASH_LEAF_BYTES + 5), 1);
    assert_int_equal(ftruncate(fd, 3 * HASH_LEAF_BYTES), 0);
    assert_true(checked_need(c, p, HASH_LEAF_BYTES, &e));
    assert_memory_equal(p, content, HASH_LEAF_BYTES);
    assert_false(checked_need(c, p, N, &e));
    assert_int_equal(e.code, ERR_DENIED);
    assert_non_null(strstr(e.msg, "MiB 1 "));
    assert_int_equal(p[HASH_LEAF_BYTES], 0); /* nothing of it is left to read */
    assert_false(checked_need(c, p + 3 * HASH_LEAF_BYTES, 1, &e));
    assert_int_equal(e.code, ERR_DENIED);
    checked_forget(c);
    assert_false(checked_need(c, p, 1, &e)); /* read again, and changed by now */
    checked_free(c);
    close(fd);
}

static void *need_all(void *arg)
{
    struct checked *c = arg;
    struct err e;
    return checked_need(c, checked_bytes(c), N, &e) ? arg : NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t t[8];
    int fd;
    struct checked *c = open_content(&fd);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&t[i], NULL, need_all, c), 0);
    for (int i = 0; i < 8; i++) {
        void *ok;
        pthread_join(t[i], &ok);
        assert_non_null(ok);
    }
    assert_memory_equal(checked_bytes(c), content, N);
    checked_free(c);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_bytes),
        cmocka_unit_test(test_changed_afterwards),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
