/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_answer: what a model is asked about passages, and which sentences of its answer stand.
 *
 * Every sentence must say by [n] which of the passages it is from. One stands where each number is
 * that of a passage and the passages have at least half of its words (of four letters or more, and
 * numbers); all others are dropped and counted, so that nothing is shown without a source. */
#ifndef MOAT_WORK_DOCS_ANSWER_H
#define MOAT_WORK_DOCS_ANSWER_H

#include "work/docs_find.h"

#define DOCS_CITED 8u /* of one sentence */

/* The instruction, and the question with the passages, for a chat. */
extern const char *const docs_system;
void docs_prompt(const struct docs_found *found, struct str question, struct buf *out);

struct docs_sentence {
    struct str text;                     /* without its citations; borrowed from the answer */
    uint32_t cited[DOCS_CITED], n_cited; /* passages, from 0 */
};

typedef bool docs_sentence_fn(void *arg, const struct docs_sentence *s, struct err *e);
/* Calls `stands` for each sentence that does; *n_dropped: the others. */
bool docs_check(const struct docs_found *found, struct str answer, docs_sentence_fn *stands,
                void *arg, uint32_t *n_dropped, struct err *e) MUST_USE;

#endif
