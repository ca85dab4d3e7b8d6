/* SPDX-License-Identifier: Apache-2.0 */
/* store/store: see store.h. */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"
#include "store/manifest.h"

#define FORMAT_VERSION 2u

/* The first of these that is set: the variable's directory, with `below` appended. */
static const struct {
    const char *variable, *below;
} homes[] = {{"MOAT_HOME", ""}, {"XDG_DATA_HOME", "/moat"}, {"HOME", "/.local/share/moat"}};

static bool find_root(struct store *s, struct err *e)
{
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        const char *dir = getenv(homes[i].variable);
        if (!dir || !*dir || (i > 0 && *dir != '/')) /* XDG: a relative path is ignored */
            continue;
        if (snprintf(s->root, sizeof s->root, "%s%s", dir, homes[i].below) < (int)sizeof s->root)
            return true;
        return fail(e, ERR_USAGE, "%s is too long a path", homes[i].variable);
    }
    return fail(e, ERR_USAGE, "there is no home directory for models; set MOAT_HOME to one");
}

const char *store_path(const struct store *s, char out[STORE_PATH], const char *fmt, ...)
{
    size_t n = (size_t)snprintf(out, STORE_PATH, "%s/", s->root);
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(out + n, STORE_PATH - n, fmt, ap);
    va_end(ap);
    must(more >= 0 && (size_t)more < STORE_PATH - n);
    return out;
}

/* What FORMAT says; 0: there is none yet. */
static bool read_format(struct store *s, struct err *e)
{
    char path[STORE_PATH];
    struct buf text;
    uint64_t version = 0;
    s->format = 0;
    if (access(store_path(s, path, "FORMAT"), F_OK) != 0 && errno == ENOENT)
        return true;
    buf_init(&text, 4096);
    bool ok = buf_read_file(&text, path, e);
    if (ok && (!str_to_u64(str_trim(buf_view(&text)), &version) || version == 0))
        ok = fail(e, ERR_CORRUPT, "%s does not hold a version number", path);
    else if (ok && version > FORMAT_VERSION)
        ok =
            fail(e, ERR_UNSUPPORTED,
                 "%s was written by a newer moat (format %llu, this program knows %u); update moat",
                 s->root, (unsigned long long)version, FORMAT_VERSION);
    s->format = ok ? (uint32_t)version : 0;
    buf_clear(&text);
    return ok;
}

static bool write_format(struct store *s, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    char path[STORE_PATH], text[16];
    int n = snprintf(text, sizeof text, "%u\n", FORMAT_VERSION);
    bool ok = os_atomic_open(&f, store_path(s, path, "FORMAT"), e) &&
              os_atomic_write(&f, text, (size_t)n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    if (ok)
        s->format = FORMAT_VERSION;
    return ok;
}

/* 1 -> 2: manifests get a check sum. One that died on the way is done again: what has its check sum
 * already is read without asking for it, as long as FORMAT says 1. */
static bool upgrade(struct store *s, struct err *e)
{
    struct os_lock lock;
    if (!store_lock(s, &lock, e))
        return false;
    bool ok = read_format(s, e); /* somebody else may have done it */
    if (ok && s->format < FORMAT_VERSION)
        ok = manifest_upgrade(s, e) && write_format(s, e);
    os_lock_close(&lock);
    return ok;
}

bool store_open(struct store *s, bool create, struct err *e)
{
    char path[STORE_PATH];
    if (!find_root(s, e) || !read_format(s, e))
        return false;
    if (!create)
        return true;
    return os_mkdirs(store_path(s, path, "blobs"), e) &&
           os_mkdirs(store_path(s, path, "manifests"), e) &&
           (s->format == 0 ? write_format(s, e) : s->format == FORMAT_VERSION || upgrade(s, e));
}

bool store_lock(const struct store *s, struct os_lock *lock, struct err *e)
{
    char path[STORE_PATH];
    return os_lock_open(lock, store_path(s, path, "lock"), e);
}

bool store_progress(const struct store_progress *p, uint64_t done, uint64_t total, struct err *e)
{
    if (!p->fn || p->fn(p->arg, done, total))
        return true;
    return fail(e, ERR_CANCELLED, "stopped; nothing was changed");
}
