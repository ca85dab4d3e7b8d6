/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pace: a bound on the bytes a second that all files together are sent at. Whoever must wait
 * stands in one line, so that no client is passed over. */
#ifndef MOAT_SERVE_PACE_H
#define MOAT_SERVE_PACE_H

#include <uv.h>

#include "fetch/bucket.h"

struct pace_waiter {
    void (*go)(struct pace_waiter *w);
    uint64_t bytes;
    bool waits;
    struct pace_waiter *next;
};

struct pace {
    struct bucket bucket;
    uv_timer_t timer;
    struct pace_waiter *first, **last;
};

void pace_init(struct pace *p, uv_loop_t *loop, uint64_t rate);
/* True: now. False: `go` is called later. */
bool pace_take(struct pace *p, struct pace_waiter *w, uint64_t bytes);
void pace_leave(struct pace *p, struct pace_waiter *w);

#endif
