/* SPDX-License-Identifier: Apache-2.0 */
/* base/checked: the bytes of a file in memory of our own, each MiB of which was compared with its
 * hash before anybody may read it.
 *
 * What has been checked cannot be changed by who writes to the file afterwards, nor taken away by
 * who truncates it: it is a copy. Only leaves that somebody asks for are read. */
#ifndef MOAT_BASE_CHECKED_H
#define MOAT_BASE_CHECKED_H

#include "base/hash.h"

struct checked;

/* An open regular file of n bytes, and the hashes of its leaves [ceil(n / HASH_LEAF_BYTES)], whose
 * root the caller has compared with one it trusts. Takes fd and leaves (from mem_new) over, also on
 * failure. name: for messages. NULL: no memory for its tables. */
struct checked *checked_new(int fd, uint64_t n, struct hash *leaves, const char *name,
                            struct err *e) MUST_USE;
void checked_free(struct checked *c); /* takes NULL */

/* [n]; a byte may be read once checked_need has said so. */
const unsigned char *checked_bytes(const struct checked *c);
int checked_fd(const struct checked *c);

/* Has the n bytes from p on, a place in checked_bytes, been read and found right? Reads what is not
 * there yet; any thread may ask. ERR_DENIED: the file is not what its hashes say. */
bool checked_need(struct checked *c, const void *p, uint64_t n, struct err *e) MUST_USE;
/* Gives all memory back; what is used again must be needed again. No other thread may read then. */
void checked_forget(struct checked *c);

#endif
