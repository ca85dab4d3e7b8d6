/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_make: writing a bundle. See bundle.h.
 *
 * The head holds what is known only at the end, so room is left for the longest it can be, and it
 * is written last. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/bundle_gather.h"
#include "store/bundle_head.h"
#include "store/bundle_parts.h"

#define CHUNK (1u << 20)

struct make {
    const struct bundle_wish *w;
    struct bundle_plan plan;
    struct bundle b; /* what the list says; file is the plan's */
    struct bundle_out out;
    struct hash_stream hash; /* of the segment begun */
    uint64_t in_segment, done, total;
    uint32_t most_segments;
    char *chunk;
    struct err *e;
    bool failed; /* e says why: libarchive must not speak over it */
};

static bool end_segment(struct make *m)
{
    struct hash h;
    if (m->b.n_segments == m->most_segments)
        return fail(m->e, ERR_INTERNAL, "the bundle grew beyond what its head has room for");
    if (!hash_end(&m->hash, &h, m->e))
        return false;
    m->hash.ctx = NULL;
    digest_from_hash(&m->b.segment[m->b.n_segments++], &h);
    m->in_segment = 0;
    return true;
}

static bool put(struct make *m, const char *p, size_t n)
{
    while (n) {
        size_t most =
            BUNDLE_SEGMENT - m->in_segment < n ? (size_t)(BUNDLE_SEGMENT - m->in_segment) : n;
        if ((m->in_segment == 0 && !hash_begin(&m->hash, m->e)) ||
            !hash_add(&m->hash, p, most, m->e) || !bundle_out_write(&m->out, p, most, m->e))
            return false;
        m->in_segment += most;
        p += most;
        n -= most;
        if (m->in_segment == BUNDLE_SEGMENT && !end_segment(m))
            return false;
    }
    return true;
}

/* la_ssize_t is what libarchive calls it. */
static la_ssize_t on_bytes(struct archive *a, void *arg, const void *p, size_t n)
{
    struct make *m = arg;
    if (put(m, p, n))
        return (la_ssize_t)n;
    m->failed = true;
    archive_set_error(a, EIO, "the bundle cannot be written");
    return -1;
}

static bool broken(struct make *m, struct archive *a)
{
    const char *why = a ? archive_error_string(a) : NULL;
    return m->failed ? false
                     : fail(m->e, ERR_IO, "%s cannot be written: %s", m->w->out,
                            why ? why : "not enough memory");
}

static bool write_header(struct make *m, struct archive *a, const struct bundle_file *f)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return broken(m, NULL);
    archive_entry_set_pathname(entry, f->path);
    archive_entry_set_size(entry, (la_int64_t)f->bytes);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, f->executable ? 0755 : 0644);
    archive_entry_set_mtime(entry, 0, 0);
    bool ok = archive_write_header(a, entry) == ARCHIVE_OK || broken(m, a);
    archive_entry_free(entry);
    return ok;
}

static bool write_text(struct make *m, struct archive *a, struct str text)
{
    return archive_write_data(a, text.p, text.n) == (la_ssize_t)text.n || broken(m, a);
}

/* The file is hashed once more: what is written is what the list says. */
static bool write_content(struct make *m, struct archive *a, int fd, const struct bundle_file *f)
{
    struct hash_stream stream;
    struct hash h;
    struct digest d;
    uint64_t n = 0;
    bool ok = hash_begin(&stream, m->e);
    while (ok) {
        ssize_t got = read(fd, m->chunk, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            ok = got == 0 || fail(m->e, ERR_IO, "cannot read %s: %s", f->path, strerror(errno));
            break;
        }
        n += (uint64_t)got;
        m->done += (uint64_t)got;
        ok = (n <= f->bytes || fail(m->e, ERR_CORRUPT, "%s changes while it is read", f->path)) &&
             hash_add(&stream, m->chunk, (size_t)got, m->e) &&
             write_text(m, a, (struct str){m->chunk, (size_t)got}) &&
             store_progress(&m->w->progress, m->done, m->total, m->e);
    }
    ok = hash_end(&stream, ok ? &h : NULL, m->e) && ok;
    if (ok)
        digest_from_hash(&d, &h);
    return ok && ((n == f->bytes && strcmp(d.hex, f->digest.hex) == 0) ||
                  fail(m->e, ERR_CORRUPT,
                       "%s is not what it was recorded as; moat verify says which model is damaged",
                       f->path));
}

static bool write_file(struct make *m, struct archive *a, uint32_t i)
{
    const struct bundle_source *s = &m->plan.source[i];
    if (!write_header(m, a, &m->plan.file[i]))
        return false;
    if (!s->path)
        return write_text(m, a, s->text);
    int fd = bundle_source_open(s, m->e);
    bool ok = fd >= 0 && write_content(m, a, fd, &m->plan.file[i]);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Files from..to of the plan as one archive; where there are none, nothing. */
static bool write_archive(struct make *m, uint32_t from, uint32_t to, bool compressed,
                          uint64_t *bytes)
{
    uint64_t before = m->out.at;
    if (from == to)
        return true;
    struct archive *a = archive_write_new();
    bool ok = a && archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK &&
              (compressed ? archive_write_set_format_pax_restricted(a)
                          : archive_write_set_format_ustar(a)) == ARCHIVE_OK &&
              (!compressed || archive_write_add_filter_zstd(a) == ARCHIVE_OK) &&
              (!compressed || archive_write_set_filter_option(a, "zstd", "compression-level",
                                                              "1") == ARCHIVE_OK) &&
              archive_write_open(a, m, NULL, on_bytes, NULL) == ARCHIVE_OK;
    if (!ok)
        broken(m, a);
    for (uint32_t i = from; ok && i < to; i++)
        ok = write_file(m, a, i);
    if (ok && archive_write_close(a) != ARCHIVE_OK)
        ok = broken(m, a);
    if (!ok && a)
        archive_write_fail(a);
    archive_write_free(a);
    *bytes = m->out.at - before;
    return ok;
}

static bool print_list(struct make *m, struct buf *out)
{
    const json_t **settings = mem_new(m->plan.n, sizeof *settings, m->e);
    for (uint32_t i = 0; settings && i < m->plan.n; i++)
        settings[i] = m->plan.source[i].settings;
    json_t *j = settings ? bundle_list_print(&m->b, settings) : NULL;
    mem_free(settings);
    bool ok = j && json_write(j, JSON_INDENT(1), out, m->e);
    json_decref(j);
    return ok;
}

/* Room for the head: the list with as many segments as there can come to be, and its numbers at
 * their longest. */
static bool plan_head(struct make *m)
{
    uint64_t most = 1u << 20;
    struct buf list;
    for (uint32_t i = 0; i < m->plan.n; i++) {
        most += m->plan.file[i].bytes + m->plan.file[i].bytes / 128 + 4096;
        m->total += m->plan.file[i].bytes;
    }
    m->most_segments = (uint32_t)(most / BUNDLE_SEGMENT + 1);
    m->b.segment = mem_new(m->most_segments, sizeof *m->b.segment, m->e);
    if (!m->b.segment)
        return false;
    memset(m->b.segment, '0', m->most_segments * sizeof *m->b.segment);
    for (uint32_t i = 0; i < m->most_segments; i++)
        m->b.segment[i].hex[DIGEST_HEX] = '\0';
    m->b.n_segments = m->most_segments;
    m->b.at.program_bytes = m->b.at.payload_bytes = LIMIT_BUNDLE_BYTES;
    buf_init(&list, LIMIT_BUNDLE_LIST);
    bool ok = print_list(m, &list);
    uint64_t need = BUNDLE_HEADER + list.n + SIGN_FILE;
    buf_clear(&list);
    m->b.n_segments = 0;
    m->b.at.program_bytes = m->b.at.payload_bytes = 0;
    m->b.at.head_bytes = (need + BUNDLE_ALIGN - 1) / BUNDLE_ALIGN * BUNDLE_ALIGN;
    if (ok && m->w->part_bytes && m->w->part_bytes < m->b.at.head_bytes)
        ok = fail(m->e, ERR_USAGE, "--split %llu is too small: the list alone takes %llu bytes",
                  (unsigned long long)m->w->part_bytes, (unsigned long long)m->b.at.head_bytes);
    return ok;
}

static bool sign_list(struct make *m, struct str list, struct buf *signature)
{
    struct sign_set set = {0};
    return sign_add(&set, m->w->secret, SIGN_BUNDLE, list, m->e) &&
           sign_set_print(&set, signature, m->e);
}

static bool write_head(struct make *m, struct str list, struct str signature)
{
    struct bundle_layout *at = &m->b.at;
    struct hash h;
    must(BUNDLE_HEADER + list.n + signature.n <= at->head_bytes);
    if (!hash_of((struct str[]){list, signature}, 2, &h, m->e))
        return false;
    digest_from_hash(&at->checksum, &h);
    at->list_bytes = list.n;
    at->signature_bytes = signature.n;
    char *head = mem_new(at->head_bytes, 1, m->e);
    if (!head)
        return false;
    bundle_header_print(at, head);
    memcpy(head + BUNDLE_HEADER, list.p, list.n);
    memcpy(head + BUNDLE_HEADER + list.n, signature.p, signature.n);
    bool ok = bundle_out_finish(&m->out, head, m->e);
    mem_free(head);
    return ok;
}

static bool finish(struct make *m)
{
    struct buf list, signature;
    buf_init(&list, LIMIT_BUNDLE_LIST);
    buf_init(&signature, SIGN_FILE);
    bool ok = (m->in_segment == 0 || end_segment(m)) && print_list(m, &list) &&
              sign_list(m, buf_view(&list), &signature) &&
              write_head(m, buf_view(&list), buf_view(&signature));
    buf_clear(&list);
    buf_clear(&signature);
    return ok;
}

static const char *machine_name(void)
{
#if defined(__x86_64__)
    return "x86_64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "unknown";
#endif
}

bool bundle_make(const struct bundle_wish *w, struct bundle_made *made, struct err *e)
{
    struct make m = {.w = w, .e = e, .out.first.fd = -1, .out.part.fd = -1};
    m.b = (struct bundle){.arch = machine_name(),
                          .moat = MOAT_VERSION,
                          .terms.version = w->version,
                          .at.part_bytes = w->part_bytes};
    bool ok = bundle_gather(&m.plan, w, e) && (m.chunk = mem_new(CHUNK, 1, e)) != NULL;
    m.b.file = m.plan.file;
    m.b.n_files = m.plan.n;
    ok = ok && plan_head(&m) &&
         bundle_out_begin(&m.out, w->out, m.b.at.head_bytes, w->part_bytes, e) &&
         write_archive(&m, 0, m.plan.n_programs, false, &m.b.at.program_bytes) &&
         write_archive(&m, m.plan.n_programs, m.plan.n, true, &m.b.at.payload_bytes) && finish(&m);
    if (ok)
        *made = (struct bundle_made){.bytes = bundle_bytes(&m.b.at),
                                     .n_parts = m.out.n_parts,
                                     .n_files = m.plan.n,
                                     .checksum = m.b.at.checksum};
    if (m.hash.ctx)
        (void)hash_end(&m.hash, NULL, NULL);
    bundle_out_close(&m.out);
    mem_free(m.b.segment);
    mem_free(m.chunk);
    bundle_plan_clear(&m.plan);
    return ok;
}
