/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_tree: the vocabulary as a tree of bytes, laid out for walking all of it.
 *
 * Nodes lie in depth-first order: the subtree of node i is [i, end), so leaving a subtree out is
 * one jump and a walk reads memory forwards, half a cache line a node, as masks are made between
 * two passes over the weights, which leave no cache warm. The tokens of a subtree lie together too.
 * Tokens without text (control, unused) are not in it. Made once for a vocabulary, then read-only.
 */
#ifndef MOAT_TEXT_TOKEN_TREE_H
#define MOAT_TEXT_TOKEN_TREE_H

#include "text/vocab.h"

struct token_node {
    uint64_t ascii[2]; /* a bit for each character below 0x80 that stands in the subtree, the node's
                          own byte included */
    uint32_t end;
    uint32_t first;  /* its tokens are id[first .. first of the next node) */
    uint16_t level;  /* bytes before it: MOST_BYTES of token_tree.c at most */
    uint16_t tall;   /* bytes of the longest way down, its own included */
    uint8_t label;   /* its byte */
    uint8_t pending; /* bytes still to come of the character; 8: not UTF-8 */
    bool others : 1; /* characters from 0x80 on stand in the subtree */
    bool broken : 1; /* a token is not UTF-8, nor cut in a character */
    bool whole : 1;  /* every token of it consists of whole UTF-8 characters from this node on */
};

struct token_tree {
    uint32_t n, n_token, depth; /* nodes, tokens, bytes of the longest token */
    struct token_node *node;    /* [n + 1]; of the last one only `first` counts */
    uint32_t root[257];         /* [n_root + 1] nodes of the first bytes, and the end */
    uint8_t root_byte[256];     /* [n_root] */
    uint32_t n_root;
    uint32_t *id;   /* [n_token] in the order of their bytes */
    uint32_t *ends; /* [n_ends] tokens that end an answer: not in the tree */
    size_t n_ends;
    uint16_t *n_char; /* [n_token] characters of each, where it is UTF-8 */
};

struct token_tree *token_tree_new(const struct vocab *v, struct err *e) MUST_USE;
void token_tree_free(struct token_tree *t);

#endif
