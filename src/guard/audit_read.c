/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_read: see audit_read.h. */
#include "guard/audit_read.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "guard/audit_private.h"

#define WAITING_MOST (64u << 20)

struct stream {
    uint64_t session;
    bool ours;
    audit_stream state;
};

struct reader {
    struct audit_reading *r;
    uint8_t id[AUDIT_RECIPIENT_ID];
    struct stream *v; /* of this segment, by number; owned */
    size_t n, cap;
    struct buf waiting; /* for the next checkpoint: struct audit_entry, text */
};

static void on_segment(void *arg)
{
    struct reader *d = arg;
    d->n = 0;
    buf_reset(&d->waiting);
}

static bool open_key(const struct reader *d, const struct audit_session *s, uint8_t key[32])
{
    const struct audit_identity *id = d->r->identity;
    for (uint32_t i = 0; i < s->n; i++) {
        const uint8_t *at = s->keys + i * (size_t)(AUDIT_RECIPIENT_ID + AUDIT_SEALED);
        if (memcmp(at, d->id, sizeof d->id) == 0 &&
            crypto_box_seal_open(key, at + AUDIT_RECIPIENT_ID, AUDIT_SEALED, id->public,
                                 id->secret) == 0)
            return true;
    }
    return false;
}

static bool on_session(void *arg, const struct audit_session *s, struct err *e)
{
    struct reader *d = arg;
    uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    if (!mem_grow(&d->v, d->n, &d->cap, sizeof *d->v, e))
        return false;
    struct stream *x = &d->v[d->n++];
    *x = (struct stream){.session = s->number};
    x->ours = open_key(d, s, key) &&
              crypto_secretstream_xchacha20poly1305_init_pull(&x->state, s->header, key) == 0;
    sodium_memzero(key, sizeof key);
    return true;
}

static struct stream *find(const struct reader *d, uint64_t session)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->v[middle].session < session)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->n && d->v[low].session == session ? &d->v[low] : NULL;
}

static bool open_record(struct stream *x, const struct audit_record *r, char *out)
{
    unsigned char tag = 0;
    return crypto_secretstream_xchacha20poly1305_pull(
               &x->state, (unsigned char *)out, NULL, &tag, (const unsigned char *)r->sealed.p,
               r->sealed.n, (const unsigned char *)r->head.p, r->head.n) == 0 &&
           tag == crypto_secretstream_xchacha20poly1305_TAG_REKEY;
}

static bool on_record(void *arg, const struct audit_record *r, struct err *e)
{
    struct reader *d = arg;
    struct stream *x = find(d, r->session);
    struct audit_entry entry = {.number = r->number, .session = r->session, .kind = r->kind};
    if (!x || !x->ours) {
        d->r->unread++;
        return true;
    }
    entry.text.n = r->sealed.n - crypto_secretstream_xchacha20poly1305_ABYTES;
    buf_add(&d->waiting, &entry, sizeof entry);
    size_t at = d->waiting.n;
    buf_str(&d->waiting, str_sub(r->sealed, 0, entry.text.n)); /* room; overwritten */
    return buf_ok(&d->waiting, "audit records", e) &&
           (open_record(x, r, d->waiting.p + at) ||
            fail(e, ERR_CORRUPT,
                 "record %llu of the audit log cannot be opened: it was not written "
                 "with the key of its session",
                 (unsigned long long)r->number));
}

static bool on_checkpoint(void *arg, const struct audit_checkpoint *p, struct err *e)
{
    struct reader *d = arg;
    struct str rest = buf_view(&d->waiting);
    struct audit_entry entry;
    bool ok = true;
    (void)p;
    while (ok && rest.n >= sizeof entry) {
        memcpy(&entry, rest.p, sizeof entry);
        rest = str_from(rest, sizeof entry);
        entry.text = str_sub(rest, 0, entry.text.n);
        rest = str_from(rest, entry.text.n);
        ok = d->r->fn(d->r->arg, &entry, e);
    }
    buf_reset(&d->waiting);
    return ok;
}

static void reader_clear(struct reader *d)
{
    if (d->v)
        sodium_memzero(d->v, d->cap * sizeof *d->v);
    if (d->waiting.p)
        sodium_memzero(d->waiting.p, d->waiting.cap);
    buf_clear(&d->waiting);
    mem_free(d->v);
}

bool audit_read(const char *dir, struct audit_reading *r, struct audit_report *report,
                struct err *e)
{
    struct reader d = {.r = r};
    buf_init(&d.waiting, WAITING_MOST);
    audit_recipient_id(r->identity->public, d.id);
    r->unread = 0;
    r->options.hooks = (struct audit_hooks){on_session, on_record, on_checkpoint, &d};
    r->options.segment = on_segment;
    bool ok = audit_verify(dir, &r->options, report, e);
    reader_clear(&d);
    return ok;
}

/* --- while it grows ------------------------------------------------------------------------------
 */

struct audit_follow {
    const char *dir;
    struct reader d;
    audit_point_fn *point;
    struct audit_scan scan;
    uint32_t segment;
    size_t fed; /* bytes of it that were looked at */
};

static bool on_followed_session(void *arg, const struct audit_session *s, struct err *e)
{
    struct audit_follow *f = arg;
    return !f->d.r->identity || on_session(&f->d, s, e);
}

static bool on_followed_record(void *arg, const struct audit_record *r, struct err *e)
{
    struct audit_follow *f = arg;
    return !f->d.r->identity || on_record(&f->d, r, e);
}

static bool on_followed_checkpoint(void *arg, const struct audit_checkpoint *p, struct err *e)
{
    struct audit_follow *f = arg;
    return on_checkpoint(&f->d, p, e) &&
           (!f->point || f->point(f->d.r->arg, p, &f->scan.head.log, e));
}

static void begin_segment(struct audit_follow *f, uint32_t number)
{
    const struct audit_hooks hooks = {on_followed_session, on_followed_record,
                                      on_followed_checkpoint, f};
    audit_scan_begin(&f->scan, &hooks);
    on_segment(&f->d);
    f->segment = number;
    f->fed = 0;
}

bool audit_follow_open(struct audit_follow **out, const char *dir, struct audit_reading *r,
                       audit_point_fn *point, struct err *e)
{
    uint32_t first, last;
    struct audit_follow *f = *out = mem_new(1, sizeof *f, e);
    if (!f)
        return false;
    f->dir = dir;
    f->d.r = r;
    f->point = point;
    buf_init(&f->d.waiting, WAITING_MOST);
    if (r->identity)
        audit_recipient_id(r->identity->public, f->d.id);
    if (!audit_segment_range(dir, &first, &last, e))
        return false;
    begin_segment(f, last);
    return true;
}

/* Between two flushes of its writers. */
static bool read_whole(const struct audit_follow *f, struct buf *file, struct err *e)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/lock", f->dir);
    int lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock >= 0)
        flock(lock, LOCK_SH);
    audit_segment_path(path, f->dir, f->segment, "log");
    bool ok = buf_read_file(file, path, e);
    if (lock >= 0)
        close(lock);
    return ok;
}

static bool look(struct audit_follow *f, struct err *e)
{
    char path[4096];
    struct stat st;
    struct buf file;
    audit_segment_path(path, f->dir, f->segment, "log");
    bool grown = stat(path, &st) == 0 && (size_t)st.st_size > f->fed;
    if (!grown || f->fed > f->scan.good.at) /* a tail: nobody appends to that */
        return true;
    buf_init(&file, AUDIT_SEGMENT_MOST);
    bool ok = read_whole(f, &file, e) && audit_scan_feed(&f->scan, buf_view(&file), false, e);
    f->scan.head.settings = (struct str){0};
    f->fed = file.n;
    buf_clear(&file);
    return ok;
}

bool audit_follow_more(struct audit_follow *f, struct err *e)
{
    char path[4096];
    for (;;) {
        audit_segment_path(path, f->dir, f->segment + 1, "log");
        bool next = access(path, F_OK) == 0; /* before the last look at this one */
        if (!look(f, e))
            return false;
        if (!next)
            return true;
        begin_segment(f, f->segment + 1);
    }
}

void audit_follow_close(struct audit_follow *f)
{
    if (!f)
        return;
    reader_clear(&f->d);
    audit_scan_clear(&f->scan);
    mem_free(f);
}
