/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_flush: what is pending becomes frames, a checkpoint, one write and one fdatasync; see
 * audit.h. After a failed write nothing more is sealed with the key of that session: what got to
 * the disk of it must not stand beside other text under the same key. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "guard/audit_private.h"

enum outcome {
    DONE,
    NOT_WRITTEN, /* and nothing is left of it */
    NO_ROOM,     /* likewise */
    SUSPECT      /* what the disk holds behind the last good checkpoint is not known */
};

uint64_t audit_wall_ns(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- frames --------------------------------------------------------------------------------------
 */

static bool add_leaf(struct audit *a, struct audit_chain *c, size_t from, struct err *e)
{
    return buf_ok(&a->out, "audit record", e) &&
           audit_chain_add(c, str_from(buf_view(&a->out), from), e);
}

static bool put_record(struct audit *a, struct audit_chain *c, enum audit_kind kind,
                       struct str text, struct err *e)
{
    size_t from = a->out.n;
    audit_put_record(&a->out, ++c->records, a->session, kind, &a->stream, text);
    return add_leaf(a, c, from, e);
}

/* What an auditor must know of who writes. */
static json_t *opening(const struct audit *a)
{
    char host[256] = "", boot[2 * AUDIT_BOOT + 1];
    gethostname(host, sizeof host - 1);
    str_make_printable(host);
    sodium_bin2hex(boot, sizeof boot, a->boot, AUDIT_BOOT);
    return json_pack("{ss sI sI ss ss si si ss ss ss}", "act", "open", "t",
                     (json_int_t)audit_wall_ns(), "m", (json_int_t)os_now_ns(), "role", a->role,
                     "host", host, "pid", (int)getpid(), "uid", (int)getuid(), "boot", boot,
                     "version", MOAT_VERSION, "content", audit_content_name(a->settings.content));
}

static bool put_session(struct audit *a, struct audit_chain *c, struct err *e)
{
    struct buf text;
    uint64_t before = a->session;
    size_t from = a->out.n;
    a->session = c->leaves;
    if (!audit_put_session(&a->out, a->session, before, a->settings.auditors,
                           a->settings.n_auditors, &a->stream, e) ||
        !add_leaf(a, c, from, e))
        return false;
    buf_init(&text, AUDIT_RECORD_MOST);
    json_t *j = opening(a);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "out of memory");
    ok = ok && put_record(a, c, AUDIT_OPEN, buf_view(&text), e);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

static bool put_pending(struct audit *a, struct audit_chain *c, struct err *e)
{
    struct str rest = buf_view(&a->pending);
    struct pending_head head;
    bool ok = true;
    while (ok && rest.n >= sizeof head) {
        memcpy(&head, rest.p, sizeof head);
        rest = str_from(rest, sizeof head);
        ok = put_record(a, c, head.kind, str_sub(rest, 0, head.bytes), e);
        rest = str_from(rest, head.bytes);
    }
    return ok;
}

/* An epoch that is over: its successor's key is on the disk before anything names it. Where that
 * cannot be, the epoch goes on. A heartbeat ends it a little early, so that the files this takes
 * are not written while somebody waits. */
static void prepare_next(struct audit *a, struct audit_checkpoint *p)
{
    struct err ignored;
    uint64_t now = p->time / 1000000000u, lasts = a->settings.epoch_seconds;
    if (a->beating)
        lasts -= lasts / 10;
    if (now >= a->signer.since && now - a->signer.since < lasts)
        return;
    if (!audit_signer_next(&a->signer, &ignored) || !audit_save_signer(a, &ignored)) {
        a->signer.has_next = false;
        return;
    }
    p->flags |= AUDIT_EPOCH_ENDS;
    memcpy(p->next, a->signer.next_key, AUDIT_KEY);
}

/* *next: what will be behind it. */
static bool build(struct audit *a, uint32_t flags, struct audit_point *next, struct err *e)
{
    struct audit_chain c = a->scan.good.chain;
    struct audit_checkpoint p = {.epoch = c.epoch,
                                 .segment = c.segment,
                                 .flags = flags,
                                 .time = audit_wall_ns(),
                                 .mono = os_now_ns()};
    buf_reset(&a->out);
    if (a->pending.n && !a->in_session && !put_session(a, &c, e))
        return false;
    if (!put_pending(a, &c, e) || !audit_chain_root(&c, &p.root, e))
        return false;
    prepare_next(a, &p);
    p.leaves = c.leaves;
    p.records = c.records;
    memcpy(p.boot, a->boot, AUDIT_BOOT);
    size_t from = a->out.n;
    audit_put_checkpoint(&a->out, &p, &c.log, a->signer.secret);
    if (!add_leaf(a, &c, from, e))
        return false;
    c.time = p.time;
    c.mono = p.mono;
    memcpy(c.boot, p.boot, AUDIT_BOOT);
    if (p.flags & AUDIT_EPOCH_ENDS) {
        c.epoch++;
        memcpy(c.key, p.next, AUDIT_KEY);
    }
    *next = (struct audit_point){
        .at = a->scan.good.at + a->out.n, .chain = c, .flags = p.flags, .checked = true};
    memcpy(next->body, a->out.p + a->out.n - AUDIT_CHECKPOINT_BYTES, AUDIT_CHECKPOINT_BYTES);
    return true;
}

/* --- to the disk ---------------------------------------------------------------------------------
 */

static enum outcome take_back(const struct audit *a, int error)
{
    if (error == EIO || ftruncate(a->fd, (off_t)a->scan.good.at) != 0 || fdatasync(a->fd) != 0)
        return SUSPECT;
    return error == ENOSPC || error == EDQUOT ? NO_ROOM : NOT_WRITTEN;
}

static enum outcome write_out(const struct audit *a, struct err *e)
{
    size_t at = 0;
    while (at < a->out.n) {
        ssize_t n = pwrite(a->fd, a->out.p + at, a->out.n - at, (off_t)(a->scan.good.at + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int error = n < 0 ? errno : EIO;
            fail(e, ERR_IO, "the audit log cannot be written: %s", strerror(error));
            return take_back(a, error);
        }
        at += (size_t)n;
    }
    if (fdatasync(a->fd) == 0)
        return DONE;
    fail(e, ERR_IO, "the audit log cannot be written: %s", strerror(errno));
    return SUSPECT;
}

/* It is durable. */
static void accept(struct audit *a, const struct audit_point *next)
{
    struct err ignored;
    a->handed_over = next->flags & AUDIT_EPOCH_ENDS;
    a->scan.good = *next;
    a->in_session = a->in_session || a->pending.n;
    if (!a->handed_over)
        return;
    audit_signer_advance(&a->signer, next->chain.time / 1000000000u);
    (void)!audit_save_signer(a, &ignored); /* else the file has both keys until the next time */
}

static enum outcome flush_once(struct audit *a, uint32_t flags, struct err *e)
{
    struct audit_point next;
    uint64_t session = a->session;
    enum outcome got = build(a, flags, &next, e) ? write_out(a, e) : NOT_WRITTEN;
    if (got == DONE) {
        accept(a, &next);
        return got;
    }
    a->signer.has_next = false;
    a->session = session;
    a->in_session = false;
    return got;
}

bool audit_flush(struct audit *a, uint32_t flags, struct err *e)
{
    enum outcome got = flush_once(a, flags, e);
    if (got == NO_ROOM && audit_use_reserve(a))
        got = flush_once(a, flags, e);
    if (got == SUSPECT && audit_new_segment(a, false, e))
        got = flush_once(a, flags, e);
    if (got == SUSPECT) { /* also where no segment can be begun: this disk is done for */
        a->dead = true;
        a->why = *e;
    }
    return got == DONE;
}
