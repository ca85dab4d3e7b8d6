/* SPDX-License-Identifier: Apache-2.0 */
/* serve/anthropic: a request in the words of Anthropic's Messages API, as a job for the engine.
 *
 * Contents are a text or blocks: text, thinking, tool_use, tool_result. What a local model cannot
 * read (images, documents, the tools of the service itself) is refused by name; what only concerns
 * the service (metadata, cache_control, service_tier) is passed over. */
#ifndef MOAT_SERVE_ANTHROPIC_H
#define MOAT_SERVE_ANTHROPIC_H

#include "serve/ask.h"

/* "system", "messages", "tools" and "thinking": what a prompt is made of. */
bool anthropic_prompt(const json_t *body, json_t *job, struct problem *p) MUST_USE;
/* "max_tokens", "stop_sequences", the samplers and "output_config": how it is answered. */
bool anthropic_settings(const json_t *body, json_t *job, struct problem *p) MUST_USE;

#endif
