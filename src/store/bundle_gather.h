/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_gather: which files a wish comes to, each with its size and digest, and where it
 * is read from. Used by store/bundle_make only. */
#ifndef MOAT_STORE_BUNDLE_GATHER_H
#define MOAT_STORE_BUNDLE_GATHER_H

#include "store/bundle.h"

struct bundle_source {
    char *path;       /* owned; NULL: text */
    struct str text;  /* borrowed, for ever */
    json_t *settings; /* of a model; owned */
};

struct bundle_plan {
    struct bundle_file *file;     /* [n], owned: programs first */
    struct bundle_source *source; /* [n], owned */
    uint32_t n, n_programs;
};

bool bundle_gather(struct bundle_plan *p, const struct bundle_wish *w, struct err *e) MUST_USE;
void bundle_plan_clear(struct bundle_plan *p);
/* Opens a file of the plan: a descriptor, or -1. */
int bundle_source_open(const struct bundle_source *s, struct err *e);

#endif
