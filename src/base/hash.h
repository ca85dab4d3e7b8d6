/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash: SHA-256, and the hash tree of RFC 6962 section 2.1 over the leaves of a file.
 *
 * A leaf's hash is SHA-256(0x00 leaf), a node's SHA-256(0x01 left right), and a tree of n > 1
 * leaves splits at the largest power of two below n; so a leaf can never be taken for a node. The
 * tree of no leaves is SHA-256 of nothing. Fails only when the library does (ERR_INTERNAL). */
#ifndef MOAT_BASE_HASH_H
#define MOAT_BASE_HASH_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define HASH_BYTES      32
#define HASH_LEAF_BYTES (1u << 20) /* of a leaf of our files; the last may be shorter */

struct hash {
    uint8_t b[HASH_BYTES];
};

/* Of n strings one after another. */
bool hash_of(const struct str *parts, size_t n, struct hash *out, struct err *e) MUST_USE;
/* Of what is added bit by bit; hash_end frees, also where it fails, and takes NULL for out. */
struct hash_stream {
    void *ctx;
};
bool hash_begin(struct hash_stream *s, struct err *e) MUST_USE;
bool hash_add(struct hash_stream *s, const void *p, size_t n, struct err *e) MUST_USE;
bool hash_end(struct hash_stream *s, struct hash *out, struct err *e);

bool hash_leaf(const void *p, size_t n, struct hash *out, struct err *e) MUST_USE;
bool hash_root(const struct hash *leaves, uint64_t n, struct hash *out, struct err *e) MUST_USE;
bool hash_eq(const struct hash *a, const struct hash *b);
void hash_hex(const struct hash *h, char out[2 * HASH_BYTES + 1]); /* lower case */
bool hash_parse(struct hash *h, struct str hex); /* 64 digits, lower case; false: they are not */

#endif
