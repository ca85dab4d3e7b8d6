/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_shapes: the distinct shapes seen, with how often and where first.
 *
 * A hash table over one growing block of bytes: a line whose shape is known costs one look-up and
 * no allocation. Shapes are numbered in the order they came. The table is full at `max` shapes or
 * LIMIT_LOGS_SHAPE_BYTES; the miner then has it condensed (work/logs_refine). */
#ifndef MOAT_WORK_LOGS_SHAPES_H
#define MOAT_WORK_LOGS_SHAPES_H

#include "base/err.h"
#include "work/logs_scan.h"

#define SHAPE_ANY 4 /* the whole value of a slot that refinement found to vary */

struct logs_entry {
    uint64_t hash, count, first; /* first: number of the first line that has it, from 0 */
    size_t at;                   /* in bytes: the shape, then the type of each slot */
    uint32_t n, n_slot;
};

struct logs_shapes {
    struct logs_entry *v;
    size_t n, cap;
    uint8_t *bytes;
    size_t n_bytes, cap_bytes;
    uint32_t *table; /* entry + 1, 0: free */
    size_t n_table;  /* zero or a power of two */
};

void logs_shapes_clear(struct logs_shapes *t);
void logs_shapes_reset(struct logs_shapes *t); /* empties, keeps the memory */

uint64_t logs_shapes_hash(const uint8_t *p, size_t n);

/* The number of the shape of a line; it counts once more. */
bool logs_shapes_add(struct logs_shapes *t, const struct logs_shape *s, struct str line,
                     uint64_t line_no, uint32_t *id, struct err *e) MUST_USE;
/* Adds an entry with its count, its first line and its types. */
bool logs_shapes_put(struct logs_shapes *t, const uint8_t *p, const uint8_t *types,
                     struct logs_entry entry, uint32_t *id, struct err *e) MUST_USE;
/* The number of a known shape, or UINT32_MAX. */
uint32_t logs_shapes_find(const struct logs_shapes *t, const uint8_t *p, size_t n, uint64_t hash);

static inline const uint8_t *logs_shapes_types(const struct logs_shapes *t, uint32_t id)
{
    return t->bytes + t->v[id].at + t->v[id].n;
}

/* What a slot holds whose values were of both types. */
uint8_t logs_type_merge(uint8_t a, uint8_t b);

#endif
