/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_cache: the masks of the grammars that bind answers now, or lately did.
 *
 * One for a vocabulary. A grammar is known again by what it allows (grammar_digest), not by its
 * address, so that the same schema in a later request finds the masks that earlier answers made.
 * But only of the same owner: how soon an answer comes must not tell one what another has asked.
 * What no answer uses is kept up to LIMIT_MASKS_IDLE bytes, the latest used first. Any threads may
 * use it. */
#ifndef MOAT_TEXT_MASK_CACHE_H
#define MOAT_TEXT_MASK_CACHE_H

#include "text/token_mask.h"

struct mask_cache;

/* Borrows v; makes its tree. n_bits: of the masks (mask_set_new). */
struct mask_cache *mask_cache_new(const struct vocab *v, uint32_t n_bits, struct err *e) MUST_USE;
void mask_cache_free(struct mask_cache *c); /* after all of its token_masks */
/* The most memory it takes while n_answers answers of different grammars are followed. */
uint64_t mask_cache_most_bytes(uint32_t n_bits, uint32_t n_answers);

uint64_t mask_cache_bytes(struct mask_cache *c); /* in use now, but for the tree */

/* Follows one answer of this owner that is bound by g, from its start; to be freed with
 * token_mask_free. */
struct token_mask *mask_cache_begin(struct mask_cache *c, const struct grammar *g, struct str owner,
                                    struct err *e) MUST_USE;

#endif
