/* SPDX-License-Identifier: Apache-2.0 */
/* run/speculate: guesses of the tokens that follow, for several to be computed in one pass.
 *
 * A guess costs nothing but the pass: a guessed token counts only where the model itself chooses
 * it, so the answer is the same token for token. Guesses come from what followed the same words
 * before, in prompt and answer (run/lookup), or else from a draft model (engine/draft), if there is
 * one. How many are worth while is reckoned from how often they were right after a match of that
 * length, or with that much lead, and from what passes of so many rows have taken; where guessing
 * does not pay none is made, and what they would have been is still watched: of the text always, of
 * a draft model now and then.
 */
#ifndef MOAT_RUN_SPECULATE_H
#define MOAT_RUN_SPECULATE_H

#include "compute/kernel.h"
#include "engine/draft.h"
#include "run/lookup.h"

#define SPECULATE_MOST (DECODE_TOKENS - 1) /* guesses beside the token that is known */

/* What passes take, of everybody who computes with one model. */
struct pass_costs {
    double seconds[DECODE_TOKENS + 1]; /* by rows; 0: not known yet */
    double draft;                      /* one of the draft model */
};
void pass_costs_note(struct pass_costs *c, uint32_t rows, double seconds);

struct speculation;

struct speculation_params {
    uint32_t n_ctx;           /* of the longest texts it knows the last part */
    uint32_t n_vocab;         /* guesses are below it */
    struct pass_costs *costs; /* borrowed */
    struct forward *draft;    /* borrowed; NULL: there is none */
    uint32_t seq;             /* of that, for this text alone */
};
uint64_t speculation_bytes(uint32_t n_ctx);
struct speculation *speculation_new(const struct speculation_params *p, struct err *e) MUST_USE;
void speculation_free(struct speculation *s);
/* Another text begins, with these tokens. */
void speculation_begin(struct speculation *s, const uint32_t *token, size_t n);
/* The next token of the text, whoever it comes from. */
void speculation_add(struct speculation *s, uint32_t token);
/* Guesses at what follows, up to `most`, beside `rows` others that the pass holds anyway. */
uint32_t speculation_guess(struct speculation *s, uint32_t rows, uint32_t most, uint32_t *token);

#endif
