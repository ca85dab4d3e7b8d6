/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton: where in a grammar a text stands.
 *
 * A state is everything that the grammar allows from here on, as a number. All readings of the
 * text so far go on side by side; what they share is stored once (a graph-structured stack, its
 * nodes interned by content), so an ambiguous grammar costs polynomial, not exponential, time and
 * a state that was met before is the same number again. States are found when first reached and
 * remembered up to LIMIT_GRAMMAR_CACHE bytes; then all but the current one are forgotten
 * (automaton_trim), after which older numbers mean nothing.
 *
 * One thread at a time. Fails with ERR_LIMIT where a text has more than LIMIT_GRAMMAR_ITEMS
 * readings, or without memory. */
#ifndef MOAT_TEXT_AUTOMATON_H
#define MOAT_TEXT_AUTOMATON_H

#include "text/grammar.h"

#define AUTOMATON_DEAD    0u         /* no text leads on from here, nor ends here */
#define AUTOMATON_UNKNOWN UINT32_MAX /* inside the table: not computed yet */

struct automaton;

struct automaton *automaton_new(const struct grammar *g, struct err *e) MUST_USE;
void automaton_free(struct automaton *a);

uint32_t automaton_start(const struct automaton *a);
bool automaton_step(struct automaton *a, uint32_t state, unsigned char byte, uint32_t *to,
                    struct err *e) MUST_USE;
/* The bytes below 0x80 that may lead on: no other does. */
void automaton_ascii(const struct automaton *a, uint32_t state, uint64_t out[2]);
/* Over all the bytes; AUTOMATON_DEAD where they do not fit. */
bool automaton_walk(struct automaton *a, uint32_t state, struct str text, uint32_t *to,
                    struct err *e) MUST_USE;
/* One token: its bytes, or the grammar's own mention of it. An id of UINT32_MAX is a token that
 * nothing names; one without bytes can only be mentioned. */
bool automaton_token(struct automaton *a, uint32_t state, uint32_t id, struct str bytes,
                     uint32_t *to, struct err *e) MUST_USE;

bool automaton_accepts(const struct automaton *a, uint32_t state); /* the text may end here */
bool automaton_goes_on(const struct automaton *a, uint32_t state); /* something may follow */
/* Bytes (or mentioned tokens) that at least must follow. */
uint32_t automaton_left(const struct automaton *a, uint32_t state);
/* Calls f for every token that the grammar mentions here; not: every token but that one. */
void automaton_mentions(const struct automaton *a, uint32_t state,
                        void (*f)(void *arg, uint32_t id, bool not ), void *arg);
bool automaton_has_mentions(const struct automaton *a, uint32_t state);

/* For walks over many tokens: to = table[state * n_class + class_of[byte]], AUTOMATON_UNKNOWN where
 * automaton_step must be asked (which may move the table). */
struct automaton_table {
    const uint32_t *to;
    uint32_t n_class;
    const unsigned char *class_of; /* [256] */
};
struct automaton_table automaton_table(const struct automaton *a);

/* A state that allows exactly the same next texts of at most `bytes` bytes (always the same number
 * in the life of an automaton): counts too far away for such a text are forgotten. */
bool automaton_blur(struct automaton *a, uint32_t state, uint32_t bytes, uint32_t *to,
                    struct err *e) MUST_USE;

/* Cuts what the state does from what is done after: `here` is the rules in progress that all of its
 * readings pass through, as if they were the whole grammar (it accepts where they end), `after` the
 * state when they end, `left` the bytes that then at least follow. Many states have the same
 * `here`. Where there is nothing to cut, here is the state itself and after AUTOMATON_DEAD. */
struct automaton_cut {
    uint32_t here, after, left;
};
bool automaton_cut(struct automaton *a, uint32_t state, struct automaton_cut *out,
                   struct err *e) MUST_USE;

uint64_t automaton_bytes(const struct automaton *a); /* in use */
/* When the memory is used up: forgets all states but state[n], which get new numbers. Do it between
 * tokens. */
bool automaton_full(const struct automaton *a);
bool automaton_trim(struct automaton *a, uint32_t *state, uint32_t n, struct err *e) MUST_USE;

#endif
