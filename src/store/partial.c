/* SPDX-License-Identifier: Apache-2.0 */
/* store/partial: see partial.h. */
#include "store/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "partial"

enum { WAIT_NS = 100000000 };

static int open_one(const char *path, int flags, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    fail(e, ERR_IO, "cannot write %s: %s", path, fd < 0 ? strerror(errno) : "not a file");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The other process may have finished it: then the name is gone, or another file has it. */
static bool still_named(int fd, const char *path)
{
    struct stat mine, named;
    return fstat(fd, &mine) == 0 && lstat(path, &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
}

static bool wait_for_lock(int fd, bool (*waiting)(void *arg), void *arg, struct err *e)
{
    while (!os_try_lock(fd)) {
        if (!waiting(arg))
            return fail(e, ERR_CANCELLED, "stopped; another moat pulls the same file");
        nanosleep(&(struct timespec){0, WAIT_NS}, NULL);
    }
    return true;
}

bool partial_open(struct partial *p, const struct store *s, const char *key,
                  bool (*waiting)(void *arg), void *arg, struct err *e)
{
    char path[STORE_PATH];
    *p = (struct partial){.store = s, .data_fd = -1, .journal_fd = -1};
    snprintf(p->key, sizeof p->key, "%s", key);
    if (!os_mkdirs(store_path(s, path, FOLDER), e))
        return false;
    store_path(s, path, FOLDER "/%s.data", key);
    while (p->data_fd < 0) {
        p->data_fd = open_one(path, 0, e);
        if (p->data_fd < 0 || !wait_for_lock(p->data_fd, waiting, arg, e)) {
            partial_close(p);
            return false;
        }
        if (!still_named(p->data_fd, path))
            partial_close(p);
    }
    p->journal_fd = open_one(store_path(s, path, FOLDER "/%s.journal", key), O_APPEND, e);
    if (p->journal_fd < 0)
        partial_close(p);
    return p->journal_fd >= 0;
}

void partial_close(struct partial *p)
{
    if (p->journal_fd >= 0)
        close(p->journal_fd);
    if (p->data_fd >= 0)
        close(p->data_fd);
    p->data_fd = p->journal_fd = -1;
}

void partial_discard(struct partial *p)
{
    char path[STORE_PATH];
    if (p->data_fd >= 0) {
        unlink(store_path(p->store, path, FOLDER "/%s.journal", p->key));
        unlink(store_path(p->store, path, FOLDER "/%s.data", p->key));
    }
    partial_close(p);
}

bool partial_place(struct partial *p, const struct digest *d, struct err *e)
{
    char from[STORE_PATH], to[STORE_PATH];
    store_path(p->store, from, FOLDER "/%s.data", p->key);
    if (!os_place(p->data_fd, from, store_path(p->store, to, "blobs/sha256-%s", d->hex), 0444, e))
        return false;
    unlink(store_path(p->store, from, FOLDER "/%s.journal", p->key));
    return true;
}

static uint64_t sweep_one(int dir, const char *file, time_t before)
{
    struct stat st;
    uint64_t freed = 0;
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_mtime <= before && os_try_lock(fd) &&
        unlinkat(dir, file, 0) == 0)
        freed = (uint64_t)st.st_blocks * 512;
    if (fd >= 0)
        close(fd);
    return freed;
}

/* A journal goes with its data: whoever works at them holds the lock of the data. */
static uint64_t sweep_pair(int dir, const char *data, time_t before)
{
    char journal[PARTIAL_KEY + 16];
    uint64_t freed = sweep_one(dir, data, before);
    size_t n = strlen(data) - strlen(".data");
    if (faccessat(dir, data, F_OK, 0) == 0 || n >= PARTIAL_KEY)
        return freed;
    snprintf(journal, sizeof journal, "%.*s.journal", (int)n, data);
    return freed + sweep_one(dir, journal, time(NULL));
}

uint64_t partial_sweep(const struct store *s, uint32_t days)
{
    char path[STORE_PATH];
    uint64_t freed = 0;
    DIR *dir = opendir(store_path(s, path, FOLDER));
    time_t before = time(NULL) - (time_t)days * 86400;
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (str_ends(str_of(d->d_name), STR(".data")))
            freed += sweep_pair(dirfd(dir), d->d_name, before);
        else if (str_ends(str_of(d->d_name), STR(".journal"))) /* alone, or still too young */
            freed += sweep_one(dirfd(dir), d->d_name, time(NULL) - (time_t)PARTIAL_DAYS * 86400);
    if (dir)
        closedir(dir);
    return freed;
}
