/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai: what the routes of OpenAI's API share. */
#ifndef MOAT_SERVE_OPENAI_H
#define MOAT_SERVE_OPENAI_H

#include "serve/ask.h"

/* "chatcmpl-" and the like, made of the exchange's id. */
const char *openai_id(const struct exchange *x, const char *prefix, char out[48]);
const char *openai_finish(const struct ask_answer *w); /* "stop", "length", "tool_calls" */
json_t *openai_usage(const struct ask *a);
/* "stream" and "stream_options". */
bool openai_stream(const json_t *body, struct ask *a, struct problem *p) MUST_USE;
/* "model", "stop", "max_tokens" and the samplers, which several routes take. */
bool openai_settings(const json_t *body, json_t *job, struct problem *p) MUST_USE;
/* The job for answer i of several to one prompt. */
json_t *openai_job_of(const json_t *job, uint32_t i);
void openai_broken(struct ask *a, const struct problem *p);

#endif
