/* SPDX-License-Identifier: Apache-2.0 */
/* lab/machine: how fast this machine reads memory, which is what bounds decoding.
 *
 * Reads a gigabyte that no cache holds, in large pages where there are any, with the threads that
 * run the model: plainly, and with prefetches of several distances. */
#ifndef MOAT_LAB_MACHINE_H
#define MOAT_LAB_MACHINE_H

#include "base/workers.h"

struct machine_reads {
    uint64_t bytes;            /* of one reading */
    double plain, prefetching; /* bytes a second: the best of several readings */
};

/* ERR_LIMIT where there is no memory to spare for it. */
bool machine_measure_reads(struct machine_reads *r, struct workers *team, struct err *e) MUST_USE;

static inline double machine_best_read(const struct machine_reads *r)
{
    return r->plain > r->prefetching ? r->plain : r->prefetching;
}

#endif
