/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn: see conn.h; the life of a connection, and what comes in. */
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
static void hold(struct conn *c, uint64_t bytes)
{
    c->server->body_bytes += bytes - c->held;
    c->held = bytes;
}

static void leave_turns(struct conn *c);

void conn_close(struct conn *c)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    hold(c, 0);
    if (c->x)
        exchange_gone(c->x);
    c->x = NULL;
    *(c->prev ? &c->prev->next : &c->server->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->server->n_conns--;
    shed_forget(c);
    leave_turns(c);
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
static void linger(struct conn *c)
{
    if (c->phase == CONN_CLOSED || c->shut)
        return;
    c->phase = CONN_LINGER;
    hold(c, 0);
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

static void refuse(struct conn *c, int status, const struct err *why)
{
    reply_refusal(c, status, why);
    linger(c);
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
        refuse(c, 408, &e);
    } else if (conn_keeps_pace(c)) {
        conn_watch_reader(c, 0);
    } else {
        conn_drop(c);
    }
}

/* --- what comes in ------------------------------------------------------------------------------
 */

/* Is there room for so much of its body, beside those of others? */
static int check_room(const struct conn *c, uint64_t bytes, struct err *e)
{
    uint64_t most = c->server->config.max_bodies, others = c->server->body_bytes - c->held;
    if (bytes > most) {
        fail(e, ERR_LIMIT, "the body is larger than the server takes");
        return 413;
    }
    if (others + bytes <= most)
        return 0;
    fail(e, ERR_BUSY,
         "the server holds as many bytes of requests as it takes at once; try again "
         "in a moment");
    return 503;
}

/* What can be said without the body, before the client sends it. */
static void head_complete(struct conn *c)
{
    struct err e;
    c->phase = CONN_BODY;
    bool streamed = c->http.streaming;
    const struct config *config = &c->server->config;
    conn_deadline(c, (streamed ? config->stall_seconds : config->body_seconds) * 1000ull);
    shed_works(c);
    c->n_requests++;
    int status = route_check(c, &e);
    if (!status && !streamed)
        status = check_room(c, c->http.req.content_length, &e);
    if (!status && c->http.req.expect_continue && c->http.state == HTTP_STATE_BODY)
        conn_write(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    if (status)
        refuse(c, status, &e);
    else if (streamed)
        route_dispatch(c);
    else
        shed_waits(c);
}

static void begin(struct conn *c)
{
    c->phase = CONN_ANSWER;
    c->turn++;
    shed_works(c);
    conn_watch_reader(c, 0); /* what is left of the answer before */
    route_dispatch(c);
}

/* What has come of a body that is streamed goes on at once. */
static void take_stream(struct conn *c)
{
    if (c->http.body.n)
        c->x->body_part(c->x, buf_view(&c->http.body));
    buf_reset(&c->http.body);
    if (c->phase != CONN_BODY || c->http.state != HTTP_STATE_COMPLETE)
        return;
    c->phase = CONN_ANSWER;
    conn_watch_reader(c, 0);
    c->x->body_end(c->x);
}

static void take_body(struct conn *c)
{
    struct err e;
    if (c->x) {
        take_stream(c);
        return;
    }
    int status = check_room(c, c->http.body.n, &e);
    if (status) {
        refuse(c, status, &e);
        return;
    }
    hold(c, c->http.body.n);
    if (c->http.state == HTTP_STATE_COMPLETE)
        begin(c);
}

static void next_request(struct conn *c)
{
    hold(c, 0);
    http_next(&c->http, c->server->config.max_body);
    c->key_id[0] = c->tenant[0] = '\0';
    c->cors = false;
    c->halted = false;
    c->body_seen = 0;
    c->phase = CONN_IDLE;
    shed_waits(c);
    conn_watch_reader(c, c->server->config.idle_seconds * 1000ull);
}

/* One step of reading; how many bytes it took. */
static size_t step(struct conn *c, struct str in)
{
    if (c->phase == CONN_IDLE) {
        c->phase = CONN_HEAD;
        conn_deadline(c, c->server->config.head_seconds * 1000ull);
    }
    size_t n = http_feed(&c->http, in);
    if (c->http.state == HTTP_STATE_BAD) {
        refuse(c, c->http.status, &c->http.err);
        return in.n;
    }
    if (c->phase == CONN_HEAD && c->http.state != HTTP_STATE_HEAD)
        head_complete(c);
    if (c->phase == CONN_BODY)
        take_body(c);
    return n;
}

/* Requests that came ahead wait until the answers before them are being read; all of those answers
 * where too much of all connections is not. */
static bool backed_up(const struct conn *c)
{
    const struct server *s = c->server;
    size_t most = s->shed.unread > s->config.max_unread ? 0 : CONN_HIGH;
    return c->phase == CONN_IDLE && conn_pending(c) > most;
}

/* A phase in which bytes are wanted. */
static bool is_taking(const struct conn *c)
{
    return c->phase == CONN_IDLE || c->phase == CONN_HEAD || c->phase == CONN_BODY;
}

static bool wants_bytes(const struct conn *c)
{
    return !c->broken && !c->halted && c->turn < CONN_TURN && !backed_up(c) && is_taking(c);
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

/* Nothing more comes: whoever has its answers may close its side first. */
static void at_end(struct conn *c, bool whole)
{
    c->eof = whole;
    set_reading(c, false);
    if (!whole || c->x || (c->shut && !c->writes))
        conn_close(c);
    else
        linger(c);
}

/* --- turns ---------------------------------------------------------------------------------------
 */

static void leave_turns(struct conn *c)
{
    struct server *s = c->server;
    if (!c->later)
        return;
    *(c->later_prev ? &c->later_prev->later_next : &s->later_first) = c->later_next;
    *(c->later_next ? &c->later_next->later_prev : &s->later_last) = c->later_prev;
    c->later = false;
    s->n_later--;
}

static void on_turn(uv_idle_t *idle)
{
    struct server *s = idle->data;
    uint64_t end = os_now_ns() + CONN_TURN_NS;
    for (uint32_t n = s->n_later; n > 0 && s->later_first && os_now_ns() < end; n--) {
        struct conn *c = s->later_first;
        leave_turns(c);
        conn_go_on(c); /* whoever is not done comes in again, at the end */
    }
    if (!s->later_first)
        uv_idle_stop(idle);
}

/* Of many requests that came at once, the next ones after others have had their turn. */
static void go_on_later(struct conn *c)
{
    struct server *s = c->server;
    if (c->later || c->turn < CONN_TURN || !c->ahead.n || !is_taking(c) || c->broken)
        return;
    c->later = true;
    c->later_next = NULL;
    c->later_prev = s->later_last;
    *(s->later_last ? &s->later_last->later_next : &s->later_first) = c;
    s->later_last = c;
    s->n_later++;
    uv_idle_start(&s->turns, on_turn);
}

static void take_plain(struct conn *c, struct str in)
{
    bool behind = c->ahead.n > 0; /* what came before has not been taken yet */
    c->turn = behind ? c->turn : 0;
    struct str rest = behind ? in : take(c, in);
    bool waits = c->turn >= CONN_TURN || c->halted || behind || backed_up(c);
    if (!rest.n || (c->phase != CONN_ANSWER && !(waits && is_taking(c))))
        return;
    buf_str(&c->ahead, rest);
    go_on_later(c);
    if (c->ahead.bad)
        conn_close(c);
    else if (c->ahead.n >= CONN_AHEAD)
        set_reading(c, false);
}

static void not_tls(struct conn *c)
{
    struct err e;
    tls_free(c->tls);
    c->tls = NULL;
    c->secure = false;
    fail(&e, ERR_USAGE, "this address speaks TLS: begin its URL with https://");
    refuse(c, 400, &e);
}

/* One piece of what came over TLS; false: nothing more is taken. */
static bool decrypt(struct conn *c, struct str in)
{
    size_t n = 0;
    enum tls_state state = tls_feed(c->tls, in) ? TLS_DATA : TLS_FAILED;
    while (state == TLS_DATA) {
        state = tls_read(c->tls, c->server->plain_bytes, sizeof c->server->plain_bytes, &n);
        conn_flush_tls(c);
        if (state == TLS_DATA)
            take_plain(c, (struct str){c->server->plain_bytes, n});
        if (c->phase == CONN_CLOSED || c->shut || c->broken)
            return false;
    }
    if (state == TLS_END)
        at_end(c, true);
    else if (state == TLS_PLAIN)
        not_tls(c);
    else if (state == TLS_FAILED)
        linger(c);                                  /* it is told why, if it listens */
    else if (!c->x && conn_pending(c) > CONN_AHEAD) /* it makes us speak, and does not read */
        conn_close(c);
    return state == TLS_MORE && c->phase != CONN_CLOSED;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = stream->data;
    if (n == 0 || c->phase == CONN_CLOSED)
        return;
    if (n < 0) {
        at_end(c, n == UV_EOF);
        return;
    }
    struct str in = {b->base, (size_t)n};
    if (c->secure && !c->tls && !(c->tls = tls_new(c->server->tls))) {
        conn_close(c); /* a client that sends nothing costs no TLS */
        return;
    }
    if (!c->tls)
        take_plain(c, in);
    else if (!c->shut)
        while (in.n && decrypt(c, str_sub(in, 0, TLS_PIECE)))
            in = str_from(in, TLS_PIECE);
}

/* What was sent ahead, and then what is still to come. */
void conn_go_on(struct conn *c)
{
    c->turn = 0;
    while (c->ahead.n && wants_bytes(c)) {
        struct str rest = take(c, buf_view(&c->ahead));
        if (c->phase == CONN_CLOSED)
            return;
        buf_drop_front(&c->ahead, c->ahead.n - (rest.n < c->ahead.n ? rest.n : c->ahead.n));
    }
    go_on_later(c);
    set_reading(c, !c->halted && !backed_up(c) && c->ahead.n < CONN_AHEAD);
}

void conn_halt(struct conn *c, bool on)
{
    if (c->phase == CONN_CLOSED || c->halted == on)
        return;
    c->halted = on;
    if (on)
        set_reading(c, false);
    else if (!c->taking)
        conn_go_on(c);
}

void conn_answered(struct conn *c, bool keep)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->x = NULL;
    c->halted = false;
    c->whole_ns = c->writes ? os_now_ns() : 0;
    if (!keep || c->server->draining) {
        set_reading(c, true);
        linger(c);
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
            linger(c);
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
    set_reading(c, true);
    return true;
}

static void on_turned_away(uv_handle_t *handle)
{
    struct listener_handle *l = handle->data;
    bool again = l->again && !l->server->draining;
    l->turning_away = l->again = false;
    if (again)
        conn_accept(l->server, l);
}

/* A listener whose client nobody takes hears no other: so it is taken, and closed. */
static void turn_away(struct listener_handle *l)
{
    uv_loop_t *loop = &l->server->loop;
    l->again = l->turning_away;
    if (l->turning_away ||
        (l->local ? uv_pipe_init(loop, &l->spare.pipe, 0) : uv_tcp_init(loop, &l->spare.tcp)) != 0)
        return;
    l->spare.handle.data = l;
    l->turning_away = true;
    (void)uv_accept(&l->io.stream, &l->spare.stream);
    uv_close(&l->spare.handle, on_turned_away);
}

void conn_accept(struct server *s, struct listener_handle *l)
{
    struct conn *c = mem_new(1, sizeof *c, NULL);
    if (!c) {
        turn_away(l);
        return;
    }
    c->server = s;
    c->local = l->local;
    c->keyed = l->tls || (s->config.require_key && !l->local);
    http_init(&c->http, s->config.max_body);
    c->http.streams = route_streams;
    buf_init(&c->ahead, CONN_AHEAD + sizeof s->read_bytes + TLS_PIECE);
    if (!start(c, l)) {
        http_clear(&c->http);
        mem_free(c);
        turn_away(l);
    }
}
