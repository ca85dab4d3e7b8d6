/* SPDX-License-Identifier: Apache-2.0 */
/* text/regex_private: a pattern between reading and being a DFA. */
#ifndef MOAT_TEXT_REGEX_PRIVATE_H
#define MOAT_TEXT_REGEX_PRIVATE_H

#include "text/regex.h"

enum regex_op {
    REGEX_JUMP,  /* next */
    REGEX_SPLIT, /* next or a */
    REGEX_SET,   /* a character of set a, then next */
    REGEX_START, /* next, at the start of the text */
    REGEX_STOP,  /* next, at its end */
    REGEX_MATCH,
};

struct regex_step {
    enum regex_op op;
    uint32_t a, next;
};

struct regex_range {
    uint32_t lo, hi;
};

struct regex_set {
    struct arena *arena;
    struct regex_range *v; /* sorted and joined once in a regex */
    uint32_t n, cap;
};

struct regex {
    struct arena *arena;
    struct regex_step *step;
    uint32_t n, start;
    bool full; /* REGEX_STEPS were not enough */
    struct regex_set *set;
    uint32_t n_set, set_cap;
};

void regex_set_init(struct regex_set *s, struct arena *a);
bool regex_set_add(struct regex_set *s, uint32_t lo, uint32_t hi, struct err *e) MUST_USE;
/* 'd' 'D' 'w' 'W' 's' 'S' '.' */
bool regex_set_class(struct regex_set *s, char name, struct err *e) MUST_USE;
/* A general category of Unicode ("L", "Letter", "Lu"); false: not known. */
bool regex_set_category(struct regex_set *s, struct str name, bool not, struct err *e) MUST_USE;
bool regex_set_not(struct regex_set *s, struct err *e) MUST_USE;
bool regex_add_set(struct regex *x, const struct regex_set *s, uint32_t *number,
                   struct err *e) MUST_USE;

/* Subset construction: the texts in which the pattern is found. */
struct dfa *regex_determine(struct regex *x, struct err *e) MUST_USE;

#endif
