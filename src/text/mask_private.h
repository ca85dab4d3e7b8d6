/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_private: what is remembered of a grammar's states, as the files of
 * mask_set see it. */
#ifndef MOAT_TEXT_MASK_PRIVATE_H
#define MOAT_TEXT_MASK_PRIVATE_H

#include <pthread.h>

#include "text/automaton.h"
#include "text/mask_plain.h"
#include "text/mask_set.h"

/* What a walk needs to know about a state beside its row of the table. Many
 * characters may lead from it to one other state, `next`, and from there on
 * again, as in a text of bounded length, or back to itself, as in one without:
 * whole subtrees of such characters are taken at once. */
struct state_facts {
    bool known;
    bool others;       /* every whole character from 0x80 on leads to next */
    uint64_t ascii[2]; /* characters below 0x80 that do */
    uint32_t next;
    uint32_t chain;   /* how many such characters may follow each other */
    uint32_t left;    /* the most bytes that completing takes at one of the states on the way */
    uint32_t slot;    /* its mask, number + 1; 0: none */
    uint32_t part;    /* its mask as the inner part of others, number + 1; 0: none */
    uint32_t blurred; /* the state whose mask is the same, + 1; 0: not looked for
                         yet */
};

struct mask_slot {
    uint32_t state; /* + 1; 0: free */
    uint32_t reach; /* the most bytes that completing takes after any of its tokens */
};

/* Of a state cut off from what follows (automaton_cut): the tokens that stay
 * inside, and the nodes of the tree at which a token may leave it. */
struct mask_part {
    uint32_t state, reach; /* as above */
    uint32_t *bits;        /* [n_word] */
    uint32_t *leaving;     /* [n] */
    size_t n, cap;
};

#define MASK_PARTS 384u
#define MASK_PLAIN 8u /* sets of characters */

struct mask_set {
    const struct grammar *g; /* held */
    const struct vocab *v;
    const struct token_tree *t;
    struct automaton *a;
    pthread_mutex_t lock;        /* over all that changes */
    struct token_mask *follower; /* those that follow an answer, joined by next */
    uint32_t n_bits, n_word;
    struct state_facts *facts; /* [n_facts] by state */
    size_t n_facts;
    uint32_t *path; /* [depth + 1] states on the way down the tree */
    struct mask_slot *slot;
    uint32_t *bits; /* [n_slot][n_word] */
    uint32_t n_slot, next_slot;
    struct mask_part part[MASK_PARTS];
    uint32_t next_part;
    struct mask_part rest[2]; /* only what leaves them */
    struct mask_plain plain[MASK_PLAIN];
    uint32_t n_plain;
    const struct mask_plain *json; /* borrowed, or NULL */
    uint32_t *chain;               /* [depth + 1] the states behind 0, 1, 2 .. characters */
};

struct token_mask {
    struct mask_set *set;
    struct token_mask *next;
    uint32_t state;
    uint32_t *bits; /* [n_word] its mask now: others may push that of the set out */
};

/* mask_facts.c: the place for what is known of a state, and what is known,
 * learnt if it is new. */
bool mask_facts_at(struct mask_set *m, uint32_t state, struct state_facts **out,
                   struct err *e) MUST_USE;
bool mask_facts_know(struct mask_set *m, uint32_t state, struct state_facts *out,
                     struct err *e) MUST_USE;

/* mask_walk.c: bits [n_word] become what the state allows, where a completion
 * of at most `most` bytes follows; *reach is the most bytes that completing
 * takes after one of them. */
bool mask_walk(struct mask_set *m, uint32_t state, uint32_t most, uint32_t *bits, uint32_t *reach,
               struct err *e) MUST_USE;

#endif
