/* SPDX-License-Identifier: Apache-2.0 */
/* serve/quota: room for what a mirror pulls through.
 *
 * Only blobs that every one of their manifests calls `through` count and may go, the longest unused
 * first: whatever somebody imported, pulled or copied himself stays, also when a mirror had it
 * before. A file that is being sent stays readable until its last client has it. */
#ifndef MOAT_SERVE_QUOTA_H
#define MOAT_SERVE_QUOTA_H

#include "serve/shelf.h"

struct quota_use {
    uint64_t bytes, files; /* of blobs that may go */
};
/* Of a shelf that was read just now. */
bool quota_used(const struct shelf *s, struct quota_use *u, struct err *e) MUST_USE;

/* Removes models until `need` bytes more fit into `quota`; *freed: bytes of what went. ERR_LIMIT
 * where they cannot. */
bool quota_make_room(const struct store *s, uint64_t quota, uint64_t need, uint64_t *freed,
                     struct err *e) MUST_USE;

#endif
