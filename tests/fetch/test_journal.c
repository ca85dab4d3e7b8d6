/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fetch/test_journal: what a journal says after every kind of end: whole, torn at any byte,
 * damaged at any byte, of another start of the machine. */
#include "fetch/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "test.h"

#define MIB (1ull << 20)

static int new_file(void)
{
    char path[] = "/tmp/moat-journal-XXXXXX";
    int fd = mkostemp(path, O_APPEND);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static struct buf bytes_of(int fd)
{
    struct buf b;
    char chunk[4096];
    buf_init(&b, 1u << 20);
    for (ssize_t n; (n = pread(fd, chunk, sizeof chunk, (off_t)b.n)) > 0;)
        buf_add(&b, chunk, (size_t)n);
    return b;
}

/* Ten pieces, two sources; pieces 0..5 done, 2 forgotten, 5 with the tree. */
static int filled(void)
{
    struct err e;
    int fd = new_file();
    struct journal_source s = {.id = "source1", .validator = "\"v\""};
    assert_true(journal_begin(fd, 10 * MIB - 7, &e));
    assert_true(journal_note_source(fd, 0, &s, &e));
    s.out = true;
    assert_true(journal_note_source(fd, 1, &s, &e));
    for (uint64_t i = 0; i < 6; i++)
        assert_true(journal_note_done(fd, i, (uint8_t)(i % 2), i == 5, &e));
    assert_true(journal_note_forget(fd, 2, &e));
    return fd;
}

static void round_trip(void **state)
{
    (void)state;
    struct err e;
    struct journal_state s;
    int fd = filled();
    assert_true(journal_open(fd, &s, &e));
    assert_int_equal(s.pieces.size, 10 * MIB - 7);
    assert_int_equal(s.pieces.n_done, 5);
    assert_int_equal(s.pieces.state[2], 0);
    assert_int_equal(s.pieces.from[3], 1);
    assert_true(s.checked[5] && !s.checked[4]);
    assert_int_equal(s.n_source, 2);
    assert_string_equal(s.source[0].validator, "\"v\"");
    assert_true(!s.source[0].out && s.source[1].out);
    journal_clear(&s);
    close(fd);
}

static void torn_anywhere(void **state)
{
    (void)state;
    struct err e;
    int fd = filled();
    struct buf b = bytes_of(fd);
    uint64_t before = 0;
    for (size_t n = 0; n <= b.n; n++) {
        int torn = new_file();
        struct journal_state s;
        assert_int_equal(write(torn, b.p, n), n);
        assert_true(journal_open(torn, &s, &e));
        assert_true(s.n <= n);
        if (s.pieces.n)
            assert_true(s.pieces.n_done <= 6 && s.pieces.n_done + 1 >= before);
        before = s.pieces.n ? s.pieces.n_done : 0;
        /* what is noted from now on is read again */
        if (s.pieces.n && s.n_source > 0) {
            struct journal_state t;
            assert_true(journal_note_done(torn, 9, 0, false, &e));
            assert_true(journal_open(torn, &t, &e));
            assert_int_equal(t.pieces.state[9], PIECE_DONE);
            journal_clear(&t);
        }
        journal_clear(&s);
        close(torn);
    }
    buf_clear(&b);
    close(fd);
}

static void damaged_anywhere(void **state)
{
    (void)state;
    struct err e;
    int fd = filled();
    struct buf b = bytes_of(fd);
    for (size_t i = 0; i < b.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct journal_state s;
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            assert_true(journal_parse(buf_view(&b), "", &s, &e));
            assert_true(s.n <= i); /* nothing from the damaged record on */
            journal_clear(&s);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    buf_clear(&b);
    close(fd);
}

/* After a crash of the machine only what was synced counts. */
static void machine_went_down(void **state)
{
    (void)state;
    struct err e;
    struct journal_state s;
    int fd = filled(), data = new_file();
    struct buf b = bytes_of(fd);
    assert_true(journal_parse(buf_view(&b), "another start", &s, &e));
    assert_int_equal(s.pieces.size, 10 * MIB - 7);
    assert_int_equal(s.pieces.n_done, 0);
    journal_clear(&s);
    buf_clear(&b);
    assert_true(journal_sync(fd, data, &e));
    assert_true(journal_note_done(fd, 8, 0, false, &e));
    b = bytes_of(fd);
    assert_true(journal_parse(buf_view(&b), "another start", &s, &e));
    assert_int_equal(s.pieces.n_done, 5);
    assert_int_equal(s.pieces.state[8], 0);
    journal_clear(&s);
    buf_clear(&b);
    close(fd);
    close(data);
}

static void not_a_journal(void **state)
{
    (void)state;
    struct journal_state s;
    static const char *const texts[] = {"", "x", "MOATPULL", "{\"a\": 1}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(journal_parse(str_of(texts[i]), "", &s, NULL));
        assert_int_equal(s.pieces.n, 0);
        journal_clear(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(torn_anywhere),
        cmocka_unit_test(damaged_anywhere), cmocka_unit_test(machine_went_down),
        cmocka_unit_test(not_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
