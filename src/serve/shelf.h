/* SPDX-License-Identifier: Apache-2.0 */
/* serve/shelf: the models of the store as a mirror sees them, in memory; read again when it may
 * have changed (SHELF_FRESH_MS), so that a request costs no walk through the store. */
#ifndef MOAT_SERVE_SHELF_H
#define MOAT_SERVE_SHELF_H

#include "store/manifest.h"

#define SHELF_FRESH_MS 1000u

struct shelf {
    struct store store;
    struct manifest *v; /* owned, by name */
    size_t n, cap;
    uint64_t read_ns; /* 0: not yet */
};

bool shelf_open(struct shelf *s, struct err *e) MUST_USE;
void shelf_clear(struct shelf *s);
void shelf_stale(struct shelf *s); /* something was changed: the next look reads it again */

/* Reads the store where that is due; one that cannot be read leaves what was known. */
void shelf_refresh(struct shelf *s);

/* NULL: there is none. They live until the next refresh. */
const struct manifest *shelf_named(const struct shelf *s, const char *model, const char *tag);
const struct manifest *shelf_digest(const struct shelf *s, const struct digest *d);

#endif
