/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engines: the models as the front sees them: which are loaded, a line to each one's engine,
 * and when one is to be loaded or to end.
 *
 * An engine is loaded at the start, or at the first request for its model, which waits for it
 * (serve/loading). It first says what memory it needs at least and at most, and is given what there
 * is room for in one budget for all (serve/room); an idle one may have to end for that. Without
 * work for its time to stay (keep) it ends too. One that has jobs never does.
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

#define ENGINES_KEEP_S 300    /* that one stays without work, where nobody says otherwise */
#define ENGINES_END_MS 10000u /* in which an engine without jobs ends when it is told to */

struct server;
struct line;
struct waiting;

enum engine_state {
    ENGINE_OFF,     /* not loaded, and nobody needs it */
    ENGINE_LOADING, /* wanted; not ready yet */
    ENGINE_READY,
    ENGINE_DOWN,  /* it has fallen; the supervisor brings another */
    ENGINE_ENDING /* it was told to */
};

struct engine_slot {
    struct server *server;
    uint32_t index;
    const struct served *model;
    enum engine_state state;
    struct line *line;  /* NULL: none now */
    uint32_t n_jobs;    /* under way */
    uint64_t loaded_ns; /* since when it is ready */
    json_t *info;       /* what it says of its model, once it is ready; kept; owned */
    json_t *stats;      /* its newest numbers, or NULL; owned */
    struct err why;     /* that there will be no engine; code ERR_NONE: nothing was said */
    bool stale;         /* what is loaded is no longer what its name means */

    float lora_scale[LIMIT_ADAPTERS]; /* of the model's adapters, for requests that do not say */
    int64_t keep;     /* seconds without work, DURATION_EVER or DURATION_UNSET: the server's */
    uint64_t used_ns; /* when it last had work */
    uint64_t end_ns;  /* when it will end if none comes; 0: it has work, or stays */
    uv_timer_t timer; /* for that, and for one that does not end */

    uint64_t least, most; /* bytes it can work with; least 0: it has not said */
    uint64_t held;        /* bytes it was given, or takes; 0: none */
    uint64_t asked_ns;    /* since when it waits for them; 0: it does not */
    double progress;      /* of loading, where weights are packed: 0 to 1; negative: not said */

    struct waiting *waiting; /* requests, oldest first (serve/loading) */
    uint32_t n_waiting;
    uv_timer_t patience; /* looks after them */
    uint64_t n_loads, n_unloads;
};

struct engines {
    struct server *server;
    struct served_list *models; /* this process's own */
    struct engine_slot v[SERVED_MAX];
    uint32_t n;
    uint64_t free_bytes; /* of the machine, when none was loaded (serve/room) */
    uv_timer_t settle;   /* room is to be given out anew */
};

void engines_init(struct engines *es, struct server *s, struct served_list *models);
/* A model that is new (i = n), another than it was, or gone; takes m over. One that works on
 * requests goes when they are answered. */
void engines_model(struct engines *es, uint32_t i, struct served *m);
void engines_close(struct engines *es);
/* A new line to the engine of a model, waiting at the control pipe. */
void engines_attach(struct engines *es, uint32_t model, int pid, uv_pipe_t *control);
/* Those that are to be there from the start are. */
bool engines_ready(const struct engines *es);
const char *engine_state_name(enum engine_state s);

/* The model that a request names, in whatever state; without a name the only one. NULL: *p. */
struct engine_slot *engines_named(struct engines *es, const json_t *body, struct problem *p);
/* Its engine; NULL: *p says why: no such model (404), or it is not there now (503). */
struct engine_slot *engines_find(struct engines *es, const json_t *body, struct problem *p);

void engines_load(struct engine_slot *slot);   /* of one that is off */
void engines_unload(struct engine_slot *slot); /* of one that is idle; else nothing happens */
/* How long it stays without work from now on; 0: it ends as soon as it has none. */
void engines_keep(struct engine_slot *slot, int64_t seconds);
int64_t engine_keep(const struct engine_slot *slot); /* in force: seconds, or DURATION_EVER */
/* No jobs, and nobody waits for it. */
bool engine_is_idle(const struct engine_slot *slot);

/* The SHA-256 of its model's file, "sha256:..": what the policy or the store says; else "". */
void engine_digest(const struct engine_slot *slot, char out[72]);
uint64_t
engine_policy(const struct engine_slot *slot); /* version of the policy; 0: there is none */

/* What its line tells. */
void engines_busy(struct engine_slot *slot); /* its first job */
void engines_idle(struct engine_slot *slot); /* its last job has ended */
void engines_plan(struct engine_slot *slot, uint64_t least, uint64_t most);
void engines_said_ready(struct engine_slot *slot, json_t *info);        /* takes info */
void engines_said_why(struct engine_slot *slot, const struct err *why); /* it will not be there */
void engines_ended(struct engine_slot *slot); /* the line has: closes it */

#endif
