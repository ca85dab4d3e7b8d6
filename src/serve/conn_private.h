/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn_private: what the three parts of serve/conn share. */
#ifndef MOAT_SERVE_CONN_PRIVATE_H
#define MOAT_SERVE_CONN_PRIVATE_H

#include "serve/conn.h"

/* --- conn --- */
/* What happens next must happen within so many ms; 0: within any time. */
void conn_deadline(struct conn *c, uint64_t ms);

void conn_hold(struct conn *c, uint64_t bytes); /* how much of a body it holds from now on */
/* No more answers: the client may still read what is under way, but not for long; and a refusal
 * before that. */
void conn_linger(struct conn *c);
void conn_refuse(struct conn *c, int status, const struct err *why);

/* --- conn_in --- */
void conn_read(struct conn *c, bool on);
void conn_go_on(struct conn *c); /* with what was sent ahead, and then what is still to come */
void conn_leave_turns(struct conn *c);

/* --- conn_out --- */
/* A deadline until the client has nothing more to read, or `idle_ms` when it has nothing now (0:
 * none). */
void conn_watch_reader(struct conn *c, uint64_t idle_ms);
bool conn_keeps_pace(const struct conn *c); /* has it read enough since the last look? */
/* Sends what the TLS library has to say: what was encrypted, and its own messages. */
void conn_flush_tls(struct conn *c);

#endif
