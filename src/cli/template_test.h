/* SPDX-License-Identifier: Apache-2.0 */
/* cli/template_test: what a model's own chat template makes of a set of conversations: one
 * question, a system message, several turns, other scripts, tools, a tool call and its answer,
 * reasoning. */
#ifndef MOAT_CLI_TEMPLATE_TEST_H
#define MOAT_CLI_TEMPLATE_TEST_H

#include "base/err.h"

/* Prints one rendering, or the reason why there is none, for each conversation. *failed: the plain
 * question failed, so the model cannot be talked to; a template may refuse the others. */
bool template_test(const char *model, bool json, bool *failed, struct err *e) MUST_USE;

#endif
