/* SPDX-License-Identifier: Apache-2.0 */
/* text/detok: token ids -> whole UTF-8 characters, as a stream.
 *
 * Holds back the bytes of an unfinished character until later tokens complete it; bytes that can no
 * longer become a character are given out as U+FFFD. What is emitted over a stream equals what the
 * whole sequence would give at once. */
#ifndef MOAT_TEXT_DETOK_H
#define MOAT_TEXT_DETOK_H

#include "text/vocab.h"

struct detok {
    const struct vocab *vocab;
    char pending[8];
    uint32_t n_pending;
    bool special;     /* write control tokens as text */
    bool strip_space; /* drop one leading space: the first token of SentencePiece text */
};

void detok_init(struct detok *d, const struct vocab *v, bool special);
/* Starts in the middle of text (after a prompt): nothing is stripped. */
void detok_continue(struct detok *d);
void detok_push(struct detok *d, uint32_t id, struct buf *out);
void detok_flush(struct detok *d, struct buf *out);

#endif
