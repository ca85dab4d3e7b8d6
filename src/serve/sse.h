/* SPDX-License-Identifier: Apache-2.0 */
/* serve/sse and ndjson: how JSON values follow each other in a streamed answer.
 *
 * Server-sent events are "data: VALUE" and an empty line each, with "data: [DONE]" last where the
 * dialect has that; NDJSON is a value a line. */
#ifndef MOAT_SERVE_SSE_H
#define MOAT_SERVE_SSE_H

#include "serve/reply.h"

void sse_start(struct exchange *x);
void sse_event(struct exchange *x, json_t *j); /* takes j; NULL: memory was short, nothing */
void sse_named(struct exchange *x, const char *name, json_t *j); /* with a line "event: NAME" */
void sse_done(struct exchange *x, bool say_done);                /* ends the exchange */

void ndjson_start(struct exchange *x);
void ndjson_line(struct exchange *x, json_t *j); /* takes j */
void ndjson_done(struct exchange *x);            /* ends the exchange */

#endif
