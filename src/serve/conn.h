/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn: a client's connection: bytes in, requests out; answers back, with every phase limited
 * in time as a whole, not only between two bytes.
 *
 *   first byte of a request   idle_seconds after the last answer (head_seconds after connecting,
 *                             the handshake of TLS included)
 *   its head                  head_seconds from the first byte
 *   its body                  body_seconds from the end of its head
 *   its answer                request_seconds, which the engine keeps (serve/shed looks after it)
 *   what is left of it        write_seconds from when it is whole
 *   a reader that stalls      the configuration's stall_seconds, in which it takes all there is
 *                             for it, or CONN_PACE bytes for each
 *
 * Of a stream, CONN_HIGH bytes that its client has not read yet pause the answer at the engine, so
 * a slow reader costs no more memory than that (and what the kernel keeps, CONN_KERNEL).
 *
 * Bodies count together, from their first byte until their answer has ended: what would be more
 * than the configuration's max_bodies is refused (503).
 *
 * A body that is streamed (an upload) is not kept: it has no deadline but must come as fast as a
 * reader reads, and is not taken while the exchange cannot have it.
 *
 * A request is handed to route_dispatch when it is whole; until its answer has ended, what the
 * client sends meanwhile waits (CONN_AHEAD bytes at most, then reading stops). A client that goes
 * away takes its exchange with it (exchange_gone). */
#ifndef MOAT_SERVE_CONN_H
#define MOAT_SERVE_CONN_H

#include <uv.h>

#include "guard/keys.h"
#include "serve/http.h"
#include "serve/tls.h"

#define CONN_ALIVE_S   60u   /* after which a silent client is asked whether it is there */
#define CONN_LINGER_MS 2000u /* for a client to read a refusal before we close */
#define CONN_AHEAD     (64u << 10)
#define CONN_PACE      1024u
#define CONN_TURN      1u      /* requests of one connection, until others have had their turn */
#define CONN_TURN_NS   250000u /* for those that came ahead, until others are looked after */
#define CONN_HIGH      (128u << 10) /* bytes under way to a client that pause its stream */
#define CONN_LOW       (32u << 10)  /* and that let it go on */
#define CONN_FULL      (8u << 20)   /* that end it: no engine sends so much after a pause */
#define CONN_KERNEL    (128u << 10)
#define CONN_TENANT    (KEY_TENANT + 8)

struct server;
struct exchange;
struct listener_handle;

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
    bool secure;              /* TLS from its first byte on */
    bool waits, entered;      /* in a list, and in a chain, of serve/shed */
    bool cors;                /* the page that sent the request may read the answer */
    bool local;               /* over the Unix socket: Host and Origin are not looked at */
    bool keyed;               /* asks for a key */
    struct tls *tls;          /* NULL: plain text */
    char key_id[KEY_ID + 1];  /* of the key that came with the request, or "" */
    char tenant[CONN_TENANT]; /* whose texts the request may share what is computed with */
    bool reading, taking, shut, eof, broken, halted;
    unsigned open_handles, writes; /* writes under way */
    uint64_t given, taken_before;  /* of all writes; acknowledged at the last look */
    struct http http;
    uint64_t held;      /* bytes of its body, as counted in server.body_bytes */
    uint64_t body_seen; /* of one that is streamed, at the last look */
    struct buf ahead;
    struct exchange *x;
    struct conn *prev, *next, *wait_prev, *wait_next, *same_next;
    char address[16];      /* of the client, as serve/shed counts it */
    uint32_t n_requests;   /* whose heads were whole */
    uint64_t moved_ns;     /* since when nothing has left of what waits for it */
    size_t pending_before; /* at the last look of serve/shed */
    unsigned turn;         /* requests taken in this turn */
    bool later;            /* it goes on with what came ahead in the next turn */
    struct conn *later_prev, *later_next;
    uint64_t whole_ns; /* since when what waits is all of its answer; 0: it is not, or nothing */
};

/* Takes a client that waits at the listener. */
void conn_accept(struct server *s, const struct listener_handle *l);

/* No more of a body that is streamed, until whoever takes it has caught up. */
void conn_halt(struct conn *c, bool on);
void conn_write(struct conn *c, struct str bytes);
size_t conn_pending(const struct conn *c); /* bytes accepted by conn_write that have not left */
/* The exchange has ended and is gone; keep: the connection may take another request. */
void conn_answered(struct conn *c, bool keep);
void conn_drop(struct conn *c);    /* conn_close of one given up: nobody waits for what is unread */
void conn_close(struct conn *c);   /* at once, its exchange with it: not from within an answer */
void conn_break(struct conn *c);   /* the same, but after what is being done */
void conn_drain(struct server *s); /* closes those without a request, and the others after theirs */

#endif
