/* SPDX-License-Identifier: Apache-2.0 */
/* text/dfa: sets of texts as deterministic automata over code points, for the schema compiler.
 *
 * State 0 is the start; every state can be reached and leads to an accepting one, so a set without
 * texts has no states at all. Code points that no edge tells apart form a class. Memory is the
 * caller's arena. Sizes are bounded: ERR_LIMIT beyond DFA_CELLS states times classes. */
#ifndef MOAT_TEXT_DFA_H
#define MOAT_TEXT_DFA_H

#include "base/mem.h"

#define DFA_NONE  UINT32_MAX
#define DFA_CELLS (1u << 21)
#define DFA_LAST  0x10ffffu

struct dfa {
    uint32_t n_class, n_state;
    uint32_t *lo;  /* [n_class] class k is lo[k] .. lo[k + 1] - 1 (DFA_LAST); lo[0] is 0 */
    uint32_t *to;  /* [n_state][n_class] */
    bool *accepts; /* [n_state] */
};

enum dfa_op { DFA_AND, DFA_OR, DFA_MINUS };

/* Room for a DFA whose edges the caller sets; all are DFA_NONE. dfa_tidy ends the making. */
struct dfa *dfa_new(struct arena *a, const uint32_t *lo, uint32_t n_class, uint32_t n_state,
                    struct err *e) MUST_USE;
/* Takes out what is not reached or leads nowhere. */
bool dfa_tidy(struct arena *a, struct dfa *d, struct err *e) MUST_USE;
uint32_t dfa_class(const struct dfa *d, uint32_t code_point);

struct dfa *dfa_everything(struct arena *a, struct err *e) MUST_USE;
/* The given texts (UTF-8) and no others. */
struct dfa *dfa_texts(struct arena *a, const struct str *text, uint32_t n, struct err *e) MUST_USE;
/* min to max characters; max UINT32_MAX: without end. */
struct dfa *dfa_length(struct arena *a, uint32_t min, uint32_t max, struct err *e) MUST_USE;
struct dfa *dfa_combine(struct arena *a, enum dfa_op op, const struct dfa *x, const struct dfa *y,
                        struct err *e) MUST_USE;

bool dfa_accepts(const struct dfa *d, struct str text);

#endif
