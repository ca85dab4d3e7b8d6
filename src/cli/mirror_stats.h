/* SPDX-License-Identifier: Apache-2.0 */
/* cli/mirror_stats: moat mirror stats: the numbers of a mirror that runs, asked over HTTP. */
#ifndef MOAT_CLI_MIRROR_STATS_H
#define MOAT_CLI_MIRROR_STATS_H

#include "base/err.h"

/* token_file: a key, or NULL. */
bool mirror_stats_print(const char *url, const char *token_file, bool json, struct err *e) MUST_USE;

#endif
