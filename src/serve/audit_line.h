/* SPDX-License-Identifier: Apache-2.0 */
/* serve/audit_line: the front's end of the line to the auditor (serve/auditor.h).
 *
 * Where a log has been begun (audit_line_expect, before the front is started), nothing begins that
 * is not on record. While there is no line, or the auditor cannot write, what would begin is
 * refused (503), and what runs is ended: never is an answer given for want of a record. Refusals of
 * clients without a key are counted by address and minute. */
#ifndef MOAT_SERVE_AUDIT_LINE_H
#define MOAT_SERVE_AUDIT_LINE_H

#include <jansson.h>
#include <uv.h>

#include "guard/audit_settings.h"
#include "serve/problem.h"

struct server;
struct conn;

enum { AUDIT_PEER = 64, AUDIT_REFUSALS = 64 };

/* Somebody who waits for his record. */
struct audit_wait {
    uint64_t id; /* 0: he does not */
    struct audit_wait *prev, *next;
    /* Durable, or (p) it is not and will not be. Called once. */
    void (*done)(struct audit_wait *w, const struct problem *p);
};

struct audit_refusal { /* alike, within a minute */
    char from[AUDIT_PEER];
    int status;
    uint64_t n;
};

struct audit_line {
    struct server *server;
    int fd; /* -1: none now */
    uv_poll_t *poll;
    uv_timer_t timer;
    uint64_t last_id;
    struct audit_wait *first, *last; /* as they were sent */
    json_t *lost;                    /* ends that could not be recorded yet: records; owned */
    struct audit_refusal refusals[AUDIT_REFUSALS];
    uint32_t n_refusals;
};

/* In the supervisor: from now on fronts have everything on record, with this much of it. */
void audit_line_expect(enum audit_content content);
bool audit_line_expected(void);
enum audit_content audit_line_content(void);

void audit_line_init(struct audit_line *l, struct server *s);
/* Takes the descriptor that waits at the control pipe. */
void audit_line_attach(struct audit_line *l, int pid, uv_pipe_t *control);
void audit_line_close(struct audit_line *l);
void audit_line_end(struct audit_line *l); /* the front ends: what is left to say is said */

/* False: *p says why nothing may begin now. */
bool audit_line_ready(const struct audit_line *l, struct problem *p) MUST_USE;
/* Takes the record. w NULL: nobody waits. begins: it is of new work. */
bool audit_line_send(struct audit_line *l, json_t *record, bool begins, struct audit_wait *w,
                     struct problem *p) MUST_USE;
/* The end of something: it is sent as soon as it can be. Takes the record. */
void audit_line_note(struct audit_line *l, json_t *record);
void audit_line_forget(struct audit_line *l, struct audit_wait *w);
void audit_line_refused(struct audit_line *l, const struct conn *c, int status);
/* {"key", "from"} of a client. */
json_t *audit_line_who(const struct conn *c);

#endif
