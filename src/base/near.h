/* SPDX-License-Identifier: Apache-2.0 */
/* base/near: which known word did the user mean?
 *
 * Offer every known word; near_best gives the closest by edit distance (insert, delete, replace,
 * swap of neighbours), or NULL when none is close enough to be a likely typing mistake. Dashes and
 * underscores count as equal, letters without case. */
#ifndef MOAT_BASE_NEAR_H
#define MOAT_BASE_NEAR_H

#include "base/str.h"

struct near {
    struct str word;
    const char *best; /* borrowed from the caller */
    size_t distance;
};

void near_init(struct near *n, struct str word);
void near_offer(struct near *n, const char *candidate);
const char *near_best(const struct near *n);

#endif
