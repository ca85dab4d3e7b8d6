/* SPDX-License-Identifier: Apache-2.0 */
/* cli/term: what is known about the terminal, and text laid out for it. */
#ifndef MOAT_CLI_TERM_H
#define MOAT_CLI_TERM_H

#include "base/buf.h"

/* Columns the text takes: wide (CJK) characters take two, combining marks none. */
uint32_t term_text_width(struct str s);

/* Columns of the terminal on stdout, 80 when it is none. */
uint32_t term_columns(void);

/* Adds `text` to out, wrapped at `columns` between words (or between CJK characters). Every line
 * starts with `indent` blanks, except that the first is `at` columns wide already. Ends with a
 * newline. "\n" in text starts a new line. */
void term_wrap(struct buf *out, struct str text, uint32_t indent, uint32_t at, uint32_t columns);

#endif
