/* SPDX-License-Identifier: Apache-2.0 */
/* lab/machine: how fast this machine reads memory, which is what bounds decoding, and how many
 * multiply-adds of each kind it does, which bounds reading a prompt.
 *
 * Reads a gigabyte that no cache holds, in large pages where there are any, with the threads that
 * run the model: plainly, and with prefetches of several distances. */
#ifndef MOAT_LAB_MACHINE_H
#define MOAT_LAB_MACHINE_H

#include "engine/forward.h"

struct machine_reads {
    uint64_t bytes;            /* of one reading */
    double plain, prefetching; /* bytes a second: the best of several readings */
};

/* ERR_LIMIT where there is no memory to spare for it. */
bool machine_measure_reads(struct machine_reads *r, struct workers *team, struct err *e) MUST_USE;

/* Multiply-adds a second of all threads together, from the nearest cache: the best of several
 * runs. 0: the level that was chosen has none of the kind. */
struct machine_macs {
    double rate[ARITHMETICS];
};

/* By the threads of f, whose scratch it takes. */
void machine_measure_macs(struct machine_macs *m, const struct forward *f);

static inline double machine_best_read(const struct machine_reads *r)
{
    return r->plain > r->prefetching ? r->plain : r->prefetching;
}

#endif
