/* SPDX-License-Identifier: Apache-2.0 */
/* guard/age: writes files that `age` opens: age-encryption.org/v1, to X25519 recipients.
 *
 * The file's key is wrapped for each recipient; the payload is cut in pieces of 64 KiB, each sealed
 * with ChaCha20-Poly1305 under a counter that also says which is the last. */
#ifndef MOAT_GUARD_AGE_H
#define MOAT_GUARD_AGE_H

#include <stdint.h>

#include "base/os.h"

enum { AGE_PIECE = 64 << 10, AGE_KEY = 32, AGE_SEAL = 16 };

struct age {
    struct os_atomic_file *file; /* the caller's, open */
    uint8_t key[AGE_KEY];
    uint64_t count;
    size_t n; /* bytes in piece */
    uint8_t piece[AGE_PIECE], sealed[AGE_PIECE + AGE_SEAL];
};

/* Writes the head. */
bool age_begin(struct age *a, struct os_atomic_file *file, const uint8_t (*recipients)[AGE_KEY],
               uint32_t n, struct err *e) MUST_USE;
bool age_add(struct age *a, struct str bytes, struct err *e) MUST_USE;
bool age_end(struct age *a, struct err *e) MUST_USE; /* the last piece; the file is not committed */
void age_clear(struct age *a);                       /* wipes */

#endif
