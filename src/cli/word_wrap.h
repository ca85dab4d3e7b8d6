/* SPDX-License-Identifier: Apache-2.0 */
/* cli/word_wrap: text that comes in pieces, wrapped between words on a terminal.
 *
 * Every character is shown at once; a word that turns out too long for its line is taken back and
 * written again on the next one. CJK text breaks between characters, though never before its
 * closing punctuation. Lines between ``` fences are left alone, so that code can be copied. */
#ifndef MOAT_CLI_WORD_WRAP_H
#define MOAT_CLI_WORD_WRAP_H

#include "base/buf.h"

struct word_wrap {
    uint32_t column;     /* of the cursor */
    uint32_t word_width; /* columns of the word it stands behind */
    char word[256];      /* that word; longer ones are cut by the terminal */
    size_t n_word;
    bool last_wide;
    unsigned n_ticks; /* ` at the start of this line; 4: it starts with something else */
    bool fence;
};

/* Adds to out what is to be written for text (cleaned, whole characters), on a terminal of that
 * many columns. A zeroed struct is at the start of a line. */
void word_wrap(struct word_wrap *w, struct str text, uint32_t columns, struct buf *out);

#endif
