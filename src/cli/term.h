/* SPDX-License-Identifier: Apache-2.0 */
/* cli/term: what is known about the terminal, and text laid out for it.
 *
 * Colour and bars appear only on a terminal; NO_COLOR (set and not empty) and TERM=dumb switch
 * colour off. Text that came from a model or a file goes through term_clean before it reaches a
 * terminal: it must not move the cursor, set the title or reorder what was printed. */
#ifndef MOAT_CLI_TERM_H
#define MOAT_CLI_TERM_H

#include "base/buf.h"

bool term_is(int fd);
bool term_moves(int fd); /* a terminal whose cursor can be moved: not TERM=dumb */
bool term_colour(int fd);

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM };
/* The sequence that switches to a style, "" where fd shows no colour. */
const char *term_style(int fd, enum term_style style);

/* Columns of the terminal on fd, 80 when it is none. */
uint32_t term_columns(int fd);

/* Columns the text takes: wide (CJK) characters take two, combining marks none. */
uint32_t term_text_width(struct str s);

/* Whether s begins with punctuation that must not start a line (CJK commas, stops, brackets). */
bool term_closes(struct str s);

/* Adds s without control characters (C0 but newline and tab, DEL, C1), bidi controls and invisible
 * tags; invalid UTF-8 becomes U+FFFD. s must end on a character border. */
void term_clean(struct buf *out, struct str s);

/* Adds `text` to out, wrapped at `columns` between words (or between CJK characters). Every line
 * starts with `indent` blanks; the first line is `at` columns wide already. Ends with a newline.
 * "\n" in text starts a new line. */
void term_wrap(struct buf *out, struct str text, uint32_t indent, uint32_t at, uint32_t columns);

/* 90112 -> "88.0 KiB", 12884901888 -> "12.0 GiB". */
const char *term_size(uint64_t bytes, char out[16]);

#endif
