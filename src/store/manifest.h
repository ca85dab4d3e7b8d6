/* SPDX-License-Identifier: Apache-2.0 */
/* store/manifest: what NAME:TAG is.
 *
 *     {"digest": "sha256:<hex>", "size": bytes, "source": "where it came from",
 *      "imported": "2026-01-15T09:30:00Z", "settings": {...}, "opening": [...], "licence": "...",
 *      "through": true, "check": "<hex>"}
 *
 * `settings`, `opening` and `licence` are optional: the keys of run/settings that this model starts
 * with, the messages its conversations begin with, the text of its licence. `through` stands where
 * a mirror pulled the model for its clients: it may remove it again for want of room (serve/quota);
 * such a manifest's time of change is when it was last asked for. Everything read
 * back is checked; a manifest that does not hold is ERR_CORRUPT naming the file. `check` is the
 * SHA-256 of the rest as compact JSON with sorted keys: moat verify finds a flipped bit here too.
 */
#ifndef MOAT_STORE_MANIFEST_H
#define MOAT_STORE_MANIFEST_H

#include <jansson.h>

#include "store/blob.h"
#include "store/name.h"

struct manifest {
    struct name name;
    struct digest digest;
    uint64_t size;
    int64_t imported; /* seconds since 1970, UTC */
    char *source;     /* owned */
    json_t *settings; /* owned; NULL: none */
    json_t *opening;  /* owned; messages, or NULL */
    json_t *licence;  /* owned; a string, or NULL */
    bool through;
};

void manifest_clear(struct manifest *m);

bool manifest_read(const struct store *s, const struct name *name, struct manifest *m,
                   struct err *e) MUST_USE; /* ERR_NOT_FOUND says what there is instead */
bool manifest_exists(const struct store *s, const struct name *name);

/* When it was last asked for, in ns since 1970 (0: it is gone); and that it is now. */
int64_t manifest_used(const struct store *s, const struct name *name);
void manifest_use(const struct store *s, const struct name *name);

/* With the store locked. */
bool manifest_write(const struct store *s, const struct manifest *m, struct err *e) MUST_USE;
bool manifest_remove(const struct store *s, const struct name *name, struct err *e) MUST_USE;

/* Removes what writers of manifests and lists left when they died; with the store locked. */
void manifest_sweep(const struct store *s);
/* Gives every manifest its check sum: from format 1 of the store to 2; with the store locked. */
bool manifest_upgrade(const struct store *s, struct err *e) MUST_USE;

/* Another number when a manifest has been written or removed; 0: there are none. */
uint64_t manifest_stamp(const struct store *s);
/* Every model by name. m is NULL where a manifest cannot be read: *why says so. False stops. */
typedef bool manifest_each_fn(void *arg, const struct name *name, const struct manifest *m,
                              const struct err *why);
bool manifest_each(const struct store *s, manifest_each_fn *fn, void *arg, struct err *e) MUST_USE;

#endif
