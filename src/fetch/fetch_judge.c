/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/fetch_judge: what an answer means, and what becomes of a piece that came.
 *
 * (I1) A piece reaches the file only from an answer that named the range asked for, the size all
 *      sources agree on, and the same version of the file as the pieces before it from that source.
 * (I2) With a tree, only if its hash is the leaf's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "fetch/fetch_private.h"
#include "fetch/retry.h"

enum { FAULTS = 3, FAULTS_ALONE = 20, CHANGES = 3 };

void fetch_note(struct fetch *f, const struct source *s, const struct err *why)
{
    struct event v = {
        .kind = EVENT_NOTE, .code = why->code, .text = why->msg, .from = s->parsed.shown};
    if (!f->fn(f->arg, &v))
        f->gone = true;
}

void fetch_give_up(struct fetch *f, struct source *s, const struct err *why, bool kept)
{
    if (s->out)
        return;
    s->out = true;
    s->why = *why;
    s->known.out = kept;
    if (kept && f->j.pieces.n &&
        !journal_note_source(f->journal_fd, (uint8_t)(s - f->source), &s->known, &f->fatal))
        return;
    if (f->q->n_url > 1) /* the only one is what the error is about */
        fetch_note(f, s, why);
}

bool fetch_forget(struct fetch *f, uint8_t source, bool others, struct err *e)
{
    struct pieces *p = &f->j.pieces;
    for (uint64_t i = 0; i < p->n; i++) {
        if (p->state[i] != PIECE_DONE || (p->from[i] == source) == others)
            continue;
        pieces_forget(p, i);
        if (!journal_note_forget(f->journal_fd, i, e))
            return false;
    }
    return true;
}

/* --- size ---------------------------------------------------------------------------------- */

/* Room for all of the file now, rather than an error at its end. */
static bool reserve(struct fetch *f, uint64_t size, struct err *e)
{
    struct statvfs disk;
    uint64_t there = 0;
    off_t end = lseek(f->data_fd, 0, SEEK_END);
    if (end > 0)
        there = (uint64_t)end;
    if (fallocate(f->data_fd, 0, 0, (off_t)size) == 0)
        return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR && errno != ENOSPC)
        return fail(e, ERR_IO, "cannot write the file: %s", strerror(errno));
    bool full = errno == ENOSPC;
    uint64_t room = fstatvfs(f->data_fd, &disk) == 0 ? disk.f_bavail * disk.f_frsize : UINT64_MAX;
    if (full || (size > there && size - there > room))
        return fail(e, ERR_IO,
                    "the file has %llu MiB and the disk has only %llu MiB left; free some space, "
                    "or set MOAT_HOME to a larger disk",
                    (unsigned long long)(size >> 20), (unsigned long long)(room >> 20));
    return true;
}

/* The first size anybody names is the size of the file. */
static bool begin(struct fetch *f, uint64_t size)
{
    struct err *e = &f->fatal;
    journal_clear(&f->j);
    if (f->leaf && pieces_of(size) != f->n_leaf)
        return fail(e, ERR_CORRUPT, "the file has %llu bytes, which does not fit its hash tree",
                    (unsigned long long)size);
    if (!pieces_init(&f->j.pieces, size, e))
        return false;
    f->j.checked = mem_new(f->j.pieces.n, 1, e);
    if (!f->j.checked || ftruncate(f->data_fd, 0) != 0 || !reserve(f, size, e) ||
        !journal_begin(f->journal_fd, size, e))
        return e->code || fail(e, ERR_IO, "cannot write the file: %s", strerror(errno));
    for (uint32_t i = 0; i < f->n_source; i++)
        if (!journal_note_source(f->journal_fd, (uint8_t)i, &f->source[i].known, e))
            return false;
    tune_init(&f->tune, f->q->connections, os_now_ns(), f->received);
    return true;
}

static bool check_size(struct fetch *f, struct transfer *t, struct source *s, uint64_t size)
{
    if (f->j.pieces.n == 0) {
        struct err why = {0};
        if ((f->leaf && pieces_of(size) != f->n_leaf) || (f->q->size && size != f->q->size)) {
            fail(&why, ERR_CORRUPT, "it has a file of another size");
            fetch_give_up(f, s, &why, false);
            return false;
        }
        return begin(f, size);
    }
    if (f->j.pieces.size == size)
        return true;
    fail(&t->why, ERR_CORRUPT, "it has a file of another size");
    fetch_give_up(f, s, &t->why, false);
    return false;
}

/* --- versions ------------------------------------------------------------------------------ */

static bool new_version(struct fetch *f, struct transfer *t, struct source *s, uint64_t size)
{
    struct err *e = &f->fatal;
    uint8_t number = (uint8_t)(s - f->source);
    s->epoch++;
    s->changes++;
    snprintf(s->known.validator, ANSWER_TEXT, "%s", answer_validator(&t->answer));
    if (s->changes > CHANGES) {
        s->loose = f->leaf || f->q->digest_known; /* what comes is checked: let it change */
        if (!s->loose) {
            fail(&t->why, ERR_CORRUPT, "the file changes all the time while it is pulled");
            fetch_give_up(f, s, &t->why, false);
            return false;
        }
    }
    fail(&t->why, ERR_CORRUPT, "the file was changed while it was pulled; starting again");
    fetch_note(f, s, &t->why);
    t->why.code = ERR_NONE;
    if (!f->leaf && !fetch_forget(f, number, false, e))
        return false;
    if (f->j.pieces.n_done == 0 && f->j.pieces.size != size) {
        for (uint32_t i = 0; i < f->n_transfer; i++)
            f->transfer[i]->joined = false;
        if (!begin(f, size))
            return false;
    } else if (!journal_note_source(f->journal_fd, number, &s->known, e)) {
        return false;
    }
    return true;
}

/* Does only this source speak of the file? Then it may say anew how large it is. */
static bool alone(const struct fetch *f, const struct source *s)
{
    const struct pieces *p = &f->j.pieces;
    uint8_t number = (uint8_t)(s - f->source);
    for (uint32_t i = 0; i < f->n_source; i++)
        if (i != number && f->source[i].asked && !f->source[i].out)
            return false;
    for (uint64_t i = 0; i < p->n; i++)
        if (p->state[i] == PIECE_DONE && p->from[i] != number)
            return false;
    return true;
}

/* Is it another version than the pieces before it are of? */
static bool changed(const struct fetch *f, const struct source *s, const struct answer *a,
                    uint64_t size)
{
    bool other = s->known.validator[0] && strcmp(s->known.validator, a->etag) != 0;
    return (other && !s->loose) ||
           (f->j.pieces.n && f->j.pieces.size != size && !f->leaf && alone(f, s));
}

static bool note_version(struct fetch *f, struct transfer *t, struct source *s)
{
    const char *validator = answer_validator(&t->answer);
    if (s->loose || strcmp(s->known.validator, validator) == 0)
        return true;
    snprintf(s->known.validator, ANSWER_TEXT, "%s", validator);
    return journal_note_source(f->journal_fd, (uint8_t)(s - f->source), &s->known, &f->fatal);
}

/* --- answers ------------------------------------------------------------------------------- */

static bool others_left(const struct fetch *f, const struct source *s)
{
    for (uint32_t i = 0; i < f->n_source; i++)
        if (&f->source[i] != s && f->source[i].asked && !f->source[i].out)
            return true;
    return false;
}

/* t->why says what it did. Where there is another source, patience is short. */
static void fault(struct fetch *f, struct transfer *t, struct source *s)
{
    if (++s->faults >= (others_left(f, s) || !s->good ? FAULTS : FAULTS_ALONE))
        fetch_give_up(f, s, &t->why, false);
}

/* A run from now on: of the pieces asked for, or all where the whole file comes. */
static void join(struct fetch *f, struct transfer *t, struct run r)
{
    if (t->joined)
        pieces_leave(&f->j.pieces, t->run);
    if (r.end > f->j.pieces.n)
        r.end = f->j.pieces.n;
    t->run = r;
    t->pos = r.first * HASH_LEAF_BYTES;
    pieces_join(&f->j.pieces, r);
    t->joined = true;
}

static bool encoded(struct fetch *f, struct transfer *t, struct source *s)
{
    fail(&t->why, ERR_UNSUPPORTED, "it sends the file in an encoding that was not asked for");
    fetch_give_up(f, s, &t->why, false);
    return false;
}

static bool judge_part(struct fetch *f, struct transfer *t, struct source *s)
{
    const struct answer *a = &t->answer;
    uint64_t first = t->asked.first * HASH_LEAF_BYTES, end = t->asked.end * HASH_LEAF_BYTES;
    if (a->encoded)
        return encoded(f, t, s);
    if (!a->has_range || a->from != first || a->to >= end) {
        fail(&t->why, ERR_CORRUPT, "it sends other bytes than were asked for");
        fault(f, t, s);
        return false;
    }
    if (changed(f, s, a, a->total) && !new_version(f, t, s, a->total))
        return false;
    if (!check_size(f, t, s, a->total) || !note_version(f, t, s))
        return false;
    join(f, t, t->run);
    return true;
}

static bool judge_whole(struct fetch *f, struct transfer *t, struct source *s)
{
    const struct answer *a = &t->answer;
    if (a->encoded)
        return encoded(f, t, s);
    if (!a->has_length) {
        fail(&t->why, ERR_UNSUPPORTED, "it does not say how long the file is");
        fetch_give_up(f, s, &t->why, false);
        return false;
    }
    if (changed(f, s, a, a->length)) {
        (void)new_version(f, t, s, a->length);
        return false; /* it may well know ranges: ask again for those of the new one */
    }
    if (!check_size(f, t, s, a->length) || !note_version(f, t, s))
        return false;
    s->whole = true;
    join(f, t, (struct run){0, f->j.pieces.n});
    return true;
}

/* 416: the file ends before what was asked for, so it is another one. */
static bool judge_status(struct fetch *f, struct transfer *t, struct source *s)
{
    int status = t->answer.status;
    if (status == 416 && f->j.pieces.n) {
        fail(&t->why, ERR_CORRUPT, "it has a file of another size");
        s->changes++;
        if (!alone(f, s) || s->changes > CHANGES)
            fetch_give_up(f, s, &t->why, false);
        else
            journal_clear(&f->j); /* the next answer says how large it is now */
        return false;
    }
    enum err_code code = retry_status_code(status);
    if (code == ERR_NOT_FOUND)
        return fail(&t->why, code, "there is no such file (HTTP status %d); check the address",
                    status);
    if (code == ERR_UNAUTHORISED || code == ERR_DENIED)
        return fail(&t->why, code,
                    "it does not let us have the file (HTTP status %d); a token goes into "
                    "--token-file FILE",
                    status);
    return fail(&t->why, code, "it answers with HTTP status %d", status);
}

bool fetch_judge(void *arg, struct transfer *t)
{
    struct fetch *f = arg;
    struct source *s = &f->source[t->source];
    bool ok = t->answer.status == 206   ? judge_part(f, t, s)
              : t->answer.status == 200 ? judge_whole(f, t, s)
                                        : judge_status(f, t, s);
    t->epoch = s->epoch;
    char *at = NULL;
    long redirects = 0;
    if (ok && curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &redirects) == CURLE_OK &&
        redirects > 0 && curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &at) == CURLE_OK &&
        at && strlen(at) < sizeof s->effective)
        memcpy(s->effective, at, strlen(at) + 1);
    return ok;
}

/* --- pieces -------------------------------------------------------------------------------- */

static bool matches_leaf(struct fetch *f, struct transfer *t, uint64_t at, bool *good)
{
    struct hash h;
    *good = true;
    if (!f->leaf)
        return true;
    if (!hash_leaf(t->piece, (size_t)pieces_bytes(&f->j.pieces, at), &h, &f->fatal))
        return false;
    *good = hash_eq(&h, &f->leaf[at]);
    return true;
}

static bool write_piece(struct fetch *f, struct transfer *t, uint64_t at)
{
    uint64_t off = at * HASH_LEAF_BYTES, n = pieces_bytes(&f->j.pieces, at);
    for (uint64_t done = 0; done < n;) {
        ssize_t w = pwrite(f->data_fd, t->piece + done, n - done, (off_t)(off + done));
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return fail(&f->fatal, ERR_IO, "cannot write the file: %s", strerror(errno));
        done += (uint64_t)w;
    }
    return true;
}

bool fetch_piece(void *arg, struct transfer *t, uint64_t at)
{
    struct fetch *f = arg;
    struct source *s = &f->source[t->source];
    bool good;
    if (t->epoch != s->epoch || s->out || (f->only >= 0 && f->only != t->source))
        return false; /* (I1): another version, or a source that was given up meanwhile */
    if (!matches_leaf(f, t, at, &good))
        return false;
    if (!good) { /* (I2); what follows may be good */
        fail(&t->why, ERR_CORRUPT, "a piece it sent is damaged");
        fetch_note(f, s, &t->why);
        fault(f, t, s);
        return !s->out;
    }
    s->good = true;
    if (!others_left(f, s))
        s->faults = 0;
    if (!write_piece(f, t, at) ||
        !journal_note_done(f->journal_fd, at, t->source, f->leaf != NULL, &f->fatal))
        return false;
    pieces_set_done(&f->j.pieces, at, t->source);
    f->j.checked[at] = f->leaf != NULL;
    t->pieces++;
    return true;
}
