/* SPDX-License-Identifier: Apache-2.0 */
/* text/trie: byte strings -> values, walked byte by byte.
 *
 * Built once from a list of keys; children of a node lie together, sorted by byte. Walking costs a
 * short search among at most 256 children and no memory; a walk is never longer than the longest
 * key, so matching at every position of a text is linear in the text. */
#ifndef MOAT_TEXT_TRIE_H
#define MOAT_TEXT_TRIE_H

#include "base/err.h"
#include "base/str.h"

struct trie_key {
    struct str text; /* not empty */
    uint32_t value;  /* not TRIE_NONE */
};

struct trie {
    struct trie_node *nodes; /* [0] is the root */
    unsigned char *label;    /* [n] the byte that leads to each node */
    uint32_t n;
};

#define TRIE_NONE UINT32_MAX

/* Sorts keys in place; of equal keys the greatest value stays. */
bool trie_build(struct trie *t, struct trie_key *keys, size_t n, struct err *e) MUST_USE;
void trie_clear(struct trie *t);

/* The child of node along byte c, or 0 (the root is nobody's child). Start from node 0; an empty
 * trie has no children. */
uint32_t trie_step(const struct trie *t, uint32_t node, unsigned char c);
uint32_t trie_value(const struct trie *t, uint32_t node); /* TRIE_NONE where no key ends */

/* The longest key that s begins with: its length (0: none) and value. */
size_t trie_longest(const struct trie *t, struct str s, uint32_t *value);

#endif
