/* SPDX-License-Identifier: Apache-2.0 */
/* serve/route: which function answers a request; one table. */
#ifndef MOAT_SERVE_ROUTE_H
#define MOAT_SERVE_ROUTE_H

#include "serve/conn.h"

/* Whose words an answer uses: each has its own shape of errors. */
enum dialect { DIALECT_OPENAI, DIALECT_LLAMA, DIALECT_OLLAMA };

struct exchange;
typedef void route_fn(struct exchange *x);

struct route {
    enum http_method method;
    const char *path; /* the part after a closing "*" is the exchange's `rest` */
    enum dialect dialect;
    route_fn *answer;
};

/* The dialect that a client of this path expects, known or not. */
enum dialect route_dialect(struct str path);
/* After the head: 0, or the status to refuse with and why (no such path or method, a foreign Host
 * or Origin, a body that is no JSON). */
int route_check(const struct conn *c, struct err *e) MUST_USE;
/* After the body: makes the exchange and hands it to its function. */
void route_dispatch(struct conn *c);

#endif
