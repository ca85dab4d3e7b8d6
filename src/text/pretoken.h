/* SPDX-License-Identifier: Apache-2.0 */
/* text/pretoken: text -> the pieces that BPE may not merge across.
 *
 * tokenizer.ggml.pre names a splitter: a list of patterns, each applied to every piece the one
 * before it left; what a pattern matches and what lies between its matches become pieces of their
 * own. Patterns are PCRE2 over UTF-8, compiled once (with JIT where the system allows it) and then
 * only read, so any number of threads may split with one of them.
 *
 * Bytes that are not UTF-8 are never matched: a run of them is a piece, so nothing is lost. The
 * pieces of a text, in order, are the text. Every pattern is linear in the text. */
#ifndef MOAT_TEXT_PRETOKEN_H
#define MOAT_TEXT_PRETOKEN_H

#include "base/err.h"
#include "base/str.h"

enum pretoken_flags {
    PRE_WHOLE_WORDS = 1,  /* a piece that is a token is that token, whatever the merges say */
    PRE_ADD_BOS = 2,      /* BOS unless the file says otherwise */
    PRE_RAW = 4,          /* tokens are stored as text, not in the byte alphabet */
    PRE_BLANKS = 8,       /* blanks are stored as U+2581, unknown bytes as <0xXX> */
    PRE_WHOLE_LINES = 16, /* as PRE_WHOLE_WORDS, for pieces of line feeds only */
    PRE_FORCE_BOS = 32    /* BOS even if the file says otherwise: such files are in error */
};

/* One row of the table of names: pretoken_names.c. */
struct pretoken_name {
    const char *name;         /* as in tokenizer.ggml.pre */
    const char *const *split; /* patterns, ended by NULL */
    unsigned flags;           /* enum pretoken_flags */
};
const struct pretoken_name *pretoken_find(struct str name); /* NULL: unknown */
const struct pretoken_name *pretoken_at(size_t i);          /* NULL past the end */

enum { PRETOKEN_STAGES = 6 };

/* Patterns that are not regular expressions. */
extern const char PRETOKEN_DIGITS_FROM_RIGHT[]; /* threes from the right, cut after each run */
extern const char PRETOKEN_THREES[];            /* cut before each three from the right, ASCII */

struct pretoken;
struct pretoken *pretoken_new(const struct pretoken_name *name, struct err *e) MUST_USE;
void pretoken_free(struct pretoken *p);

/* A walk over the pieces of one text. */
struct pretoken_walk {
    const struct pretoken *pre;
    struct str text;
    size_t at;
    void *match; /* PCRE2 match data */
    bool failed;
    struct pretoken_stage {
        struct str piece; /* what the stage before gave */
        size_t at;        /* done up to here */
        size_t from, to;  /* a match found behind a gap that was given first; to 0: none */
        size_t digits;    /* left in the run of digits at `at` */
        bool raw;         /* the piece is not UTF-8: passed on whole */
    } stage[PRETOKEN_STAGES];
};

bool pretoken_walk_init(struct pretoken_walk *w, const struct pretoken *p, struct str text,
                        struct err *e) MUST_USE;
void pretoken_walk_clear(struct pretoken_walk *w);
/* False at the end, and on failure with w->failed set. */
bool pretoken_next(struct pretoken_walk *w, struct str *piece, struct err *e);

#endif
