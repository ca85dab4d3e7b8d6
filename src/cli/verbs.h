/* SPDX-License-Identifier: Apache-2.0 */
/* cli/verbs: the word behind a command that says what of it is to be done: `moat bundle create`.
 *
 * A word that the command has not is ERR_USAGE, with the one that was likely meant or with all. */
#ifndef MOAT_CLI_VERBS_H
#define MOAT_CLI_VERBS_H

#include "cli/opts.h"

/* Verbs with options of their own are commands too, called "bundle create": runs the one that
 * argv[1] names, or shows the help of the command. Returns the exit status. */
int verbs_run(const struct command *owner, const struct command *const *verbs, size_t n, int argc,
              char **argv);

/* Verbs that share the options of their command are the rows of a table, each `row` bytes long,
 * which begin with the name (a const char *). NULL: the word is none of them. */
const void *verbs_find(const struct command *owner, const void *rows, size_t n, size_t row,
                       const char *word, struct err *e);

#endif
