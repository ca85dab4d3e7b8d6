/* SPDX-License-Identifier: Apache-2.0 */
/* store/pins: what a model was when it first came: $MOAT_HOME/pins.json.
 *
 *     {"pins": {"built-in/smollm2:360m": {"sha256": "<64 hex>", "pinned": "2026-11-28T09:00:00Z"}}}
 *
 * A catalogue may not know the SHA-256 of a file. Then the first one that is pulled is the one it
 * must be from then on: another is refused until the user names it (--sha256). */
#ifndef MOAT_STORE_PINS_H
#define MOAT_STORE_PINS_H

#include "store/blob.h"
#include "store/name.h"

/* *found: false where there is none. */
bool pins_get(const struct store *s, const char *catalog, const struct name *name, bool *found,
              struct digest *d, struct err *e) MUST_USE;
/* With the store locked; replaces. */
bool pins_set(const struct store *s, const char *catalog, const struct name *name,
              const struct digest *d, struct err *e) MUST_USE;

#endif
