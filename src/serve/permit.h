/* SPDX-License-Identifier: Apache-2.0 */
/* serve/permit: who sends a request, and what that key may: its scopes, its models, its limits.
 *
 * A key comes in a header (serve/access), or is the one of the client's certificate (TLS); a header
 * counts where there is one. Where no key is asked for, a request without one may do all but what
 * operators do, and through a Unix socket, where the policy gives roles (guard/roles), what those
 * of its user allow; one that gives a key is bound by it there too.
 *
 * Each path needs a scope: the table of permit.c; an operator may also see the metrics. Whoever
 * asks for a model that the key does not name learns no more of it than that the key may not. */
#ifndef MOAT_SERVE_PERMIT_H
#define MOAT_SERVE_PERMIT_H

#include "serve/exchange.h"
#include "serve/problem.h"
#include "serve/served.h"

#define PERMIT_SHARE 3u

/* After the head: 0, or 401 or 403 and what is missing. Notes key and tenant in the connection.
 * r NULL: a path that is not there. */
int permit_check(struct conn *c, const struct route *r, bool for_operators, struct err *e) MUST_USE;

/* The exchange counts for its key from now on, until permit_end. False: 429, *p says why. */
bool permit_begin(struct exchange *x, struct problem *p) MUST_USE;
void permit_end(struct exchange *x);
/* May the key have another place of an engine's queue, where so many are free? One key has at most
 * PERMIT_SHARE times as many as it leaves free, so that a busy one never keeps the others out (the
 * rule of dynamic thresholds for shared buffers, Choudhury and Hahne 1998); the only key of a
 * server has them all. False: *p. */
bool permit_place(const struct exchange *x, uint32_t n_free, struct problem *p) MUST_USE;

/* May the key of this request use the model? Also for lists, which leave the others out. */
bool permit_model(const struct conn *c, const struct served *m);
/* The same as a refusal: 403. */
bool permit_use(const struct conn *c, const struct served *m, struct problem *p) MUST_USE;

/* Header lines with what is left to the key of this request. */
void permit_headers(const struct conn *c, struct buf *out);

#endif
