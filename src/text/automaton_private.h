/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton_private: states and stacks as the automaton's files see them.
 *
 * item   a node of a rule in progress, its data, and the stack it returns to
 * stack  a set of items, where a rule returns to; stack 0 returns to the end of everything
 * state  the items that wait for a byte or a token
 * Both are sets of items stored sorted in one array and found again by their content: (A1) equal
 * sets have equal numbers, (A2) a stack's items name only stacks with lower numbers. */
#ifndef MOAT_TEXT_AUTOMATON_PRIVATE_H
#define MOAT_TEXT_AUTOMATON_PRIVATE_H

#include "base/map.h"
#include "text/automaton.h"
#include "text/grammar_code.h"

struct automaton_item {
    uint32_t node, stack;
    uint64_t data;
};

struct automaton_set {
    uint32_t first, n; /* of items */
    uint32_t left;     /* bytes of the shortest completion of the whole text */
    uint32_t hash;
    bool border; /* of a stack: what a border rule returns to */
};

struct automaton_sets { /* stacks, or states */
    struct automaton_item *item;
    struct automaton_set *set;
    uint32_t *slot; /* number + 1, open addressing */
    size_t n_item, item_cap, n, set_cap, n_slot;
};

struct automaton_call {
    uint32_t rank, rule;
    struct automaton_item back; /* where it returns to */
    bool tail;                  /* back.stack itself, nothing of this rule being left to do */
};

struct automaton_list {
    struct automaton_item *v;
    size_t n, cap;
};

/* Items met in one closure; cleared by going to the next round. */
struct automaton_seen {
    struct automaton_item *key;
    uint32_t *round;
    size_t n_slot, n;
    uint32_t now;
};

/* Which members an object has: sets of small numbers, interned. Set 0 is empty. */
struct automaton_members {
    uint64_t (*word)[GRAMMAR_MEMBER_WORDS]; /* [n] */
    uint32_t *slot;
    size_t n, cap, n_slot;
};

/* What a step closed, and the state: many bytes do the same. */
#define AUTOMATON_KNOWN       64u /* a power of two */
#define AUTOMATON_KNOWN_ITEMS 6u
struct automaton_known {
    uint32_t n, to; /* n 0: nothing yet */
    struct automaton_item v[AUTOMATON_KNOWN_ITEMS];
};

struct automaton {
    const struct grammar *g;
    struct automaton_sets stacks, states;
    uint32_t *to; /* [states.n][n_class] */
    size_t to_cap;
    uint32_t start;
    struct automaton_seen seen;
    struct automaton_list todo, out, back;
    struct automaton_list last; /* the last step that closed too many items for `known`, */
    uint32_t last_to;           /* and its state */
    struct automaton_known known[AUTOMATON_KNOWN]; /* by hash */
    struct automaton_call *call;                   /* a heap, lowest rank first */
    size_t n_call, call_cap;
    struct automaton_members members;
    uint32_t *blurred; /* [n_blurred] by stack: see automaton_blur */
    size_t n_blurred, blurred_cap;
};

bool automaton_members_find(struct automaton_members *m, const uint64_t *set, uint32_t *number,
                            struct err *e) MUST_USE;
bool automaton_members_init(struct automaton *a, struct err *e) MUST_USE;
/* data of an object: the number of its set << 32 | how many keys it has. */
bool automaton_member_add(struct automaton *a, const struct grammar_object *o, uint64_t *data,
                          uint32_t member, struct err *e) MUST_USE;

const uint64_t *automaton_member_set(const struct automaton *a, uint64_t data);

#endif
