/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/tune: how many connections are worth having.
 *
 * Doubles the number while that brings at least TUNE_GAIN more bytes a second, goes back to the
 * number before where it did not, and tries again after a while: the network may have changed. */
#ifndef MOAT_FETCH_TUNE_H
#define MOAT_FETCH_TUNE_H

#include <stdint.h>

#define TUNE_GAIN 1.15

struct tune {
    uint32_t wanted, before, most;
    uint64_t window_ns, window_bytes; /* when and where this measurement began */
    uint64_t length_ns;               /* of a measurement */
    double rate;                      /* of the measurement before, with fewer connections */
};

void tune_init(struct tune *t, uint32_t most, uint64_t now_ns, uint64_t bytes);
/* bytes: received so far. Returns how many connections there should be. */
uint32_t tune_step(struct tune *t, uint64_t now_ns, uint64_t bytes);

#endif
