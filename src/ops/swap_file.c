/* SPDX-License-Identifier: Apache-2.0 */
/* ops/swap_file: see swap_file.h. */
#include "ops/swap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "base/os.h"
#include "ops/disk_speed.h"

#define SPARE (2ull << 30)

/* The header of a swap area, version 1 (include/linux/swap.h: union swap_header): the kernel's
 * numbers at byte 1024, the signature at the end of the first page. */
static bool write_header(int fd, uint64_t bytes, struct err *e)
{
    static const char signature[] = "SWAPSPACE2";
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct {
        uint32_t version, last_page, n_bad;
        unsigned char uuid[16];
    } info = {.version = 1, .last_page = (uint32_t)(bytes / page - 1)};
    if (!os_random(info.uuid, sizeof info.uuid, e))
        return false;
    info.uuid[6] = (unsigned char)((info.uuid[6] & 0x0f) | 0x40); /* RFC 4122: random */
    info.uuid[8] = (unsigned char)((info.uuid[8] & 0x3f) | 0x80);
    ssize_t n = (ssize_t)sizeof signature - 1;
    if (pwrite(fd, &info, sizeof info, 1024) == (ssize_t)sizeof info &&
        pwrite(fd, signature, (size_t)n, (off_t)page - n) == n && fsync(fd) == 0)
        return true;
    return fail(e, ERR_IO, "cannot write the swap file: %s", strerror(errno));
}

static bool check_space(const char *path, uint64_t bytes, struct err *e)
{
    char dir[PATH_MAX];
    uint64_t left = disk_existing(path, dir, sizeof dir) ? disk_free(dir) : 0;
    if (left >= bytes + SPARE)
        return true;
    return fail(e, ERR_LIMIT,
                "a swap file of %llu MiB would leave less than 2 GiB of the disk free; give a "
                "smaller one with --swap",
                (unsigned long long)(bytes >> 20));
}

static bool make_file(const char *path, uint64_t bytes, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    bool ok = true;
    if (fallocate(fd, 0, 0, (off_t)bytes) != 0)
        ok = errno == EOPNOTSUPP
                 ? fail(e, ERR_UNSUPPORTED, "the file system of %s cannot hold a swap file", path)
                 : fail(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    ok = ok && write_header(fd, bytes, e);
    close(fd);
    if (!ok)
        unlink(path);
    return ok;
}

bool swap_file_on(const char *path, uint64_t bytes, struct err *e)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    bytes = bytes / page * page;
    if (bytes / page < 10 || bytes / page > UINT32_MAX)
        return fail(e, ERR_USAGE, "a swap file of %llu bytes cannot be made; give its size as 8G",
                    (unsigned long long)bytes);
    if (!check_space(path, bytes, e) || !make_file(path, bytes, e))
        return false;
    if (swapon(path, 0) == 0)
        return true;
    int why = errno;
    unlink(path);
    if (why == EPERM)
        return fail(e, ERR_DENIED, "swap needs root, and this system does not let even root");
    return fail(e, ERR_UNSUPPORTED, "the file system of %s cannot hold a swap file: %s", path,
                strerror(why));
}

bool swap_file_off(const char *path, struct err *e)
{
    if (swapoff(path) != 0 && errno == ENOMEM)
        return fail(e, ERR_LIMIT,
                    "%s holds more than fits into memory; end some programs and try again", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return fail(e, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    return true;
}
