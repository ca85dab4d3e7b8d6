/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_verify: see audit_verify.h. */
#include "guard/audit_verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "guard/audit_private.h"

#define GAP_NS        150000000000u
#define WITNESS_BYTES (256u << 20)

struct verify {
    const char *dir;
    const struct audit_options *o;
    struct audit_report *r;
    struct audit_scan scan;
    uint32_t last;                 /* segment, when it was begun to look */
    struct audit_chain end;        /* of the segment before */
    struct buf file;               /* the segment that is read */
    bool before_ended;             /* the segment before ended with its flag */
    struct audit_witnessed *lines; /* of this log, by leaves; owned */
    size_t n_lines, cap_lines, at_line;
    struct audit_seen *open; /* sessions without a close, by number; owned */
    size_t n_open, cap_open;
    uint64_t time, mono; /* of the checkpoint before */
    uint8_t boot[AUDIT_BOOT];
};

/* --- witnesses -----------------------------------------------------------------------------------
 */

static int by_leaves(const void *a, const void *b)
{
    const struct audit_witnessed *x = a, *y = b;
    return (x->leaves > y->leaves) - (x->leaves < y->leaves);
}

static bool read_lines(struct verify *v, const char *path, struct err *e)
{
    struct buf text;
    struct str rest, one;
    buf_init(&text, WITNESS_BYTES);
    bool ok = buf_read_file(&text, path, e);
    rest = buf_view(&text);
    while (ok && str_cut(&rest, '\n', &one)) {
        struct audit_witnessed l;
        if (!audit_line_parse(one, &l) || !hash_eq(&l.log, &v->r->log))
            continue;
        ok = mem_grow(&v->lines, v->n_lines, &v->cap_lines, sizeof *v->lines, e);
        if (ok)
            v->lines[v->n_lines++] = l;
    }
    buf_clear(&text);
    return ok;
}

static bool read_witnesses(struct verify *v, struct err *e)
{
    for (uint32_t i = 0; i < v->o->n_witnesses; i++)
        if (!read_lines(v, v->o->witnesses[i], e))
            return false;
    if (v->n_lines)
        qsort(v->lines, v->n_lines, sizeof *v->lines, by_leaves);
    while (v->at_line < v->n_lines && v->lines[v->at_line].leaves < v->end.leaves)
        v->at_line++; /* of segments that were removed */
    v->r->witness_lines = v->n_lines;
    return true;
}

static bool rewritten(const struct audit_witnessed *l, struct err *e)
{
    return fail(e, ERR_CORRUPT,
                "the audit log is not the one that was witnessed at record %llu: it was rewritten",
                (unsigned long long)l->records);
}

static bool meet_witness(struct verify *v, const struct audit_checkpoint *p, struct err *e)
{
    for (; v->at_line < v->n_lines && v->lines[v->at_line].leaves <= p->leaves; v->at_line++) {
        const struct audit_witnessed *l = &v->lines[v->at_line];
        if (l->leaves != p->leaves || !hash_eq(&l->root, &p->root))
            return rewritten(l, e);
        v->r->witnessed_records = p->records;
    }
    return true;
}

static bool all_met(const struct verify *v, struct err *e)
{
    if (v->at_line == v->n_lines)
        return true;
    return fail(e, ERR_CORRUPT,
                "the audit log ends after record %llu, but record %llu was witnessed: its end is "
                "gone, or an older copy was put back",
                (unsigned long long)v->r->records,
                (unsigned long long)v->lines[v->n_lines - 1].records);
}

/* --- on the way ----------------------------------------------------------------------------------
 */

static bool on_session(void *arg, const struct audit_session *s, struct err *e)
{
    struct verify *v = arg;
    const struct audit_hooks *h = &v->o->hooks;
    v->r->sessions++;
    for (size_t low = 0, high = v->n_open; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (v->open[middle].number == s->continues)
            v->open[middle].closed = true;
        if (v->open[middle].number < s->continues)
            low = middle + 1;
        else
            high = middle;
    }
    return !h->session || h->session(h->arg, s, e);
}

static bool on_record(void *arg, const struct audit_record *r, struct err *e)
{
    struct verify *v = arg;
    const struct audit_hooks *h = &v->o->hooks;
    return !h->record || h->record(h->arg, r, e);
}

static bool has_heart(const struct audit_scan *s)
{
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i].beats && !s->seen[i].closed)
            return true;
    return false;
}

static bool on_checkpoint(void *arg, const struct audit_checkpoint *p, struct err *e)
{
    struct verify *v = arg;
    struct audit_report *r = v->r;
    const struct audit_hooks *h = &v->o->hooks;
    bool same_boot = v->time && memcmp(v->boot, p->boot, AUDIT_BOOT) == 0;
    if (v->time && p->time < v->time)
        r->clock_back++;
    if (same_boot && p->mono > v->mono && p->mono - v->mono > GAP_NS && has_heart(&v->scan))
        r->gaps++;
    v->time = p->time;
    v->mono = p->mono;
    memcpy(v->boot, p->boot, AUDIT_BOOT);
    r->begun = r->begun ? r->begun : p->time;
    r->ended = p->time;
    return meet_witness(v, p, e) && (!h->checkpoint || h->checkpoint(h->arg, p, e));
}

/* --- segments ------------------------------------------------------------------------------------
 */

/* The last one is read between two flushes of its writers, who do not wait longer than that. */
static bool read_segment(const struct verify *v, uint32_t number, struct buf *file, struct err *e)
{
    char path[4096];
    int lock = -1; /* without such a file it is a copy, which nobody writes */
    snprintf(path, sizeof path, "%s/lock", v->dir);
    if (number == v->last && (lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) >= 0)
        flock(lock, LOCK_SH);
    audit_segment_path(path, v->dir, number, "log");
    buf_init(file, AUDIT_SEGMENT_MOST);
    bool ok = buf_read_file(file, path, e);
    if (lock >= 0)
        close(lock);
    return ok;
}

static bool head_of(const struct buf *file, uint32_t number, struct audit_segment *s, struct err *e)
{
    struct audit_frame f;
    return (audit_frame_take(buf_view(file), &f) && f.type == AUDIT_SEGMENT &&
            audit_get_segment(f.body, s) && s->number == number) ||
           fail(e, ERR_CORRUPT,
                "segment %u of the audit log does not begin as a segment that this version of "
                "moat knows",
                number);
}

/* Of the first one that is here: its log begins with it, or with a tombstone. */
static bool anchor(struct verify *v, const struct audit_segment *s, struct err *e)
{
    struct audit_report *r = v->r;
    struct hash id;
    char hex[2 * HASH_BYTES + 1];
    audit_segment_chain(s, &v->end);
    v->end.segment = s->number - 1;
    r->log = s->log;
    r->first_segment = s->number;
    r->first_record = s->records + 1;
    r->removed_segments = s->number - 1;
    hash_hex(&s->log, hex);
    if (v->o->log && strcmp(v->o->log, hex) != 0)
        return fail(e, ERR_CORRUPT, "this is another audit log: its id is %s", hex);
    if (s->number > 1) {
        struct audit_settings own;
        const struct sign_key *keys = v->o->removers;
        uint32_t n = v->o->n_removers;
        if (!n && audit_settings_from_segment(&own, s->settings)) {
            keys = own.removers;
            n = own.n_removers;
        }
        r->anchored = v->o->n_removers > 0;
        return audit_tombstone_check(v->dir, s, keys, n, e) && read_witnesses(v, e);
    }
    r->anchored = true;
    if (!audit_log_id(s->key, &id, e))
        return false;
    if (s->leaves || s->records || s->epoch || s->previous_end || !hash_eq(&id, &s->log))
        return fail(e, ERR_CORRUPT, "segment 1 of the audit log is not the beginning of one");
    return read_witnesses(v, e);
}

static bool follows(const struct verify *v, const struct audit_segment *s, struct err *e)
{
    const struct audit_chain *c = &v->end;
    struct audit_chain other;
    struct hash before, here;
    audit_segment_chain(s, &other);
    if (!audit_chain_root(c, &before, e) || !audit_chain_root(&other, &here, e))
        return false;
    return (s->leaves == c->leaves && s->records == c->records && s->epoch == c->epoch &&
            s->number == c->segment + 1 && memcmp(s->key, c->key, AUDIT_KEY) == 0 &&
            hash_eq(&s->log, &c->log) && hash_eq(&before, &here)) ||
           fail(e, ERR_CORRUPT, "segment %u of the audit log does not go on where segment %u ended",
                s->number, c->segment);
}

/* What the file holds beyond its end is what its successor says. */
static bool tail_agrees(struct verify *v, const struct audit_segment *next, struct err *e)
{
    static const struct hash unknown;
    struct str tail = str_from(buf_view(&v->file), (size_t)next->previous_end);
    struct hash h;
    if (!hash_of(&tail, 1, &h, e))
        return false;
    v->r->tails += tail.n > 0;
    bool ends = v->scan.good.flags & AUDIT_SEGMENT_ENDS;
    return ((!ends || tail.n == 0) &&
            (hash_eq(&next->previous_tail, &unknown) || hash_eq(&next->previous_tail, &h))) ||
           fail(e, ERR_CORRUPT, "what follows the end of segment %u of the audit log was changed",
                next->number - 1);
}

static bool keep_open(struct verify *v, struct err *e)
{
    for (size_t i = 0; i < v->scan.n_seen; i++) {
        if (v->scan.seen[i].closed)
            continue;
        if (!mem_grow(&v->open, v->n_open, &v->cap_open, sizeof *v->open, e))
            return false;
        v->open[v->n_open++] = v->scan.seen[i];
    }
    return true;
}

/* next: the segment behind it, or NULL. */
static bool one_segment(struct verify *v, uint32_t number, const struct audit_segment *next,
                        struct err *e)
{
    const struct audit_hooks hooks = {on_session, on_record, on_checkpoint, v};
    struct audit_segment head;
    struct str file = buf_view(&v->file);
    if (!head_of(&v->file, number, &head, e) || (!v->r->segments && !anchor(v, &head, e)) ||
        !follows(v, &head, e))
        return false;
    if (next && next->previous_end > file.n)
        return fail(e, ERR_CORRUPT, "the end of segment %u of the audit log is gone", number);
    if (next)
        file.n = (size_t)next->previous_end;
    audit_scan_begin(&v->scan, &hooks);
    if (v->o->segment)
        v->o->segment(v->o->hooks.arg);
    if (!audit_scan_feed(&v->scan, file, next != NULL, e) || (next && !tail_agrees(v, next, e)) ||
        !keep_open(v, e))
        return false;
    v->end = v->scan.good.chain;
    v->r->segments++;
    v->r->tail_bytes = next ? 0 : file.n - v->scan.good.at;
    (void)audit_settings_from_segment(&v->r->settings, head.settings);
    return true;
}

static bool all_segments(struct verify *v, uint32_t first, uint32_t last, struct err *e)
{
    struct buf next;
    struct audit_segment head;
    if (!read_segment(v, first, &v->file, e))
        return false;
    for (uint32_t n = first; n <= last; n++) {
        buf_init(&next, 0);
        bool ok =
            n == last || (read_segment(v, n + 1, &next, e) && head_of(&next, n + 1, &head, e));
        ok = ok && one_segment(v, n, n == last ? NULL : &head, e);
        buf_clear(&v->file);
        v->file = next;
        if (!ok)
            return false;
    }
    return true;
}

static void finish(struct verify *v)
{
    struct audit_report *r = v->r;
    static uint8_t body[AUDIT_CHECKPOINT_BYTES];
    r->leaves = v->end.leaves;
    r->records = v->end.records;
    r->epochs = v->end.epoch + 1;
    memcpy(body, v->scan.good.body, sizeof body);
    (void)!audit_get_checkpoint((struct str){(const char *)body, sizeof body}, &r->last);
    for (size_t i = 0; i < v->n_open; i++)
        r->unclosed += !v->open[i].closed;
}

bool audit_verify(const char *dir, const struct audit_options *o, struct audit_report *r,
                  struct err *e)
{
    uint32_t first;
    struct verify *v = mem_new(1, sizeof *v, e);
    *r = (struct audit_report){0};
    if (!v)
        return false;
    v->dir = dir;
    v->o = o;
    v->r = r;
    bool ok = audit_segment_range(dir, &first, &v->last, e) && all_segments(v, first, v->last, e);
    if (ok)
        finish(v);
    ok = ok && all_met(v, e);
    buf_clear(&v->file);
    audit_scan_clear(&v->scan);
    mem_free(v->lines);
    mem_free(v->open);
    mem_free(v);
    return ok;
}
