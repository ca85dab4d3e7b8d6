/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_walk: see bundle_walk.h. */
#include "store/bundle_walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/bundle_head.h"
#include "store/bundle_parts.h"

#define CHUNK (1u << 20)

struct bundle_walk {
    const struct bundle *b;
    const struct bundle_file *file; /* at whose content the archive stands */
    struct archive *archive;
    uint64_t at, end; /* of the region, as libarchive reads it */
    char *raw;        /* [CHUNK] of the region */
    char *chunk;      /* [CHUNK] of a file */
    const struct store_progress *progress;
    uint64_t done, total;
    struct err *e;
    bool failed; /* e says why: libarchive must not speak over it */
};

static la_ssize_t give_bytes(struct archive *a, void *arg, const void **p)
{
    struct bundle_walk *w = arg;
    size_t n = w->end - w->at < CHUNK ? (size_t)(w->end - w->at) : CHUNK;
    if (!bundle_parts_read(w->b->parts, w->raw, n, w->at, w->e)) {
        w->failed = true;
        archive_set_error(a, EIO, "the bundle cannot be read");
        return -1;
    }
    w->at += n;
    *p = w->raw;
    return (la_ssize_t)n;
}

static bool broken(const struct bundle_walk *w)
{
    const char *why = w->archive ? archive_error_string(w->archive) : NULL;
    return w->failed ? false
                     : fail(w->e, ERR_CORRUPT, "%s: the archive cannot be read: %s",
                            bundle_parts_path(w->b->parts), why ? why : "not enough memory");
}

static bool differs(const struct bundle_walk *w, struct err *e)
{
    return fail(e, ERR_CORRUPT, "%s: %s is not what its signed list says",
                bundle_parts_path(w->b->parts), w->file->path);
}

static bool open_archive(struct bundle_walk *w, uint64_t from, uint64_t bytes, bool compressed)
{
    w->at = from;
    w->end = from + bytes;
    struct archive *a = w->archive = archive_read_new();
    if (a && archive_read_support_format_tar(a) == ARCHIVE_OK &&
        (!compressed || archive_read_support_filter_zstd(a) == ARCHIVE_OK) &&
        archive_read_open(a, w, NULL, give_bytes, NULL) == ARCHIVE_OK)
        return true;
    return broken(w);
}

/* The next member has to be this file; its name is only compared. */
static bool next_is(struct bundle_walk *w, const struct bundle_file *f)
{
    struct archive_entry *entry;
    w->file = f;
    int r = archive_read_next_header(w->archive, &entry);
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return r == ARCHIVE_EOF ? differs(w, w->e) : broken(w);
    const char *path = archive_entry_pathname(entry);
    return (path && strcmp(path, f->path) == 0 && archive_entry_filetype(entry) == AE_IFREG &&
            archive_entry_size_is_set(entry) && (uint64_t)archive_entry_size(entry) == f->bytes) ||
           differs(w, w->e);
}

static bool is_at_end(struct bundle_walk *w)
{
    struct archive_entry *entry;
    return archive_read_next_header(w->archive, &entry) == ARCHIVE_EOF ||
           fail(w->e, ERR_CORRUPT, "%s: its archive holds more than its signed list says",
                bundle_parts_path(w->b->parts));
}

static bool region(struct bundle_walk *w, uint32_t from, uint32_t to, bool compressed,
                   bundle_file_fn *each, void *arg)
{
    const struct bundle_layout *l = &w->b->at;
    bool ok = compressed ? open_archive(w, l->head_bytes + l->program_bytes, l->payload_bytes, true)
                         : open_archive(w, l->head_bytes, l->program_bytes, false);
    for (uint32_t i = from; ok && i < to; i++)
        ok = next_is(w, &w->b->file[i]) && each(arg, w, &w->b->file[i], w->e);
    ok = ok && is_at_end(w);
    archive_read_free(w->archive);
    w->archive = NULL;
    return ok;
}

bool bundle_walk(const struct bundle *b, bool programs, const struct store_progress *progress,
                 bundle_file_fn *each, void *arg, struct err *e)
{
    struct bundle_walk w = {.b = b, .progress = progress, .e = e};
    uint32_t n = 0;
    while (n < b->n_files && b->file[n].kind == BUNDLE_PROGRAM)
        n++;
    for (uint32_t i = programs ? 0 : n; i < b->n_files; i++)
        w.total += b->file[i].bytes;
    w.raw = mem_new(CHUNK, 1, e);
    w.chunk = w.raw ? mem_new(CHUNK, 1, e) : NULL;
    bool ok = w.chunk && (!programs || n == 0 || region(&w, 0, n, false, each, arg)) &&
              (n == b->n_files || region(&w, n, b->n_files, true, each, arg));
    mem_free(w.raw);
    mem_free(w.chunk);
    return ok;
}

bool bundle_walk_stream(struct bundle_walk *w, bundle_take_fn *take, void *arg, struct err *e)
{
    struct hash_stream stream;
    struct hash h;
    struct digest d;
    uint64_t n = 0, bytes = w->file->bytes;
    bool ok = hash_begin(&stream, e);
    while (ok) {
        la_ssize_t got = archive_read_data(w->archive, w->chunk, CHUNK);
        if (got <= 0) {
            ok = got == 0 || broken(w);
            break;
        }
        n += (uint64_t)got;
        w->done += (uint64_t)got;
        ok = (n <= bytes || differs(w, e)) && hash_add(&stream, w->chunk, (size_t)got, e) &&
             (!take || take(arg, w->chunk, (size_t)got, e)) &&
             store_progress(w->progress, w->done, w->total, e);
    }
    ok = ok && n != bytes ? differs(w, e) : ok;
    if (stream.ctx)
        ok = hash_end(&stream, ok ? &h : NULL, e) && ok;
    if (ok)
        digest_from_hash(&d, &h);
    return ok && (strcmp(d.hex, w->file->digest.hex) == 0 || differs(w, e));
}
