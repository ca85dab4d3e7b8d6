/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar: what an answer may be: a context-free grammar over bytes and tokens.
 *
 * Made from GBNF (the notation of llama.cpp: gbnf.c) or from a JSON Schema (schema.c); read-only
 * once made, so any number of threads may use and hold it, each with an automaton of its own
 * (text/automaton.h). Guarantees: no rule is left-recursive, and from every place in it some
 * finite text leads to the end, so that an answer can always be completed. Everything is bounded
 * by base/limits.h; repetition counts cost nothing, however large. */
#ifndef MOAT_TEXT_GRAMMAR_H
#define MOAT_TEXT_GRAMMAR_H

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

struct grammar;

/* The id of a special token named in a grammar as <text>; NULL where there is no vocabulary. */
typedef bool grammar_token_fn(const void *arg, struct str text, uint32_t *id);

/* GBNF text, starting from rule `root`. Messages name line and column. */
struct grammar *grammar_from_gbnf(struct str text, grammar_token_fn *find_token, const void *arg,
                                  struct err *e) MUST_USE;
/* A JSON Schema (draft 2020-12): JSON texts that it allows, members of objects in any order. Every
 * keyword is kept or refused by name. docs/SCHEMA.md says what is kept and how. */
struct schema_options {
    bool llama; /* as llama.cpp's converter reads schemas: see docs/SCHEMA.md */
};
struct grammar *grammar_from_schema(struct str text, const struct schema_options *o,
                                    struct err *e) MUST_USE;

/* What is made wholly of `text` is allowed, or where it stops being so. Where a grammar mentions
 * tokens, <[10]> in the text is token 10 and every other character a token of its own. */
struct grammar_verdict {
    bool accepted;
    size_t at; /* bytes of the text that fit */
};
bool grammar_match(const struct grammar *g, struct str text, struct grammar_verdict *out,
                   struct err *e) MUST_USE;
/* One more owner; grammar_free takes one away, and with the last the grammar. */
const struct grammar *grammar_hold(const struct grammar *g);
void grammar_free(const struct grammar *g);

/* Of all that decides what is allowed: equal where the same text was compiled in the same way. */
bool grammar_digest(const struct grammar *g, struct hash *out, struct err *e) MUST_USE;

#endif
