/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_find: which events of one or more logs matter, with the evidence.
 *
 * An event is told from its usual self by three measures over the time that all logs span: that it
 * was not there before (or not in the baseline), that it comes much more often than it did, that it
 * no longer comes. Bad events (logs_severity) that begin or burst are symptoms; where most of them
 * begin is the onset. A suspect is the first symptom, and what was new or rare shortly before it:
 * the nearer, the rarer and the worse, the higher it ranks. Later symptoms rank below. */
#ifndef MOAT_WORK_LOGS_FIND_H
#define MOAT_WORK_LOGS_FIND_H

#include "work/logs_sessions.h"

#define LOGS_BUCKETS 60u /* the span is cut into so many */

/* Why an event is a suspect. */
enum {
    LOGS_WHY_NEW = 1,       /* not in the baseline */
    LOGS_WHY_APPEARED = 2,  /* for the first time, late */
    LOGS_WHY_BURST = 4,     /* much more often than before */
    LOGS_WHY_RARE = 8,      /* one or a few lines */
    LOGS_WHY_FIRST = 16,    /* where the trouble begins */
    LOGS_WHY_BEFORE = 32,   /* shortly before it */
    LOGS_WHY_BAD = 64,      /* by its level or words */
    LOGS_WHY_STOPPED = 128, /* came all the time, and no longer does */
};

struct logs_suspect {
    uint32_t source, event;
    uint64_t line; /* the line that matters, from 0 */
    int64_t ms;
    double score;
    int severity;
    unsigned why;
    uint64_t count, before;        /* lines of the event, and of those before `line` */
    uint32_t bucket[LOGS_BUCKETS]; /* lines over time */
};

/* Events known from an earlier run. */
struct logs_baseline {
    struct map events; /* id -> lines */
    uint64_t lines;
    struct logs_normal normal;
    struct arena text;
};

struct logs_find {
    struct logs_source *source; /* [n_source] */
    size_t n_source;
    const struct logs_baseline *baseline; /* or NULL */

    struct logs_suspect *suspect; /* ranked */
    size_t n_suspect, cap_suspect;
    int64_t from_ms, to_ms, onset_ms; /* onset: LOGS_NO_TIME where there is none */
};

bool logs_find_run(struct logs_find *f, struct err *e) MUST_USE;
void logs_find_clear(struct logs_find *f);

#endif
