/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_key: the keys of an audit log.
 *
 * Auditors have X25519 keys in the form that `age` gives them: "age1..." is public, the file with
 * "AGE-SECRET-KEY-1..." is theirs alone and has no business on the machine that is audited. The
 * signer is the machine's own: the Ed25519 key of the current epoch, in a file of mode 0600; before
 * an epoch ends, the file holds the next one's key too, and after it only that. */
#ifndef MOAT_GUARD_AUDIT_KEY_H
#define MOAT_GUARD_AUDIT_KEY_H

#include "guard/audit_frame.h"

#define AUDIT_SIGNER "signer"

enum { AUDIT_KEY_TEXT = 80 }; /* either key as text, with its NUL */

bool audit_recipient_parse(struct str text, uint8_t key[AUDIT_KEY], struct err *e) MUST_USE;
void audit_recipient_text(const uint8_t key[AUDIT_KEY], char out[AUDIT_KEY_TEXT]);

struct audit_identity {
    uint8_t secret[AUDIT_KEY], public[AUDIT_KEY];
};

bool audit_identity_make(struct audit_identity *id, struct err *e) MUST_USE;
/* A file as age-keygen writes it: '#' lines and one key. */
bool audit_identity_read(struct audit_identity *id, const char *path, struct err *e) MUST_USE;
/* Mode 0600; a file that is there is never overwritten. */
bool audit_identity_write(const struct audit_identity *id, const char *path,
                          struct err *e) MUST_USE;
void audit_identity_clear(struct audit_identity *id);

struct audit_signer {
    struct hash log;
    uint64_t epoch, since;              /* since: when it began to sign, seconds since 1970 */
    uint8_t secret[64], key[AUDIT_KEY]; /* libsodium's secret form, and the public half */
    bool has_next;
    uint8_t next_secret[64], next_key[AUDIT_KEY]; /* of epoch + 1 */
};

/* Of epoch 0: begins a log. */
bool audit_signer_make(struct audit_signer *s, struct err *e) MUST_USE;
bool audit_signer_next(struct audit_signer *s, struct err *e) MUST_USE; /* makes the next key */
void audit_signer_advance(struct audit_signer *s, uint64_t now_s);      /* to it; wipes the old */
void audit_signer_clear(struct audit_signer *s);
bool audit_signer_read(struct audit_signer *s, const char *path, struct err *e) MUST_USE;
bool audit_signer_write(const struct audit_signer *s, const char *path, struct err *e) MUST_USE;

#endif
