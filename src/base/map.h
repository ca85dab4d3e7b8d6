/* SPDX-License-Identifier: Apache-2.0 */
/* base/map: byte string -> 32-bit value.
 *
 * Open addressing over a hash keyed with a random seed per process, so hostile keys cannot be
 * chosen to collide. Keys are borrowed: they must outlive the map. No removal. */
#ifndef MOAT_BASE_MAP_H
#define MOAT_BASE_MAP_H

#include "base/err.h"
#include "base/str.h"

struct map_slot {
    struct str key; /* p == NULL: free slot */
    uint32_t hash, value;
};

struct map {
    struct map_slot *slots;
    size_t n, cap; /* cap is zero or a power of two */
};

bool map_reserve(struct map *m, size_t n, struct err *e) MUST_USE;
/* Inserts, or replaces the value of an equal key. */
bool map_put(struct map *m, struct str key, uint32_t value, struct err *e) MUST_USE;
bool map_get(const struct map *m, struct str key, uint32_t *value);
void map_clear(struct map *m);

uint64_t map_hash(struct str key); /* the keyed hash itself, for other tables */

#endif
