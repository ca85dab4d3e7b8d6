/* SPDX-License-Identifier: Apache-2.0 */
/* cli/open_model: MODEL on a command line -> an open GGUF file. */
#ifndef MOAT_CLI_OPEN_MODEL_H
#define MOAT_CLI_OPEN_MODEL_H

#include "gguf/gguf.h"
#include "run/memplan.h"
#include "run/settings.h"

/* A path to a GGUF file, or the NAME[:TAG] of an imported model: to run it, which a policy may
 * forbid (store/admit; and require_policy of the configuration); as a draft; or to look at it. */
struct gguf *open_model(const char *model, struct err *e) MUST_USE;
struct gguf *open_draft(const char *model, struct err *e) MUST_USE;
/* Both, by one and the same policy; draft NULL: *d is NULL. */
bool open_with_draft(const char *model, const char *draft, struct gguf **m, struct gguf **d,
                     struct err *e) MUST_USE;
struct gguf *open_to_look(const char *model, struct err *e) MUST_USE;
/* The settings a model of the store was given (moat import --config, moat create) go into s, the
 * messages its conversations begin with into *opening (the caller's, or NULL); a file has none. An
 * absent model is left for open_model to report. */
bool open_model_settings(const char *model, struct settings *s, json_t **opening,
                         struct err *e) MUST_USE;

/* The sum of memory on stderr, with what would make it fit. */
void open_model_show_plan(const struct memplan *plan);

#endif
