/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_private: what the parts of the scheduler share: its steps (schedule.c), who goes
 * next (schedule_queue.c), what is reused (schedule_prefix.c). */
#ifndef MOAT_RUN_SCHEDULE_PRIVATE_H
#define MOAT_RUN_SCHEDULE_PRIVATE_H

#include "engine/timeline.h"
#include "run/schedule.h"

enum slot_state { SLOT_IDLE, SLOT_PROMPT, SLOT_DECODE };

/* A sequence of the cache, and the answer that is made with it. */
struct slot {
    struct timeline t; /* idle: what is kept */
    enum slot_state state;
    struct prepared *p;           /* NULL: idle */
    char tenant[PREPARED_TENANT]; /* whose tokens these are */
    uint64_t used_ns;             /* when it was last worked with */
    uint32_t n_committed;         /* blocks it may come to need */
    uint32_t next;                /* decoding: the token to be computed */
    bool chosen;                  /* `next` is; false: nothing could be */
    bool cancelled;               /* amid a pass */
    bool in_pass;                 /* its rows are in the batch */

    /* What is not told yet. */
    struct buf ids;   /* u32 each */
    json_t *logprobs; /* array or NULL */

    uint32_t n_reused, n_same;
    char differs[64];
    uint64_t admitted_ns, prompt_ns, text_ns; /* admitted, prompt read, first text */
};

struct schedule {
    struct loaded *l;
    const struct schedule_events *events;
    void *arg;
    struct slot *slots; /* [n_slots] */
    uint32_t n_slots, n_running;
    struct prepared *waiting; /* oldest first */
    uint32_t n_waiting, max_waiting;
    uint64_t n_committed; /* blocks, of all that run */
    double prompt_tps;    /* how fast prompts are read just now */
    struct schedule_stats sums;
};

/* schedule_queue.c */
void queue_admit(struct schedule *s, uint64_t now);
void queue_expire(struct schedule *s, uint64_t now);
/* Seconds: what is left of a job's prompt, less what its waiting is worth. Least goes first. */
double queue_cost(const struct schedule *s, const struct prepared *p, uint32_t left, uint64_t now);

/* schedule_prefix.c */
/* Must the job wait, because what it shares with another's prompt is being read just now? */
bool prefix_is_coming(const struct schedule *s, const struct prepared *p);
/* An idle slot, with the longest beginning of the prompt in it that could be had. */
struct slot *prefix_take(struct schedule *s, const struct prepared *p);
/* Gives up kept sequences until so many blocks are free, or none is left; but not `but`. */
void prefix_make_room(struct schedule *s, uint32_t blocks, const struct slot *but);

/* schedule.c */
void slot_fail(struct schedule *s, struct slot *slot, const struct job_error *why);
void slot_finish(struct schedule *s, struct slot *slot, enum finish finish);

static inline double schedule_seconds(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : 0;
}

#endif
