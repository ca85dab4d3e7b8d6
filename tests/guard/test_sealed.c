/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch file gives back what was written, to its owner, and nothing that was altered; what lies
 * on the disk is not what was written. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/sealed.h"
#include "test.h"

enum { MOST = 3 * SEALED_PIECE };

static unsigned char plain[MOST], back[MOST];

static void fill(unsigned char *p, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (unsigned char)(seed >> 24);
    }
}

static bool put(struct sealed *s, uint64_t at, size_t n, size_t portion, const char *owner)
{
    struct err e;
    bool ok = sealed_write_begin(s, at, n, str_of(owner), &e);
    for (size_t done = 0; ok && done < n; done += portion)
        ok = sealed_write(s, plain + done, n - done < portion ? n - done : portion, &e);
    return ok;
}

static bool get(struct sealed *s, uint64_t at, size_t n, size_t portion, const char *owner,
                struct err *e)
{
    memset(back, 0, sizeof back);
    bool ok = sealed_read_begin(s, at, n, str_of(owner), e);
    for (size_t done = 0; ok && done < n; done += portion)
        ok = sealed_read(s, back + done, n - done < portion ? n - done : portion, e);
    return ok;
}

static void comes_back(void **state)
{
    static const size_t sizes[] = {1, 4096, SEALED_PIECE - 1, SEALED_PIECE, SEALED_PIECE + 1, MOST};
    static const size_t portions[] = {1000, 4096, SEALED_PIECE, MOST};
    struct err e;
    struct sealed *s = sealed_new("/tmp", &e);
    (void)state;
    assert_non_null(s);
    fill(plain, sizeof plain, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof portions / sizeof *portions; j++) {
            uint64_t at = 12345 * i;
            assert_true(put(s, at, sizes[i], portions[j], "key:a"));
            assert_true(get(s, at, sizes[i], portions[3 - j], "key:a", &e));
            assert_memory_equal(back, plain, sizes[i]);
        }
    sealed_free(s);
}

/* The newest file of this process without a name. */
static int file_of(void)
{
    char path[64], target[256];
    for (int fd = 255; fd > 2; fd--) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (n > 0 && strstr(target, "(deleted)"))
            return fd;
    }
    return -1;
}

static void only_the_owner_and_unaltered(void **state)
{
    struct err e;
    struct stat st;
    struct sealed *s = sealed_new("/tmp", &e);
    (void)state;
    memset(plain, 'x', sizeof plain);
    assert_true(s && put(s, 100, MOST, 4096, "key:a"));
    int fd = file_of();
    assert_true(fd > 0 && fstat(fd, &st) == 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_size, 100 + sealed_bytes(MOST));

    unsigned char *all = malloc((size_t)st.st_size);
    assert_true(all && pread(fd, all, (size_t)st.st_size, 0) == st.st_size);
    for (off_t i = 0; i + 8 <= st.st_size; i++)
        assert_true(memcmp(all + i, "xxxxxxxx", 8) != 0);

    assert_false(get(s, 100, MOST, 4096, "key:b", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_false(get(s, 100, SEALED_PIECE, 4096, "key:a", &e)); /* cut short */
    assert_false(get(s, 101, MOST, 4096, "key:a", &e));
    for (off_t at = 100; at < st.st_size; at += 7919) {
        unsigned char flipped = all[at] ^ 4;
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        assert_false(get(s, 100, MOST, 4096, "key:a", &e));
        assert_int_equal(pwrite(fd, &all[at], 1, at), 1);
    }
    assert_true(get(s, 100, MOST, 4096, "key:a", &e));
    struct sealed *other = sealed_new("/tmp", &e); /* another key */
    assert_non_null(other);
    int theirs = file_of();
    assert_true(theirs != fd && pwrite(theirs, all, (size_t)st.st_size, 0) == st.st_size);
    assert_false(get(other, 100, MOST, 4096, "key:a", &e));
    free(all);
    sealed_free(other);
    sealed_free(s);
}

/* Pieces of one record do not do for those of another, nor in another order. */
static void pieces_stay_where_they_are(void **state)
{
    struct err e;
    struct sealed *s = sealed_new("/tmp", &e);
    size_t piece = (size_t)(sealed_bytes(2 * SEALED_PIECE) - sealed_bytes(SEALED_PIECE));
    unsigned char *a = malloc(piece), *b = malloc(piece);
    (void)state;
    assert_true(s && a && b && put(s, 0, MOST, MOST, "key:a"));
    off_t head = (off_t)(sealed_bytes(SEALED_PIECE) - piece);
    int fd = file_of();
    assert_int_equal(pread(fd, a, piece, head), piece);
    assert_int_equal(pread(fd, b, piece, head + (off_t)piece), piece);
    assert_int_equal(pwrite(fd, b, piece, head), piece);
    assert_int_equal(pwrite(fd, a, piece, head + (off_t)piece), piece);
    assert_false(get(s, 0, MOST, MOST, "key:a", &e));
    free(a);
    free(b);
    sealed_free(s);
}

static void misuse_is_an_error(void **state)
{
    struct err e;
    struct sealed *s = sealed_new("/tmp", &e);
    (void)state;
    assert_null(sealed_new("/nowhere/at/all", &e));
    assert_int_equal(e.code, ERR_IO);
    assert_non_null(s);
    assert_true(sealed_write_begin(s, 0, 10, STR("a"), &e));
    assert_false(sealed_write(s, plain, 11, &e));
    assert_true(put(s, 0, 10, 10, "a"));
    assert_true(sealed_read_begin(s, 0, 10, STR("a"), &e));
    assert_true(sealed_read(s, back, 10, &e));
    assert_false(sealed_read(s, back, 1, &e));
    sealed_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(only_the_owner_and_unaltered),
        cmocka_unit_test(pieces_stay_where_they_are),
        cmocka_unit_test(misuse_is_an_error),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
