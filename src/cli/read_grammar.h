/* SPDX-License-Identifier: Apache-2.0 */
/* cli/read_grammar: --grammar and --schema: a file to a grammar. */
#ifndef MOAT_CLI_READ_GRAMMAR_H
#define MOAT_CLI_READ_GRAMMAR_H

#include "text/grammar.h"
#include "text/vocab.h"

/* A schema where o is not NULL, else GBNF, whose <token> names are looked up in v unless that is
 * NULL. Messages name the file. */
struct grammar *read_grammar(const char *path, const struct schema_options *o,
                             const struct vocab *v, struct err *e) MUST_USE;

#endif
