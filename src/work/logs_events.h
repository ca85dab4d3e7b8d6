/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_events: refined shapes -> events, each with its template as text.
 *
 * Shapes whose templates read the same are one event, and so are those that differ only in how many
 * variables a list has. The id is made from the template ("E" and eight hex digits), so the same
 * event has the same id in every run and file. Events come in the order of their first lines. */
#ifndef MOAT_WORK_LOGS_EVENTS_H
#define MOAT_WORK_LOGS_EVENTS_H

#include "work/logs_shapes.h"

#define LOGS_VARIABLE "<*>"

struct logs_event {
    struct str text;  /* the template; in `text` of the list */
    struct str types; /* of its variables, from left to right: "number,ip" */
    uint64_t count, first;
    char id[10];
};

struct logs_events {
    struct logs_event *v;
    size_t n;
    uint32_t *of_shape; /* event of each refined shape */
    char *text;
};

/* `mask`: secrets that a template kept are masked (work/logs_mask). */
bool logs_events_make(const struct logs_shapes *shapes, bool mask, struct logs_events *out,
                      struct err *e) MUST_USE;
void logs_events_clear(struct logs_events *t);

#endif
