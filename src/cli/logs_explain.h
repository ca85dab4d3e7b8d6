/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_explain: what a local model says of the lines that were found.
 *
 * The model sees the suspects with the lines around them (masked, as everybody sees them) and
 * nothing else of the logs. A grammar made of a JSON Schema lets it write statements only, each
 * with the places of the lines it rests on, out of those it was shown. A statement is left out when
 * it cites nothing, or holds a number of three digits or more that is in none of the lines it
 * cites. */
#ifndef MOAT_CLI_LOGS_EXPLAIN_H
#define MOAT_CLI_LOGS_EXPLAIN_H

#include "base/json.h"

struct logs_explain {
    const char *model, *question; /* question: NULL for the cause */
    uint64_t memory;
    uint32_t threads;
};

/* found: as of logs_show_json. Gives {"model","statements":[{"text","lines":[..]}],"left_out":N},
 * to be released by the caller, or NULL. */
json_t *logs_explain(const struct logs_explain *o, const json_t *found, struct err *e) MUST_USE;

#endif
