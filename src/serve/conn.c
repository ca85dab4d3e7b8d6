/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn: see conn.h. */
#include "serve/conn.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "serve/exchange.h"
#include "serve/loop.h"
#include "serve/reply.h"
#include "serve/route.h"

/* --- the end of a connection --------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (--c->open_handles > 0)
        return;
    http_clear(&c->http);
    buf_clear(&c->ahead);
    mem_free(c);
}

void conn_close(struct conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    if (c->x)
        exchange_gone(c->x);
    c->x = NULL;
    *(c->prev ? &c->prev->next : &c->server->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->server->n_conns--;
    uv_close(&c->io.handle, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void on_deadline(uv_timer_t *timer);

static void set_deadline(struct conn *c, uint64_t ms)
{
    if (c->phase == CONN_CLOSED)
        return;
    if (ms)
        uv_timer_start(&c->timer, on_deadline, ms, 0);
    else
        uv_timer_stop(&c->timer);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    struct conn *c = req->data;
    mem_free(req);
    if (status != 0 || c->eof)
        conn_close(c);
}

/* No more answers: the client may still read what is under way, but not for long. */
static void linger(struct conn *c)
{
    if (c->phase == CONN_CLOSED || c->shut)
        return;
    c->phase = CONN_LINGER;
    c->shut = true;
    buf_clear(&c->ahead);
    uv_shutdown_t *req = mem_new(1, sizeof *req, NULL);
    if (req)
        req->data = c;
    if (!req || uv_shutdown(req, &c->io.stream, on_shut) != 0) {
        mem_free(req);
        conn_close(c);
        return;
    }
    set_deadline(c, c->writes ? CONN_STALL_MS : CONN_LINGER_MS);
}

static void refuse(struct conn *c, int status, const struct err *why)
{
    reply_refusal(c, status, why);
    linger(c);
}

static void on_deadline(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    struct err e;
    if (c->phase == CONN_HEAD || c->phase == CONN_BODY) {
        fail(&e, ERR_USAGE, "the request did not come whole in time");
        refuse(c, 408, &e);
    } else {
        conn_close(c);
    }
}

/* --- what goes out ------------------------------------------------------------------------------
 */

struct write {
    uv_write_t req;
    struct conn *c;
    char bytes[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = req->data;
    struct conn *c = w->c;
    mem_free(w);
    if (c->phase == CONN_CLOSED)
        return;
    c->writes--;
    if (status < 0)
        conn_close(c);
    else if (c->phase == CONN_ANSWER)
        set_deadline(c, c->writes ? CONN_STALL_MS : 0);
    else if (c->phase == CONN_LINGER)
        set_deadline(c, c->writes ? CONN_STALL_MS : CONN_LINGER_MS);
}

static void write_later(struct conn *c, struct str bytes)
{
    struct write *w = mem_new(sizeof *w + bytes.n, 1, NULL);
    if (!w) {
        conn_close(c);
        return;
    }
    memcpy(w->bytes, bytes.p, bytes.n);
    w->c = c;
    w->req.data = w;
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)bytes.n);
    if (uv_write(&w->req, &c->io.stream, &b, 1, on_written) != 0) {
        mem_free(w);
        conn_close(c);
        return;
    }
    if (c->writes++ == 0 && c->phase == CONN_ANSWER)
        set_deadline(c, CONN_STALL_MS);
}

void conn_write(struct conn *c, struct str bytes)
{
    if (c->phase == CONN_CLOSED || c->shut || bytes.n == 0)
        return;
    if (c->writes == 0) {
        uv_buf_t b = uv_buf_init((char *)(uintptr_t)bytes.p, (unsigned)bytes.n);
        int n = uv_try_write(&c->io.stream, &b, 1);
        if (n > 0)
            bytes = str_from(bytes, (size_t)n);
        else if (n != UV_EAGAIN) {
            conn_close(c);
            return;
        }
    }
    if (bytes.n)
        write_later(c, bytes);
}

size_t conn_pending(const struct conn *c)
{
    return uv_stream_get_write_queue_size(&c->io.stream);
}

/* --- what comes in ------------------------------------------------------------------------------
 */

/* What can be said without the body, before the client sends it. */
static void head_complete(struct conn *c)
{
    struct err e;
    c->phase = CONN_BODY;
    set_deadline(c, CONN_BODY_MS);
    int status = route_check(c, &e);
    if (status)
        refuse(c, status, &e);
    else if (c->http.req.expect_continue && c->http.state == HTTP_STATE_BODY)
        conn_write(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void begin(struct conn *c)
{
    c->phase = CONN_ANSWER;
    set_deadline(c, 0);
    route_dispatch(c);
}

static void next_request(struct conn *c)
{
    http_next(&c->http);
    c->phase = CONN_IDLE;
    set_deadline(c, CONN_IDLE_MS);
}

/* One step of reading; how many bytes it took. */
static size_t step(struct conn *c, struct str in)
{
    if (c->phase == CONN_IDLE) {
        c->phase = CONN_HEAD;
        set_deadline(c, CONN_HEAD_MS);
    }
    size_t n = http_feed(&c->http, in);
    if (c->http.state == HTTP_STATE_BAD) {
        refuse(c, c->http.status, &c->http.err);
        return in.n;
    }
    if (c->phase == CONN_HEAD && c->http.state != HTTP_STATE_HEAD)
        head_complete(c);
    if (c->phase == CONN_BODY && c->http.state == HTTP_STATE_COMPLETE)
        begin(c);
    return n;
}

static bool wants_bytes(const struct conn *c)
{
    return c->phase == CONN_IDLE || c->phase == CONN_HEAD || c->phase == CONN_BODY;
}

static struct str take(struct conn *c, struct str in)
{
    c->taking = true;
    while (in.n && wants_bytes(c))
        in = str_from(in, step(c, in));
    c->taking = false;
    return in;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b)
{
    struct conn *c = handle->data;
    (void)suggested;
    *b = uv_buf_init(c->server->read_bytes, sizeof c->server->read_bytes);
}

static void set_reading(struct conn *c, bool on)
{
    if (c->phase == CONN_CLOSED || c->reading == on)
        return;
    c->reading = on;
    if (!on)
        uv_read_stop(&c->io.stream);
    else if (uv_read_start(&c->io.stream, on_alloc, on_read) != 0)
        conn_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = stream->data;
    if (n == 0 || c->phase == CONN_CLOSED)
        return;
    if (n < 0) {
        c->eof = n == UV_EOF;
        set_reading(c, false);
        if (!c->eof || c->x || !c->writes) /* whoever has its answers may close its side first */
            conn_close(c);
        else
            linger(c);
        return;
    }
    struct str rest = take(c, (struct str){b->base, (size_t)n});
    if (c->phase != CONN_ANSWER || !rest.n)
        return;
    buf_str(&c->ahead, rest);
    if (c->ahead.bad)
        conn_close(c);
    else if (c->ahead.n >= CONN_AHEAD)
        set_reading(c, false);
}

void conn_answered(struct conn *c, bool keep)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->x = NULL;
    if (!keep || c->server->draining) {
        set_reading(c, true);
        linger(c);
        return;
    }
    next_request(c);
    if (c->taking || c->phase == CONN_CLOSED)
        return;
    while (c->ahead.n && wants_bytes(c)) {
        struct str rest = take(c, buf_view(&c->ahead));
        if (c->phase == CONN_CLOSED)
            return;
        buf_drop_front(&c->ahead, c->ahead.n - (rest.n < c->ahead.n ? rest.n : c->ahead.n));
    }
    set_reading(c, c->ahead.n < CONN_AHEAD);
}

void conn_drain(struct server *s)
{
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (!c->x && c->phase != CONN_LINGER)
            linger(c);
    }
}

static bool start(struct conn *c, uv_stream_t *listener)
{
    uv_loop_t *loop = &c->server->loop;
    int status = c->local ? uv_pipe_init(loop, &c->io.pipe, 0) : uv_tcp_init(loop, &c->io.tcp);
    if (status != 0)
        return false;
    c->io.handle.data = c;
    c->open_handles = 2;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->next = c->server->conns;
    if (c->next)
        c->next->prev = c;
    c->server->conns = c;
    c->server->n_conns++;
    if (uv_accept(listener, &c->io.stream) != 0 ||
        c->server->n_conns > c->server->config.max_connections) {
        conn_close(c);
        return true;
    }
    if (!c->local)
        uv_tcp_nodelay(&c->io.tcp, 1);
    set_deadline(c, CONN_HEAD_MS);
    set_reading(c, true);
    return true;
}

void conn_accept(struct server *s, uv_stream_t *listener, bool local)
{
    struct conn *c = mem_new(1, sizeof *c, NULL);
    if (!c)
        return;
    c->server = s;
    c->local = local;
    http_init(&c->http, s->config.max_body);
    buf_init(&c->ahead, CONN_AHEAD + sizeof s->read_bytes);
    if (!start(c, listener)) {
        http_clear(&c->http);
        mem_free(c);
    }
}
