/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/call: the caller's side of the fetch role; see role.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/json.h"
#include "base/os.h"
#include "fetch/journal.h"
#include "fetch/role.h"

enum { TICK_MS = 200 };
#define SYNC_NS 5000000000ull

struct call {
    struct child child;
    struct buf in;
    int data_fd, journal_fd;
    const atomic_bool *stop;
    fetch_event_fn *fn;
    void *arg;
    struct event *last;
    struct document *document;
    uint64_t synced_ns;
    bool ended;
};

static bool send_job(struct call *c, const struct fetch_job *q, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_LINE_BYTES);
    bool ok = line_write_job(q, &text, e);
    struct str left = buf_view(&text);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    while (ok && left.n) {
        ssize_t n = write(c->child.to, left.p, left.n);
        if (n < 0 && errno != EINTR)
            ok = fail(e, ERR_INTERNAL, "the fetch process does not listen");
        left = str_from(left, n > 0 ? (size_t)n : 0);
    }
    signal(SIGPIPE, before);
    buf_clear(&text);
    return ok;
}

static bool take_document(struct call *c, const struct event *v, struct err *e)
{
    if (!c->document)
        return true;
    c->document->status = v->status;
    c->document->outer = v->outer;
    snprintf(c->document->challenge, sizeof c->document->challenge, "%s", v->from);
    snprintf(c->document->location, sizeof c->document->location, "%s", v->location);
    buf_cstr(&c->document->body, v->text);
    return buf_ok(&c->document->body, "document", e);
}

static bool take_end(struct call *c, const struct event *v, struct err *e)
{
    c->ended = true;
    if (c->last) {
        *c->last = *v;
        c->last->text = c->last->from = ""; /* they live in the message */
    }
    if (v->code != ERR_NONE)
        return fail(e, v->code, "%s", v->text);
    return true;
}

static bool take_event(struct call *c, struct str line, struct err *e)
{
    struct event v;
    json_t *j = json_parse(line, FETCH_ROLE, e);
    bool ok = j && line_read_event(&v, j, e);
    if (ok && v.kind == EVENT_END)
        ok = take_end(c, &v, e);
    else if (ok && v.kind == EVENT_DOCUMENT)
        ok = take_document(c, &v, e);
    else if (ok && c->fn && !c->fn(c->arg, &v))
        ok = fail(e, ERR_CANCELLED, "stopped; the same command goes on from here");
    json_decref(j);
    return ok;
}

static bool take_lines(struct call *c, struct err *e)
{
    bool ok = true;
    while (ok && !c->ended) {
        size_t n = str_find(buf_view(&c->in), STR("\n"));
        if (n == SIZE_MAX)
            break;
        ok = take_event(c, str_sub(buf_view(&c->in), 0, n), e);
        buf_drop_front(&c->in, n + 1);
    }
    return ok;
}

/* What has come, or nothing within a tick. */
static bool take_more(struct call *c, struct err *e)
{
    char chunk[16384];
    struct pollfd in = {.fd = c->child.from, .events = POLLIN};
    if (poll(&in, 1, TICK_MS) <= 0)
        return true;
    ssize_t n = read(c->child.from, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return fail(e, ERR_INTERNAL, "the fetch process ended; the same command goes on from here");
    buf_add(&c->in, chunk, (size_t)n);
    return buf_ok(&c->in, FETCH_ROLE, e) && take_lines(c, e);
}

static bool sync_now_and_then(struct call *c, struct err *e)
{
    uint64_t now = os_now_ns();
    if (c->journal_fd < 0 || now - c->synced_ns < SYNC_NS)
        return true;
    c->synced_ns = now;
    return journal_sync(c->journal_fd, c->data_fd, e);
}

static bool talk(struct call *c, const struct fetch_job *q, struct err *e)
{
    c->synced_ns = os_now_ns();
    bool ok = send_job(c, q, e);
    while (ok && !c->ended) {
        ok = take_more(c, e);
        if (c->stop && atomic_load(c->stop)) /* the child may have been interrupted first */
            return fail(e, ERR_CANCELLED, "stopped; the same command goes on from here");
        ok = ok && sync_now_and_then(c, e);
    }
    return ok;
}

bool fetch_call(const struct fetch_job *q, int data_fd, int journal_fd, const atomic_bool *stop,
                fetch_event_fn *fn, void *arg, struct event *last, struct document *d,
                struct err *e)
{
    struct call c = {.data_fd = data_fd,
                     .journal_fd = journal_fd,
                     .stop = stop,
                     .fn = fn,
                     .arg = arg,
                     .last = last,
                     .document = d};
    const char *const argv[] = {"moat", FETCH_ROLE, NULL};
    buf_init(&c.in, LIMIT_LINE_BYTES);
    if (d) {
        *d = (struct document){0};
        buf_init(&d->body, LIMIT_HTTP_DOCUMENT);
    }
    bool ok = child_start(&c.child, argv, (int[]){data_fd, journal_fd},
                          data_fd < 0      ? 0
                          : journal_fd < 0 ? 1
                                           : 2,
                          e) &&
              talk(&c, q, e);
    child_end(&c.child);
    buf_clear(&c.in);
    return ok;
}

const char *fetch_private_ca(void)
{
    static const char *const variables[] = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
                                            "CURL_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *file = getenv(variables[i]);
        if (file && *file)
            return file;
    }
    return NULL;
}
