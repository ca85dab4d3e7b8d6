/* SPDX-License-Identifier: Apache-2.0 */
/* cli/answer: an answer on its way from generate() to the user.
 *
 * Splits the text of reasoning models: what stands between <think> and </think> at the very start
 * is `thinking`, the rest is `text`. (A prompt that ends in <think> has opened it already.) On a
 * terminal the thinking is dimmed, the tags are not shown, every byte is made harmless and
 * lines break between words; into a
 * file or pipe the answer goes byte for byte as the model wrote it, with a newline at the end. */
#ifndef MOAT_CLI_ANSWER_H
#define MOAT_CLI_ANSWER_H

#include "base/buf.h"
#include "cli/word_wrap.h"

enum answer_part { ANSWER_START, ANSWER_THINKING, ANSWER_GAP, ANSWER_TEXT };

struct answer {
    bool silent;     /* collect only (--json) */
    bool broken;     /* stdout is gone: stop quietly */
    bool at_newline; /* the last byte shown was a newline */
    enum answer_part part;
    struct buf held; /* what may turn out to be a tag */
    struct buf raw, thinking, text;
    struct buf clean, shown; /* scratch for one piece */
    struct word_wrap wrap;
    struct err error; /* stdout failed for another reason than a closed pipe */
};

void answer_begin(struct answer *a, struct str prompt, bool silent);
void answer_clear(struct answer *a);
bool answer_piece(void *answer, struct str piece); /* a generate_text_fn */
void answer_end(struct answer *a);                 /* shows what was held back, ends the line */

#endif
