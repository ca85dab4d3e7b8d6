/* SPDX-License-Identifier: Apache-2.0 */
/* serve/shed: which connections go so that others can be served.
 *
 *  (S1) an address (of IPv6: a network of 64 bits) has at most the configuration's max_per_address
 *       connections; more of it are closed as they come
 *  (S2) when there are max_connections, a new one takes the place of the one that has waited
 *       longest without ever sending a whole request, or else of the one that has been idle longest
 *       after its last; only where all have requests under way is the new one closed
 *  (S3) of all that clients have not read yet, max_unread bytes are kept (a mirror bounds each
 *       connection instead): what is more goes with whoever holds most of it and has read nothing
 *       for SHED_STILL_MS
 *  (S4) an answer that stands still because its client reads slowly, stall_seconds in all, while
 *       others wait for its place at the engine, is given up
 *  (S5) what an answer has left to send when it is whole must be read within write_seconds
 *  (S6) an answer that the engine has not ended at its own deadline is ended here
 *
 * Deadlines of what clients send are serve/conn's. */
#ifndef MOAT_SERVE_SHED_H
#define MOAT_SERVE_SHED_H

#include <stdbool.h>
#include <uv.h>

#define SHED_TICK_MS  500u /* from one look at all connections to the next */
#define SHED_STEP_MS  10u  /* from a part of them to the next part */
#define SHED_STEP     256u /* connections of a part */
#define SHED_STILL_MS 1000u

enum { SHED_BUCKETS = 4096 };

struct server;
struct conn;

struct shed_list { /* oldest first */
    struct conn *first, *last;
};

struct shed {
    uv_timer_t timer;
    struct shed_list fresh, idle;          /* without a whole request so far; after their last */
    struct conn *by_address[SHED_BUCKETS]; /* chains */
    uint64_t unread;                       /* bytes that wait for their clients */
    uint64_t looked_ns;                    /* for who holds most of them */
    struct conn *next; /* of a round, to be looked at in the next step; NULL: none is on */
    uint64_t round_ns, round_ms; /* when it began, and after the one before */
    uint64_t n_address, n_displaced, n_full, n_unread, n_still, n_late; /* given up so far */
    uint64_t told, told_ns;                                             /* of those, in the log */
};

void shed_init(struct server *s);

/* A connection has been accepted: may it stay? It is entered either way: shed_forget. */
bool shed_admit(struct conn *c);
void shed_forget(struct conn *c);
void shed_waits(struct conn *c); /* for its first, or for another request */
void shed_works(struct conn *c); /* the head of one is whole */
/* More, or fewer, bytes wait for their clients. */
void shed_unread(struct server *s, uint64_t bytes);
void shed_read(struct server *s, uint64_t bytes);

#endif
