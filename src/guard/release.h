/* SPDX-License-Identifier: Apache-2.0 */
/* guard/release: the list of the files of a release, and whether they are what it says.
 *
 * The list is what sha256sum writes, "<64 hex digits>  <name>" a line, and signed as SIGN_RELEASE
 * (guard/sign): who has no moat yet checks it with openssl and sha256sum (docs/SECURITY.md). Names
 * are of files beside the list: no folder, no ".", at most RELEASE_FILES of them, none twice. */
#ifndef MOAT_GUARD_RELEASE_H
#define MOAT_GUARD_RELEASE_H

#include "base/hash.h"
#include "guard/sign.h"

enum { RELEASE_FILES = 256, RELEASE_NAME = 256, RELEASE_BYTES = 1 << 17 };

struct release {
    uint32_t n;
    struct {
        char name[RELEASE_NAME];
        struct hash sha256;
    } v[RELEASE_FILES];
};

/* A text that was checked already, or is the caller's own. ERR_CORRUPT with the line. */
bool release_parse(struct release *r, struct str text, const char *where, struct err *e) MUST_USE;
/* Signs the list at path, which must be one, and whose files must be there and be what it says. */
bool release_sign(const char *path, const struct sign_secret *k, struct err *e) MUST_USE;
/* First the signature of the list at path, then each of its files: ERR_DENIED where it is not
 * signed as wanted, ERR_CORRUPT where a file is another, ERR_NOT_FOUND where it is not there. */
bool release_check(const char *path, const struct sign_trust *trust, struct release *r,
                   struct err *e) MUST_USE;

#endif
