/* SPDX-License-Identifier: Apache-2.0 */
/* store/store: where models are kept.
 *
 *     $MOAT_HOME, else $XDG_DATA_HOME/moat, else ~/.local/share/moat
 *         FORMAT                       "2"; a newer one is refused, an older one brought up to it
 *         lock                         there while names change (store_lock)
 *         blobs/sha256-<hex>           the files themselves, named by their content
 *         manifests/<name>/<tag>.json  what NAME:TAG is
 *
 * Directories are made with mode 0700. A blob appears whole or not at all, and a manifest only
 * after its blob is on disk. Unfinished copies of dead processes, and blobs that no manifest names,
 * are removed by the next import or removal (blob_sweep). */
#ifndef MOAT_STORE_STORE_H
#define MOAT_STORE_STORE_H

#include <stdint.h>

#include "base/os.h"

enum { STORE_PATH = 4096 };

struct store {
    char root[STORE_PATH - 512]; /* room for what is appended */
    uint32_t format;             /* what its FORMAT says; 1: manifests without a check sum */
};

/* Without `create` an absent store is an empty one, and an older one is read as it is. Errors: a
 * newer FORMAT, no home directory. Not with the store locked. */
bool store_open(struct store *s, bool create, struct err *e) MUST_USE;
/* root/PATH; the path is ours or made from a parsed name, so it fits. */
const char *store_path(const struct store *s, char out[STORE_PATH], const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Waits for other processes that change the store; os_lock_close lets them on. */
bool store_lock(const struct store *s, struct os_lock *lock, struct err *e) MUST_USE;

/* How far a long job is; false: stop it (ERR_CANCELLED). */
typedef bool store_progress_fn(void *arg, uint64_t done, uint64_t total);
struct store_progress {
    store_progress_fn *fn; /* may be NULL */
    void *arg;
};
bool store_progress(const struct store_progress *p, uint64_t done, uint64_t total,
                    struct err *e) MUST_USE;

#endif
