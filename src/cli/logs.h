/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs: the verbs of `moat logs`, each in a file of its own. */
#ifndef MOAT_CLI_LOGS_H
#define MOAT_CLI_LOGS_H

#include "cli/opts.h"

extern const struct command logs_ask;

extern const struct command logs_find;

extern const struct command logs_follow;

extern const struct command logs_parse;

#endif
