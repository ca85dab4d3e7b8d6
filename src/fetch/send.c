/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/send: see send.h. */
#include "fetch/send.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "fetch/fetch_private.h"
#include "fetch/reach.h"
#include "fetch/receive.h"

enum { SECOND_NS = 1000000000 };

struct sending {
    const struct fetch_job *q;
    int fd;
    uint64_t at, told_ns;
    fetch_event_fn *fn;
    void *arg;
    struct receiver answer;
};

static bool tell(struct sending *s)
{
    uint64_t now = os_now_ns();
    struct event v = {.kind = EVENT_PROGRESS, .done = s->at, .total = s->q->size, .connections = 1};
    if (now - s->told_ns < SECOND_NS / 10 && s->at < s->q->size)
        return true;
    s->told_ns = now;
    return s->fn(s->arg, &v);
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct sending *s = arg;
    uint64_t left = s->q->size - s->at;
    size_t want = size * n < left ? size * n : (size_t)left;
    ssize_t got = want ? pread(s->fd, p, want, (off_t)s->at) : 0;
    if (got < 0 || (want && got == 0)) {
        fail(&s->answer.why, ERR_IO, "cannot read the file: %s", strerror(got < 0 ? errno : EIO));
        return CURL_READFUNC_ABORT;
    }
    s->at += (uint64_t)got;
    if (!tell(s)) {
        fail(&s->answer.why, ERR_CANCELLED, "the caller is gone");
        return CURL_READFUNC_ABORT;
    }
    return (size_t)got;
}

/* libcurl goes back to the start when a connection that was kept turns out to be closed. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct sending *s = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > s->q->size)
        return CURL_SEEKFUNC_FAIL;
    s->at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct sending *s = arg;
    (void)purpose;
    if (!reach_is_inner(&a->addr, (socklen_t)a->addrlen)) {
        fail(&s->answer.why, ERR_DENIED,
             "it is outside this machine and its private networks, and nothing is sent there");
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void stay_inside(CURL *h, struct sending *s)
{
    curl_easy_setopt(h, CURLOPT_PROXY, ""); /* nor one that the environment names */
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, s);
}

static void set_body(CURL *h, struct sending *s)
{
    const struct fetch_job *q = s->q;
    if (strcmp(q->method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    } else if (q->upload) {
        curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
        curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(h, CURLOPT_READDATA, s);
        curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(h, CURLOPT_SEEKDATA, s);
        if (q->limit_rate)
            curl_easy_setopt(h, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)q->limit_rate);
    } else {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->text ? q->text : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(q->text ? strlen(q->text) : 0));
    }
    if (strcmp(q->method, "HEAD") != 0)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
}

static CURLcode perform(CURL *h, struct sending *s)
{
    char type[512];
    const struct fetch_job *q = s->q;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    snprintf(type, sizeof type, "Content-Type: %s", q->type ? q->type : "application/octet-stream");
    struct curl_slist *headers = curl_slist_append(NULL, type);
    struct curl_slist *all = curl_slist_append(headers, "Expect:"); /* no waiting for 100 */
    if (all && transfer_options(h, q, q->url[0])) {
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, all);
        receive_options(h, &s->answer);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)q->stall_s);
        if (q->inner)
            stay_inside(h, s);
        set_body(h, s);
        code = curl_easy_perform(h);
    }
    curl_slist_free_all(all ? all : headers);
    return code;
}

bool fetch_send(const struct fetch_job *q, int fd, fetch_event_fn *fn, void *arg, size_t most,
                struct document *d, struct err *e)
{
    struct sending s = {.q = q, .fd = fd, .fn = fn, .arg = arg};
    CURL *h = curl_easy_init();
    receive_init(&s.answer, d, most);
    CURLcode code = h ? perform(h, &s) : CURLE_OUT_OF_MEMORY;
    curl_easy_cleanup(h);
    return receive_end(&s.answer, code, e);
}
