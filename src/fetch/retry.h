/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/retry: what a failure means, and how long to wait before the next try.
 *
 * A failure is transient (the network, an overloaded server: tried again for ever, each time after
 * a longer pause) or final for that source (not found, not allowed, a broken certificate: another
 * source, or the end). */
#ifndef MOAT_FETCH_RETRY_H
#define MOAT_FETCH_RETRY_H

#include <stdint.h>

#include "base/err.h"

/* Is an HTTP status (400 and up, or one nobody can use) worth another try? */
bool retry_status(int status);
enum err_code retry_status_code(int status); /* 404 -> ERR_NOT_FOUND */

/* The pause before try number `failures` + 1, failures in a row: half a second, doubled each time,
 * a minute at most; scattered over its upper half by `random`, so that many clients do not come
 * back at once. What the server asked for (seconds, 0: nothing) is the least, within LIMIT_RETRY_S.
 */
uint64_t retry_pause_ns(uint32_t failures, uint64_t asked_s, uint32_t random);

#endif
