/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_mask: which tokens a grammar allows next, as the bit set that engine/sample takes.
 *
 * Follows one answer: ask for the mask, choose a token, say which. A token is allowed when its
 * bytes lead on in the grammar (or the grammar mentions it); the tokens that end an answer are
 * allowed exactly where the grammar may end. What was found out stays in the mask_set, for the
 * answers that come later or run beside it; those may be followed by other threads.
 *
 * Guarantees that an answer of tokens_left tokens can still be completed, where the vocabulary has
 * a token for each byte: near the limit only tokens that leave a completion short enough are
 * allowed. */
#ifndef MOAT_TEXT_TOKEN_MASK_H
#define MOAT_TEXT_TOKEN_MASK_H

#include "text/mask_set.h"

struct token_mask;

struct token_mask *token_mask_new(struct mask_set *set, struct err *e) MUST_USE;
void token_mask_free(struct token_mask *m);

/* The bits stay valid until the next call. No bit is set where no token fits. */
bool token_mask_get(struct token_mask *m, uint32_t tokens_left, const uint32_t **bits,
                    struct err *e) MUST_USE;
/* The token that follows; one that does not fit is ERR_INTERNAL. */
bool token_mask_accept(struct token_mask *m, uint32_t id, struct err *e) MUST_USE;
bool token_mask_complete(const struct token_mask *m); /* it may end here */
bool token_mask_over(const struct token_mask *m);     /* and nothing may follow */
void token_mask_restart(struct token_mask *m);

#endif
