/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/os: maps, atomic files, directories, and numbers about the machine that must make
 * sense together. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "test.h"

static char dir[] = "/tmp/moat-test-XXXXXX";
static char paths[8][64];

/* A path in the test's directory; eight at a time. */
static const char *in_dir(const char *name)
{
    static unsigned turn;
    char *p = paths[turn++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static unsigned files_in_dir(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

static void holds(const char *path, const char *text)
{
    struct buf b;
    struct err e;
    buf_init(&b, 1000);
    assert_true(buf_read_file(&b, path, &e));
    assert_string_equal(buf_c(&b), text);
    buf_clear(&b);
}

static void maps(void **state)
{
    (void)state;
    struct os_map m;
    struct err e;
    put_file(in_dir("a"), "mapped");
    assert_true(os_map_open(&m, in_dir("a"), &e));
    assert_int_equal(m.n, 6);
    assert_memory_equal(m.p, "mapped", 6);
    os_map_close(&m);
    os_map_close(&m); /* twice is harmless */
    assert_int_equal(m.fd, -1);
    put_file(in_dir("empty"), "");
    assert_true(os_map_open(&m, in_dir("empty"), &e));
    assert_int_equal(m.n, 0);
    assert_non_null(m.p);
    os_map_close(&m);
    m = (struct os_map){.fd = -1};
    os_map_close(&m);
}

static void what_cannot_be_mapped(void **state)
{
    (void)state;
    struct os_map m;
    struct err e;
    assert_false(os_map_open(&m, in_dir("absent"), &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(m.fd, -1);
    assert_false(os_map_open(&m, dir, &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
    assert_false(os_map_open(&m, in_dir("fifo"), &e)); /* and does not wait for a writer */
    assert_int_equal(e.code, ERR_USAGE);
    assert_false(os_map_open(&m, "/dev/zero", &e));
    assert_false(os_map_take(&m, -1, "nothing", &e));
    assert_int_equal(e.code, ERR_IO);
    int fd = open(dir, O_RDONLY);
    assert_false(os_map_take(&m, fd, "dir", &e));
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken over: closed */
}

static void atomic_files(void **state)
{
    (void)state;
    struct os_atomic_file f;
    struct err e;
    const char *path = in_dir("f");
    put_file(path, "old");
    assert_true(os_atomic_open(&f, path, &e));
    assert_true(os_atomic_write(&f, "ne", 2, &e) && os_atomic_write(&f, "w", 1, &e));
    assert_true(os_atomic_write(&f, NULL, 0, &e));
    holds(path, "old"); /* not before it is committed */
    assert_true(os_atomic_commit(&f, &e));
    os_atomic_close(&f);
    holds(path, "new");
    assert_true(os_atomic_open(&f, path, &e));
    assert_true(os_atomic_write(&f, "half", 4, &e));
    os_atomic_close(&f); /* given up */
    os_atomic_close(&f);
    holds(path, "new");
    assert_int_equal(files_in_dir(), 1); /* no temporary file is left */
}

static void atomic_files_that_cannot_be(void **state)
{
    (void)state;
    struct os_atomic_file f;
    struct err e;
    char path[5000];
    assert_false(os_atomic_open(&f, in_dir("no/such/dir"), &e));
    assert_int_equal(e.code, ERR_IO);
    os_atomic_close(&f);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(os_atomic_open(&f, path, &e));
    assert_int_equal(e.code, ERR_USAGE);
    os_atomic_close(&f);
    assert_int_equal(mkdir(in_dir("d"), 0700), 0);
    put_file(in_dir("d/x"), "");
    assert_true(os_atomic_open(&f, in_dir("d"), &e));
    assert_false(os_atomic_commit(&f, &e)); /* a directory stands there */
    os_atomic_close(&f);
    assert_int_equal(files_in_dir(), 1);
}

static void atomic_files_written_out_of_order(void **state)
{
    (void)state;
    struct os_atomic_file f;
    struct err e;
    char vast[4096];
    assert_true(os_atomic_open(&f, in_dir("f"), &e));
    assert_true(os_atomic_reserve(&f, 8, &e));
    assert_true(os_atomic_write_at(&f, "tail", 4, 4, &e) &&
                os_atomic_write_at(&f, "head", 4, 0, &e) && os_atomic_write_at(&f, "", 0, 99, &e));
    assert_true(os_atomic_rename(&f, in_dir("renamed"), &e));
    f.mode = 0600;
    assert_true(os_atomic_commit(&f, &e));
    os_atomic_close(&f);
    holds(in_dir("renamed"), "headtail");
    struct stat st;
    assert_int_equal(stat(in_dir("renamed"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(files_in_dir(), 1);
    memset(vast, 'x', sizeof vast - 1);
    for (size_t n = 4070; n < sizeof vast; n++) { /* the temporary name must fit as well */
        vast[n] = '\0';
        assert_true(os_atomic_open(&f, in_dir("g"), &e));
        bool fits = n + sizeof ".tmp-XXXXXX" <= sizeof f.tmp;
        assert_int_equal(os_atomic_rename(&f, vast, &e), fits);
        if (fits)
            assert_false(os_atomic_commit(&f, &e)); /* too long for the file system */
        os_atomic_close(&f);
        vast[n] = 'x';
    }
    assert_int_equal(files_in_dir(), 1);
}

static void own_files(void **state)
{
    (void)state;
    struct os_map m;
    struct err e;
    put_file(in_dir("own"), "mine");
    assert_int_equal(chmod(in_dir("own"), 0644), 0);
    assert_true(os_map_open_own(&m, in_dir("own"), &e));
    assert_memory_equal(m.p, "mine", 4);
    os_map_forget(m.p, m.n);
    os_map_prefetch(m.p, m.n);
    assert_memory_equal(m.p, "mine", 4);
    os_map_close(&m);
    for (mode_t mode = 0664; mode >= 0646; mode -= 0664 - 0646) {
        assert_int_equal(chmod(in_dir("own"), mode), 0);
        assert_false(os_map_open_own(&m, in_dir("own"), &e));
        assert_int_equal(e.code, ERR_DENIED);
    }
    assert_int_equal(chmod(in_dir("own"), 0644), 0);
    assert_int_equal(symlink("own", in_dir("link")), 0);
    assert_false(os_map_open_own(&m, in_dir("link"), &e));
    assert_false(os_map_open_own(&m, in_dir("absent"), &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_file_changes_its_identity(void **state)
{
    (void)state;
    struct os_file_id a, b;
    struct err e;
    put_file(in_dir("f"), "one");
    int fd = open(in_dir("f"), O_RDWR);
    assert_true(os_file_id(fd, &a, &e) && os_file_id(fd, &b, &e));
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.bytes, 3);
    usleep(20000); /* the clock of file systems is coarse */
    assert_int_equal(pwrite(fd, "two", 3, 0), 3);
    assert_true(os_file_id(fd, &b, &e));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_int_equal(a.inode, b.inode);
    close(fd);
    assert_false(os_file_id(-1, &b, &e));
}

static void locks(void **state)
{
    (void)state;
    struct os_lock l;
    struct err e;
    assert_true(os_lock_open(&l, in_dir("lock"), &e));
    pid_t child = fork();
    if (child == 0) {
        close(l.fd);         /* or it would hold the parent's lock */
        struct os_lock mine; /* waits until the parent lets go */
        alarm(20);
        int fd = open(in_dir("lock"), O_RDWR);
        bool free_now = os_try_lock(fd);
        close(fd);
        bool got = os_lock_open(&mine, in_dir("lock"), NULL);
        bool after = access(in_dir("let-go"), F_OK) == 0;
        os_lock_close(&mine);
        _exit(!free_now && got && after ? 0 : 1);
    }
    usleep(50000);
    put_file(in_dir("let-go"), "");
    os_lock_close(&l);
    os_lock_close(&l);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(files_in_dir(), 1); /* let-go: the lock file is gone */
    assert_false(os_lock_open(&l, in_dir("no/such/dir"), &e));
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(symlink("let-go", in_dir("link")), 0);
    assert_false(os_lock_open(&l, in_dir("link"), &e)); /* follows no link */
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void directories(void **state)
{
    (void)state;
    struct err e;
    assert_true(os_mkdirs(in_dir("a/b/c"), &e));
    assert_true(is_dir(in_dir("a/b/c")));
    struct stat st;
    assert_int_equal(stat(in_dir("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(os_mkdirs(in_dir("a/b/c"), &e)); /* again */
    assert_true(os_mkdirs(in_dir("x//y/"), &e));
    assert_true(is_dir(in_dir("x/y")));
    assert_true(os_mkdirs("/", &e));
    put_file(in_dir("file"), "");
    assert_false(os_mkdirs(in_dir("file"), &e));
    assert_int_equal(e.code, ERR_IO);
    assert_false(os_mkdirs(in_dir("file/sub"), &e));
    assert_false(os_mkdirs("", &e));
    char path[5000];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(os_mkdirs(path, &e));
    assert_int_equal(e.code, ERR_USAGE);
}

static void time_goes_on(void **state)
{
    (void)state;
    uint64_t last = os_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = os_now_ns();
        assert_true(now >= last);
        last = now;
    }
    usleep(2000);
    assert_true(os_now_ns() - last >= 2000000);
}

static void random_numbers_differ(void **state)
{
    (void)state;
    struct err e;
    unsigned char a[32] = {0}, b[32] = {0}, lots[300];
    assert_true(os_random(a, sizeof a, &e) && os_random(b, sizeof b, &e));
    assert_memory_not_equal(a, b, sizeof a);
    assert_false(os_random(lots, sizeof lots, &e));
}

static void the_machine(void **state)
{
    (void)state;
    uint32_t cpus = os_cpu_count();
    assert_true(cpus >= 1 && cpus <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
    uint64_t total = os_memory_total(), left = os_memory_free(), rss = os_rss_bytes();
    assert_true(total > 1 << 24 && left <= total);
    assert_true(rss > 100000 && rss < total);
    char *p = malloc(32 << 20);
    assert_non_null(p);
    memset(p, 1, 32 << 20);
    assert_true(os_rss_bytes() > rss + (30 << 20));
    free(p);
}

static void reflinks_are_made_or_refused(void **state)
{
    (void)state;
    put_file(in_dir("src"), "shared bytes");
    put_file(in_dir("dst"), "");
    int src = open(in_dir("src"), O_RDONLY), dst = open(in_dir("dst"), O_RDWR);
    if (os_reflink(dst, src))
        holds(in_dir("dst"), "shared bytes");
    else
        holds(in_dir("dst"), "");
    assert_false(os_reflink(-1, src));
    close(src);
    close(dst);
}

static void bytes_are_read_at_an_offset(void **state)
{
    (void)state;
    char got[16] = "";
    put_file(in_dir("file"), "0123456789");
    int fd = open(in_dir("file"), O_RDONLY), no_file = open(in_dir("."), O_RDONLY);
    assert_int_equal(os_read_at(fd, got, 4, 3), 4);
    assert_memory_equal(got, "3456", 4);
    assert_int_equal(os_read_at(fd, got, 16, 8), 2);
    assert_int_equal(errno, 0);
    assert_memory_equal(got, "89", 2);
    assert_int_equal(os_read_at(fd, got, 1, 100), 0);
    assert_int_equal(errno, 0);
    assert_int_equal(os_read_at(no_file, got, 1, 0), 0);
    assert_int_equal(errno, EISDIR);
    close(fd);
    close(no_file);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(maps),
        WITH_DIR(what_cannot_be_mapped),
        WITH_DIR(atomic_files),
        WITH_DIR(atomic_files_that_cannot_be),
        WITH_DIR(atomic_files_written_out_of_order),
        WITH_DIR(own_files),
        WITH_DIR(a_file_changes_its_identity),
        WITH_DIR(locks),
        WITH_DIR(directories),
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(random_numbers_differ),
        cmocka_unit_test(the_machine),
        WITH_DIR(bytes_are_read_at_an_offset),
        WITH_DIR(reflinks_are_made_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
