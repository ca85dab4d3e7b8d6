/* SPDX-License-Identifier: Apache-2.0 */
/* run/lookup: where did the last tokens of a text stand before, and what came then?
 *
 * A suffix automaton over the tokens, built as they come (Blumer et al. 1985): it holds the longest
 * ending of the text that has been there before, in amortised constant time for each token. Of the
 * places where that ending stood, the one noticed last counts. */
#ifndef MOAT_RUN_LOOKUP_H
#define MOAT_RUN_LOOKUP_H

#include <stdint.h>

#include "base/err.h"

struct lookup;

/* Room for this many tokens; when it is full, the older half is forgotten. Nothing is allocated
 * afterwards. */
struct lookup *lookup_new(uint32_t max, struct err *e) MUST_USE;
void lookup_free(struct lookup *k);
uint64_t lookup_bytes(uint32_t max); /* that lookup_new takes */

void lookup_add(struct lookup *k, uint32_t token);
void lookup_reset(struct lookup *k);
/* How many of the last tokens have been there before, together; 0: not even the last one. */
uint32_t lookup_matched(const struct lookup *k);
/* The tokens that came then, up to n; returns how many there are. */
uint32_t lookup_next(const struct lookup *k, uint32_t n, uint32_t *token);

#endif
