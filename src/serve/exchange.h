/* SPDX-License-Identifier: Apache-2.0 */
/* serve/exchange: one request and its answer.
 *
 * Made when a request is whole (where its body is streamed: when its head is), gone when its answer
 * has ended or its client has left: then `gone` is called once, to cancel what still works for it.
 * The body is parsed JSON (or NULL without one). The id stands in the X-Request-Id header, in
 * errors and in the log. */
#ifndef MOAT_SERVE_EXCHANGE_H
#define MOAT_SERVE_EXCHANGE_H

#include <jansson.h>

#include "serve/audit_line.h"
#include "serve/known.h"
#include "serve/route.h"
#include "store/name.h"

struct engine_slot;
struct ledger_key;

struct exchange {
    struct server *server;
    struct conn *conn;
    const struct route *route;
    char id[32]; /* "req_" and 24 hexadecimal digits */
    json_t *body;
    struct str rest; /* of the path, see struct route; in the request */
    uint64_t start_ns;
    uint64_t load_ns; /* of waiting for its model to be loaded */
    time_t created;

    int status; /* sent; 0: no head yet */
    bool chunked, keep;
    uint32_t retry_s; /* of a refusal for lack of room */

    /* For the log and the metrics; filled by whoever answers. */
    const char *model; /* borrowed from the server's models, or model_text */
    char model_text[2 * NAME_PART + 2];
    uint32_t n_prompt, n_cached, n_generated;
    struct ledger_key *ledger; /* of its key, that it counts for; or NULL */
    uint32_t series;           /* of serve/stats, where a model answers; else 0 */
    uint32_t n_unknown;        /* fields of the request that are not known */
    char field[KNOWN_PATH];    /* the one that it was refused for */
    uint64_t n_bytes;          /* of a file, handed to the connection */
    const char *error;         /* the code of the error the client got, or NULL */

    /* Of a body that is streamed (route_streams): its parts as they come, and its end. */
    void (*body_part)(struct exchange *x, struct str part);
    void (*body_end)(struct exchange *x);

    struct audit_wait audit; /* a call that changes the store waits for its record */
    bool audited;            /* it has begun */

    void *work; /* of the dialect */
    void (*gone)(struct exchange *x);

    struct engine_slot *slot; /* that works for it, or NULL */
    uint64_t deadline_ns;     /* after which `late` is called, if it is not NULL */
    void (*late)(struct exchange *x);
    uint64_t paused_ms;               /* how long it has been, in all */
    bool paused;                      /* the client reads more slowly than its answer comes */
    void (*flow)(struct exchange *x); /* that has changed; NULL: nobody can do anything about it */
};

struct exchange *exchange_new(struct conn *c, const struct route *route) MUST_USE;
void exchange_end(struct exchange *x);  /* the answer is out: logs, frees, lets the connection on */
void exchange_gone(struct exchange *x); /* the client has left: logs and frees */

#endif
