/* SPDX-License-Identifier: Apache-2.0 */
/* store/derive: a model made from another one of the store: the same bytes, kept once, with
 * settings and words of its own. */
#ifndef MOAT_STORE_DERIVE_H
#define MOAT_STORE_DERIVE_H

#include "store/publish.h"

struct derivation {
    struct name base, name;
    /* All borrowed. Settings go over those of the base; words and a licence take the place of its
     * own, where there are any (NULL or empty: none). */
    const json_t *settings, *opening, *licence;
    struct digest digest; /* out, and the rest */
    uint64_t size;
    bool replaced; /* the name was another model's before */
};

bool derive_model(struct derivation *d, struct err *e) MUST_USE;

#endif
