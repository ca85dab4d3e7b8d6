/* SPDX-License-Identifier: Apache-2.0 */
/* serve/tally: what was sent of each model, for /stats. The first TALLY_MOST models are told apart;
 * what is sent of others counts in the whole only. */
#ifndef MOAT_SERVE_TALLY_H
#define MOAT_SERVE_TALLY_H

#include <jansson.h>

#include "store/name.h"

enum { TALLY_MOST = 1024 };

struct tally_row {
    char model[2 * NAME_PART + 2];
    uint64_t requests, bytes;
};

struct tally {
    struct tally_row *v; /* owned */
    size_t n, cap;
};

void tally_add(struct tally *t, const char *model, uint64_t bytes);
json_t *tally_json(const struct tally *t); /* the caller's; NULL: memory is short */
void tally_clear(struct tally *t);

#endif
