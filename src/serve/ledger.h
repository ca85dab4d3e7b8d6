/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ledger: what each key has under way and has used, and whether it may have more.
 *
 * Requests and tokens a minute are each a bucket that holds a minute's worth and is filled evenly:
 * within any m minutes a key gets at most m + 1 times its limit. A request takes one of the first
 * when it begins. How many tokens it needs is known when it ends: they are taken then, and while
 * the bucket is below zero no other request begins; so what was too much is paid back by waiting.
 * An answer whose client leaves is paid for as far as it came.
 *
 * A reload changes the limits at once and keeps what has been used. What is new is told to the
 * supervisor every LEDGER_TELL_MS and at the end, and it keeps the file (guard/key_usage). */
#ifndef MOAT_SERVE_LEDGER_H
#define MOAT_SERVE_LEDGER_H

#include <uv.h>

#include "base/buf.h"
#include "guard/key_usage.h"
#include "serve/problem.h"
#include "serve/route.h"

#define LEDGER_TELL_MS 2000u

struct ledger_bucket {
    uint32_t limit; /* a minute; 0: none */
    double left;
    uint64_t now_ns; /* of the last filling */
};

struct ledger_key {
    bool there;                /* in the list of keys, at the last reload */
    uint32_t live, concurrent; /* requests under way, and how many may be; 0: any number */
    struct ledger_bucket requests, tokens;
    struct key_usage total, fresh; /* fresh: not told yet */
};

struct ledger {
    struct ledger_key **v; /* [n], owned, each at its place for good while something is live */
    uint32_t n;
    size_t cap;
    uv_timer_t timer;
    int line; /* to the supervisor; -1: none */
};

/* Takes the line over. */
void ledger_init(struct ledger *l, uv_loop_t *loop, int line);
void ledger_close(struct ledger *l); /* tells what is left */
void ledger_clear(struct ledger *l);
/* The keys there are from now on; `used` is what the file holds, of keys that are new here. */
bool ledger_keys(struct ledger *l, const struct keys *keys, const struct key_usages *used,
                 struct err *e) MUST_USE;
struct ledger_key *ledger_find(const struct ledger *l, const char *id);

/* A request begins. False: 429, and *p says which limit, and when it may be worth to ask again. */
bool ledger_enter(struct ledger_key *k, struct problem *p) MUST_USE;
/* It has ended. */
void ledger_leave(struct ledger_key *k, uint64_t n_prompt, uint64_t n_generated);
void ledger_refused(struct ledger_key *k); /* one was turned away before it began */
/* Header lines with what is left, in the words of OpenAI's or Anthropic's clients. */
void ledger_headers(struct ledger_key *k, enum dialect d, struct buf *out);

/* --- serve/ledger_book: the supervisor's end ----------------------------------------------------
 */

#define LEDGER_WRITE_MS 10000u /* between two writes of the file */

struct ledger_book {
    int line; /* to the front; -1: none now */
    struct key_usages waiting;
    uint64_t due_ns;
};

/* A new line, in place of the one before; *fronts is its other end. */
bool ledger_book_open(struct ledger_book *b, int *fronts, struct err *e) MUST_USE;
/* Takes what has been told; writes it when that is due, or now. */
void ledger_book_keep(struct ledger_book *b, const struct keys *keys, bool now);
void ledger_book_close(struct ledger_book *b);

#endif
