/* SPDX-License-Identifier: Apache-2.0 */
/* serve/request: what the requests of several dialects have in common, as parts of a job.
 *
 * A job is the JSON object that an engine gets (run/job.h has its keys). */
#ifndef MOAT_SERVE_REQUEST_H
#define MOAT_SERVE_REQUEST_H

#include "serve/fields.h"

/* A job of this task, with what every task takes; NULL: *p. */
json_t *request_job(const char *task, struct problem *p) MUST_USE;

/* Every key of run/settings that the request holds under its own name. */
bool request_settings(const json_t *body, json_t *job, struct problem *p) MUST_USE;
/* One that it holds under another name. */
bool request_setting(const json_t *body, const char *field, const char *key, json_t *job,
                     struct problem *p) MUST_USE;
/* One that nobody gave takes this value. */
void request_default(json_t *job, const char *key, json_t *value);

/* "messages": roles checked, contents of several parts joined, arguments of calls as objects. */
/* lora: scales of the model's adapters, [{"id", "scale"}]. */
bool request_lora(const json_t *body, json_t *job, struct problem *p) MUST_USE;
bool request_messages(const json_t *body, json_t *job, struct problem *p) MUST_USE;
/* The text of a content: a string, parts of text, or none; the caller owns it. `field` is the list
 * that element i of has it. NULL: *p. */
json_t *request_content(const json_t *content, const char *field, size_t i,
                        struct problem *p) MUST_USE;
/* How long a model is to think ("none" to "max"), as its template knows it. */
bool request_effort(const json_t *o, const char *field, json_t *job, struct problem *p) MUST_USE;
/* "tools" and "tool_choice". */
bool request_tools(const json_t *body, json_t *job, struct problem *p) MUST_USE;

/* What the answer must be: any JSON, what a schema allows, or what a grammar (GBNF) does. */
bool request_any_json(json_t *job);
bool request_schema(json_t *job, const json_t *schema);
bool request_grammar(const json_t *body, const char *field, json_t *job,
                     struct problem *p) MUST_USE;
/* Does the job have one of them? */
bool request_bound(const json_t *job);

/* A text, or an array of token ids, as "prompt" of the job. */
bool request_prompt(const json_t *prompt, const char *field, json_t *job,
                    struct problem *p) MUST_USE;
bool request_is_ids(const json_t *a);

#endif
