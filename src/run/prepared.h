/* SPDX-License-Identifier: Apache-2.0 */
/* run/prepared: a job of the line, read: its prompt rendered and tokenised, its grammar compiled,
 * its settings checked, so that only computing is left.
 *
 * Takes the text of a JOB_SUBMIT, which is hostile. What fails is in `error`, with the key of the
 * job that is at fault; what needs no computing is answered in `result`. Preparing takes as long as
 * the input is large: it may run beside the thread that computes, one at a time. */
#ifndef MOAT_RUN_PREPARED_H
#define MOAT_RUN_PREPARED_H

#include "run/completion.h"
#include "run/job.h"
#include "run/parts.h"

#define PREPARED_TENANT 64u

enum prepared_task { PREPARED_ANSWER, PREPARED_EMBED, PREPARED_DONE };

struct prepared {
    uint64_t id;
    enum prepared_task task;
    struct job_error error; /* err.code is ERR_NONE where nothing failed */
    json_t *result;         /* PREPARED_DONE; owned */

    struct tokens prompt;
    uint32_t n_first;             /* of two texts that are ranked, tokens of the first; else 0 */
    struct settings settings;     /* owned */
    struct grammar *grammar;      /* the settings'; owned */
    struct parts *parts;          /* what takes its text apart; NULL: all is content; owned */
    struct completion completion; /* started when it is admitted: it is large */
    int n_logprobs;               /* alternatives told; -1: nothing is */
    bool stream;
    bool paused; /* see schedule_pause */
    int priority;
    char tenant[PREPARED_TENANT];
    float adapters[LIMIT_ADAPTERS];   /* scales of the model's */
    uint64_t arrived_ns, deadline_ns; /* 0: no deadline */

    struct prepared *next; /* of whoever holds a list */
};

/* base: the settings that those of the job go over. NULL only where memory is short. */
struct prepared *prepared_new(struct loaded *l, const struct settings *base, uint64_t id,
                              struct str job, uint64_t arrived_ns, struct err *e) MUST_USE;
void prepared_free(struct prepared *p);

#endif
