/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_parts: reading the parts of a bundle. See bundle_parts.h; writing: bundle_out.c. */
#include "store/bundle_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"

struct bundle_parts {
    char path[STORE_PATH - 8]; /* without .001 */
    bool split;                /* the files have numbers */
    uint64_t total, part_bytes;
    int fd; /* of part `open`, or -1 */
    uint32_t open;
};

static const char *name_of(const struct bundle_parts *p, uint32_t part, char name[STORE_PATH])
{
    if (p->split)
        snprintf(name, STORE_PATH, "%s.%03u", p->path, part + 1);
    else
        snprintf(name, STORE_PATH, "%s", p->path);
    return name;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "x.moat.001" and "x.moat" are the same bundle, unless a file has just that name. */
static void find_form(struct bundle_parts *p)
{
    char name[STORE_PATH];
    struct str path = str_of(p->path);
    if (str_ends(path, STR(".001")))
        p->path[path.n - 4] = '\0';
    else if (is_file(p->path))
        return;
    p->split = true;
    if (!is_file(name_of(p, 0, name)) && is_file(p->path))
        p->split = false;
}

static bool open_part(struct bundle_parts *p, uint32_t part, struct err *e)
{
    char name[STORE_PATH];
    struct stat st;
    if (p->fd >= 0 && p->open == part)
        return true;
    if (p->fd >= 0)
        close(p->fd);
    p->open = part;
    p->fd = open(name_of(p, part, name), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (p->fd < 0)
        return os_fail_open(name, e);
    return (fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode)) ||
           fail(e, ERR_USAGE, "%s is not a regular file", name);
}

struct bundle_parts *bundle_parts_open(const char *path, struct err *e)
{
    struct bundle_parts *p = mem_new(1, sizeof *p, e);
    if (!p)
        return NULL;
    p->fd = -1;
    bool ok = snprintf(p->path, sizeof p->path, "%s", path) < (int)sizeof p->path ||
              fail(e, ERR_USAGE, "path is too long: %s", path);
    if (ok) {
        find_form(p);
        if (!p->split || is_file(path))
            ok = open_part(p, 0, e);
        else if (!(ok = open_part(p, 0, NULL)))
            fail(e, ERR_NOT_FOUND, "there is no file %s, nor %s.001; check its name", p->path,
                 p->path);
    }
    if (ok)
        return p;
    bundle_parts_close(p);
    return NULL;
}

void bundle_parts_close(struct bundle_parts *p)
{
    if (p && p->fd >= 0)
        close(p->fd);
    mem_free(p);
}

static bool expect_size(const struct bundle_parts *p, uint32_t part, uint32_t n, uint64_t bytes,
                        struct err *e)
{
    char name[STORE_PATH];
    struct stat st;
    if (stat(name_of(p, part, name), &st) != 0)
        return fail(e, ERR_NOT_FOUND, "part %u of %u is missing: there is no file %s", part + 1, n,
                    name);
    if ((uint64_t)st.st_size == bytes)
        return true;
    return fail(e, ERR_CORRUPT, "%s has %llu bytes, not %llu: it is not whole; copy it again", name,
                (unsigned long long)st.st_size, (unsigned long long)bytes);
}

bool bundle_parts_expect(struct bundle_parts *p, uint64_t total, uint64_t part_bytes, struct err *e)
{
    p->total = total;
    p->part_bytes = p->split ? part_bytes : 0;
    if (p->split && part_bytes == 0)
        return fail(e, ERR_CORRUPT, "%s was made as one file, not in parts", p->path);
    if (!p->split)
        return expect_size(p, 0, 1, total, e);
    uint64_t n = (total + part_bytes - 1) / part_bytes;
    if (n > LIMIT_BUNDLE_PARTS)
        return fail(e, ERR_LIMIT, "%s has more than %u parts", p->path, LIMIT_BUNDLE_PARTS);
    for (uint32_t i = 0; i < n; i++)
        if (!expect_size(p, i, (uint32_t)n, i + 1 < n ? part_bytes : total - i * part_bytes, e))
            return false;
    return true;
}

bool bundle_parts_read(struct bundle_parts *p, void *to, size_t n, uint64_t at, struct err *e)
{
    char name[STORE_PATH], *out = to;
    while (n) {
        uint32_t part = p->part_bytes ? (uint32_t)(at / p->part_bytes) : 0;
        uint64_t from = p->part_bytes ? at % p->part_bytes : at;
        size_t most =
            p->part_bytes && p->part_bytes - from < n ? (size_t)(p->part_bytes - from) : n;
        if (!open_part(p, part, e))
            return false;
        ssize_t got = pread(p->fd, out, most, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(e, ERR_IO, "cannot read %s: %s", name_of(p, part, name), strerror(errno));
        if (got == 0)
            return fail(e, ERR_CORRUPT, "%s ends before its time; copy it again",
                        name_of(p, part, name));
        out += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

const char *bundle_parts_name(const struct bundle_parts *p, uint64_t at, char name[STORE_PATH])
{
    return name_of(p, p->part_bytes ? (uint32_t)(at / p->part_bytes) : 0, name);
}

const char *bundle_parts_path(const struct bundle_parts *p)
{
    return p->path;
}
