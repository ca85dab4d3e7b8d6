/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_csv: what was mined, as CSV (RFC 4180, "\n" at the end of a row).
 *
 * Structured lines have one row for each record of the log, in its order: LineId, Content, EventId,
 * EventTemplate, Types (of the variables, from left to right); with a format also Time, Level,
 * Component and Pid. Secrets are masked (work/logs_mask) unless `unmasked` is set. Threads write
 * chunks side by side, `out` gets them in order. */
#ifndef MOAT_WORK_LOGS_CSV_H
#define MOAT_WORK_LOGS_CSV_H

#include "work/logs_mine.h"

/* Takes the next bytes of the file. */
struct logs_sink {
    bool (*write)(void *ctx, const void *p, size_t n, struct err *e);
    void *ctx;
};

bool logs_csv_lines(const struct logs_mine *m, struct logs_sink sink, struct err *e) MUST_USE;
/* EventId, EventTemplate, Occurrences, FirstLine, Types: most frequent first. */
bool logs_csv_events(const struct logs_mine *m, struct logs_sink sink, struct err *e) MUST_USE;

/* The numbers of the events, most frequent first; free with mem_free. */
uint32_t *logs_events_ranked(const struct logs_events *t, struct err *e) MUST_USE;

#endif
