/* SPDX-License-Identifier: Apache-2.0 */
/* engine/state: what recurrent layers remember of a sequence, beside the KV cache.
 *
 * Each sequence has one state for all its recurrent layers, which a pass moves forward. It cannot
 * be moved back, so copies are kept of some earlier places, dense near the end and sparse before:
 * going back to n tokens means going back to the last copy at or before n, and to compute from
 * there. All memory is taken by states_new; nothing allocates afterwards. */
#ifndef MOAT_ENGINE_STATE_H
#define MOAT_ENGINE_STATE_H

#include "engine/model.h"

#define STATE_COPIES 4u /* earlier places a sequence can go back to, beside its start */

#define PROMPT_TOKENS 8u /* a pass of more of them reads a prompt */

struct states;

/* Bytes states_new will take; 0 for a model without recurrent layers. */
uint64_t states_bytes(const struct model *m, uint32_t n_seq);
struct states *states_new(const struct model *m, uint32_t n_seq, struct err *e) MUST_USE;
void states_free(struct states *s);

/* Called before the tokens from..from+n of a sequence are computed: a new sequence starts from
 * zeros, and the state before them is kept where it may be wanted again. */
void states_begin(struct states *s, uint32_t seq, uint32_t from, uint32_t n);

/* The last place at or before n that a sequence of `length` tokens can go back to. */
uint32_t states_place(const struct states *s, uint32_t seq, uint32_t length, uint32_t n);
/* Goes there: n is what states_place gave. */
void states_return(struct states *s, uint32_t seq, uint32_t length, uint32_t n);

/* Makes the state of `to` that of the first n tokens of `from`, which has `length` of them: n is
 * what states_place gave. */
void states_share(struct states *s, uint32_t to, uint32_t from, uint32_t length, uint32_t n);

/* A layer's part of it, [h.d_state]. */
float *states_of(const struct states *s, const struct layer *l, uint32_t seq);
/* The whole of it, to be saved and restored. */
float *states_all(const struct states *s, uint32_t seq, uint64_t *n);
/* The copies belong to another past: forgets them. */
void states_forget(struct states *s, uint32_t seq);

#endif
