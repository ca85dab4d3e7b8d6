/* SPDX-License-Identifier: Apache-2.0 */
/* serve/share: how many jobs of one engine are whose, and how many one key may have.
 *
 * A key may have as many as SHARE_PART times the places that are free. So one that asks for more
 * than can be answered takes four fifths of them when it is alone, and less the more others ask; a
 * place is always free for who has none, as long as there are fewer keys than places. (The rule is
 * the one of dynamic thresholds for shared buffers, Choudhury and Hahne 1998.) */
#ifndef MOAT_SERVE_SHARE_H
#define MOAT_SERVE_SHARE_H

#include <stddef.h>

#include "guard/keys.h"

#define SHARE_PART 4u

struct share_key {
    char id[KEY_ID + 1];
    uint32_t n; /* jobs under way */
};

struct share {
    struct share_key *v; /* [n] those that have any; owned */
    size_t n, cap;
};

void share_clear(struct share *s);
uint32_t share_of(const struct share *s, const char *key);
bool share_take(struct share *s, const char *key, struct err *e) MUST_USE;
void share_give(struct share *s, const char *key);
/* May it have another one, where `taken` of `places` are? */
bool share_allows(const struct share *s, const char *key, uint32_t taken, uint32_t places);

#endif
