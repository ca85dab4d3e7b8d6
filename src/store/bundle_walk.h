/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_walk: the files of a bundle one after another, as its list has them. Used by the
 * other parts of store/bundle only.
 *
 * Of the archives only contents are taken: a member that is not the regular file, of the name and
 * size, that the list has next is ERR_CORRUPT. */
#ifndef MOAT_STORE_BUNDLE_WALK_H
#define MOAT_STORE_BUNDLE_WALK_H

#include "store/bundle.h"

struct bundle_walk;

/* One file: calls bundle_walk_stream for its bytes, or does not want them. */
typedef bool bundle_file_fn(void *arg, struct bundle_walk *w, const struct bundle_file *f,
                            struct err *e);
/* Every file but, where programs is false, those of the program. */
bool bundle_walk(const struct bundle *b, bool programs, const struct store_progress *progress,
                 bundle_file_fn *each, void *arg, struct err *e) MUST_USE;

/* Hands the bytes of the file to take, which may be NULL, and checks their number and SHA-256. */
typedef bool bundle_take_fn(void *arg, const void *p, size_t n, struct err *e);
bool bundle_walk_stream(struct bundle_walk *w, bundle_take_fn *take, void *arg,
                        struct err *e) MUST_USE;

#endif
