/* SPDX-License-Identifier: Apache-2.0 */
/* serve/responses: what the files of OpenAI's Responses API share (POST /v1/responses).
 *
 * A request's input and an answer's output are lists of items: message, reasoning, function_call,
 * function_call_output. responses_request makes a job of a request, responses_items the items of an
 * answer, response_store keeps what "previous_response_id" goes on from. */
#ifndef MOAT_SERVE_RESPONSES_H
#define MOAT_SERVE_RESPONSES_H

#include "serve/ask.h"

/* An answer in the making: the ask's own. */
struct response {
    json_t *echo;  /* object, owned: what of the request an answer repeats */
    json_t *input; /* array, owned: all items that are answered, the earlier ones too */
    json_t *items; /* array, owned: those of the answer that have ended */
    json_t *open;  /* owned: the one that is growing, its text in the answer's; NULL: none */
    uint32_t n_events;
    bool keep;
};

/* A request -> `job`, and what r holds of it. Images, files, hosted tools, stored prompts and
 * conversations are refused by name. */
bool responses_prompt(struct exchange *x, struct response *r, json_t *job,
                      struct problem *p) MUST_USE;
bool responses_settings(const json_t *body, struct ask *a, json_t *job, struct problem *p) MUST_USE;

/* What comes of the answer, for struct ask_words. */
void response_part(struct ask_answer *w, enum job_part part, struct str text,
                   const json_t *logprobs);
void response_end(struct ask_answer *w);
/* The response as it stands; takes the error (NULL: none). */
json_t *response_object(struct ask *a, const char *status, json_t *error);
json_t *response_finished(struct ask *a); /* with its usage: completed, or incomplete */
/* An event to a client that streams; takes the members. */
void response_send(struct ask *a, const char *type, json_t *members);

#endif
