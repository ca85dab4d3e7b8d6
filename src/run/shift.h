/* SPDX-License-Identifier: Apache-2.0 */
/* run/shift: a context that is full goes on without its oldest tokens, where the user asked for it.
 *
 * The first `keep` tokens stay, of the others the oldest go, always a multiple of half the room
 * they have: so a prompt that has grown by a turn drops the same tokens as the answer before it
 * did, and most of what was computed still holds. What stays is computed again at its new
 * positions: keys and values had seen the tokens that went. The model then says, to the bit, what
 * it would say to the shorter text; this holds for every architecture, recurrent ones included. */
#ifndef MOAT_RUN_SHIFT_H
#define MOAT_RUN_SHIFT_H

#include <stdint.h>

#include "base/err.h"

struct shift {
    uint32_t n_ctx, keep, step; /* step 0: no shift */
};

/* ERR_USAGE where what is kept leaves no room. */
bool shift_init(struct shift *s, uint32_t n_ctx, uint32_t keep, struct err *e) MUST_USE;

/* Takes out of n tokens what must go for another to fit; how many went. */
uint32_t shift_drop(const struct shift *s, uint32_t *token, uint32_t n);

#endif
