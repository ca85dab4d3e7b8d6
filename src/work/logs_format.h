/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_format: where the header of a log's lines ends, and what is in it.
 *
 * Learnt from the lines themselves: the header is what stands before the message at the same places
 * in nearly all lines (a timestamp, a level, a component with a colon, separators, brackets). No
 * file has to be described; `logs_format_given` takes a description all the same:
 *
 *     "<Date> <Time> <Pid> <Level> <Component>: <Content>"
 *
 * A line without the header (of a stack trace, say) belongs to the line before it. */
#ifndef MOAT_WORK_LOGS_FORMAT_H
#define MOAT_WORK_LOGS_FORMAT_H

#include "base/err.h"
#include "work/logs_time.h"

#define LOGS_FIELDS 14u

enum logs_kind {
    LOGS_FIELD_TIME,
    LOGS_FIELD_LEVEL,
    LOGS_FIELD_COMPONENT, /* "name:" or "name[pid]:" */
    LOGS_FIELD_DASH,      /* a separator by itself */
    LOGS_FIELD_BRACKET,
    LOGS_FIELD_NUMBER,
    LOGS_FIELD_WORD,
    LOGS_FIELD_KINDS
};

struct logs_format {
    uint32_t n; /* fields of the header; 0: none */
    enum logs_kind kind[LOGS_FIELDS];
    bool bars;         /* fields end in "|", not in blanks */
    const char *given; /* borrowed, or NULL */
};

struct logs_record {
    struct str message, level, component, pid;
    int64_t ms;  /* LOGS_NO_TIME where there is none */
    bool header; /* false: the line goes on with the one before */
};

void logs_format_learn(struct str text, struct logs_format *f);
bool logs_format_given(struct logs_format *f, const char *pattern, struct err *e) MUST_USE;
void logs_format_split(const struct logs_format *f, struct str line, struct logs_record *out);

/* 0 (trace) to 5 (fatal) for the name of a level, -1: it is none. */
int logs_level_of(struct str word);

#endif
