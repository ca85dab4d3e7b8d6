/* SPDX-License-Identifier: Apache-2.0 */
/* run/engine_role: the main loop of an engine's process: jobs come from one descriptor, what comes
 * of them goes to another (run/job.h).
 *
 * One thread owns every sequence and computes; between two steps, which are short, it looks at what
 * has come. Prompts are prepared by a thread of their own (run/desk.h). Whatever a job is, it ends
 * with an answer or an error of its own; a line that is broken, or at its end, ends the engine. It
 * stops computing while the other end does not read. */
#ifndef MOAT_RUN_ENGINE_ROLE_H
#define MOAT_RUN_ENGINE_ROLE_H

#include "run/loaded.h"
#include "run/spill.h"

#define ENGINE_PARALLEL 8u /* answers in the making, where nothing else is asked for */
#define ENGINE_KEPT     8u /* and finished sequences kept */

struct engine_role {
    struct gguf *g;                  /* taken over */
    const struct settings *settings; /* what those of a job go over; borrowed */
    /* load.n_parallel 0: ENGINE_PARALLEL, and ENGINE_KEPT; its `grammar` and `embed` are set here
     */
    struct load_options load;
    uint32_t max_waiting; /* jobs; 0: SCHEDULE_WAITING */
    /* It is one of several: it asks for its memory (JOB_PLAN, and waits for JOB_GRANT) before the
     * model is loaded, and tells its numbers unasked (JOB_STATS of no job). */
    bool accounts;
    int in, out;             /* may be the same; set to non-blocking, not closed */
    struct spill_file spill; /* for sequences that there is no more memory for; arg NULL: none */
    /* Called when all is loaded and the first job not yet taken; may be NULL. */
    bool (*ready)(void *arg, struct err *e);
    void *ready_arg;
};

/* Says JOB_READY once it is. True: the line was closed or said JOB_SHUTDOWN. *plan as in
 * loaded_open. Ignores SIGPIPE from here on. */
bool engine_role_run(const struct engine_role *r, struct memplan *plan, struct err *e) MUST_USE;

#endif
