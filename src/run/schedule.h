/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule: many answers at once, over one model.
 *
 * The caller submits prepared jobs and calls schedule_step as long as it says there is work; what
 * comes of it is told through the events. A step is one pass over the weights for a token of every
 * answer in the making (or several, where they can be guessed: run/speculate), and one for a piece
 * of the prompts, of about SCHEDULE_STEP_MS, or where there are such answers of SCHEDULE_BRIEF_MS,
 * or more, if what a pass costs anyway makes that a waste, but SCHEDULE_BESIDE_MS at most: after
 * that the caller can look for what is new, and cancel. A job that is alone, and has been for
 * a while, is read in longer pieces, as that is quicker, if the caller can look in between
 * (SCHEDULE_ALONE_MS; a cancel is noticed between two layers). A prompt whose last tokens a step
 * reads does not share it with a piece of a long one, so that its answer begins at once.
 *
 * Guarantees: each answer is what run/generate gives for the job alone, bit for bit, but for the
 * roundings of what is reused. A job is admitted when there is memory for its prompt and the whole
 * of max_tokens; so no answer is ever broken off for want of it. Whoever costs least is admitted
 * first, and waiting makes cheap, so that short jobs overtake and none waits for ever; a tenant
 * with many running answers is behind one with few. Of the prompts that are being read the one with
 * least left goes first, but every fourth pass is for the one that has had none for longest.
 *
 * A finished sequence is kept, while there is room, for the next job that begins like it, of the
 * same tenant; running ones are shared too, so several answers to one prompt cost it once. What
 * was not used for longest goes first.
 *
 * One thread. Nothing is allocated in a step of decoding alone, but by what the events do, where a
 * grammar meets a state for the first time, and for logprobs. */
#ifndef MOAT_RUN_SCHEDULE_H
#define MOAT_RUN_SCHEDULE_H

#include "run/prepared.h"
#include "run/spill.h"

#define SCHEDULE_STEP_MS   80u
#define SCHEDULE_BESIDE_MS 50u
#define SCHEDULE_BRIEF_MS  25u
#define SCHEDULE_ALONE_MS  400u
#define SCHEDULE_ALONE_S   1.0  /* without another job, until one counts as alone */
#define SCHEDULE_WAITING   256u /* jobs that may wait, where nothing else is asked for */

/* The job is freed after done and failed. Text: what became certain since the last call, the tokens
 * since then, and their logprobs (JSON text, or ""). */
struct schedule_events {
    void (*started)(void *arg, const struct prepared *p, uint32_t n_reused);
    void (*text)(void *arg, const struct prepared *p, struct str text, const uint32_t *ids,
                 uint32_t n_ids, struct str logprobs);
    void (*done)(void *arg, const struct prepared *p, const struct job_done *d);
    void (*failed)(void *arg, const struct prepared *p, const struct job_error *why);
    /* Called often inside a step that reads a long piece for a job that is alone; may call
     * schedule_cancel and schedule_pause and nothing else here. NULL: there are no such steps. */
    void (*look)(void *arg);
};

struct schedule;

/* max_waiting 0: SCHEDULE_WAITING. Borrows all it is given. */
struct schedule *schedule_new(struct loaded *l, uint32_t max_waiting,
                              const struct schedule_events *events, void *arg,
                              struct err *e) MUST_USE;
/* Before the first job: sequences for which there is no more memory go to this file. */
bool schedule_spill(struct schedule *s, const struct spill_file *file, struct err *e) MUST_USE;
void schedule_free(struct schedule *s); /* without events for what is under way */

/* Takes a PREPARED_ANSWER over. When the queue is full it fails at once: ERR_BUSY, and when it may
 * be worth to come again. */
void schedule_submit(struct schedule *s, struct prepared *p);
/* Ends it with what there is by now. False: there is no such job. */
bool schedule_cancel(struct schedule *s, uint64_t id);
/* Who reads an answer does not keep up: no token is computed for it until it goes on again; it
 * keeps its place and its deadline. Others do not notice. False: there is no such job. */
bool schedule_pause(struct schedule *s, uint64_t id, bool paused);
/* False: nothing is to be done until something is submitted, or goes on. */
bool schedule_step(struct schedule *s);

struct schedule_stats {
    uint32_t n_parallel, n_running, n_waiting;
    uint32_t n_kept, kept_tokens;             /* finished sequences, and what they hold */
    uint32_t kv_blocks, kv_free;              /* of KV_BLOCK tokens */
    uint64_t n_prompt, n_reused, n_generated; /* tokens, of all answers so far */
    uint64_t n_guessed, n_right;              /* tokens guessed ahead, and those that held */
    uint64_t n_ended, n_failed;
    double prompt_s, decode_s; /* spent computing */
    double prompt_tps;         /* as it is now */
    struct spill_stats spill;
};
void schedule_stats(const struct schedule *s, struct schedule_stats *out);

struct schedule_slot {
    uint64_t id; /* of the job; 0: idle */
    uint32_t n_tokens, n_prompt, n_generated;
    bool decoding;
};
uint32_t schedule_slots(const struct schedule *s);
void schedule_slot(const struct schedule *s, uint32_t i, struct schedule_slot *out);

#endif
