/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log when things fail: each allocation, each call of the system (with each error, once
 * and for good), kill -9 at each call, and the power: replayed from the writes that were recorded,
 * with those that were not synced there, absent or torn. Always the same is asked: what was
 * acknowledged is in the log, once; nothing is there twice; the log goes on.
 *
 * MOAT_KILLS, MOAT_POWER: how many (audit_faults.check.py asks for more). */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "base/json.h"
#include "guard/audit_private.h"
#include "guard/audit_rig.h"

/* --- the calls that may fail ---------------------------------------------------------------------
 */

enum mode { OFF, FAIL, SHORT, KILL_BEFORE, KILL_AFTER };

static struct {
    enum mode mode;
    long n, nth; /* calls so far; the one that it happens to */
    bool always; /* and to all that follow */
    int error;
} fault;

static bool recording;
static void record_write(int fd, const void *p, size_t n, off_t at);
static void record_cut(int fd, off_t size);
static void record_sync(int fd);
static void record_publish(const char *path);
static void record_open(int fd, const char *path, int flags);

static void fault_arm(enum mode mode, long nth, int error, bool always)
{
    fault.n = 0;
    fault.nth = nth;
    fault.error = error;
    fault.always = always;
    fault.mode = mode;
}

static bool hits(void)
{
    fault.n++;
    return fault.always ? fault.n >= fault.nth : fault.n == fault.nth;
}

/* Is this call to fail? */
static bool before(void)
{
    if (fault.mode == OFF || !hits())
        return false;
    if (fault.mode == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    errno = fault.error;
    return fault.mode == FAIL;
}

static void after(void)
{
    if (fault.mode == KILL_AFTER && fault.n == fault.nth)
        kill(getpid(), SIGKILL);
}

static size_t shortened(size_t n)
{
    bool now = fault.mode == SHORT && (fault.always ? fault.n >= fault.nth : fault.n == fault.nth);
    return now && n > 1 ? n / 2 : n;
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (before())
        return -1;
    ssize_t done = syscall(SYS_write, fd, p, shortened(n));
    after();
    return done;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (before())
        return -1;
    n = shortened(n);
    ssize_t done = syscall(SYS_pwrite64, fd, p, n, at);
    if (recording)
        record_write(fd, p, n, at);
    after();
    return done;
}

/* Nothing is really synced: nobody pulls the plug of this machine. */
static int sync_fd(int fd)
{
    if (before())
        return -1;
    if (recording)
        record_sync(fd);
    after();
    return 0;
}

int fsync(int fd)
{
    return sync_fd(fd);
}

int fdatasync(int fd)
{
    return sync_fd(fd);
}

int ftruncate(int fd, off_t size)
{
    if (before())
        return -1;
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (recording)
        record_cut(fd, size);
    after();
    return rc;
}

int rename(const char *from, const char *to)
{
    if (before())
        return -1;
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (recording)
        record_publish(to);
    after();
    return rc;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    if (before())
        return -1;
    int rc = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    after();
    return rc;
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    unsigned mode = va_arg(ap, unsigned); /* there or not: not looked at where it is not asked */
    va_end(ap);
    if (before())
        return -1;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (recording && fd >= 0)
        record_open(fd, path, flags);
    after();
    return fd;
}

/* --- what is asked of every log ------------------------------------------------------------------
 */

/* Acknowledged is there once; nothing is there twice; and one more can be written. */
static void check_log(const char *dir, const bool *acked, int n, const char *what, long nth)
{
    struct audit *a;
    struct audit_report r;
    struct err e = {0};
    if (!audit_open(&a, dir, "after", &e) || !rig_append(a, n, &e) || !audit_commit(a, &e))
        fail_msg("%s %ld: the log does not go on: %s", what, nth, e.msg);
    audit_close(a);
    if (!rig_read(dir, &r, &e))
        fail_msg("%s %ld: %s", what, nth, e.msg);
    for (int i = 0; i <= n; i++)
        if (rig.found[i] > 1 || (rig.found[i] == 0 && (i == n || acked[i])))
            fail_msg("%s %ld: record %d is there %d times", what, nth, i, rig.found[i]);
    assert_int_equal(r.tail_bytes, 0);
}

enum { STEPS = 8 };

/* A writer's life: epochs end, a segment too. */
static void live(const char *dir, bool acked[STEPS])
{
    struct audit *a;
    struct err e;
    if (!audit_open(&a, dir, "life", &e))
        return;
    for (int i = 0; i < STEPS; i++) {
        a->signer.since -= i % 3 == 0 ? 10 : 0;
        acked[i] = rig_append(a, i, &e) && audit_commit(a, &e);
    }
    audit_close(a);
}

/* T6 */
static void test_each_call_fails(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC, EINTR, EMFILE, 0};
    long runs = 0;
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
        for (int always = 0; always < 2; always++) {
            if (always && (errors[k] == EINTR || errors[k] == 0))
                continue; /* a call that never ends is not one that fails */
            for (long nth = 1;; nth++) {
                bool acked[STEPS] = {false};
                rig_start(4096, 60);
                fault_arm(errors[k] ? FAIL : SHORT, nth, errors[k], always);
                live(rig.dir, acked);
                long n = fault.n;
                fault_arm(OFF, 0, 0, false);
                check_log(rig.dir, acked, STEPS, "call", nth);
                rig_stop();
                runs++;
                if (n < nth) {
                    for (int i = 0; i < STEPS; i++)
                        assert_true(acked[i]);
                    break;
                }
            }
        }
    print_message("# %ld lives in which a call failed\n", runs);
}

/* T5 */
static void test_each_allocation_fails(void **state)
{
    (void)state;
#if ALLOC_FAIL_WORKS
    long runs = 0;
    bool acked[STEPS];
    rig_start(4096, 60); /* libraries take what they keep */
    live(rig.dir, acked);
    ERR_clear_error();
    rig_stop();
    for (int once = 0; once < 2; once++)
        for (long nth = 1;; nth++) {
            memset(acked, 0, sizeof acked);
            rig_start(4096, 60);
            alloc_fail_arm(nth, once);
            live(rig.dir, acked);
            ERR_clear_error(); /* OpenSSL keeps what it could not do */
            alloc_fail_disarm();
            json_start_over();
            long n = alloc_fail.n, held = alloc_fail.held;
            check_log(rig.dir, acked, STEPS, "allocation", nth);
            rig_stop();
            runs++;
            if (held != 0)
                fail_msg("allocation %ld: %ld blocks are not freed", nth, held);
            if (n < nth)
                break;
        }
    print_message("# %ld lives in which an allocation failed\n", runs);
#else
    skip();
#endif
}

/* --- kill -9 -------------------------------------------------------------------------------------
 */

enum { PER_LIFE = 6 };

/* Acknowledges each record by a byte on the pipe. */
static void be_killed(int out, int from, enum mode mode, long nth)
{
    struct audit *a;
    struct err e = {0};
    fault_arm(mode, nth, 0, false);
    if (!audit_open(&a, rig.dir, "victim", &e))
        _exit(1);
    for (int i = 0; i < PER_LIFE; i++) {
        a->signer.since -= i % 2 ? 10 : 0;
        if (!rig_append(a, from + i, &e) || !audit_commit(a, &e))
            _exit(2);
        unsigned char byte = (unsigned char)i;
        if (syscall(SYS_write, out, &byte, 1) != 1)
            _exit(3);
    }
    audit_close(a);
    _exit(0);
}

static pid_t start_victim(int *from_it, int from, uint32_t dice)
{
    int line[2];
    assert_int_equal(pipe(line), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(line[0]);
        be_killed(line[1], from, dice % 2 ? KILL_BEFORE : KILL_AFTER, 1 + dice / 2 % 45);
    }
    close(line[1]);
    *from_it = line[0];
    return pid;
}

static bool end_victim(pid_t pid, int line, bool *acked)
{
    unsigned char byte;
    int status;
    while (read(line, &byte, 1) == 1)
        acked[byte] = true;
    close(line);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("a writer ended with %d", WEXITSTATUS(status));
    return WIFSIGNALED(status);
}

/* T7: two writers at once, each killed at a call of its own; the log is looked at now and then. */
static void test_kill(void **state)
{
    (void)state;
    static bool acked[RIG_MOST];
    int wanted = rig_env("MOAT_KILLS", 200), killed = 0, lost = 0;
    uint32_t dice = 7;
    for (int round = 0; killed < wanted; round++) {
        int n = 0;
        memset(acked, 0, sizeof acked);
        rig_start(6000, 60);
        for (int pair = 0; pair < 10; pair++, n += 2 * PER_LIFE) {
            int line[2];
            pid_t pid[2];
            for (int k = 0; k < 2; k++) {
                dice = dice * 1664525u + 1013904223u;
                pid[k] = start_victim(&line[k], n + k * PER_LIFE, dice >> 9);
            }
            for (int k = 0; k < 2; k++)
                killed += end_victim(pid[k], line[k], acked + n + k * PER_LIFE);
        }
        check_log(rig.dir, acked, n, "kill, round", round);
        for (int i = 0; i < n; i++)
            lost += acked[i] && rig.found[i] == 0;
        rig_stop();
    }
    print_message("# %d writers were killed, %d acknowledged records are lost\n", killed, lost);
}

/* --- the power -----------------------------------------------------------------------------------
 */

enum event_kind { WRITE, CUT, SYNC, PUBLISH, SYNC_FOLDER, ACK };
enum { EVENTS = 4096, PLACES = 40, SIGNER = 0, SETTINGS = PLACES - 1, DISK = 1 << 16, FDS = 256 };

static struct event {
    enum event_kind kind;
    int file; /* a place: of a segment its number */
    size_t at, n;
    unsigned char *p; /* owned */
} events[EVENTS];
static int n_events, fd_place[FDS];
static bool fd_is_folder[FDS];

static int place_of(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (strcmp(name, AUDIT_SIGNER) == 0)
        return SIGNER;
    if (strcmp(name, AUDIT_SETTINGS) == 0)
        return SETTINGS;
    int n = atoi(name);
    return strstr(name, ".log") && !strstr(name, ".tmp") && n > 0 && n < SETTINGS ? n : -1;
}

static struct event *note(enum event_kind kind, int file)
{
    must(n_events < EVENTS);
    events[n_events] = (struct event){.kind = kind, .file = file};
    return &events[n_events++];
}

static void record_open(int fd, const char *path, int flags)
{
    if (fd >= FDS)
        return;
    fd_is_folder[fd] = (flags & O_TMPFILE) != O_TMPFILE && flags & O_DIRECTORY;
    fd_place[fd] = (flags & O_TMPFILE) == O_TMPFILE || fd_is_folder[fd] ? -1 : place_of(path);
}

static void record_write(int fd, const void *p, size_t n, off_t at)
{
    if (fd_place[fd] < 0)
        return;
    struct event *v = note(WRITE, fd_place[fd]);
    v->at = (size_t)at;
    v->n = n;
    v->p = malloc(n);
    memcpy(v->p, p, n);
}

static void record_cut(int fd, off_t size)
{
    if (fd_place[fd] >= 0)
        note(CUT, fd_place[fd])->n = (size_t)size;
}

static void record_sync(int fd)
{
    if (fd_is_folder[fd])
        note(SYNC_FOLDER, 0);
    else if (fd_place[fd] >= 0)
        note(SYNC, fd_place[fd]);
}

static void record_publish(const char *path)
{
    int place = place_of(path), fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    must(place >= 0 && fd >= 0);
    struct event *v = note(PUBLISH, place);
    v->p = malloc(DISK);
    v->n = (size_t)read(fd, v->p, DISK);
    close(fd);
}

static struct disk {
    bool there[PLACES];
    size_t size[PLACES];
    unsigned char b[PLACES][DISK];
} disk;

static uint32_t power_seed;

static uint32_t power_dice(uint32_t n)
{
    power_seed = power_seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(power_seed >> 8) * n >> 24);
}

static void grow(struct disk *d, int f, size_t size)
{
    if (size > d->size[f]) {
        memset(d->b[f] + d->size[f], 0, size - d->size[f]);
        d->size[f] = size;
    }
}

/* A write, whole or some of its sectors of 512 bytes. */
static void apply_write(struct disk *d, const struct event *v, bool torn)
{
    size_t end = v->at + v->n;
    must(end < DISK);
    if (!d->there[v->file]) /* its name is lost */
        return;
    for (size_t at = v->at; at < end;) {
        size_t next = (at / 512 + 1) * 512;
        next = next < end ? next : end;
        if (!torn || power_dice(2)) {
            grow(d, v->file, next);
            memcpy(d->b[v->file] + at, v->p + (at - v->at), next - at);
        }
        at = next;
    }
    if (torn && power_dice(2)) /* its size may be there without it */
        grow(d, v->file, end);
}

static void apply(struct disk *d, const struct event *v, bool torn)
{
    if (v->kind == WRITE)
        apply_write(d, v, torn);
    else if (v->kind == CUT && d->size[v->file] > v->n)
        d->size[v->file] = v->n;
    else if (v->kind == PUBLISH) {
        d->there[v->file] = true;
        d->size[v->file] = v->n;
        memcpy(d->b[v->file], v->p, v->n);
    }
}

/* Is event i, before event k, on the disk for certain by then? */
static bool is_synced(int i, int k)
{
    enum event_kind by = events[i].kind == PUBLISH ? SYNC_FOLDER : SYNC;
    for (int j = i + 1; j < k; j++)
        if (events[j].kind == by && (by == SYNC_FOLDER || events[j].file == events[i].file))
            return true;
    return false;
}

/* What may be on the disk when the power fails at event k. variant 0: nothing that was not synced;
 * 1: all of it; others: some, torn. */
static void crash(int k, int variant)
{
    memset(disk.there, 0, sizeof disk.there);
    memset(disk.size, 0, sizeof disk.size);
    for (int i = 0; i < k; i++) {
        const struct event *v = &events[i];
        if (v->kind != WRITE && v->kind != CUT && v->kind != PUBLISH)
            continue;
        if (is_synced(i, k) || variant == 1)
            apply(&disk, v, false);
        else if (variant > 1 && power_dice(3))
            apply(&disk, v, v->kind == WRITE && power_dice(2));
    }
}

static void store_disk(const char *dir)
{
    char path[4096];
    for (int f = 0; f < PLACES; f++) {
        if (f == SIGNER || f == SETTINGS)
            snprintf(path, sizeof path, "%s/%s", dir, f ? AUDIT_SETTINGS : AUDIT_SIGNER);
        else
            audit_segment_path(path, dir, (uint32_t)f, "log");
        unlink(path);
        if (!disk.there[f])
            continue;
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(syscall(SYS_write, fd, disk.b[f], disk.size[f]), disk.size[f]);
        close(fd);
    }
}

enum { POWER_RECORDS = 36 };

/* A life with whatever a disk can do to it; returns the first event at which the log was there. */
static int record_life(void)
{
    struct audit *a;
    struct hash log;
    struct err e = {0};
    static const long bad[] = {7, 15, 23, 24};
    rig_settings(6000, 60);
    snprintf(rig.dir, sizeof rig.dir, "/tmp/moat-audit-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    recording = true;
    assert_true(audit_create(rig.dir, &rig.settings, &log, &e));
    int begins = n_events;
    assert_true(audit_open(&a, rig.dir, "life", &e));
    for (int i = 0; i < POWER_RECORDS; i++) {
        a->signer.since -= i % 4 == 0 ? 10 : 0;
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
            if (i == bad[k]) /* a sync that fails, or a full disk, at one of the next calls */
                fault_arm(k % 2 ? SHORT : FAIL, 1 + (long)k % 3, EIO, false);
        bool ok = rig_append(a, i, &e) && audit_commit(a, &e);
        fault_arm(OFF, 0, 0, false);
        if (ok)
            note(ACK, i);
    }
    audit_close(a);
    recording = false;
    rig_stop();
    return begins;
}

/* T8 */
static void test_power(void **state)
{
    (void)state;
    int begins = record_life(), states = 0, wanted = rig_env("MOAT_POWER", 1500);
    int variants = 2 + wanted / (n_events - begins);
    snprintf(rig.dir, sizeof rig.dir, "/tmp/moat-audit-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    for (int k = begins; k <= n_events; k++)
        for (int variant = 0; variant < variants; variant++, states++) {
            bool acked[POWER_RECORDS] = {false};
            for (int i = 0; i < k; i++)
                if (events[i].kind == ACK)
                    acked[events[i].file] = true;
            power_seed = (uint32_t)(k * 1000 + variant);
            crash(k, variant);
            store_disk(rig.dir);
            check_log(rig.dir, acked, POWER_RECORDS, "power, state", k * 1000L + variant);
        }
    print_message("# the power failed in %d states of the disk, %d events apart\n", states,
                  n_events - begins);
    assert_true(states >= wanted);
    store_disk(rig.dir);
    rig_stop();
    for (int i = 0; i < n_events; i++)
        free(events[i].p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
