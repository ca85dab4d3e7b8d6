/* SPDX-License-Identifier: Apache-2.0 */
/* cli/answer: an answer on its way from generate() to the user.
 *
 * text/toolcall splits it into reasoning, content and calls of tools. On a terminal the reasoning
 * is dimmed, calls are lines of their own (blanks in them as one writes JSON), markers are not
 * shown, every byte is made harmless and lines break between words; into a file or pipe the answer
 * goes byte for byte as the model wrote it, with a newline at the end. */
#ifndef MOAT_CLI_ANSWER_H
#define MOAT_CLI_ANSWER_H

#include "base/buf.h"
#include "cli/word_wrap.h"
#include "text/toolcall.h"

struct answer {
    bool silent;     /* collect only (--json) */
    bool broken;     /* stdout is gone: stop quietly */
    bool at_newline; /* the last byte shown was a newline */
    bool shown_any;  /* something was */
    bool dim;        /* reasoning is being shown */
    struct toolcall *parser;
    struct buf raw, reasoning, content;
    json_t *calls;                  /* as OpenAI has them in a message: id, type, function */
    struct buf name, id, arguments; /* of the call in progress */
    bool in_text, escaped;          /* where in the arguments' JSON what was shown ends */
    struct buf clean, shown;        /* scratch for one piece */
    struct word_wrap wrap;
    struct err error; /* stdout failed for another reason than a closed pipe */
};

/* format NULL: without a chat template, where only <think> is looked for. Borrows format. To be
 * cleared also after a failure. */
bool answer_begin(struct answer *a, const struct toolcall_format *format, const json_t *tools,
                  struct str prompt, bool silent, struct err *e) MUST_USE;
void answer_clear(struct answer *a);
bool answer_piece(void *answer, struct str piece); /* a generate_text_fn */
/* Shows what was held back, ends the line. */
bool answer_end(struct answer *a, struct err *e) MUST_USE;

#endif
