/* SPDX-License-Identifier: Apache-2.0 */
/* engine/draft: a small model that guesses how the text of a large one goes on.
 *
 * It follows the same tokens in a sequence of its own, and is asked for the likeliest token behind
 * them, again and again; whether they are right the large model says. Leviathan et al. 2023. */
#ifndef MOAT_ENGINE_DRAFT_H
#define MOAT_ENGINE_DRAFT_H

#include "engine/timeline.h"

#define DRAFT_PIECE 64u /* tokens read at once, where it lags behind */

struct draft {
    struct timeline t;
    const float *logits; /* [n_vocab] behind the last token; NULL: not known */
};

/* A sequence of f, which may be asked for DECODE_TOKENS rows and can take tokens back. */
bool draft_new(struct draft *d, struct forward *f, uint32_t seq, struct err *e) MUST_USE;
void draft_free(struct draft *d);
/* Goes on to the end of token [n], or a piece towards it. True: it is there, and draft_next knows
 * what follows. Texts beyond its context it never follows. */
bool draft_read(struct draft *d, const uint32_t *token, uint32_t n);
/* The likeliest token below n_vocab, and how far its logit leads the second's. */
uint32_t draft_next(const struct draft *d, uint32_t n_vocab, float *lead);
/* One more; false: its context is full. */
bool draft_push(struct draft *d, uint32_t token);

#endif
