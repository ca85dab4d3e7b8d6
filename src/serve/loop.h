/* SPDX-License-Identifier: Apache-2.0 */
/* serve/loop: the front: one thread, one libuv loop, every socket of a client.
 *
 * Takes listening sockets and a line to the supervisor, and holds until that line says so or ends.
 * Parses HTTP and JSON and nothing else of the outside; whatever concerns a model goes over a line
 * to its engine (serve/engines). */
#ifndef MOAT_SERVE_LOOP_H
#define MOAT_SERVE_LOOP_H

#include <uv.h>

#include "serve/access.h"
#include "serve/audit_line.h"
#include "serve/conn.h"
#include "serve/control.h"
#include "serve/engines.h"
#include "serve/keeper_call.h"
#include "serve/known.h"
#include "serve/ledger.h"
#include "serve/listen.h"
#include "serve/pace.h"
#include "serve/response_store.h"
#include "serve/shed.h"
#include "serve/stats.h"
#include "serve/tally.h"

struct listener_handle {
    struct server *server;
    bool local, tls;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
};

struct server {
    uv_loop_t loop;
    struct config config;
    struct keys keys;
    struct ledger ledger;   /* of what they use */
    struct tls_server *tls; /* NULL: no address needs it */
    struct engines engines;
    const struct routes *routes;
    struct keeper_line keeper;
    struct audit_line audit;
    struct pace pace;   /* of files */
    struct tally tally; /* of models whose files were sent */
    struct stats stats;
    struct response_store responses;
    struct known_log unknown;
    struct conn *conns;
    uint32_t n_conns;
    struct conn *later_first, *later_last; /* those that go on in the next turn */
    uint32_t n_later;
    uv_idle_t turns;
    struct shed shed;
    uint64_t body_bytes; /* of all requests that are being received or answered */
    bool draining;
    uint64_t start_ns;
    struct listener_handle *listeners; /* [n_listeners] */
    uint32_t n_listeners;
    uv_pipe_t control; /* to the supervisor */
    struct buf control_in;
    char read_bytes[64u << 10], plain_bytes[TLS_PIECE], tls_bytes[64u << 10];
};

/* Tells the supervisor what is wanted of the engine of a model. */
void loop_tell(struct server *s, enum control_kind kind, uint32_t model);

/* The role; `ledger` is its line to whoever keeps what keys have used. Returns the exit status when
 * it has drained, or the supervisor is gone. Takes the descriptors over. */
int front_main(const struct listeners *l, int control_fd, int ledger_fd,
               const struct config *config, const struct access *access, struct served_list *models,
               const struct routes *routes);

#endif
