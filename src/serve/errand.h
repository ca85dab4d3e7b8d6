/* SPDX-License-Identifier: Apache-2.0 */
/* serve/errand: something of the keeper's that takes long, done by a process of its own, for
 * everybody who waits for it.
 *
 * An errand has a key: whoever wants the same joins it. It says how far it is, and at its end
 * whether it went well, in JSON objects, a line each, over a pipe; it dies with the keeper. */
#ifndef MOAT_SERVE_ERRAND_H
#define MOAT_SERVE_ERRAND_H

#include <poll.h>

#include "base/buf.h"
#include "serve/want.h"

enum { ERRAND_MOST = 8, ERRAND_KEY = 160, ERRAND_WAITING = 8192 };

/* Who waits: a request of the front's, to be answered anew at the end. */
struct errand_asker {
    json_int_t id;
    struct want want;
};

struct errand {
    char key[ERRAND_KEY];
    int pid, from; /* from -1: it is over */
    struct buf in;
    struct errand_asker *asker; /* owned */
    size_t n_askers, cap;
    bool is_order;                  /* serve/orders: those who wait hear what it says */
    uint64_t size;                  /* of what it brings; set by whoever starts it */
    uint64_t done, received, freed; /* as it has said: {"done": .., "received": .., "freed": ..} */
    struct err err;                 /* code ERR_NONE: it went well */
};

struct errands {
    struct errand *v[ERRAND_MOST]; /* owned */
    uint32_t n;
};

/* In the errand's process; out is where errand_tell writes. */
typedef bool errand_fn(void *arg, int out, struct err *e);
void errand_tell(int out, json_t *j); /* takes j */

/* NULL: there is none with this key. */
struct errand *errand_find(struct errands *all, const char *key);
/* Forks; close_fd is not the child's. ERR_BUSY: as many as may run do. */
struct errand *errand_start(struct errands *all, const char *key, errand_fn *fn, void *arg,
                            int close_fd, struct err *e) MUST_USE;
/* want NULL: of an order. */
bool errand_join(struct errand *w, json_int_t id, const struct want *want, struct err *e) MUST_USE;
bool errand_leave(struct errand *w, json_int_t id); /* false: it was not one of those who wait */
/* Reads what it says, and hands it on; true: it is over, w->err says how it went. */
typedef void errand_said_fn(void *arg, struct errand *w, const json_t *said);
bool errand_read(struct errand *w, errand_said_fn *said, void *arg);
void errand_remove(struct errands *all, struct errand *w); /* ends it where it runs */

#endif
