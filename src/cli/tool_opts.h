/* SPDX-License-Identifier: Apache-2.0 */
/* cli/tool_opts: --tools FILE and --tool-choice: what a model may call, and must. */
#ifndef MOAT_CLI_TOOL_OPTS_H
#define MOAT_CLI_TOOL_OPTS_H

#include "cli/session.h"

/* An array of tools as a request of OpenAI has it, or an object with that as "tools". */
json_t *tool_opts_read(const char *path, struct err *e) MUST_USE;

/* Binds answers to `prompt` by the choice: auto (NULL too), required, none or the name of a tool.
 * The grammar goes to s->grammar, in place of the last one. What cannot be bound is said on stderr,
 * once. */
bool tool_opts_bind(struct session *s, const char *choice, struct str prompt,
                    struct err *e) MUST_USE;
/* Whether the tool's schema of parameters requires this one. */
bool tool_opts_needs(const json_t *parameters, const char *key);

#endif
