/* SPDX-License-Identifier: Apache-2.0 */
/* run/breakers: the texts at which DRY lets a repetition end, as token ids: every token whose text
 * contains one of them. */
#ifndef MOAT_RUN_BREAKERS_H
#define MOAT_RUN_BREAKERS_H

#include "run/settings.h"
#include "text/tokenize.h"

struct breakers {
    uint32_t *id; /* owned */
    size_t n, cap;
};

bool breakers_find(struct breakers *b, const struct vocab *v, const struct settings *s,
                   struct err *e) MUST_USE;
void breakers_clear(struct breakers *b);

#endif
