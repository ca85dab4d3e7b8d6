/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_sent: the checkpoints that go to other machines: what the spool holds of them, and
 * how far each machine is (sent.json, beside the log).
 *
 * That is for whoever sends, and for people: it proves nothing. What a witness has is with the
 * witness (moat audit verify --witness). */
#ifndef MOAT_GUARD_AUDIT_SENT_H
#define MOAT_GUARD_AUDIT_SENT_H

#include "guard/audit.h"

#define AUDIT_SPOOL "spool"
#define AUDIT_SENT  "sent.json"

enum { AUDIT_SENT_BYTES = 32 << 10 /* of lines, in one go */, AUDIT_SENT_WHY = 1024 };

struct audit_sent_to {
    uint64_t leaves, records; /* it has taken the line of so many */
    uint64_t taken_s, tried_s;
    uint32_t failures; /* since then */
    char error[AUDIT_SENT_WHY];
};

struct audit_sent {
    struct audit_sent_to to[AUDIT_URLS]; /* [n_urls], as the settings name them */
};

/* A machine that was not told yet is zeros, and so is all where the file is not there. */
bool audit_sent_read(struct audit_sent *s, const char *dir, const struct audit_settings *settings,
                     struct err *e) MUST_USE;
bool audit_sent_write(const struct audit_sent *s, const char *dir,
                      const struct audit_settings *settings, struct err *e) MUST_USE;

/* The lines of more leaves than that which wait, fewest leaves first; where they are longer than
 * AUDIT_SENT_BYTES the last of them, for the newest says what all did. *last: the newest, *n: how
 * many wait; 0: none. `out` is initialised here. */
bool audit_spool_read(const char *dir, uint64_t leaves, struct buf *out,
                      struct audit_witnessed *last, size_t *n, struct err *e) MUST_USE;

#endif
