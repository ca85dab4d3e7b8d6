/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sign: signatures of documents: catalogues, bundles, policies.
 *
 * A document is a file of any bytes; its signatures stand in a file of their own beside it
 * (DOCUMENT.sig), so that the document stays what it is and may gather signatures:
 *
 *     {"type": "application/vnd.moat.catalog+json",
 *      "signatures": [{"keyid": "<16 hex digits>", "sig": "<base64 of 64 bytes>"}]}
 *
 * Signed is the pre-authentication encoding of DSSE 1.0, "DSSEv1 LEN(type) type LEN(body) body",
 * with Ed25519 (RFC 8032): what was signed as one type can never pass for another. Check before
 * you parse: sign_check reads nothing of the body.
 *
 * A key is one line of text, "ed25519:BASE64 NAME" for the public half, "ed25519-secret:BASE64
 * NAME" for the secret one; the name is a remark. Its id is the beginning of the SHA-256 of the 32
 * public bytes. A secret key's file has mode 0600 and is refused with any other access; it is not
 * encrypted, so it belongs on a medium that is put away.
 *
 * How to use it: sign_open reads document and signatures and checks them against the keys that
 * are trusted; then parse the document, and let sign_terms_check look at version and expiry. */
#ifndef MOAT_GUARD_SIGN_H
#define MOAT_GUARD_SIGN_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* What may be signed as; each kind of document has its own type. */
#define SIGN_CATALOG "application/vnd.moat.catalog+json"
#define SIGN_BUNDLE  "application/vnd.moat.bundle+json"
#define SIGN_POLICY  "application/vnd.moat.policy+json"
#define SIGN_RELEASE "application/vnd.moat.release+text" /* guard/release */

#define SIGN_SUFFIX ".sig"

enum {
    SIGN_PUBLIC = 32,
    SIGN_SECRET = 64, /* libsodium's form: the seed, and the public key again */
    SIGN_BYTES = 64,
    SIGN_ID = 16,       /* hex digits */
    SIGN_NAME = 64,     /* with its NUL */
    SIGN_TEXT = 160,    /* a key as text, with its NUL */
    SIGN_TYPE = 80,     /* with its NUL */
    SIGN_SIGNERS = 16,  /* of one document */
    SIGN_FILE = 1 << 14 /* bytes of a file of signatures, or of a key */
};

struct sign_key {
    uint8_t b[SIGN_PUBLIC];
    char id[SIGN_ID + 1];
    char name[SIGN_NAME]; /* printable; "": none */
};

struct sign_secret {
    struct sign_key key;
    uint8_t b[SIGN_SECRET];
};

/* --- keys: sign_key.c ----------------------------------------------------------------------- */

bool sign_secret_make(struct sign_secret *s, struct str name, struct err *e) MUST_USE;
void sign_secret_clear(struct sign_secret *s); /* wipes it */

bool sign_key_parse(struct sign_key *k, struct str text, struct err *e) MUST_USE;
void sign_key_text(const struct sign_key *k, char out[SIGN_TEXT]); /* without a newline */
/* A public key as the user gives it: its text, or the name of a file that holds it. */
bool sign_key_given(struct sign_key *k, const char *text_or_file, struct err *e) MUST_USE;

/* A list of keys as text, SIGN_SIGNERS at most. ERR_CORRUPT */
bool sign_keys_read(struct sign_key key[SIGN_SIGNERS], uint32_t *n, const json_t *list,
                    struct err *e) MUST_USE;

bool sign_secret_read(struct sign_secret *s, const char *path, struct err *e) MUST_USE;
/* PATH (mode 0600) and PATH.pub; files that are there are never overwritten. */
bool sign_secret_write(const struct sign_secret *s, const char *path, struct err *e) MUST_USE;

/* --- signatures: sign.c --------------------------------------------------------------------- */

struct sign_set {
    char type[SIGN_TYPE];
    uint32_t n;
    struct {
        char id[SIGN_ID + 1];
        uint8_t b[SIGN_BYTES];
    } v[SIGN_SIGNERS];
};

/* `where` is for messages. */
bool sign_set_parse(struct sign_set *s, struct str text, const char *where, struct err *e) MUST_USE;
bool sign_set_print(const struct sign_set *s, struct buf *out, struct err *e) MUST_USE;

/* Adds a signature; a set of another type is emptied first, an older one of that key is replaced.
 */
bool sign_add(struct sign_set *s, const struct sign_secret *k, const char *type, struct str body,
              struct err *e) MUST_USE;

struct sign_trust {
    const struct sign_key *key; /* [n]; the same key twice counts once */
    uint32_t n;
    uint32_t needed; /* so many of them must have signed; at least 1 */
};

/* ERR_DENIED naming who signed and who was wanted. One bad signature of a trusted key is enough to
 * refuse, others count for nothing. */
bool sign_check(const struct sign_set *s, const char *type, struct str body,
                const struct sign_trust *trust, struct err *e) MUST_USE;

/* The files PATH and PATH.sig, at most max bytes of the former, checked. body is initialised here,
 * and cleared by the caller in any case. */
bool sign_open(const char *path, const char *type, size_t max, const struct sign_trust *trust,
               struct buf *body, struct err *e) MUST_USE;
/* Signs the file PATH: makes PATH.sig, or adds to it. */
bool sign_file(const char *path, const char *type, size_t max, const struct sign_secret *k,
               struct err *e) MUST_USE;

/* --- terms: what a signed JSON document says of itself --------------------------------------- */

/* A member like "2027-01-01T00:00:00Z", in seconds since 1970, UTC; 0 where it is absent. */
bool sign_time_read(int64_t *out, const json_t *j, const char *key, struct err *e) MUST_USE;

/* "keys": [..], "needed": 2: whose signatures a document needs, and how many: at least one. */
bool sign_quorum_read(struct sign_key key[SIGN_SIGNERS], uint32_t *n, uint32_t *needed,
                      const json_t *j, struct err *e) MUST_USE;

/* "version": 7, "expires": "2027-01-01T00:00:00Z"; expires may be absent: never (0). */
struct sign_terms {
    uint64_t version; /* from 1, rising */
    int64_t expires;  /* seconds since 1970, UTC */
};

bool sign_terms_read(struct sign_terms *t, const json_t *j, const char *where,
                     struct err *e) MUST_USE;
/* seen: the highest version that was accepted before, 0 for none: an older one is refused, as is
 * an expired one (now: seconds since 1970). ERR_DENIED */
bool sign_terms_check(const struct sign_terms *t, uint64_t seen, int64_t now, const char *where,
                      struct err *e) MUST_USE;

#endif
