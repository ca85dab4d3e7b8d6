/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engines: the models as the front sees them: a line to each one's engine, and the jobs that
 * are under way there.
 *
 * An engine that falls takes its jobs with it: each gets one JOB_ERROR event (ERR_INTERNAL, 503),
 * and the slot takes new jobs as soon as the supervisor has brought another line. What an engine
 * sends is checked like anything from outside: one that breaks the protocol is reported and cut
 * off. */
#ifndef MOAT_SERVE_ENGINES_H
#define MOAT_SERVE_ENGINES_H

#include <uv.h>

#include "serve/config.h"
#include "serve/problem.h"
#include "serve/served.h"

struct server;
struct job;
struct line;

enum engine_state { ENGINE_LOADING, ENGINE_READY, ENGINE_DOWN };

struct engine_slot {
    struct server *server;
    uint32_t index;
    const struct served *model;
    enum engine_state state;
    struct line *line; /* NULL: none now */
    struct job *jobs;  /* under way */
    uint32_t n_jobs;
    uint64_t loaded_ns; /* since when it is ready */
    json_t *info;       /* what it says of its model, once it is ready; owned */
};

struct engines {
    struct engine_slot v[SERVED_MAX];
    uint32_t n;
    uint64_t last_job;
};

bool engines_init(struct engines *es, struct server *s, const struct served_list *models) MUST_USE;
void engines_close(struct engines *es);
/* A new line to the engine of a model, waiting at the control pipe. */
void engines_attach(struct engines *es, uint32_t model, int pid, uv_pipe_t *control);
bool engines_ready(const struct engines *es); /* all of them */

/* The engine of the model that a request names; without a name that of the only model. NULL: *p
 * says why: no such model (404), or it is not there now (503). */
struct engine_slot *engines_find(struct engines *es, const json_t *body, struct problem *p);

#endif
