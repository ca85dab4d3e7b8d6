/* SPDX-License-Identifier: Apache-2.0 */
/* run/desk: a thread that prepares jobs (run/prepared.h) beside the one that computes.
 *
 * Jobs come out in the order they went in. A long prompt holds up those behind it, but never the
 * answers in the making. */
#ifndef MOAT_RUN_DESK_H
#define MOAT_RUN_DESK_H

#include "run/prepared.h"

#define DESK_JOBS  1024u          /* that may lie there */
#define DESK_BYTES (256ull << 20) /* of all of them */

struct desk;

/* Borrows both. */
struct desk *desk_new(struct loaded *l, const struct settings *base, struct err *e) MUST_USE;
void desk_free(struct desk *d); /* waits for the job that is being prepared */

/* Copies the text of a job. ERR_BUSY when too much lies there. */
bool desk_give(struct desk *d, uint64_t id, struct str job, struct err *e) MUST_USE;

struct desk_job {
    uint64_t id;
    bool cancelled;
    struct prepared *p; /* the caller's; NULL: cancelled, or memory was short */
};
/* False: none is ready. */
bool desk_take(struct desk *d, struct desk_job *out);
bool desk_cancel(struct desk *d, uint64_t id); /* false: it does not lie there */
int desk_fd(const struct desk *d);             /* readable while one is ready */

#endif
