/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_private: what the parts of the scheduler share: its steps (schedule.c), the
 * tokens of answers (schedule_decode.c), who goes next (schedule_queue.c), what is reused
 * (schedule_prefix.c). */
#ifndef MOAT_RUN_SCHEDULE_PRIVATE_H
#define MOAT_RUN_SCHEDULE_PRIVATE_H

#include "engine/timeline.h"
#include "run/prompt_pace.h"
#include "run/schedule.h"

#define SCHEDULE_TOLD 256u /* tokens told at once, at most */

enum slot_state { SLOT_IDLE, SLOT_PROMPT, SLOT_DECODE };

/* A sequence of the cache, and the answer that is made with it. */
struct slot {
    struct timeline t; /* idle: what is kept */
    enum slot_state state;
    struct prepared *p;             /* NULL: idle */
    char tenant[PREPARED_TENANT];   /* whose tokens these are, ... */
    float adapters[LIMIT_ADAPTERS]; /* ... and the scales at which they were computed */
    uint64_t used_ns;               /* when it was last worked with */
    uint64_t read_ns;               /* its prompt: when it was last read on in, or admitted */
    uint32_t n_committed;           /* blocks it may come to need */
    uint32_t next;                  /* decoding: the token to be computed */
    bool cancelled;                 /* amid a pass */
    bool in_pass;                   /* its rows are in the batch */
    bool restoring;                 /* what its prompt begins with is being read from disk */
    bool spilled;                   /* idle: it is on disk too, or need not be */

    /* Guesses behind `next`, in the same pass. */
    struct speculation *guesses; /* NULL: none are made */
    uint32_t guess[SPECULATE_MOST], n_guessed, n_right;
    uint32_t sum_guessed, sum_right;

    /* What its rows of a pass gave. */
    uint32_t first_row;
    uint32_t n_sure; /* tokens of t that are the answer's */
    bool chosen;     /* `next` is; false: nothing could be */
    bool over;       /* it ended the answer */

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
    uint64_t n_committed;              /* blocks, of all that run */
    struct speculation **idle_guesses; /* [n_parallel] those of no slot, owned */
    uint32_t n_idle_guesses;
    uint32_t n_overtakes; /* passes over prompts since one for whoever had had none for longest */
    struct prompt_pace pace; /* of passes over prompts */
    struct spill *spill;     /* NULL: nothing goes to disk; owned */
    uint64_t submitted_ns;   /* the last one; 0: none yet */
    uint64_t company_ns; /* when there was last another job, or one soon after another; 0: never */
    struct schedule_stats sums;
};

/* schedule_queue.c */
void queue_admit(struct schedule *s, uint64_t now);
void queue_expire(struct schedule *s, uint64_t now);
/* Seconds: what is left of a job's prompt, less what its waiting (seconds) is worth. Least goes
 * first. */
double queue_cost(const struct schedule *s, const struct prepared *p, uint32_t left, double waited);

/* schedule_prefix.c */
/* Must the job wait, because what it shares with another's prompt is being read just now? */
bool prefix_is_coming(const struct schedule *s, const struct prepared *p);
/* An idle slot, with the longest beginning of the prompt in it that could be had; `restoring`: it
 * will be. */
struct slot *prefix_take(struct schedule *s, const struct prepared *p);
/* Gives up kept sequences until so many blocks are free, or none is left; but not `but`. */
void prefix_make_room(struct schedule *s, uint32_t blocks, const struct slot *but);

/* schedule_spill.c */
/* Reads and writes a little; false: nothing is to be read or written. */
bool spill_step(struct schedule *s);
/* Begins to read what is on disk of a prompt of which `there` tokens are in memory, into an idle
 * slot; false: nothing is read. */
bool spill_read(struct schedule *s, struct slot *slot, const struct prepared *p, uint32_t there);
/* Would it be read, if another was not just now? */
bool spill_is_busy(const struct schedule *s, const struct prepared *p, uint32_t there);
uint32_t spill_blocks(const struct schedule *s);         /* that what is being read takes */
void spill_leave(struct schedule *s, struct slot *slot); /* its job has ended before */
void spill_stats(const struct spill *k, struct spill_stats *out);
void spill_free(struct spill *k);

/* schedule_queue.c too: the slot has what there is of its prompt, and reads on. How much that is.
 */
uint32_t schedule_begin(struct schedule *s, struct slot *slot);

/* schedule_decode.c */
/* A token, or several, of every answer in the making; false: there is none. */
bool decode_step(struct schedule *s);
/* What follows the last rows of prompts, whose logits the last pass gave in this order. */
void decode_go_on(struct schedule *s, struct slot **slot, uint32_t n);
bool decode_begin_guessing(struct schedule *s,
                           struct err *e) MUST_USE; /* when all slots are there */
/* Its prompt is read, its answer begins; and what slot_begin took, when the answer is over. */
void slot_begin(struct schedule *s, struct slot *slot, uint64_t now);
void slot_end_guessing(struct schedule *s, struct slot *slot);

/* schedule.c */
/* Rows of a slot into the batch, the last n_wanted with logits; there is memory for them, as it was
 * admitted. False: it has failed. */
bool slot_add(struct schedule *s, struct slot *slot, const uint32_t *token, uint32_t n,
              uint32_t n_wanted) MUST_USE;
void slot_tell(struct schedule *s, struct slot *slot); /* all that is certain and not told yet */
void slot_fail(struct schedule *s, struct slot *slot, const struct job_error *why);
void slot_finish(struct schedule *s, struct slot *slot, enum finish finish);

/* Does it want its next token? */
static inline bool slot_decodes(const struct slot *slot)
{
    return slot->state == SLOT_DECODE && !slot->p->paused;
}

static inline double schedule_seconds(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : 0;
}

#endif
