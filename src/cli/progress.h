/* SPDX-License-Identifier: Apache-2.0 */
/* cli/progress: one line on stderr that says how far a long job is.
 *
 * On a terminal it is redrawn in place, at most ten times a second, with rate and time left; else
 * plain lines at each tenth, and none at all for a job that is over within two seconds. */
#ifndef MOAT_CLI_PROGRESS_H
#define MOAT_CLI_PROGRESS_H

#include "base/buf.h"

struct progress {
    const char *label; /* borrowed, printable */
    uint64_t total;    /* bytes; 0: not known */
    uint64_t done;
    uint64_t start_ns, drawn_ns, rate_ns; /* rate_ns, rate_done: where the rate's window began */
    uint64_t rate_done;
    double rate; /* bytes a second, smoothed; 0: not known yet */
    uint32_t tenths;
    bool terminal, shown;
};

void progress_start(struct progress *p, const char *label, uint64_t total);
/* The size is known, and so much was done before: that part does not count as speed. */
void progress_from(struct progress *p, uint64_t done, uint64_t total);
void progress_update(struct progress *p, uint64_t done);  /* cheap: call it as often as you like */
void progress_measure(struct progress *p, uint64_t done); /* without drawing */
void progress_end(struct progress *p);                    /* clears the line from a terminal */

/* The line itself, `columns` wide at most (for tests). */
void progress_line(const struct progress *p, uint32_t columns, struct buf *out);

#endif
