/* SPDX-License-Identifier: Apache-2.0 */
/* ops/disk_speed: see disk_speed.h. */
#include "ops/disk_speed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/workers.h"

#define BLOCK       (1u << 20)
#define SMALL_BLOCK 4096u
#define N_BLOCKS    512u
#define N_THREADS   4u
#define WRITE_NS    1500000000ull /* until then, or until the file is written */
#define READ_NS     1000000000ull
#define RANDOM_NS   700000000ull
#define MIN_FREE    (2ull << 30)

struct job {
    int fd;
    unsigned char *buffer; /* [N_THREADS][BLOCK] */
    uint32_t n_blocks;     /* of the file that are there */
    uint64_t deadline;
    enum { WRITE, READ, RANDOM } what;
    atomic_uint next;
    atomic_uint done;
    atomic_int failed; /* errno of the first failure */
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static ssize_t one_request(struct job *j, uint32_t i, unsigned char *buffer)
{
    uint64_t small = (uint64_t)j->n_blocks * (BLOCK / SMALL_BLOCK);
    switch (j->what) {
    case WRITE:
        return pwrite(j->fd, buffer, BLOCK, (off_t)i * BLOCK);
    case READ:
        return pread(j->fd, buffer, BLOCK, (off_t)(i % j->n_blocks) * BLOCK);
    case RANDOM:
        return pread(j->fd, buffer, SMALL_BLOCK, (off_t)(mix(i + 1) % small) * SMALL_BLOCK);
    }
    return 0;
}

static void run_requests(void *arg, uint32_t id)
{
    struct job *j = arg;
    unsigned char *buffer = j->buffer + (size_t)id * BLOCK;
    while (os_now_ns() < j->deadline && j->failed == 0) {
        uint32_t i = atomic_fetch_add(&j->next, 1);
        if (j->what == WRITE && i >= N_BLOCKS)
            return;
        ssize_t n = one_request(j, i, buffer);
        if (n > 0)
            atomic_fetch_add(&j->done, 1);
        else if (errno != EINTR)
            j->failed = n == 0 ? EIO : errno;
    }
}

/* Requests a second; the time of a write goes on until the disk has it. */
static bool time_requests(struct job *j, struct workers *team, int what, uint64_t ns, double *rate,
                          struct err *e)
{
    uint64_t t0 = os_now_ns();
    j->what = what;
    j->deadline = t0 + ns;
    j->next = j->done = 0;
    workers_run(team, run_requests, j);
    if (what == WRITE && fdatasync(j->fd) != 0)
        j->failed = errno;
    if (j->failed)
        return fail(e, ERR_IO, "the disk could not be measured: %s", strerror(j->failed));
    *rate = j->done / ((double)(os_now_ns() - t0) * 1e-9);
    return true;
}

static bool measure(struct job *j, struct disk_speed *s, struct err *e)
{
    double blocks;
    struct workers *team = workers_new(N_THREADS, e);
    bool ok = team && time_requests(j, team, WRITE, WRITE_NS, &blocks, e);
    if (ok) {
        s->write = blocks * BLOCK;
        j->n_blocks = j->done; /* the first ones: they are given out in order */
        ok = j->n_blocks > 0 || fail(e, ERR_IO, "the disk wrote nothing in time");
    }
    ok = ok && time_requests(j, team, READ, READ_NS, &blocks, e);
    s->read = ok ? blocks * BLOCK : 0;
    ok = ok && time_requests(j, team, RANDOM, RANDOM_NS, &s->random_reads, e);
    workers_free(team);
    return ok;
}

/* A file without a name, where the file system can. */
static int open_direct(const char *dir, struct err *e)
{
    char path[PATH_MAX];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_DIRECT, 0600);
    if (fd >= 0)
        return fd;
    if (errno == EACCES || errno == EROFS || errno == EPERM) {
        fail(e, ERR_DENIED, "the disk was not measured: this user cannot write in %s", dir);
        return -1;
    }
    snprintf(path, sizeof path, "%s/.moat-doctor-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC | O_DIRECT);
    if (fd >= 0)
        unlink(path);
    else
        fail(e, ERR_UNSUPPORTED,
             "the disk was not measured: the file system of %s has no direct reads", dir);
    return fd;
}

bool disk_speed_measure(struct disk_speed *s, const char *dir, struct err *e)
{
    *s = (struct disk_speed){0};
    if (disk_free(dir) < MIN_FREE)
        return fail(e, ERR_LIMIT, "the disk was not measured: less than 2 GiB are free in %s", dir);
    struct job j = {.fd = open_direct(dir, e)};
    size_t n = (size_t)N_THREADS * BLOCK / sizeof(uint64_t);
    if (j.fd < 0)
        return false;
    uint64_t *words = mem_new_lazy(n, sizeof *words, e);
    bool ok = words != NULL;
    for (size_t i = 0; ok && i < n; i++) /* what no disk can compress */
        words[i] = mix(i + 1);
    j.buffer = (unsigned char *)words;
    ok = ok && measure(&j, s, e);
    mem_free_lazy(words, n, sizeof *words);
    close(j.fd);
    return ok;
}

uint64_t disk_free(const char *dir)
{
    struct statvfs v;
    return statvfs(dir, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

bool disk_existing(const char *path, char *dir, size_t cap)
{
    if (snprintf(dir, cap, "%s", path) >= (int)cap)
        return false;
    struct stat st;
    while (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            return snprintf(dir, cap, "%s", slash ? "/" : ".") < (int)cap;
        *slash = '\0';
    }
    return true;
}
