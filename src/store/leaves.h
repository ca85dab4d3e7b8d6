/* SPDX-License-Identifier: Apache-2.0 */
/* store/leaves: the hash tree of a file on the disk (base/hash): its leaves of 1 MiB and its root.
 *
 * FILE.leaves holds the hashes of the leaves one after another, 32 bytes each. It needs no
 * signature: whoever knows the root knows whether they are right. */
#ifndef MOAT_STORE_LEAVES_H
#define MOAT_STORE_LEAVES_H

#include "base/hash.h"
#include "store/blob.h"

#define LEAVES_SUFFIX ".leaves"

struct leaves {
    struct hash *v; /* [n], owned */
    uint64_t n;
    char root[DIGEST_HEX + 1]; /* in hex */
};

/* Of all of an open regular file; without progress, by as many threads as compute best here. */
bool leaves_read(struct leaves *l, int fd, const char *name, const struct store_progress *progress,
                 struct err *e) MUST_USE;
bool leaves_write(const struct leaves *l, const char *path, struct err *e) MUST_USE;
void leaves_clear(struct leaves *l);

#endif
