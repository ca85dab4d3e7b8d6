/* SPDX-License-Identifier: Apache-2.0 */
/* serve/reply: what goes back for an exchange: one body, or a stream of parts.
 *
 * reply_json, reply_body and reply_error end the exchange; so does reply_end after reply_start. Do
 * not touch the exchange after that. */
#ifndef MOAT_SERVE_REPLY_H
#define MOAT_SERVE_REPLY_H

#include "serve/exchange.h"
#include "serve/problem.h"

void reply_body(struct exchange *x, int status, const char *type, struct str body);
void reply_json(struct exchange *x, int status, json_t *j); /* takes j; NULL: memory was short */

/* The head of a body that is written by conn_write; then exchange_end. `lines`: further headers,
 * each with its CRLF. */
void reply_head(struct exchange *x, int status, const char *type, uint64_t length,
                const char *lines);

void reply_start(struct exchange *x, const char *type); /* 200, the parts follow */
void reply_part(struct exchange *x, struct str part);
void reply_end(struct exchange *x);

/* The error in the words of the exchange's dialect. Before the head only. */
void reply_problem(struct exchange *x, const struct problem *p);
void reply_error(struct exchange *x, const struct err *e); /* one that has no field */
/* The object of such an error, also for the middle of a stream. */
json_t *reply_problem_object(enum dialect d, const struct problem *p, const char *id);

/* To a request that never became an exchange; the connection closes after it. */
void reply_refusal(struct conn *c, int status, const struct err *e);

#endif
