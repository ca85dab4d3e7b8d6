/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn: see conn.h; the life of a connection: its phases, their deadlines, its end. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "serve/conn_private.h"
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
    tls_free(c->tls);
    mem_free(c);
}

/* How much of a body the connection holds from now on. */
void conn_hold(struct conn *c, uint64_t bytes)
{
    c->server->body_bytes += bytes - c->held;
    c->held = bytes;
}

void conn_close(struct conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    conn_hold(c, 0);
    if (c->x)
        exchange_gone(c->x);
    c->x = NULL;
    *(c->prev ? &c->prev->next : &c->server->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->server->n_conns--;
    shed_forget(c);
    conn_leave_turns(c);
    uv_close(&c->io.handle, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void on_deadline(uv_timer_t *timer);

void conn_deadline(struct conn *c, uint64_t ms)
{
    if (c->phase == CONN_CLOSED || c->broken)
        return;
    if (ms)
        uv_timer_start(&c->timer, on_deadline, ms, 0);
    else
        uv_timer_stop(&c->timer);
}

static void on_broken(uv_timer_t *timer)
{
    conn_drop(timer->data);
}

void conn_break(struct conn *c)
{
    if (c->phase == CONN_CLOSED || c->broken)
        return;
    uv_timer_start(&c->timer, on_broken, 0, 0);
    c->broken = true;
}

/* --- refusals ------------------------------------------------------------------------------------
 */

static void on_shut(uv_shutdown_t *req, int status)
{
    struct conn *c = req->data;
    mem_free(req);
    if (status != 0 || c->eof)
        conn_close(c);
}

/* No more answers: the client may still read what is under way, but not for long. */
void conn_linger(struct conn *c)
{
    if (c->phase == CONN_CLOSED || c->shut)
        return;
    c->phase = CONN_LINGER;
    conn_hold(c, 0);
    buf_clear(&c->ahead);
    buf_clear(&c->http.body);
    if (c->tls) {
        tls_end(c->tls);
        conn_flush_tls(c);
    }
    if (c->phase == CONN_CLOSED)
        return;
    c->shut = true;
    uv_shutdown_t *req = mem_new(1, sizeof *req, NULL);
    if (req)
        req->data = c;
    if (!req || uv_shutdown(req, &c->io.stream, on_shut) != 0) {
        mem_free(req);
        conn_close(c);
        return;
    }
    conn_watch_reader(c, CONN_LINGER_MS);
}

void conn_refuse(struct conn *c, int status, const struct err *why)
{
    reply_refusal(c, status, why);
    conn_linger(c);
}

/* A body that is streamed must come on, or wait for us. */
static void watch_upload(struct conn *c)
{
    uint64_t seconds = c->server->config.stall_seconds;
    bool moved = c->halted || c->http.body_total - c->body_seen >= CONN_PACE * seconds;
    c->body_seen = c->http.body_total;
    if (moved)
        conn_deadline(c, seconds * 1000);
    else
        conn_close(c);
}

static void on_deadline(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    struct err e;
    if (c->phase == CONN_BODY && c->x) {
        watch_upload(c);
    } else if (c->phase == CONN_HEAD || c->phase == CONN_BODY) {
        fail(&e, ERR_USAGE, "the request did not come whole in time");
        conn_refuse(c, 408, &e);
    } else if (conn_keeps_pace(c)) {
        conn_watch_reader(c, 0);
    } else {
        conn_drop(c);
    }
}

static void next_request(struct conn *c)
{
    conn_hold(c, 0);
    http_next(&c->http, c->server->config.max_body);
    c->key_id[0] = c->tenant[0] = '\0';
    c->cors = false;
    c->halted = false;
    c->body_seen = 0;
    c->phase = CONN_IDLE;
    shed_waits(c);
    conn_watch_reader(c, c->server->config.idle_seconds * 1000ull);
}

void conn_answered(struct conn *c, bool keep)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->x = NULL;
    c->halted = false;
    c->whole_ns = c->writes ? os_now_ns() : 0;
    if (!keep || c->server->draining) {
        conn_read(c, true);
        conn_linger(c);
        return;
    }
    next_request(c);
    if (!c->taking && c->phase != CONN_CLOSED)
        conn_go_on(c);
}

void conn_drain(struct server *s)
{
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (!c->x && c->phase != CONN_LINGER)
            conn_linger(c);
    }
}

static bool start(struct conn *c, const struct listener_handle *l)
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
    c->secure = l->tls;
    if (uv_accept((uv_stream_t *)(uintptr_t)&l->io.stream, &c->io.stream) != 0 || !shed_admit(c)) {
        conn_close(c);
        return true;
    }
    shed_waits(c);
    int kernel = (int)CONN_KERNEL;
    if (c->local) /* the others have it from their listener, with what serve/listen sets */
        uv_send_buffer_size(&c->io.handle, &kernel);
    conn_deadline(c, c->server->config.head_seconds * 1000ull);
    conn_read(c, true);
    return true;
}

void conn_accept(struct server *s, const struct listener_handle *l)
{
    struct conn *c = mem_new(1, sizeof *c, NULL);
    if (!c)
        return;
    c->server = s;
    c->local = l->local;
    c->keyed = l->tls || (s->config.require_key && !l->local);
    http_init(&c->http, s->config.max_body);
    c->http.streams = route_streams;
    buf_init(&c->ahead, CONN_AHEAD + sizeof s->read_bytes + TLS_PIECE);
    if (!start(c, l)) {
        http_clear(&c->http);
        mem_free(c);
    }
}
