/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/role: see role.h. This file is the process itself; fetch/call.c is its caller. */
#include "fetch/role.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/json.h"
#include "fetch/send.h"

/* One line of descriptor 0, without its newline. */
static bool read_line(struct buf *out)
{
    char c;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || out->bad)
            return false;
        if (c == '\n')
            return true;
        buf_byte(out, c);
    }
}

static bool write_all(struct str s)
{
    while (s.n) {
        ssize_t n = write(STDOUT_FILENO, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

/* Progress is left out where the caller is slow to read: the next tells more. */
static bool send_event(void *arg, const struct event *v)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    struct buf text;
    (void)arg;
    if (v->kind == EVENT_PROGRESS && poll(&out, 1, 0) == 0)
        return true;
    buf_init(&text, LIMIT_LINE_BYTES);
    bool ok = line_write_event(v, &text, NULL) && write_all(buf_view(&text));
    buf_clear(&text);
    return ok;
}

/* A file's transfer looks at descriptor 0 by itself; here the system ends this process, by SIGIO,
 * once the caller has closed its end. */
static bool end_with_caller(void)
{
    struct pollfd in = {.fd = STDIN_FILENO};
    (void)fcntl(STDIN_FILENO, F_SETOWN, getpid());
    (void)fcntl(STDIN_FILENO, F_SETFL, O_ASYNC);
    return poll(&in, 1, 0) == 0; /* it has not done so before */
}

static bool do_document(const struct fetch_job *q, struct err *e)
{
    struct document d;
    if (!end_with_caller())
        return fail(e, ERR_CANCELLED, "the caller is gone");
    bool sent = q->method ? fetch_send(q, CHILD_FDS, send_event, NULL, LIMIT_HTTP_DOCUMENT, &d, e)
                          : fetch_document(q, LIMIT_HTTP_DOCUMENT, &d, e);
    if (!sent)
        return false;
    struct event v = {.kind = EVENT_DOCUMENT,
                      .status = d.status,
                      .outer = d.outer,
                      .text = str_utf8_valid(buf_view(&d.body)) ? buf_c(&d.body) : "",
                      .from = d.challenge,
                      .location = d.location};
    bool ok = send_event(NULL, &v) || fail(e, ERR_CANCELLED, "the caller is gone");
    buf_clear(&d.body);
    return ok;
}

static bool do_job(json_t *j, bool (*enter)(const struct fetch_job *q, struct err *e),
                   struct event *end, struct err *e)
{
    struct fetch_job q;
    if (!line_read_job(&q, j, e) || !enter(&q, e))
        return false;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail(e, ERR_INTERNAL, "libcurl does not start");
    if (q.document)
        return do_document(&q, e);
    return fetch_file(&q, CHILD_FDS, CHILD_FDS + 1, STDIN_FILENO, send_event, NULL, end, e);
}

bool fetch_is_built_in(void)
{
    return true;
}

int fetch_role_main(bool (*enter)(const struct fetch_job *q, struct err *e))
{
    struct err e = {0};
    struct event end = {0};
    struct buf line;
    signal(SIGPIPE, SIG_IGN);
    buf_init(&line, LIMIT_LINE_BYTES);
    if (!read_line(&line))
        return err_exit_status(ERR_USAGE);
    json_t *j = json_parse(buf_view(&line), FETCH_ROLE, &e);
    bool ok = j && do_job(j, enter, &end, &e);
    end.kind = EVENT_END;
    end.code = ok ? ERR_NONE : e.code ? e.code : ERR_INTERNAL;
    end.text = e.msg;
    (void)!send_event(NULL, &end);
    json_decref(j);
    buf_clear(&line);
    curl_global_cleanup();
    return err_exit_status(end.code);
}
