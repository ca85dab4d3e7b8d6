/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_code: a grammar as a recursive transition network, and how it is built.
 *
 * A node is one step of a rule; nodes of one rule are joined by `next`. A rule is entered by
 * GRAMMAR_CALL and left at GRAMMAR_END. A rule in progress has 64 bits of data, which start as the
 * rule's `data`: what is still to be repeated (GRAMMAR_REPEAT), or which members an object has and
 * how many (GRAMMAR_MEMBERS). Build with the functions below, then grammar_finish checks and
 * measures the whole. Failure while building is sticky, like that of a buf: node 0 is a valid
 * index, and grammar_finish reports it. */
#ifndef MOAT_TEXT_GRAMMAR_CODE_H
#define MOAT_TEXT_GRAMMAR_CODE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "text/grammar.h"

enum grammar_op {
    GRAMMAR_ACCEPT,    /* node 0: the whole text is complete */
    GRAMMAR_END,       /* of the rule */
    GRAMMAR_RANGE,     /* one byte lo..hi, then next */
    GRAMMAR_SPLIT,     /* next or a */
    GRAMMAR_JUMP,      /* next */
    GRAMMAR_CALL,      /* rule a, then next */
    GRAMMAR_REPEAT,    /* data: rule a as often as is left, then next */
    GRAMMAR_TOKEN,     /* the token a, then next */
    GRAMMAR_NOT_TOKEN, /* any token but a, then next */
    GRAMMAR_FAIL,      /* nothing */
    GRAMMAR_MEMBERS,   /* object a: next where it may end; its comma, or its choice at the start */
    GRAMMAR_CHOICE,    /* object a: one more member, then back to next, its GRAMMAR_MEMBERS */
};

struct grammar_node {
    uint8_t op, lo, hi;
    uint32_t a, next;
};

struct grammar_rule {
    uint32_t start; /* node; 0 while it is not defined */
    uint32_t name;  /* offset in names */
    uint64_t data;
    uint32_t line, column; /* where it is first named, for messages; 0: made by us */
    uint32_t rank;         /* a rule called before any byte has a higher one */
    bool nullable;
    bool border;       /* a good place to cut what follows off: see automaton_cut */
    uint32_t shortest; /* bytes of the shortest text from the start */
};

#define GRAMMAR_ALWAYS UINT32_MAX /* no bound of a repetition or of members */

struct grammar_member {
    uint32_t rule;
    bool required, repeats; /* repeats: any further key, as often as wanted */
    uint32_t need, n_need;  /* of grammar.need: members (numbers in the object) it asks for */
};

struct grammar_object {
    uint32_t member, n_member; /* of grammar.members */
    uint32_t min, max;         /* members */
    bool ordered;              /* named members only in their order */
    uint32_t comma;            /* node: calls a rule of "," and blanks, then choice */
    uint32_t choice;           /* node */
};

struct grammar {
    atomic_uint owners; /* beside the first */
    struct grammar_node *node;
    struct grammar_rule *rule;
    struct grammar_object *object;
    struct grammar_member *member;
    uint32_t *need;
    uint32_t n_node, n_rule, n_object, n_member, n_need, root;
    size_t node_cap, rule_cap, object_cap, member_cap, need_cap;
    uint32_t *shortest; /* [n_node] bytes to the end of the rule; GRAMMAR_ALWAYS: never */
    uint32_t n_class;
    uint8_t class_of[256];   /* bytes that no range tells apart are of one class */
    uint8_t class_byte[256]; /* one byte of each class */
    struct buf names;
    struct err err; /* the first failure while building */
    bool bad;
};

struct grammar_range { /* of code points */
    uint32_t lo, hi;
};

struct grammar *grammar_new(struct err *e) MUST_USE;
uint32_t grammar_add_node(struct grammar *g, enum grammar_op op, uint32_t a, uint32_t next);
uint32_t grammar_add_byte(struct grammar *g, unsigned lo, unsigned hi, uint32_t next);
uint32_t grammar_add_rule(struct grammar *g, struct str name);
struct str grammar_rule_name(const struct grammar *g, uint32_t rule);
uint32_t grammar_end(struct grammar *g);
/* The bytes, then next: their first node. */
uint32_t grammar_add_text(struct grammar *g, struct str text, uint32_t next);
/* One of the two. */
uint32_t grammar_add_split(struct grammar *g, uint32_t a, uint32_t b);
/* A character of the set in UTF-8, then next. Sorts and joins the ranges; surrogates are left out.
 */
uint32_t grammar_add_chars(struct grammar *g, struct grammar_range *set, uint32_t n, bool not,
                           uint32_t next);
/* A rule that is rule `body` min to max times (GRAMMAR_ALWAYS: without end). */
uint32_t grammar_add_repeat(struct grammar *g, uint32_t body, uint32_t min, uint32_t max);
/* Sorted, disjoint, joined; the count left. */
uint32_t grammar_ranges_sort(struct grammar_range *set, uint32_t n);
/* Remembers a failure. Always false. */
bool grammar_fail(struct grammar *g, const struct err *e);

/* Everything is there: checks left recursion and that every rule ends, cuts off what never does,
 * and measures. */
bool grammar_finish(struct grammar *g, uint32_t root, struct err *e) MUST_USE;

/* Bytes of the shortest completion of a node with its data, to the end of its rule; not of
 * GRAMMAR_MEMBERS and GRAMMAR_CHOICE. */
uint64_t grammar_left(const struct grammar *g, uint32_t node, uint64_t data);

/* An object with the members `in` so far ([GRAMMAR_MEMBER_WORDS], a bit for each) and `count` keys:
 * how many it must still get, and the bytes they take with their commas; false: it can never be
 * completed. grammar_object.c. */
#define GRAMMAR_MEMBER_WORDS 16u /* of 64 members */
struct grammar_missing {
    uint32_t n;
    uint64_t bytes;
};
bool grammar_object_missing(const struct grammar *g, const struct grammar_object *o,
                            const uint64_t *in, uint32_t count, struct grammar_missing *out);

static inline uint64_t grammar_counts(uint32_t min, uint32_t max)
{
    return (uint64_t)min << 32 | max;
}

#endif
