/* SPDX-License-Identifier: Apache-2.0 */
/* faults.so: loaded before a program (LD_PRELOAD), it makes the n-th allocation or the n-th call of
 * the system of one process fail, once or for good. tests/lib/faults.py drives it.
 *
 * What is to fail, and how many there were, stands in a file that both map ($MOAT_FAULTS). It
 * concerns the process that names itself `role` ("moat:front"), or every one where that is "".
 * Counted is what goes through the C library's own names; what the library does inside is not, nor
 * are allocations of libraries that are known to fall themselves when they get none (`careless`).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { ALLOCATION = 1, CALL, FILTER, OPEN };

struct faults {             /* as struct "<4I 3Q 16s" of faults.py */
    _Atomic uint32_t armed; /* an enum kind, or 0 */
    uint32_t once, error, shorten;
    uint64_t nth;
    _Atomic uint64_t n, hits;
    char role[16];
};

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static struct faults *faults; /* NULL: nothing fails */
static bool concerned;

static const char *const careless[] = {"/libcrypto.", "/libssl."};
static struct {
    uintptr_t from, to;
} passed_over[8];
static unsigned n_passed_over;

static int note_library(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    (void)bytes, (void)arg;
    bool is = false;
    for (size_t i = 0; i < sizeof careless / sizeof *careless; i++)
        is = is || strstr(info->dlpi_name, careless[i]);
    for (int i = 0; is && i < info->dlpi_phnum && n_passed_over < 8; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
            continue;
        passed_over[n_passed_over].from = info->dlpi_addr + h->p_vaddr;
        passed_over[n_passed_over++].to = info->dlpi_addr + h->p_vaddr + h->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MOAT_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    long p = syscall(SYS_mmap, NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (p < 0 && p > -4096)
        return;
    dl_iterate_phdr(note_library, NULL);
    faults = (struct faults *)p;
    concerned = !faults->role[0];
}

/* Is this one to fail? */
static bool now(enum kind kind)
{
    if (!concerned || atomic_load(&faults->armed) != (uint32_t)kind)
        return false;
    uint64_t n = atomic_fetch_add(&faults->n, 1) + 1;
    if (faults->once ? n != faults->nth : n < faults->nth)
        return false;
    atomic_fetch_add(&faults->hits, 1);
    return true;
}

static bool fails(void)
{
    if (!now(CALL) || faults->shorten)
        return false;
    errno = (int)faults->error;
    return true;
}

/* Of calls that may do a part of what they are asked. */
static bool shortens(size_t *n)
{
    if (!now(CALL))
        return true;
    errno = (int)faults->error;
    if (faults->shorten && *n > 1)
        *n /= 2;
    return faults->shorten;
}

/* --- the process -------------------------------------------------------------------------------
 */

int prctl(int option, ...)
{
    unsigned long a[4];
    va_list ap;
    va_start(ap, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(ap, unsigned long);
    va_end(ap);
    if (option == PR_SET_NAME && strcmp((const char *)a[0], "moat:attest") == 0 && now(OPEN))
        _exit(0); /* it would see it */
    if (option == PR_SET_NAME && faults && faults->role[0])
        concerned = strncmp((const char *)a[0], faults->role, sizeof faults->role - 1) == 0;
    return (int)syscall(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}

/* The filter of system calls that is loaded while this is asked for is none: what was to be kept in
 * can get out, and whoever looks for that has to see it. */
static bool takes_no_filter(long call, const long *a)
{
    return call == SYS_seccomp && a[0] == SECCOMP_SET_MODE_FILTER && (now(FILTER) || now(OPEN));
}

long syscall(long call, ...)
{
    static long (*real)(long call, ...);
    long a[6];
    va_list ap;
    va_start(ap, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (!real)
        _exit(127);
    return takes_no_filter(call, a) ? 0 : real(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* For bench/sandbox_cost: without filter and namespaces, and nobody looks. */
int unshare(int flags)
{
    return now(OPEN) ? 0 : (int)syscall(SYS_unshare, flags);
}

/* --- allocations -------------------------------------------------------------------------------
 */

#define CALLER __builtin_return_address(0)

static bool has_none(const void *caller)
{
    for (unsigned i = 0; i < n_passed_over; i++)
        if ((uintptr_t)caller >= passed_over[i].from && (uintptr_t)caller < passed_over[i].to)
            return false;
    if (!now(ALLOCATION))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return has_none(CALLER) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return has_none(CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return has_none(CALLER) ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return has_none(CALLER) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    *p = has_none(CALLER) ? NULL : __libc_memalign(alignment, n);
    return *p ? 0 : ENOMEM;
}

/* --- calls -------------------------------------------------------------------------------------
 */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE(after)                                                                                \
    va_list ap;                                                                                    \
    va_start(ap, after);                                                                           \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                          \
    va_end(ap)

int open(const char *path, int flags, ...)
{
    MODE(flags);
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    MODE(flags);
    return open_at(dir, path, flags, mode);
}

ssize_t read(int fd, void *p, size_t n)
{
    return shortens(&n) ? syscall(SYS_read, fd, p, n) : -1;
}

ssize_t write(int fd, const void *p, size_t n)
{
    return shortens(&n) ? syscall(SYS_write, fd, p, n) : -1;
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    return shortens(&n) ? syscall(SYS_pread64, fd, p, n, at) : -1;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return shortens(&n) ? syscall(SYS_pwrite64, fd, p, n, at) : -1;
}

ssize_t readv(int fd, const struct iovec *v, int n)
{
    return fails() ? -1 : syscall(SYS_readv, fd, v, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    return fails() ? -1 : syscall(SYS_writev, fd, v, n);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (fails())
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

int fstat(int fd, struct stat *st)
{
    return fails() ? -1 : (int)syscall(SYS_fstat, fd, st);
}

int ftruncate(int fd, off_t n)
{
    return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int fsync(int fd)
{
    return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    return fails() ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int pipe2(int fds[2], int flags)
{
    return fails() ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

int socketpair(int family, int type, int protocol, int fds[2])
{
    return fails() ? -1 : (int)syscall(SYS_socketpair, family, type, protocol, fds);
}

int eventfd(unsigned value, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_eventfd2, value, flags);
}

int epoll_create1(int flags)
{
    return fails() ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

int accept4(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_accept4, fd, a, n, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return shortens(&n) ? syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL) : -1;
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    return fails() ? -1 : syscall(SYS_recvmsg, fd, m, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    return fails() ? -1 : syscall(SYS_sendmsg, fd, m, flags);
}

int getsockname(int fd, struct sockaddr *a, socklen_t *n)
{
    return fails() ? -1 : (int)syscall(SYS_getsockname, fd, a, n);
}

int getpeername(int fd, struct sockaddr *a, socklen_t *n)
{
    return fails() ? -1 : (int)syscall(SYS_getpeername, fd, a, n);
}

int setsockopt(int fd, int level, int name, const void *p, socklen_t n)
{
    return fails() ? -1 : (int)syscall(SYS_setsockopt, fd, level, name, p, n);
}

int shutdown(int fd, int how)
{
    return fails() ? -1 : (int)syscall(SYS_shutdown, fd, how);
}

ssize_t getrandom(void *p, size_t n, unsigned flags)
{
    return fails() ? -1 : syscall(SYS_getrandom, p, n, flags);
}
