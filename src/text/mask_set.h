/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_set: the masks of one grammar on one vocabulary, remembered for all answers it binds.
 *
 * Masks are remembered for each state; states that differ only in counts too far away for one token
 * to reach share theirs. A state new to it costs one walk over the vocabulary's tree, in which
 * whole subtrees of plain text are taken at once. Any number of answers may be followed at once
 * (text/token_mask), by any threads: one waits for
 * another. Memory is bounded by LIMIT_GRAMMAR_CACHE and LIMIT_MASK_CACHE:
 * beyond it all states are forgotten but those at which an answer stands. */
#ifndef MOAT_TEXT_MASK_SET_H
#define MOAT_TEXT_MASK_SET_H

#include "text/grammar.h"
#include "text/mask_plain.h"

struct mask_set;

/* Borrows v, t and json (the plain text of JSON, mask_plain_json, for all sets of the tree; or
 * NULL), holds g. n_bits: of the masks, at least the vocabulary's tokens; the rest is never
 * allowed. */
struct mask_set *mask_set_new(const struct grammar *g, const struct vocab *v,
                              const struct token_tree *t, const struct mask_plain *json,
                              uint32_t n_bits, struct err *e) MUST_USE;
/* No answer may be followed any more. */
void mask_set_free(struct mask_set *m);

uint64_t mask_set_bytes(struct mask_set *m);   /* in use now */
uint64_t mask_set_most_bytes(uint32_t n_bits); /* the most it may take, and a tree with it */
bool mask_set_idle(struct mask_set *m);        /* no answer is followed */

#endif
