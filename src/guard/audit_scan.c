/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_scan: see audit_scan.h. A checkpoint with a flag has its signature checked where it
 * stands; of the others only the last counts, so the one before it is remembered too: should the
 * last be no good one, it is a part of the tail. */
#include "guard/audit_scan.h"

#include <string.h>

#include "base/mem.h"

/* What is read behind the last good checkpoint. */
struct walk {
    struct audit_scan *s;
    struct str file;
    size_t at;
    struct audit_chain chain;
    const char *why; /* gettext id: what is wrong with the frame at `at`; NULL: nothing, go on */
};

void audit_scan_begin(struct audit_scan *s, const struct audit_hooks *hooks)
{
    mem_free(s->seen);
    *s = (struct audit_scan){.hooks = hooks ? *hooks : (struct audit_hooks){0}};
}

void audit_scan_clear(struct audit_scan *s)
{
    mem_free(s->seen);
    *s = (struct audit_scan){0};
}

static bool damaged(const struct walk *w, struct err *e)
{
    return fail(e, ERR_CORRUPT,
                "segment %u of the audit log is damaged at byte %zu, after record %llu: %s; keep "
                "the folder as evidence",
                w->s->head.number, w->at, (unsigned long long)w->chain.records, err_text(w->why));
}

static bool wrong(struct walk *w, const char *why)
{
    w->why = why;
    return true;
}

/* --- frames --------------------------------------------------------------------------------------
 */

static struct audit_seen *find_session(struct audit_scan *s, uint64_t number)
{
    size_t low = 0, high = s->n_seen;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->seen[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_seen && s->seen[low].number == number ? &s->seen[low] : NULL;
}

static bool take_segment(struct walk *w, const struct audit_frame *f, struct err *e)
{
    struct audit_scan *s = w->s;
    (void)e;
    if (w->at != 0)
        return wrong(w, N_("a segment begins in the middle of another"));
    if (!audit_get_segment(f->body, &s->head))
        return wrong(w, N_("it does not begin as a segment that this version of moat knows"));
    audit_segment_chain(&s->head, &w->chain);
    return true;
}

static bool take_session(struct walk *w, const struct audit_frame *f, struct err *e)
{
    struct audit_scan *s = w->s;
    struct audit_session x;
    if (!audit_get_session(f->body, &x) || x.number != w->chain.leaves)
        return wrong(w, N_("a session is not what it should be"));
    if (!mem_grow(&s->seen, s->n_seen, &s->cap_seen, sizeof *s->seen, e))
        return false;
    s->seen[s->n_seen++] = (struct audit_seen){.number = x.number, .continues = x.continues};
    return !s->hooks.session || s->hooks.session(s->hooks.arg, &x, e);
}

static bool take_record(struct walk *w, const struct audit_frame *f, struct err *e)
{
    struct audit_scan *s = w->s;
    struct audit_record r;
    if (!audit_get_record(f->body, &r) || r.number != w->chain.records + 1)
        return wrong(w, N_("a record has not the number that follows"));
    struct audit_seen *seen = find_session(s, r.session);
    if (!seen)
        return wrong(w, N_("a record is of a session that did not begin"));
    seen->closed |= r.kind == AUDIT_CLOSE;
    seen->beats |= r.kind == AUDIT_BEAT;
    w->chain.records++;
    return !s->hooks.record || s->hooks.record(s->hooks.arg, &r, e);
}

/* Is it what the frames before it make? */
static bool agrees(struct walk *w, const struct audit_checkpoint *p, struct err *e)
{
    const struct audit_chain *c = &w->chain;
    struct hash root;
    static const uint8_t none[AUDIT_KEY];
    bool names_next = memcmp(p->next, none, AUDIT_KEY) != 0;
    if (!audit_chain_root(c, &root, e))
        return false;
    if (p->leaves != c->leaves || p->records != c->records || p->epoch != c->epoch ||
        p->segment != c->segment || names_next != (p->flags & AUDIT_EPOCH_ENDS))
        return wrong(w, N_("a checkpoint counts something else than there is"));
    if (!hash_eq(&p->root, &root))
        return wrong(w, N_("a checkpoint has another root: something before it was changed"));
    return true;
}

/* The point behind it becomes the last good one. */
static void pass(struct walk *w, const struct audit_checkpoint *p, size_t end, bool checked)
{
    struct audit_scan *s = w->s;
    struct audit_chain *c = &w->chain;
    c->time = p->time;
    c->mono = p->mono;
    memcpy(c->boot, p->boot, AUDIT_BOOT);
    if (p->flags & AUDIT_EPOCH_ENDS) {
        c->epoch++;
        memcpy(c->key, p->next, AUDIT_KEY);
    }
    s->before = s->good;
    s->good = (struct audit_point){.at = end, .chain = *c, .flags = p->flags, .checked = checked};
    memcpy(s->good.body, p->body.p, AUDIT_CHECKPOINT_BYTES);
}

static bool take_checkpoint(struct walk *w, const struct audit_frame *f, struct err *e)
{
    struct audit_scan *s = w->s;
    struct audit_checkpoint p;
    if (!audit_get_checkpoint(f->body, &p))
        return wrong(w, N_("a checkpoint is not what it should be"));
    if (!agrees(w, &p, e))
        return false;
    if (w->why)
        return true;
    bool check = p.flags != 0;
    if (check && !audit_checkpoint_signed(&p, &w->chain.log, w->chain.key))
        return wrong(w, N_("the signature of a checkpoint is wrong"));
    if (!audit_chain_add(&w->chain, f->whole, e))
        return false;
    pass(w, &p, w->at + f->whole.n, check);
    return !s->hooks.checkpoint || s->hooks.checkpoint(s->hooks.arg, &p, e);
}

static bool take_frame(struct walk *w, const struct audit_frame *f, struct err *e)
{
    bool ok;
    if (w->at == 0 && f->type != AUDIT_SEGMENT)
        return wrong(w, N_("it does not begin as a segment that this version of moat knows"));
    if (w->s->good.at == w->at && w->s->good.flags & AUDIT_SEGMENT_ENDS)
        return wrong(w, N_("something stands behind the end"));
    if (f->type == AUDIT_CHECKPOINT)
        return take_checkpoint(w, f, e);
    ok = f->type == AUDIT_SEGMENT   ? take_segment(w, f, e)
         : f->type == AUDIT_SESSION ? take_session(w, f, e)
                                    : take_record(w, f, e);
    return ok && (w->why || audit_chain_add(&w->chain, f->whole, e));
}

/* --- the end -------------------------------------------------------------------------------------
 */

/* Would an unfinished flush leave this? A checkpoint is the last thing in it. */
static bool is_tail(struct str tail)
{
    struct audit_frame f;
    for (size_t at = 0; audit_frame_take(str_from(tail, at), &f); at += f.whole.n)
        if (f.type == AUDIT_CHECKPOINT && at + f.whole.n < tail.n)
            return false;
    for (size_t at = 0; at + AUDIT_CHECKPOINT_BYTES < tail.n;) {
        size_t found = str_find(str_from(tail, at), STR(AUDIT_SIGN_MAGIC));
        if (found == SIZE_MAX)
            return true;
        at += found;
        if (at + AUDIT_CHECKPOINT_BYTES < tail.n)
            return false;
    }
    return true;
}

/* A flag changes the key behind it; those were checked where they stand. */
static bool point_is_signed(const struct audit_point *p)
{
    struct audit_checkpoint c;
    struct str body = {(const char *)p->body, AUDIT_CHECKPOINT_BYTES};
    return p->checked || (audit_get_checkpoint(body, &c) &&
                          audit_checkpoint_signed(&c, &p->chain.log, p->chain.key));
}

/* The last good checkpoint must be signed, or be a part of the tail. */
static bool settle(struct walk *w, struct err *e)
{
    struct audit_scan *s = w->s;
    if (s->good.at && !point_is_signed(&s->good)) {
        w->at = s->good.at - AUDIT_CHECKPOINT_BYTES - AUDIT_FRAME_HEAD;
        w->why = N_("the signature of a checkpoint is wrong");
        s->good = s->before;
        s->before = (struct audit_point){0};
        if (s->good.at && !point_is_signed(&s->good))
            return damaged(w, e);
    }
    s->good.checked = true;
    return true;
}

static bool end(struct walk *w, bool whole, struct err *e)
{
    struct audit_scan *s = w->s;
    if (!settle(w, e))
        return false;
    size_t at = s->good.at;
    if (at == w->file.n)
        return true;
    if (!w->why)
        w->why = N_("it ends in the middle of something");
    if (whole || at == 0 || s->good.flags & AUDIT_SEGMENT_ENDS || !is_tail(str_from(w->file, at)))
        return damaged(w, e);
    return true;
}

bool audit_scan_feed(struct audit_scan *s, struct str file, bool whole, struct err *e)
{
    struct walk w = {.s = s, .file = file, .at = s->good.at, .chain = s->good.chain};
    struct audit_frame f;
    if (sodium_init() < 0)
        return fail(e, ERR_INTERNAL, "libsodium does not start");
    while (w.at < file.n && !w.why) {
        if (!audit_frame_take(str_from(file, w.at), &f))
            w.why = N_("what should be a frame is none");
        else if (!take_frame(&w, &f, e))
            return false;
        if (!w.why)
            w.at += f.whole.n;
    }
    return end(&w, whole, e);
}
