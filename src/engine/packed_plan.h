/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_plan: which matrices of a model are packed, and where each lies in the packed data.
 *
 * The data are the matrices in the order of the model's layers, each at a multiple of 64 bytes,
 * large ones of 4096, zeros between. Any part of them can be made by itself, from the source alone:
 * that is how threads share the work, a leaf of the hash tree each. */
#ifndef MOAT_ENGINE_PACKED_PLAN_H
#define MOAT_ENGINE_PACKED_PLAN_H

#include "base/hash.h"
#include "engine/model.h"

/* One matrix, as recorded in the file. */
struct packed_entry {
    uint64_t name; /* hash of the tensor's name */
    uint64_t at, bytes;
    uint32_t type, rows, cols, n_expert;
};

struct packed_plan {
    struct packed_entry *entry; /* [n] */
    struct mat *source;         /* [n] as in the GGUF files */
    struct mat **target;        /* [n] of the model */
    struct model *m;
    struct checked *checked; /* whose bytes the source is, or NULL: a mapping */
    size_t n;
    uint64_t bytes; /* of all data */
};

bool plan_init(struct packed_plan *p, struct model *m, const struct gguf *g,
               struct err *e) MUST_USE;
void plan_clear(struct packed_plan *p);

/* Bytes at..at+n of the data. */
void plan_make(const struct packed_plan *p, uint64_t at, uint64_t n, unsigned char *out);
/* Before plan_make: has the source of this part read and checked, where it is, or else read ahead
 * from the disk, when called for one part after another. */
bool plan_prepare(const struct packed_plan *p, uint64_t at, uint64_t n, struct err *e) MUST_USE;
/* Gives back the source pages they were made from; of a checked source only with all of them. */
void plan_forget(const struct packed_plan *p, uint64_t at, uint64_t n);
/* Are these n bytes of the source, a tensor, in packed matrices all of them? */
bool plan_covers(const struct packed_plan *p, const unsigned char *data, uint64_t n);
/* Makes the model use the packed data. */
void plan_install(const struct packed_plan *p, const unsigned char *data);

static inline uint64_t plan_leaves(const struct packed_plan *p)
{
    return (p->bytes + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES;
}

#endif
