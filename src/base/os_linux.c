/* SPDX-License-Identifier: Apache-2.0 */
/* base/os on Linux: see os.h. Limits: cgroup v1 and v2, every level from the process's group up. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/cpus.h"

bool os_fail_open(const char *path, struct err *e)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return fail(e, ERR_NOT_FOUND, "there is no file %s; check its name", path);
    if (errno == EACCES)
        return fail(e, ERR_DENIED, "%s may not be opened by this user; check its permissions",
                    path);
    return fail(e, ERR_IO, "cannot open %s: %s", path, strerror(errno));
}

bool os_map_open(struct os_map *m, const char *path, struct err *e)
{
    *m = (struct os_map){.fd = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    if (fd < 0)
        return os_fail_open(path, e);
    return os_map_take(m, fd, path, e);
}

bool os_map_take(struct os_map *m, int fd, const char *name, struct err *e)
{
    struct stat st;
    *m = (struct os_map){.fd = -1};
    bool ok = true;
    if (fstat(fd, &st) != 0)
        ok = fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        ok = fail(e, ERR_USAGE, "%s is not a regular file", name);
    else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            ok = fail(e, ERR_IO, "cannot map %s: %s", name, strerror(errno));
        else
            *m = (struct os_map){p, (uint64_t)st.st_size, fd};
    } else {
        *m = (struct os_map){(const unsigned char *)"", 0, fd};
    }
    if (!ok)
        close(fd);
    return ok;
}

bool os_map_open_own(struct os_map *m, const char *path, struct err *e)
{
    struct stat st;
    *m = (struct os_map){.fd = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return os_fail_open(path, e);
    if (fstat(fd, &st) == 0 && (st.st_mode & 022) == 0 &&
        (st.st_uid == 0 || st.st_uid == geteuid()))
        return os_map_take(m, fd, path, e);
    close(fd);
    return fail(e, ERR_DENIED, "others than this user may have written %s", path);
}

void os_map_forget(const void *p, uint64_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p, to = from + n;
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

void os_map_prefetch(const void *p, uint64_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p / page * page;
    if (n)
        madvise((void *)from, (uintptr_t)p + n - from, MADV_WILLNEED);
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14; an older one refuses it */
#endif

void os_touch(void *p, uint64_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (n)
        madvise(p, (n + page - 1) / page * page, MADV_POPULATE_WRITE);
}

void os_use_large_pages(const void *p, uint64_t n)
{
    madvise((void *)(uintptr_t)p, n, MADV_HUGEPAGE); /* no harm where there are none */
}

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool os_file_id(int fd, struct os_file_id *id, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(e, ERR_IO, "cannot read the properties of an open file: %s", strerror(errno));
    *id = (struct os_file_id){.bytes = (uint64_t)st.st_size,
                              .device = st.st_dev,
                              .inode = st.st_ino,
                              .mtime_ns = ns_of(st.st_mtim),
                              .ctime_ns = ns_of(st.st_ctim)};
    return true;
}

uint64_t os_read_at(int fd, void *p, uint64_t n, uint64_t at)
{
    uint64_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)p + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            break;
        done += (uint64_t)got;
    }
    return done;
}

void os_map_close(struct os_map *m)
{
    if (m->n)
        munmap((void *)(uintptr_t)m->p, (size_t)m->n);
    if (m->p && m->fd >= 0)
        close(m->fd);
    *m = (struct os_map){.fd = -1};
}

/* --- small files of the system -------------------------------------------------------------------
 */

enum { KEPT_MOST = 64 };

static struct {
    bool fills, closed; /* closed: what is not kept cannot be read */
    unsigned n;
    struct {
        char path[256];
        int fd;
    } v[KEPT_MOST];
} kept; /* of a process with one thread */

static int kept_fd(const char *path)
{
    for (unsigned i = 0; i < kept.n; i++)
        if (strcmp(kept.v[i].path, path) == 0)
            return kept.v[i].fd;
    return -1;
}

size_t os_read_small(const char *path, char *text, size_t cap)
{
    int old = kept_fd(path), fd = old;
    if (fd < 0 && !kept.closed)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, text, cap - 1, 0) : -1;
    bool keep = kept.fills && kept.n < KEPT_MOST && strlen(path) < sizeof kept.v[0].path;
    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0 && old < 0 && keep) {
        snprintf(kept.v[kept.n].path, sizeof kept.v[0].path, "%s", path);
        kept.v[kept.n++].fd = fd;
    } else if (fd >= 0 && old < 0) {
        close(fd);
    }
    return n > 0 ? (size_t)n : 0;
}

void os_memory_keep(void)
{
    kept.fills = true;
    (void)os_memory_free();
    kept.fills = false;
    kept.closed = true;
}

const char *os_first_line(const char *path, char *line, size_t cap)
{
    (void)os_read_small(path, line, cap);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

void os_allow_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

uint64_t os_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void os_name_process(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

bool os_random(void *p, size_t n, struct err *e)
{
    if (n <= 256 && getrandom(p, n, 0) == (ssize_t)n)
        return true;
    return fail(e, ERR_IO, "no random numbers: %s", strerror(errno));
}

uint32_t os_cpu_count(void)
{
    struct cpus c = {0};
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (uint32_t i = 0; i < CPU_SETSIZE && i < CPUS_MAX; i++)
            if (CPU_ISSET(i, &set))
                cpus_add(&c, i);
    } else {
        for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPUS_MAX; i++)
            cpus_add(&c, (uint32_t)i);
    }
    return cpus_usable(&c, "");
}

void os_background(void)
{
    const struct sched_param none = {0};
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        (void)setpriority(PRIO_PROCESS, 0, 19);
}

static uint64_t meminfo(const char *key)
{
    char text[8192];
    unsigned long long kib = 0;
    (void)os_read_small("/proc/meminfo", text, sizeof text);
    const char *at = strstr(text, key);
    if (at)
        sscanf(at + strlen(key), " %llu", &kib);
    return (uint64_t)kib * 1024;
}

uint64_t os_memory_free(void)
{
    uint64_t free_bytes = meminfo("MemAvailable:"), left = cgroup_bound("").left;
    return left < free_bytes ? left : free_bytes;
}

uint64_t os_memory_total(void)
{
    uint64_t total = meminfo("MemTotal:"), limit = cgroup_bound("").limit;
    return limit < total ? limit : total;
}

/* Kept open, so that a process that may open nothing any more still knows. */
uint64_t os_rss_bytes(void)
{
    static int fd = -1;
    static pid_t owner; /* after a fork it is the parent's */
    char text[128];
    unsigned long long size, resident = 0;
    if (fd < 0 || owner != getpid()) {
        if (fd >= 0)
            close(fd);
        fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        owner = getpid();
    }
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    if (n > 0) {
        text[n] = '\0';
        if (sscanf(text, "%llu %llu", &size, &resident) != 2)
            resident = 0;
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool make_dir(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return true;
    if (errno == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    return errno == EEXIST;
}

bool os_mkdirs(const char *path, struct err *e)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    for (char *p = part + (part[0] != '\0');; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char was = *p;
        *p = '\0';
        if (!make_dir(part))
            return fail(e, ERR_IO, "cannot create directory %s: %s", part, strerror(errno));
        if (was == '\0')
            return true;
        *p = was;
    }
}

/* The directory a path lies in, in `dir`. */
static const char *parent_of(const char *path, char dir[4096])
{
    snprintf(dir, 4096, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash)
        return ".";
    slash[slash == dir] = '\0';
    return dir;
}

int os_memory_file(struct str bytes, struct err *e)
{
    struct os_atomic_file f = {.path = "memory"};
    f.fd = memfd_create("moat", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (f.fd < 0)
        fail(e, ERR_LIMIT, "memory is short: %s", strerror(errno));
    else if (!os_atomic_write(&f, bytes.p, bytes.n, e) ||
             fcntl(f.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        close(f.fd);
        f.fd = -1;
    }
    return f.fd;
}

bool os_atomic_open(struct os_atomic_file *f, const char *path, struct err *e)
{
    f->fd = -1;
    f->mode = 0644;
    if (snprintf(f->path, sizeof f->path, "%s", path) >= (int)sizeof f->path ||
        snprintf(f->tmp, sizeof f->tmp, "%s.tmp-XXXXXX", path) >= (int)sizeof f->tmp)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    char dir[4096];
    if (access("/proc/self/fd", X_OK) == 0) /* else it could not be named later */
        f->fd = open(parent_of(path, dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (f->fd >= 0)
        f->tmp[0] = '\0';
    else
        f->fd = mkostemp(f->tmp, O_CLOEXEC);
    if (f->fd < 0)
        return fail(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return true;
}

bool os_atomic_reserve(struct os_atomic_file *f, uint64_t n, struct err *e)
{
    if (fallocate(f->fd, 0, 0, (off_t)n) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return true;
    return fail(e, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
}

bool os_atomic_write_at(const struct os_atomic_file *f, const void *p, size_t n, uint64_t at,
                        struct err *e)
{
    for (const char *from = p; n;) {
        ssize_t done = pwrite(f->fd, from, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(e, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
        from += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

bool os_atomic_write(struct os_atomic_file *f, const void *p, size_t n, struct err *e)
{
    const char *at = p;
    while (n) {
        ssize_t done = write(f->fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(e, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool sync_parent(const char *path, struct err *e)
{
    char dir[4096];
    int fd = open(parent_of(path, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        fail(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Names a file written without a name. rename replaces, linkat does not: so two steps. */
static bool name_tmp(struct os_atomic_file *f)
{
    char self[64], suffix[sizeof ".tmp-XXXXXX"];
    size_t length = strlen(f->path);
    uint32_t n;
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    while (getrandom(&n, sizeof n, 0) == (ssize_t)sizeof n) {
        snprintf(suffix, sizeof suffix, ".tmp-%06x", n & 0xffffff); /* os_atomic_open left room */
        memcpy(f->tmp, f->path, length);
        memcpy(f->tmp + length, suffix, sizeof suffix);
        if (linkat(AT_FDCWD, self, AT_FDCWD, f->tmp, AT_SYMLINK_FOLLOW) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    f->tmp[0] = '\0';
    return false;
}

bool os_atomic_commit(struct os_atomic_file *f, struct err *e)
{
    bool named = f->tmp[0] != '\0';
    if (fsync(f->fd) != 0 || fchmod(f->fd, f->mode) != 0 || (!named && !name_tmp(f)) ||
        rename(f->tmp, f->path) != 0)
        return fail(e, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
    close(f->fd);
    f->fd = -1;
    return sync_parent(f->path, e);
}

bool os_place(int fd, const char *from, const char *to, unsigned mode, struct err *e)
{
    if (fsync(fd) != 0 || fchmod(fd, mode) != 0 || rename(from, to) != 0)
        return fail(e, ERR_IO, "cannot write %s: %s", to, strerror(errno));
    return sync_parent(to, e) && sync_parent(from, e);
}

void os_atomic_close(struct os_atomic_file *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    if (f->tmp[0])
        unlink(f->tmp);
    f->fd = -1;
}

/* Whether fd is still what `path` names: whoever held the lock before has removed its file. */
static bool is_named(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && lstat(path, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

bool os_lock_open(struct os_lock *l, const char *path, struct err *e)
{
    l->fd = -1;
    if (snprintf(l->path, sizeof l->path, "%s", path) >= (int)sizeof l->path)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    for (;;) {
        l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (l->fd < 0)
            return fail(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        int rc;
        while ((rc = flock(l->fd, LOCK_EX)) != 0 && errno == EINTR)
            ;
        if (rc == 0 && is_named(l->fd, path))
            return true;
        int why = errno;
        close(l->fd);
        l->fd = -1;
        if (rc != 0)
            return fail(e, ERR_IO, "cannot lock %s: %s", path, strerror(why));
    }
}

void os_lock_close(struct os_lock *l)
{
    if (l->fd < 0)
        return;
    unlink(l->path);
    close(l->fd);
    l->fd = -1;
}

bool os_atomic_rename(struct os_atomic_file *f, const char *path, struct err *e)
{
    if (strlen(path) + sizeof ".tmp-XXXXXX" > sizeof f->tmp)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    snprintf(f->path, sizeof f->path, "%s", path);
    return true;
}

bool os_try_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

bool os_reflink(int dst_fd, int src_fd)
{
    return ioctl(dst_fd, FICLONE, src_fd) == 0;
}
