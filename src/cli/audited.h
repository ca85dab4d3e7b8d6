/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audited: commands that are on record, where moat audit init has begun a log.
 *
 * Before a command runs, what is asked of it is durable in the log; when it has ended, how. An act
 * that cannot be recorded is not done, and one whose end cannot be recorded has failed. Answers of
 * a model at the command line are acts of their own, with as much of their content as the log is to
 * have. */
#ifndef MOAT_CLI_AUDITED_H
#define MOAT_CLI_AUDITED_H

#include "run/generate.h"

/* False: it must not run. A server's log is open only for its beginning and its end (a start that
 * is refused has one too): between them its auditor writes. */
bool audited_begin(const char *command, int argc, char **argv, struct err *e) MUST_USE;
/* The status that the program ends with. */
bool audited_end(int status, struct err *e) MUST_USE;

/* An answer: `prompt` as the model gets it. True without a log. */
bool audited_answer_begin(const char *model, struct str prompt, struct err *e) MUST_USE;
/* text: all of it. ok: as the generation ended. */
bool audited_answer_end(const struct generation *r, struct str text, bool ok, enum err_code code,
                        struct err *e) MUST_USE;

#endif
