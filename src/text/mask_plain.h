/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_plain: the tokens that consist of characters of one set only, found
 * once for the set.
 *
 * Most tokens are plain text: where any run of such characters leads on, as
 * inside of a JSON text, they are allowed by their length alone, and only what
 * leaves the set is walked over. */
#ifndef MOAT_TEXT_MASK_PLAIN_H
#define MOAT_TEXT_MASK_PLAIN_H

#include "text/token_tree.h"

struct mask_plain_exit {
    uint32_t node;        /* of the tree: with its byte a token leaves the set, or may */
    uint32_t n_char : 24; /* characters of the set before it */
    uint32_t label : 8;   /* that byte */
};

#define MASK_PLAIN_ROWS 16u

struct mask_plain {
    uint64_t ascii[2]; /* the set: characters below 0x80, */
    bool others;       /* and all from there on */
    /* [MASK_PLAIN_ROWS][n_word] masks of the tokens in the set: row k of those of at most k + 1
     * characters, the last one of all */
    uint32_t *row;
    uint32_t *longer; /* [n_longer] of them those of MASK_PLAIN_ROWS characters and more; positions
                         in the tree's id, as */
    uint32_t *half;   /* [n_half] tokens cut inside of their last character, otherwise in the set */
    struct mask_plain_exit *exit; /* [n_exit] */
    size_t n_longer, longer_cap, n_half, half_cap, n_exit, exit_cap;
};

/* n_word: of a mask, in words of 32 tokens. */
bool mask_plain_make(struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     const uint64_t ascii[2], bool others, struct err *e) MUST_USE;
/* The same of the characters that stand for themselves in a text of JSON: nearly every grammar of
 * an answer has them. */
bool mask_plain_json(struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     struct err *e) MUST_USE;
void mask_plain_clear(struct mask_plain *p);
uint64_t mask_plain_bytes(const struct mask_plain *p, uint32_t n_word);

/* The mask of the tokens of at most n characters, n > 0; halves are not in it. */
void mask_plain_copy(const struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     uint32_t n, uint32_t *bits);

#endif
