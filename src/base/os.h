/* SPDX-License-Identifier: Apache-2.0 */
/* base/os: every contract with the operating system, implemented once per system (os_linux.c).
 *
 * Nothing outside this module asks the system for memory maps, clocks, limits or atomic files. */
#ifndef MOAT_BASE_OS_H
#define MOAT_BASE_OS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A read-only mapping of a whole regular file. The descriptor is kept (-1 when closed). */
struct os_map {
    const unsigned char *p;
    uint64_t n;
    int fd;
};

/* What open() left in errno, as a message about the file: false. */
bool os_fail_open(const char *path, struct err *e);

bool os_map_open(struct os_map *m, const char *path, struct err *e) MUST_USE;
/* Takes ownership of fd, also on failure. `name` is for messages. */
bool os_map_take(struct os_map *m, int fd, const char *name, struct err *e) MUST_USE;
/* A file nobody but this user or root can have written, opened without following a link:
 * ERR_DENIED for any other. */
bool os_map_open_own(struct os_map *m, const char *path, struct err *e) MUST_USE;
void os_map_close(struct os_map *m);
/* Gives the pages of a part of a file mapping back; they are read again when next used. */
void os_map_forget(const void *p, uint64_t n);

/* Starts reading a part of a file mapping, without waiting for it. */
void os_map_prefetch(const void *p, uint64_t n);
/* Asks for large pages, where all of it will be used. For anonymous memory; for a file mapping it
 * says in what pieces the file is to be read, and what already is in the cache stays as it is. */
void os_use_large_pages(const void *p, uint64_t n);
#define OS_LARGE_PAGE ((uint64_t)2 << 20) /* of most systems; a file is aligned and written so */
/* Has the memory of these pages (from mem_new_lazy) made now, rather than one by one at first use.
 */
void os_touch(void *p, uint64_t n);

/* Which file it is and when it last changed: differs after any write to it. */
struct os_file_id {
    uint64_t bytes, device, inode;
    int64_t mtime_ns, ctime_ns;
};
bool os_file_id(int fd, struct os_file_id *id, struct err *e) MUST_USE;

/* Bytes read at an offset: n, or fewer where the file ends (errno is 0 then) or cannot be read. */
uint64_t os_read_at(int fd, void *p, uint64_t n, uint64_t at);

/* First line of a small file, such as those of /proc and /sys, without the newline; "" when it
 * cannot be read. Returns line. */
const char *os_first_line(const char *path, char *line, size_t cap);
/* All of one, up to cap - 1 bytes and a NUL; its length, 0 where it cannot be read. */
size_t os_read_small(const char *path, char *text, size_t cap);

uint64_t os_now_ns(void);               /* monotonic */
void os_name_process(const char *name); /* for ps and top, up to 15 bytes */
bool os_random(void *p, size_t n, struct err *e) MUST_USE;

/* As many open files as this process may have; some systems give fewer until they are asked. */
void os_allow_files(void);

/* Threads that compute best here: base/cpus of this process's affinity, at least 1. */
uint32_t os_cpu_count(void);

/* From now on this process, and what it starts, computes only while nothing else wants the
 * processors. Where the system knows no such thing, nothing happens. */
void os_background(void);

/* Memory this process may still take, in bytes: the least of what the machine has available and
 * what its cgroups (v1 or v2, all levels) leave. */
uint64_t os_memory_free(void);
/* For a process that may open no file later: keeps open what tells os_memory_free, and from then on
 * no other small file (os_first_line) is read. */
void os_memory_keep(void);
uint64_t os_memory_total(void); /* the same bound, but of the limit rather than of what is left */
uint64_t os_rss_bytes(void);    /* resident memory of this process */

bool os_mkdirs(const char *path,
               struct err *e) MUST_USE; /* like mkdir -p, mode 0700 for new ones */

/* A file that appears whole or not at all: written without a name where the file system can (so
 * nothing is left when the process is killed) or else under a temporary one in the same directory,
 * fsynced, renamed over `path`, directory fsynced. */
struct os_atomic_file {
    int fd;
    unsigned mode; /* permissions of the finished file: 0644, may be changed before commit */
    char tmp[4096], path[4096]; /* tmp is empty while there is no name */
};
bool os_atomic_open(struct os_atomic_file *f, const char *path, struct err *e) MUST_USE;
bool os_atomic_write(struct os_atomic_file *f, const void *p, size_t n, struct err *e) MUST_USE;
/* Room for n bytes from the start, now rather than when they are written. */
bool os_atomic_reserve(struct os_atomic_file *f, uint64_t n, struct err *e) MUST_USE;
/* Writes at an offset; several threads may do so at once. */
bool os_atomic_write_at(const struct os_atomic_file *f, const void *p, size_t n, uint64_t at,
                        struct err *e) MUST_USE;
bool os_atomic_commit(struct os_atomic_file *f, struct err *e) MUST_USE;
void os_atomic_close(struct os_atomic_file *f); /* removes what was not committed */
/* Changes the name the file will have, in the same directory: one made from its content. */
bool os_atomic_rename(struct os_atomic_file *f, const char *path, struct err *e) MUST_USE;

/* Gives an open, written file its name for good: fsync, mode, rename, both directories. */
bool os_place(int fd, const char *from, const char *to, unsigned mode, struct err *e) MUST_USE;

/* An open file that is nowhere but in memory and holds these bytes, for good; -1: error. */
int os_memory_file(struct str bytes, struct err *e) MUST_USE;

/* One process at a time between open and close, which removes the lock file; waits its turn. */
struct os_lock {
    int fd;
    char path[4096];
};
bool os_lock_open(struct os_lock *l, const char *path, struct err *e) MUST_USE;
void os_lock_close(struct os_lock *l);
bool os_try_lock(int fd); /* an open file, until it is closed; false: another process holds it */

/* Shares the blocks of src with dst (both open files); false where the file system cannot. */
bool os_reflink(int dst_fd, int src_fd);

#endif
