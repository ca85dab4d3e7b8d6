/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_sessions: lines that belong together by an id, and the sequences that are broken.
 *
 * Which id (a block, request or trace) is found: the kind of identifier that most lines carry, with
 * several lines and events to a value. A session is its lines' events in order. It is broken when
 * its events with their numbers have not been seen in a normal session, or when it takes a step
 * from one event to the next that fewer than one in 2000 normal sessions takes (its begin and end
 * count as events). Normal is what the baseline holds; without one, what sessions mostly do. */
#ifndef MOAT_WORK_LOGS_SESSIONS_H
#define MOAT_WORK_LOGS_SESSIONS_H

#include "base/map.h"
#include "base/mem.h"
#include "work/logs_source.h"

/* What normal sessions do. Keys are hashes, so that they can be kept in a file. */
struct logs_tally {
    struct map ids;  /* 16 hex digits -> place in `count` */
    uint32_t *count; /* sessions */
    size_t n, cap;
};

struct logs_normal {
    struct logs_tally vectors; /* of sessions that have these events so often */
    struct logs_tally steps;   /* of those that take this step */
    struct arena text;
    uint32_t n;
};

struct logs_session {
    struct str id; /* borrowed from the log */
    uint64_t first_line;
    uint32_t n_line;
    bool new_events, rare_step; /* why it is broken */
};

struct logs_sessions {
    char kind[32];          /* how the ids begin: "blk" */
    struct logs_session *v; /* all, in the order of their first lines */
    size_t n, n_broken;
};

bool logs_normal_put(struct logs_normal *t, bool step, struct str key, uint32_t count,
                     struct err *e) MUST_USE;
/* Adds all of `from` to `t`. */
bool logs_normal_add(struct logs_normal *t, const struct logs_normal *from, struct err *e) MUST_USE;
void logs_normal_clear(struct logs_normal *t);

/* Finds the sessions of a source. With `normal` empty it is filled from them; they are judged by
 * what it then holds. */
bool logs_sessions_find(const struct logs_source *s, struct logs_normal *normal,
                        struct logs_sessions *out, struct err *e) MUST_USE;
void logs_sessions_clear(struct logs_sessions *t);

#endif
