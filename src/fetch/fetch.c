/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/fetch: the loop of a download; see fetch.h. */
#include "fetch/fetch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "fetch/fetch_private.h"
#include "fetch/retry.h"

#define SECOND 1000000000ull

enum {
    FIRST_PIECES = 4, /* asked for while the size or the rate of a source is not known */
    MOST_PIECES = 64,
    UNKNOWN_HOST = 5, /* failures, after which a host nobody has ever reached is given up */
    IMPATIENT = 4,    /* failures in a row, after which another source gets all */
};

/* What came after `now` was asked for is not long ago. */
static uint64_t since(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

/* --- which source -------------------------------------------------------------------------- */

static bool only_is_hopeless(const struct fetch *f, uint64_t now)
{
    const struct source *s = &f->source[f->only];
    return s->out || !s->asked || (s->failures >= IMPATIENT && s->ready_ns > now);
}

/* Where nothing checks single pieces, all of them are to come from one source. */
static void choose_only(struct fetch *f, uint64_t now)
{
    if (f->only < 0 || !only_is_hopeless(f, now))
        return;
    struct source *next = source_first(f->source, f->n_source, f->only, now);
    if (!next)
        return;
    f->only = (int)(next - f->source);
    if (!fetch_forget(f, (uint8_t)f->only, true, &f->fatal))
        return;
}

static struct source *choose(struct fetch *f, int except, uint64_t now)
{
    if (f->only >= 0) {
        struct source *s = &f->source[f->only];
        return source_usable(s, now) ? s : NULL;
    }
    if (f->leaf && since(f->start_ns, now) > SECOND)
        return source_best(f->source, f->n_source, except, now);
    return source_first(f->source, f->n_source, except, now);
}

/* --- starting ------------------------------------------------------------------------------ */

static bool start(struct fetch *f, struct source *s, struct run r, bool joined)
{
    const char *validator = s->loose ? "" : s->known.validator;
    struct transfer *t =
        transfer_new(f->q, &f->owner, source_address(s), r, validator, s->whole, &f->fatal);
    if (!t) {
        if (joined)
            pieces_leave(&f->j.pieces, r);
        return false;
    }
    t->source = (uint8_t)(s - f->source);
    t->epoch = s->epoch;
    t->joined = joined;
    t->redirected = s->effective[0] != '\0';
    s->active++;
    f->transfer[f->n_transfer++] = t;
    curl_multi_add_handle(f->multi, t->easy);
    return true;
}

/* About two seconds of its work, and no more than makes all connections end together. */
static uint64_t request_size(const struct fetch *f, const struct source *s)
{
    double pieces = s->rate > 0 ? s->rate * 2 / HASH_LEAF_BYTES : FIRST_PIECES;
    uint64_t most = pieces < 1 ? 1 : pieces > MOST_PIECES ? MOST_PIECES : (uint64_t)pieces;
    uint64_t fair = pieces_waiting(&f->j.pieces) / (2 * f->tune.wanted) + 1;
    return most < fair ? most : fair;
}

/* Before the size is known: one request each, the next source after a second of silence. */
static void probe(struct fetch *f, uint64_t now)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < f->n_transfer; i++)
        if (f->transfer[i]->start_ns > last)
            last = f->transfer[i]->start_ns;
    if (f->n_transfer && since(last, now) < SECOND)
        return;
    struct source *s = NULL;
    for (uint32_t i = 0; !s && i < f->n_source; i++)
        if (source_usable(&f->source[i], now) && f->source[i].active == 0 &&
            (f->only < 0 || f->only == (int)i))
            s = &f->source[i];
    if (s)
        start(f, s, (struct run){0, FIRST_PIECES}, false);
}

static double time_left(const struct fetch *f, const struct transfer *t, uint64_t now)
{
    double past = (double)since(t->start_ns, now) / (double)SECOND;
    double rate = (double)t->bytes / (past > 0.1 ? past : 0.1);
    double left = (double)(t->run.end * HASH_LEAF_BYTES) - (double)t->pos;
    return since(t->last_ns, now) > 2 * SECOND || rate < 1 ? 1e9 : f->bucket.rate ? 0 : left / rate;
}

static uint32_t helpers(const struct fetch *f, struct run r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_transfer; i++)
        n += f->transfer[i]->joined && f->transfer[i]->run.end > r.first &&
             f->transfer[i]->run.first < r.end;
    return n;
}

/* The second half of what the slowest is still to bring; its last piece is raced for. */
static bool share(struct fetch *f, struct transfer *t, struct run *r)
{
    uint64_t at = t->pos / HASH_LEAF_BYTES;
    if (at >= t->run.end)
        return false;
    uint64_t left = t->run.end - at;
    *r = (struct run){t->run.end - (left + 1) / 2, t->run.end};
    if (left > 1) {
        pieces_leave(&f->j.pieces, *r);
        t->run.end = r->first;
    } else if (helpers(f, *r) > 1) {
        return false;
    }
    pieces_join(&f->j.pieces, *r);
    return true;
}

/* Nothing waits any more: a connection that is free takes over from the slowest. */
static bool help(struct fetch *f, uint64_t now)
{
    struct transfer *slow = NULL;
    struct run r;
    for (uint32_t i = 0; i < f->n_transfer; i++) {
        struct transfer *t = f->transfer[i];
        bool stuck = t->joined && t->pos / HASH_LEAF_BYTES + 1 >= t->run.end;
        double least = stuck ? 2 : 0.5;
        if (t->joined && since(t->start_ns, now) > SECOND / 2 && time_left(f, t, now) > least &&
            (!slow || time_left(f, t, now) > time_left(f, slow, now)))
            slow = t;
    }
    if (!slow)
        return false;
    struct source *s = choose(f, slow->source, now);
    if (!s || s->whole)
        s = choose(f, -1, now);
    return s && !s->whole && share(f, slow, &r) && start(f, s, r, true);
}

static bool start_one(struct fetch *f, uint64_t now)
{
    struct source *s = choose(f, -1, now);
    struct run r = {0, 0};
    if (!s)
        return false;
    if (s->whole)
        return pieces_waiting(&f->j.pieces) && start(f, s, r, false);
    if (!pieces_take(&f->j.pieces, request_size(f, s), &r))
        return help(f, now);
    return start(f, s, r, true);
}

static void schedule(struct fetch *f, uint64_t now)
{
    choose_only(f, now);
    if (f->j.pieces.n == 0) {
        if (f->n_transfer < FETCH_CONNECTIONS)
            probe(f, now);
        return;
    }
    uint32_t wanted = tune_step(&f->tune, now, f->received);
    while (f->fatal.code == ERR_NONE && f->n_transfer < wanted && start_one(f, now))
        ;
}

/* --- ending -------------------------------------------------------------------------------- */

static bool transient(CURLcode code, struct err *why)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(why, ERR_NETWORK, "the host has no address; check its name and the network");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return fail(why, ERR_NETWORK, "the proxy has no address; check its name");
    case CURLE_COULDNT_CONNECT:
        return fail(why, ERR_NETWORK, "no connection to the host or its proxy");
    case CURLE_OPERATION_TIMEDOUT:
        return fail(why, ERR_NETWORK, "the host does not answer in time");
    default:
        return fail(why, ERR_NETWORK, "the connection broke: %s", curl_easy_strerror(code));
    }
}

bool fetch_describe(CURLcode code, struct err *why)
{
    switch (code) {
    case CURLE_TOO_MANY_REDIRECTS:
        return !fail(why, ERR_NETWORK, "it redirects in a circle");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return !fail(why, ERR_NETWORK, "it redirects to an address that moat does not follow");
    case CURLE_PEER_FAILED_VERIFICATION:
        return !fail(why, ERR_NETWORK,
                     "its certificate cannot be trusted; a CA of your own goes into --ca FILE");
    case CURLE_SSL_CACERT_BADFILE:
        return !fail(why, ERR_USAGE, "the file of CA certificates cannot be read; check --ca");
    default:
        return transient(code, why);
    }
}

static void tell(struct fetch *f, struct source *s, const struct err *why)
{
    if (s->told || s->failures < 2)
        return; /* the first failure may well be the last */
    s->told = true;
    fetch_note(f, s, why);
}

static void failed(struct fetch *f, struct source *s, const struct transfer *t, bool final,
                   bool unknown_host, uint64_t now)
{
    if (t->redirected && s->effective[0] && t->pieces == 0) {
        s->effective[0] = '\0'; /* where it led may have expired: ask the source itself */
        return;
    }
    s->effective[0] = '\0';
    source_failed(s, t->answer.has_retry ? t->answer.retry_s : 0, now);
    bool never = unknown_host && f->received == 0 && f->j.pieces.n_done == 0;
    if (final || (f->q->retries && s->failures >= f->q->retries) ||
        (never && s->failures >= UNKNOWN_HOST))
        fetch_give_up(f, s, &t->why, false);
    else
        tell(f, s, &t->why);
}

static void take_out(struct fetch *f, struct transfer *t)
{
    curl_multi_remove_handle(f->multi, t->easy);
    f->source[t->source].active--;
    for (uint32_t i = 0; i < f->n_transfer; i++)
        if (f->transfer[i] == t)
            f->transfer[i] = f->transfer[--f->n_transfer];
    f->received += t->bytes;
}

/* It brought nothing wrong, or what was wrong is written down in t->why. */
static bool ended_well(struct fetch *f, struct transfer *t, CURLcode code)
{
    if (code == CURLE_OK && !t->judged) /* an answer without a body */
        (void)!fetch_judge(f, t);
    if (t->why.code != ERR_NONE)
        return false;
    if (t->complete || code == CURLE_WRITE_ERROR) /* what it brings is not wanted any more */
        return true;
    return code == CURLE_OK &&
           (t->pieces || fail(&t->why, ERR_CORRUPT, "it sends less than was asked for"));
}

/* code: how it ended. */
static void finish(struct fetch *f, struct transfer *t, CURLcode code, uint64_t now)
{
    struct source *s = &f->source[t->source];
    take_out(f, t);
    bool good = ended_well(f, t, code);
    if (t->joined)
        pieces_leave(&f->j.pieces, t->run);
    if (t->pieces)
        source_worked(s, t->bytes, since(t->start_ns, now));
    if (!good && !s->out && f->fatal.code == ERR_NONE) {
        bool final = t->why.code == ERR_NONE ? fetch_describe(code, &t->why)
                                             : t->answer.status >= 300 && t->answer.status != 416 &&
                                                   !retry_status(t->answer.status);
        failed(f, s, t, final, code == CURLE_COULDNT_RESOLVE_HOST, now);
    }
    transfer_free(t);
}

static void collect(struct fetch *f, uint64_t now)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(f->multi, &left));) {
        struct transfer *t = NULL;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
            finish(f, t, code, now);
    }
}

/* Ends what is stuck, what others have overtaken, and what belongs to a source that is out. */
static void police(struct fetch *f, uint64_t now)
{
    uint64_t wait = bucket_wait_ns(&f->bucket, now);
    for (uint32_t i = f->n_transfer; i-- > 0;) {
        struct transfer *t = f->transfer[i];
        if (t->paused && wait == 0)
            transfer_resume(t);
        bool unwanted = f->source[t->source].out || (f->only >= 0 && f->only != t->source) ||
                        (t->joined && transfer_is_done(t));
        bool stuck = !t->paused && since(t->last_ns, now) > f->q->stall_s * SECOND;
        t->complete |= unwanted;
        if (stuck && !unwanted)
            fail(&t->why, ERR_NETWORK, "no byte came for %u seconds", f->q->stall_s);
        if (stuck || unwanted)
            finish(f, t, CURLE_OPERATION_TIMEDOUT, now);
    }
}

/* --- the loop ------------------------------------------------------------------------------ */

static void tell_progress(struct fetch *f, uint64_t now, struct event *v)
{
    struct pieces *p = &f->j.pieces;
    *v = (struct event){.kind = EVENT_PROGRESS,
                        .done = pieces_done_bytes(p),
                        .total = p->size,
                        .received = f->received,
                        .connections = f->n_transfer};
    for (uint32_t i = 0; i < f->n_transfer; i++) {
        v->done += f->transfer[i]->filled;
        v->received += f->transfer[i]->bytes;
    }
    if (v->done > p->size)
        v->done = p->size;
    f->told_ns = now;
    if (!f->fn(f->arg, v))
        f->gone = true;
}

static bool nobody_left(struct fetch *f, struct err *e)
{
    const struct source *first = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_source; i++) {
        if (f->source[i].asked && !f->source[i].out)
            return false;
        if (f->source[i].asked && !first)
            first = &f->source[i];
        n += f->source[i].asked;
    }
    if (!first)
        return false;
    *e = first->why;
    err_at(e, "%s", first->parsed.shown);
    if (n > 1)
        err_at(e, "none of the %u sources can be used; the first", n);
    return true;
}

static void wait_for_more(struct fetch *f, uint64_t now)
{
    struct curl_waitfd control = {.fd = f->control_fd, .events = CURL_WAIT_POLLIN};
    uint64_t pause = bucket_wait_ns(&f->bucket, now);
    int ms = pause && pause < SECOND / 20 ? (int)(pause / 1000000) + 1 : 50;
    char c;
    curl_multi_poll(f->multi, &control, f->control_fd >= 0, ms, NULL);
    if (control.revents && read(f->control_fd, &c, 1) <= 0)
        f->gone = true;
}

static bool run(struct fetch *f, struct err *e)
{
    int running;
    struct event v;
    while (!pieces_all_done(&f->j.pieces)) {
        uint64_t now = os_now_ns();
        schedule(f, now);
        curl_multi_perform(f->multi, &running);
        now = os_now_ns();
        collect(f, now);
        police(f, now);
        if (f->fatal.code) {
            *e = f->fatal;
            return false;
        }
        if (nobody_left(f, e))
            return false;
        if (since(f->told_ns, now) > SECOND / 10)
            tell_progress(f, now, &v);
        if (f->gone)
            return fail(e, ERR_CANCELLED, "stopped; the same command goes on from here");
        if (!pieces_all_done(&f->j.pieces))
            wait_for_more(f, now);
    }
    return true;
}

/* --- beginning ----------------------------------------------------------------------------- */

/* The sources of the job, under the numbers an earlier call gave them. */
static bool name_sources(struct fetch *f, struct err *e)
{
    f->n_source = f->j.n_source;
    for (uint32_t i = 0; i < f->n_source; i++)
        f->source[i].known = f->j.source[i];
    for (uint32_t i = 0; i < f->q->n_url; i++) {
        struct source s;
        uint32_t at = 0;
        if (!source_init(&s, f->q->url[i], e))
            return false;
        while (at < f->n_source && memcmp(f->source[at].known.id, s.known.id, JOURNAL_ID) != 0)
            at++;
        if (at == LIMIT_PULL_SOURCES)
            return fail(e, ERR_LIMIT, "more than %u sources", LIMIT_PULL_SOURCES);
        if (at < f->n_source)
            s.known = f->source[at].known;
        s.out = s.known.out;
        if (s.out)
            fail(&s.why, ERR_CORRUPT, "the file it has is not the one wanted");
        f->source[at] = s;
        if (at < f->n_source)
            continue;
        f->n_source++;
        if (f->j.pieces.n && !journal_note_source(f->journal_fd, (uint8_t)at, &s.known, e))
            return false;
    }
    return true;
}

/* The asked source that most of what is there came from; -1: none did. */
static int main_source(const struct fetch *f, bool *mixed)
{
    uint64_t n[LIMIT_PULL_SOURCES + 1] = {0};
    int best = -1;
    for (uint64_t i = 0; i < f->j.pieces.n; i++)
        if (f->j.pieces.state[i] == PIECE_DONE)
            n[f->j.pieces.from[i] % LIMIT_PULL_SOURCES]++;
    *mixed = false;
    for (uint32_t i = 0; i < f->n_source; i++) {
        *mixed |= n[i] && n[i] != f->j.pieces.n_done;
        if (n[i] && f->source[i].asked && !f->source[i].out && (best < 0 || n[i] > n[best]))
            best = (int)i;
    }
    return best;
}

/* The whole was wrong. Who sent all of it is out; of several, one gets to send all of it. */
static bool distrust(struct fetch *f, struct err *e)
{
    bool mixed;
    struct err why = {0};
    int best = main_source(f, &mixed);
    if (best >= 0 && mixed) {
        f->only = best;
        return fetch_forget(f, (uint8_t)best, true, e);
    }
    fail(&why, ERR_CORRUPT, "the file it has is not the one wanted");
    if (best >= 0)
        fetch_give_up(f, &f->source[best], &why, true);
    f->only = -1;
    return fetch_forget(f, LIMIT_PULL_SOURCES, true, e);
}

static bool settle_sources(struct fetch *f, struct err *e)
{
    bool mixed;
    if (f->q->mismatch && !f->leaf)
        return distrust(f, e);
    if (f->leaf || f->q->digest_known)
        return true;
    f->only = main_source(f, &mixed);
    for (uint32_t i = 0; f->only < 0 && i < f->n_source; i++)
        if (f->source[i].asked && !f->source[i].out)
            f->only = (int)i;
    return f->only < 0 || fetch_forget(f, (uint8_t)f->only, true, e);
}

static bool begin(struct fetch *f, struct err *e)
{
    f->multi = curl_multi_init();
    if (!f->multi)
        return fail(e, ERR_LIMIT, "not enough memory for a connection");
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, 2L * FETCH_CONNECTIONS);
    if (!journal_open(f->journal_fd, &f->j, e))
        return false;
    if (f->j.pieces.n && lseek(f->data_fd, 0, SEEK_END) < (off_t)f->j.pieces.size)
        journal_clear(&f->j); /* the file it speaks of is gone */
    if (!name_sources(f, e) || !fetch_leaves(f, e) || !fetch_check_old(f, e) ||
        !settle_sources(f, e))
        return false;
    f->start_ns = os_now_ns();
    bucket_init(&f->bucket, f->q->limit_rate, f->start_ns);
    tune_init(&f->tune, f->q->connections, f->start_ns, 0);
    return true;
}

static void clear(struct fetch *f)
{
    while (f->n_transfer) {
        struct transfer *t = f->transfer[--f->n_transfer];
        curl_multi_remove_handle(f->multi, t->easy);
        transfer_free(t);
    }
    curl_multi_cleanup(f->multi);
    journal_clear(&f->j);
    mem_free(f->leaf);
}

bool fetch_file(const struct fetch_job *q, int data_fd, int journal_fd, int control_fd,
                fetch_event_fn *fn, void *arg, struct event *last, struct err *e)
{
    struct fetch *f = mem_new(1, sizeof *f, e);
    if (!f)
        return false;
    *f = (struct fetch){.q = q,
                        .data_fd = data_fd,
                        .journal_fd = journal_fd,
                        .control_fd = control_fd,
                        .fn = fn,
                        .arg = arg,
                        .only = -1};
    f->owner = (struct transfer_owner){f, fetch_judge, fetch_piece, &f->j.pieces, &f->bucket};
    bool ok = begin(f, e) && run(f, e);
    tell_progress(f, os_now_ns(), last);
    clear(f);
    mem_free(f);
    return ok;
}
