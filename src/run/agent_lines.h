/* SPDX-License-Identifier: Apache-2.0 */
/* run/agent_lines: lines that coding agents put into their system messages for somebody else than
 * the model, new in every request: they would undo the reuse of all that follows.
 *
 * A line that begins with "x-anthropic-billing-header:" is such a line: it is accounting, not
 * words. Lines that mean something to the model, as today's date, stay; where they break a prefix,
 * the job's end says so (job_done.differs). */
#ifndef MOAT_RUN_AGENT_LINES_H
#define MOAT_RUN_AGENT_LINES_H

#include <jansson.h>

#include "base/err.h"

/* Takes them out of the system messages. */
bool agent_lines_drop(json_t *messages, struct err *e) MUST_USE;

#endif
