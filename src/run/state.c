/* SPDX-License-Identifier: Apache-2.0 */
/* run/state: see state.h. */
#include "run/state.h"

#include <string.h>
#include <unistd.h>

#include "base/os.h"

enum { VERSION = 1 };

struct header {
    char magic[8];
    uint32_t version, zero;
    struct hash model;
    uint64_t attached, sequence;
};

static const char magic[8] = "MOATSEQ";

_Static_assert(sizeof(struct header) == 64, "the layout of state.h");

/* --- writing ------------------------------------------------------------------------------------
 */

struct writer {
    struct os_atomic_file file;
    struct hash_stream sum;
};

static bool put(void *arg, const void *p, size_t n, struct err *e)
{
    struct writer *w = arg;
    return hash_add(&w->sum, p, n, e) && os_atomic_write(&w->file, p, n, e);
}

/* A slip of the hand must not replace somebody's notes. */
static bool may_replace(const char *path, struct err *e)
{
    struct os_map old;
    struct err ignored;
    if (access(path, F_OK) != 0)
        return true;
    bool ours = os_map_open(&old, path, &ignored);
    if (ours) {
        ours = old.n >= sizeof magic && memcmp(old.p, magic, sizeof magic) == 0;
        os_map_close(&old);
    }
    return ours ||
           fail(e, ERR_USAGE, "%s is there and is no saved state; choose another name", path);
}

static bool write_all(struct writer *w, const struct timeline *t, const struct header *h,
                      struct str attached, struct err *e)
{
    struct hash sum;
    w->file.mode = 0600;
    return put(w, h, sizeof *h, e) && put(w, attached.p, attached.n, e) &&
           timeline_save(t, put, w, e) && hash_end(&w->sum, &sum, e) &&
           os_atomic_write(&w->file, sum.b, sizeof sum.b, e) && os_atomic_commit(&w->file, e);
}

bool state_write(const struct timeline *t, const struct hash *model, struct str attached,
                 const char *path, struct err *e)
{
    struct writer w = {.file.fd = -1};
    struct header h = {.version = VERSION,
                       .model = *model,
                       .attached = attached.n,
                       .sequence = timeline_saved_bytes(t)};
    memcpy(h.magic, magic, sizeof magic);
    if (!may_replace(path, e) || !os_atomic_open(&w.file, path, e))
        return false;
    bool ok = hash_begin(&w.sum, e) && write_all(&w, t, &h, attached, e);
    if (w.sum.ctx)
        hash_end(&w.sum, NULL, e);
    os_atomic_close(&w.file);
    return ok;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool check_sum(struct str file, const char *name, struct err *e)
{
    struct hash sum;
    struct str body = {file.p, file.n - sizeof sum};
    return hash_of(&body, 1, &sum, e) &&
           (memcmp(sum.b, file.p + body.n, sizeof sum) == 0 ||
            fail(e, ERR_CORRUPT, "%s was altered or cut off since it was saved; delete it", name));
}

static bool read_header(struct str file, const char *name, struct header *h, struct err *e)
{
    if (file.n < sizeof h->magic || memcmp(file.p, magic, sizeof magic) != 0)
        return fail(e, ERR_CORRUPT, "%s is no saved state", name);
    if (file.n >= sizeof *h)
        memcpy(h, file.p, sizeof *h);
    if (h->version > VERSION)
        return fail(e, ERR_UNSUPPORTED, "%s was saved by a newer moat; update this one", name);
    uint64_t rest = file.n - sizeof *h - HASH_BYTES;
    if (file.n < sizeof *h + HASH_BYTES || h->attached > rest || h->sequence != rest - h->attached)
        return fail(e, ERR_CORRUPT, "%s was altered or cut off since it was saved; delete it",
                    name);
    return check_sum(file, name, e);
}

bool state_take(struct timeline *t, const struct hash *model, struct str file, const char *name,
                struct buf *attached, struct err *e)
{
    struct header h = {0};
    if (!read_header(file, name, &h, e))
        return false;
    if (!hash_eq(&h.model, model))
        return fail(e, ERR_USAGE,
                    "%s is the state of another model, or of other --rope options; it fits only "
                    "what it was saved with",
                    name);
    const char *at = file.p + sizeof h;
    buf_reset(attached);
    buf_add(attached, at, (size_t)h.attached);
    if (!buf_ok(attached, name, e))
        return false;
    return timeline_restore(t, (const unsigned char *)at + h.attached, h.sequence, e) ||
           err_at(e, "%s", name);
}

bool state_read(struct timeline *t, const struct hash *model, const char *path,
                struct buf *attached, struct err *e)
{
    struct os_map map;
    if (!os_map_open_own(&map, path, e))
        return false;
    struct str file = {(const char *)map.p, (size_t)map.n};
    bool ok = state_take(t, model, file, path, attached, e);
    os_map_close(&map);
    return ok;
}
