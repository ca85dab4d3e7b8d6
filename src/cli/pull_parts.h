/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_parts: moat pull of a model that was split into parts: each as a file of its own, then
 * one model of them. */
#ifndef MOAT_CLI_PULL_PARTS_H
#define MOAT_CLI_PULL_PARTS_H

#include "cli/pull_source.h"
#include "store/split.h"

/* s and q are of the first part; r is of the whole. */
bool pull_parts(struct pull_source *s, const struct pull_options *o, const struct split *split,
                struct pull_request *q, struct pull_result *r, struct err *e) MUST_USE;

#endif
