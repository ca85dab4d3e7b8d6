/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_run: one pull, for moat pull and for what offers one. */
#ifndef MOAT_CLI_PULL_RUN_H
#define MOAT_CLI_PULL_RUN_H

#include "cli/pull_source.h"

/* Finds the sources, fetches and shows how far it is, pins. q: settings may be set before; the rest
 * is filled here and points into s, which the caller clears in any case. */
bool pull_run(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
              struct pull_result *r, struct err *e) MUST_USE;

/* A model that is not in the store but in a catalogue: asks at a terminal whether it shall be
 * fetched, and fetches it (without: without asking). Where nobody can be asked it is an error that
 * names moat pull. True also where there is nothing to do, or no catalogue knows it. apart: in a
 * process of its own (cli/isolate), for a command that is not isolated yet. */
bool pull_offer(const char *model, bool without, bool apart, struct err *e) MUST_USE;

#endif
