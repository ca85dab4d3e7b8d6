/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ollama: what the routes of Ollama's API share. */
#ifndef MOAT_SERVE_OLLAMA_H
#define MOAT_SERVE_OLLAMA_H

#include "serve/ask.h"

/* "options": the settings, by Ollama's names; and "format". */
bool ollama_options(const json_t *body, const struct engine_slot *slot, json_t *job,
                    struct problem *p) MUST_USE;
/* "keep_alive": how long the model stays without work from now on. */
bool ollama_keep(const json_t *body, struct engine_slot *slot, struct problem *p) MUST_USE;
/* Is it a request for no answer, but for the model to be unloaded? */
bool ollama_unloads(const struct exchange *x);
/* An object with model and created_at; the rest is the caller's to add. */
json_t *ollama_object(const struct ask *a, bool done);
/* The counts and times that the last object has. */
void ollama_add_sums(json_t *j, const struct ask_answer *w);
const char *ollama_time(time_t t, char out[32]); /* RFC 3339 */

#endif
