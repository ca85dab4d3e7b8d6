/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn_in: what comes in on a connection, decrypted where it must be, becomes requests, one
 * after another, in turns with those of other connections; see conn.h. */
#include <string.h>

#include "base/os.h"
#include "serve/conn_private.h"
#include "serve/exchange.h"
#include "serve/loop.h"
#include "serve/reply.h"
#include "serve/route.h"

/* --- requests -----------------------------------------------------------------------------------
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
        conn_refuse(c, status, &e);
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
        conn_refuse(c, status, &e);
        return;
    }
    conn_hold(c, c->http.body.n);
    if (c->http.state == HTTP_STATE_COMPLETE)
        begin(c);
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
        conn_refuse(c, c->http.status, &c->http.err);
        return in.n;
    }
    if (c->phase == CONN_HEAD && c->http.state != HTTP_STATE_HEAD)
        head_complete(c);
    if (c->phase == CONN_BODY)
        take_body(c);
    return n;
}

/* --- whether more is taken ----------------------------------------------------------------------
 */

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

/* --- turns --------------------------------------------------------------------------------------
 */

void conn_leave_turns(struct conn *c)
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
        conn_leave_turns(c);
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

/* --- bytes --------------------------------------------------------------------------------------
 */

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
        conn_read(c, false);
}

static void not_tls(struct conn *c)
{
    struct err e;
    tls_free(c->tls);
    c->tls = NULL;
    c->secure = false;
    fail(&e, ERR_USAGE, "this address speaks TLS: begin its URL with https://");
    conn_refuse(c, 400, &e);
}

/* Nothing more comes: whoever has its answers may close its side first. */
static void at_end(struct conn *c, bool whole)
{
    c->eof = whole;
    conn_read(c, false);
    if (!whole || c->x || (c->shut && !c->writes))
        conn_close(c);
    else
        conn_linger(c);
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
        conn_linger(c);                             /* it is told why, if it listens */
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

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b)
{
    struct conn *c = handle->data;
    (void)suggested;
    *b = uv_buf_init(c->server->read_bytes, sizeof c->server->read_bytes);
}

void conn_read(struct conn *c, bool on)
{
    if (c->phase == CONN_CLOSED || c->reading == on)
        return;
    c->reading = on;
    if (!on)
        uv_read_stop(&c->io.stream);
    else if (uv_read_start(&c->io.stream, on_alloc, on_read) != 0)
        conn_close(c);
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
    conn_read(c, !c->halted && !backed_up(c) && c->ahead.n < CONN_AHEAD);
}

void conn_halt(struct conn *c, bool on)
{
    if (c->phase == CONN_CLOSED || c->halted == on)
        return;
    c->halted = on;
    if (on)
        conn_read(c, false);
    else if (!c->taking)
        conn_go_on(c);
}
