/* SPDX-License-Identifier: Apache-2.0 */
/* serve/line: the front's end of the line to an engine: run/job's messages over a libuv pipe, and
 * which answer each of them is for. */
#ifndef MOAT_SERVE_LINE_H
#define MOAT_SERVE_LINE_H

#include "serve/ask.h"

/* Takes the descriptor that waits at the control pipe. */
bool line_open(struct engine_slot *slot, uv_pipe_t *control, struct err *e) MUST_USE;
/* Ends it; every answer under way gets its error. */
void line_close(struct engine_slot *slot);
/* Ends every answer under way with this; the engine lives on. */
void line_stop_all(struct engine_slot *slot, const struct problem *p);

/* Sends the job and makes the answer its receiver; ERR_BUSY (429) when too many wait already. */
bool line_submit(struct engine_slot *slot, struct ask_answer *w, json_t *job,
                 struct problem *p) MUST_USE;
/* Asks for the engine's own numbers, as the answer's result. */
bool line_ask_stats(struct engine_slot *slot, struct ask_answer *w, struct problem *p) MUST_USE;
/* To one that has asked for its memory; and the end of one without jobs. */
void line_grant(struct engine_slot *slot, uint64_t bytes);
void line_shutdown(struct engine_slot *slot);
/* A message of the engine that was kept back. */
void line_deliver(struct engine_slot *slot, const struct job_message *m);
void line_cancel(struct ask_answer *w);
/* No more of its text, until its reader has caught up. */
void line_pause(struct ask_answer *w, bool paused);

#endif
