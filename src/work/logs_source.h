/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_source: one log file made ready for finding: mined, with the time and level of every
 * line.
 *
 * A line without a time of its own (a stack trace, a clock that was not read) has that of the line
 * before it; where a log has no times at all, lines count as one second apart. */
#ifndef MOAT_WORK_LOGS_SOURCE_H
#define MOAT_WORK_LOGS_SOURCE_H

#include "work/logs_mine.h"

struct logs_source {
    const char *name; /* borrowed */
    struct logs_format format;
    struct logs_mine mine; /* lines, workers and mapped are set by the caller before */
    int64_t *ms;           /* [mine.n_line] */
    int8_t *level;         /* [mine.n_line]: 0 (trace) to 5 (fatal), -1: none */
    bool timed;
};

/* mine.lines.rest is the text, which must outlive the source; `given` as of logs_format_given or
 * NULL. */
bool logs_source_open(struct logs_source *s, const char *given, struct err *e) MUST_USE;
void logs_source_clear(struct logs_source *s);

/* Event number of a line, and the text of its record (without header), by its number from 0. */
uint32_t logs_source_event(const struct logs_source *s, uint64_t line);
struct str logs_source_text(const struct logs_source *s, uint64_t line);
struct str logs_source_line(const struct logs_source *s, uint64_t line); /* with its header */

/* How bad an event is by its level and words: 0 to 5; and whether it only reports a value ("name:
 * <*>"), as dumps of registers and states do. */
int logs_severity(struct str text, int level);
bool logs_is_report(struct str text);

#endif
