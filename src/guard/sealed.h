/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sealed: a scratch file that only this process can read.
 *
 * The file has no name (O_TMPFILE) and goes with the process. What is written is sealed with
 * XChaCha20-Poly1305 (libsodium's secretstream) under a random key that is nowhere but in memory
 * that is locked, not dumped, and wiped at the end. A record is sealed in pieces of SEALED_PIECE,
 * whose order, number and owner belong to what is authenticated: what was altered, cut off, moved
 * or is another owner's does not open (ERR_CORRUPT).
 *
 * One record is written and one is read at a time, each from its beginning to its end; where they
 * lie in the file is the caller's affair. After sealed_new only pread and pwrite are needed. */
#ifndef MOAT_GUARD_SEALED_H
#define MOAT_GUARD_SEALED_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SEALED_PIECE = 256 << 10, SEALED_OWNER = 64 };

struct sealed;

/* A file in this folder. ERR_LIMIT where the key cannot be locked in memory. */
struct sealed *sealed_new(const char *folder, struct err *e) MUST_USE;
void sealed_free(struct sealed *s);

uint64_t sealed_bytes(uint64_t n); /* that a record of n bytes takes in the file */

/* A record of n bytes at this place; owner: SEALED_OWNER bytes at most. Then its bytes, in any
 * portions; with the last one it is there. */
bool sealed_write_begin(struct sealed *s, uint64_t at, uint64_t n, struct str owner,
                        struct err *e) MUST_USE;
bool sealed_write(struct sealed *s, const void *p, size_t n, struct err *e) MUST_USE;
bool sealed_read_begin(struct sealed *s, uint64_t at, uint64_t n, struct str owner,
                       struct err *e) MUST_USE;
bool sealed_read(struct sealed *s, void *p, size_t n, struct err *e) MUST_USE;

#endif
