/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_tree: the vocabulary as a tree of bytes, laid out for walking all of it.
 *
 * Nodes lie in depth-first order: the subtree of node i is [i, end[i]), so leaving a subtree out is
 * one jump and a walk reads memory forwards. The tokens of a subtree lie together too. Tokens
 * without text (control, unused) are not in it. Made once for a vocabulary, then read-only. */
#ifndef MOAT_TEXT_TOKEN_TREE_H
#define MOAT_TEXT_TOKEN_TREE_H

#include "text/vocab.h"

struct token_tree_chars { /* what stands in a subtree, the node's own byte included */
    uint64_t ascii[2];    /* a bit for each character below 0x80 */
    bool others;          /* and characters from 0x80 on */
    bool broken;          /* a token is not UTF-8, nor cut in a character */
    bool whole; /* every token of it consists of whole UTF-8 characters from this node on */
};

struct token_tree {
    uint32_t n, n_token, depth;     /* nodes, tokens, bytes of the longest token */
    unsigned char *label;           /* [n] */
    uint16_t *level;                /* [n] bytes before it */
    uint16_t *tall;                 /* [n] bytes of the longest way down, its own included */
    uint8_t *pending;               /* [n] bytes still to come of the character; 8: not UTF-8 */
    uint32_t *end;                  /* [n] */
    uint32_t *first;                /* [n + 1] its tokens are id[first[i] .. first[i + 1]) */
    struct token_tree_chars *chars; /* [n] */
    uint32_t *id;                   /* [n_token] in the order of their bytes */
    uint16_t *n_char;               /* [n_token] characters of each, where it is UTF-8 */
};

struct token_tree *token_tree_new(const struct vocab *v, struct err *e) MUST_USE;
void token_tree_free(struct token_tree *t);

#endif
