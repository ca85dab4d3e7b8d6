/* SPDX-License-Identifier: Apache-2.0 */
/* serve/room: one budget of memory for all engines.
 *
 * The budget is the configuration's memory or, without it, what the machine had free when no model
 * was loaded, less a reserve. An engine that asks gets as much as it can make use of, but where
 * several models are served no more than a share (the budget by their number, by ROOM_SHARES at
 * most) unless it needs that; and no more than is left, as long as that is what it needs. Is there
 * less, then those that have been idle for longest end first; who has jobs never does. Who asked
 * first gets first. What can never fit is refused with the numbers. */
#ifndef MOAT_SERVE_ROOM_H
#define MOAT_SERVE_ROOM_H

#include "serve/engines.h"

#define ROOM_SHARES 4u

/* Soon, not within this call: gives what is free to those that ask. */
void room_settle(struct engines *es);
uint64_t room_budget(struct engines *es); /* bytes */
/* Why an engine still waits for its memory. */
void room_explain(struct engine_slot *slot, struct err *e);

#endif
