/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_call: the front's side of the line to the keeper: questions, and whose answer comes.
 *
 * A keeper that falls takes its questions with it (503); the supervisor starts another. While one
 * waits, it is told so every KEEPER_TICK_MS. */
#ifndef MOAT_SERVE_KEEPER_CALL_H
#define MOAT_SERVE_KEEPER_CALL_H

#include <uv.h>

#include "serve/problem.h"
#include "serve/want.h"

#define KEEPER_TICK_MS 4000u

struct server;

/* One question; part of what asks it. */
struct keeper_ask {
    json_int_t id; /* 0: not asked, or answered */
    /* The answer and its file (-1: none), which is the receiver's; or j NULL and a problem. */
    void (*answer)(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p);
    void (*waiting)(struct keeper_ask *q);
    /* Of an order; a file that comes with it (-1: none) is the receiver's. */
    void (*progress)(struct keeper_ask *q, const json_t *said, int fd);
    uint64_t asked_ns;
    struct keeper_ask *prev, *next;
};

struct keeper_line {
    struct server *server;
    int fd; /* -1: no keeper now */
    uv_poll_t *poll;
    uv_timer_t timer;
    struct keeper_ask *asks;
    json_int_t last_id;
};

void keeper_line_init(struct keeper_line *k, struct server *s);
/* The line to the keeper, process `pid`, which waits at the control pipe. */
void keeper_line_attach(struct keeper_line *k, int pid, uv_pipe_t *control);
int keeper_line_descriptor(uv_loop_t *loop, uv_pipe_t *control); /* that waits there, or -1 */
void keeper_line_close(struct keeper_line *k);

/* False: *p; `answer` is not called then. */
bool keeper_ask(struct keeper_line *k, struct keeper_ask *q, const struct want *w,
                struct problem *p) MUST_USE;
/* The same for an order (serve/orders), which it takes. */
bool keeper_order(struct keeper_line *k, struct keeper_ask *q, json_t *order,
                  struct problem *p) MUST_USE;
/* Nobody wants the answer; an order is cancelled. */
void keeper_forget(struct keeper_line *k, struct keeper_ask *q);

#endif
