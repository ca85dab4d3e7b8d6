/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_out: writing a bundle, in one file or in parts. See bundle_parts.h. */
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/bundle_parts.h"

static bool part_name(const struct bundle_out *o, uint32_t part, char name[STORE_PATH],
                      struct err *e)
{
    int n = o->part_bytes ? snprintf(name, STORE_PATH, "%s.%03u", o->path, part + 1)
                          : snprintf(name, STORE_PATH, "%s", o->path);
    return n < STORE_PATH || fail(e, ERR_USAGE, "path is too long: %s", o->path);
}

bool bundle_out_begin(struct bundle_out *o, const char *path, uint64_t head_bytes,
                      uint64_t part_bytes, struct err *e)
{
    char name[STORE_PATH];
    *o = (struct bundle_out){.path = path,
                             .part_bytes = part_bytes,
                             .head_bytes = head_bytes,
                             .at = head_bytes,
                             .first.fd = -1,
                             .part.fd = -1,
                             .n_parts = 1};
    return part_name(o, 0, name, e) && os_atomic_open(&o->first, name, e);
}

static bool next_part(struct bundle_out *o, struct err *e)
{
    char name[STORE_PATH];
    if (o->part.fd >= 0 && !os_atomic_commit(&o->part, e))
        return false;
    if (o->n_parts == LIMIT_BUNDLE_PARTS)
        return fail(e, ERR_LIMIT, "more than %u parts; give larger ones with --split",
                    LIMIT_BUNDLE_PARTS);
    return part_name(o, o->n_parts++, name, e) && os_atomic_open(&o->part, name, e);
}

bool bundle_out_write(struct bundle_out *o, const void *p, size_t n, struct err *e)
{
    for (const char *from = p; n;) {
        uint32_t part = o->part_bytes ? (uint32_t)(o->at / o->part_bytes) : 0;
        uint64_t at = o->part_bytes ? o->at % o->part_bytes : o->at;
        size_t most = o->part_bytes && o->part_bytes - at < n ? (size_t)(o->part_bytes - at) : n;
        if (part == o->n_parts && !next_part(o, e))
            return false;
        if (!os_atomic_write_at(part ? &o->part : &o->first, from, most, at, e))
            return false;
        from += most;
        o->at += most;
        n -= most;
    }
    return true;
}

bool bundle_out_finish(struct bundle_out *o, const void *head, struct err *e)
{
    return os_atomic_write_at(&o->first, head, o->head_bytes, 0, e) &&
           (o->part.fd < 0 || os_atomic_commit(&o->part, e)) && os_atomic_commit(&o->first, e);
}

void bundle_out_close(struct bundle_out *o)
{
    char name[STORE_PATH];
    bool finished = o->first.fd < 0;
    os_atomic_close(&o->part);
    os_atomic_close(&o->first);
    for (uint32_t i = 1; !finished && i < o->n_parts; i++)
        if (part_name(o, i, name, NULL))
            unlink(name);
}
