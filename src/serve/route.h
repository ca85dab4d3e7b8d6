/* SPDX-License-Identifier: Apache-2.0 */
/* serve/route: which function answers a request; one table. */
#ifndef MOAT_SERVE_ROUTE_H
#define MOAT_SERVE_ROUTE_H

#include "serve/conn.h"

/* Whose words an answer uses: each has its own shape of errors. */
enum dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_LLAMA, DIALECT_OLLAMA, DIALECT_MIRROR };

struct exchange;
typedef void route_fn(struct exchange *x);

struct route {
    enum http_method method;
    const char *path; /* the part after a closing "*" is the exchange's `rest` */
    enum dialect dialect;
    route_fn *answer;
};

/* The rows of moat serve, and those of moat mirror. */
struct routes {
    const struct route *v;
    size_t n, n_open; /* those from n_open on are only for a key with the role of an operator */
    size_t n_quiet;   /* those from n_quiet on are on record as such (serve/audit_ask) ... */
    const char *act;  /* ... as this act */
};
extern const struct routes route_models, route_mirror;

/* The dialect that a client of this path expects, known or not. */
enum dialect route_dialect(const struct conn *c);
/* Is the body of this request handed on as it comes, rather than kept until it is whole? */
bool route_streams(const struct http_request *r);
/* After the head: 0, or the status to refuse with and why (a foreign Host or Origin, no key, no
 * such path or method, a body that is no JSON). Notes the key's id in the connection. */
int route_check(struct conn *c, struct err *e) MUST_USE;
/* After the body: makes the exchange and hands it to its function. */
void route_dispatch(struct conn *c);

#endif
