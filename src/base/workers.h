/* SPDX-License-Identifier: Apache-2.0 */
/* base/workers: one team of threads that runs the same function together.
 *
 * `workers_run` calls fn(arg, id) on every thread, id 0 being the caller, and returns when all have
 * returned. Inside, `workers_barrier` makes all of them meet. Between runs the threads spin
 * shortly, then sleep on a futex, so an idle team costs nothing. Work is split by fixed chunks,
 * never by thread count, wherever a sum depends on it: any team size must give the same bits. */
#ifndef MOAT_BASE_WORKERS_H
#define MOAT_BASE_WORKERS_H

#include <stdint.h>

#include "base/err.h"

struct workers;

/* n >= 1 threads, the caller included. */
struct workers *workers_new(uint32_t n, struct err *e) MUST_USE;
void workers_free(struct workers *w);
uint32_t workers_count(const struct workers *w);

void workers_run(struct workers *w, void (*fn)(void *arg, uint32_t id), void *arg);
void workers_barrier(struct workers *w, uint32_t id);

/* Next chunk of a shared job of n chunks, the same n for all; counted anew after every barrier. A
 * thread has a run of neighbouring chunks, so that what it reads follows what it read; one that is
 * done takes over what others have left, from the end. False when all are given out. */
bool workers_next(struct workers *w, uint32_t id, uint32_t n, uint32_t *chunk);

#endif
