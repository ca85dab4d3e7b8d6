/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn: a client's connection: bytes in, requests out; answers back, with every phase limited
 * in time as a whole, not only between two bytes.
 *
 *   first byte of a request   CONN_IDLE_MS after the last answer (CONN_HEAD_MS after connecting)
 *   its head                  CONN_HEAD_MS from the first byte
 *   its body                  CONN_BODY_MS
 *   a reader that stalls      CONN_STALL_MS for what is on its way to it
 *
 * A request is handed to route_dispatch when it is whole; until its answer has ended, what the
 * client sends meanwhile waits (CONN_AHEAD bytes at most, then reading stops). A client that goes
 * away takes its exchange with it (exchange_gone). */
#ifndef MOAT_SERVE_CONN_H
#define MOAT_SERVE_CONN_H

#include <uv.h>

#include "serve/http.h"

#define CONN_HEAD_MS   10000u
#define CONN_BODY_MS   60000u
#define CONN_IDLE_MS   60000u
#define CONN_STALL_MS  30000u
#define CONN_LINGER_MS 2000u /* for a client to read a refusal before we close */
#define CONN_AHEAD     (64u << 10)
#define CONN_FULL      (8u << 20) /* bytes under way to a client that end its patience */

struct server;
struct exchange;

enum conn_phase {
    CONN_IDLE,   /* nothing of a request has come */
    CONN_HEAD,   /* a part of its head has */
    CONN_BODY,   /* its head has, and a part of the body */
    CONN_ANSWER, /* its exchange is under way */
    CONN_LINGER, /* the last answer is under way; what comes is thrown away */
    CONN_CLOSED
};

struct conn {
    struct server *server;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    uv_timer_t timer;
    enum conn_phase phase;
    bool local; /* over the Unix socket: Host and Origin are not looked at */
    bool reading, taking, shut, eof;
    unsigned open_handles, writes; /* writes under way */
    struct http http;
    struct buf ahead;
    struct exchange *x;
    struct conn *prev, *next;
};

/* Takes a client that waits at the listener. */
void conn_accept(struct server *s, uv_stream_t *listener, bool local);

void conn_write(struct conn *c, struct str bytes);
size_t conn_pending(const struct conn *c); /* bytes accepted by conn_write that have not left */
/* The exchange has ended and is gone; keep: the connection may take another request. */
void conn_answered(struct conn *c, bool keep);
void conn_close(struct conn *c);   /* at once */
void conn_drain(struct server *s); /* closes those without a request, and the others after theirs */

#endif
