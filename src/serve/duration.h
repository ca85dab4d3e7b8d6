/* SPDX-License-Identifier: Apache-2.0 */
/* serve/duration: how long something lasts, as owners of servers and Ollama's clients write it.
 *
 * "90" and 90 are seconds; "10m", "1h30m", "1.5s", "300ms" are sums of numbers with units (h m s ms
 * us ns); a negative one is for ever. Parts of a second count up to a whole one. */
#ifndef MOAT_SERVE_DURATION_H
#define MOAT_SERVE_DURATION_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

#define DURATION_EVER  (-1)
#define DURATION_UNSET (-2)                 /* nobody has said */
#define DURATION_MOST  (10ll * 365 * 86400) /* seconds; more is for ever */

/* Seconds; false: it is none. */
bool duration_parse(struct str text, int64_t *seconds) MUST_USE;
bool duration_from_json(const json_t *v, int64_t *seconds) MUST_USE;
/* null where nobody has said. */
json_t *duration_to_json(int64_t seconds);

#endif
