/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_read: the records of a log, for an auditor who has his key.
 *
 * The log is verified on the way (guard/audit_verify), and a record is given out only when a good
 * checkpoint stands behind it. Sessions that were not encrypted to this key are counted. */
#ifndef MOAT_GUARD_AUDIT_READ_H
#define MOAT_GUARD_AUDIT_READ_H

#include "guard/audit_key.h"
#include "guard/audit_verify.h"

struct audit_entry {
    uint64_t number, session;
    enum audit_kind kind;
    struct str text; /* JSON; borrowed */
};

/* False ends the reading with *e. */
typedef bool audit_entry_fn(void *arg, const struct audit_entry *entry, struct err *e);

struct audit_reading {
    const struct audit_identity *identity;
    struct audit_options options; /* hooks: not the caller's */
    audit_entry_fn *fn;
    void *arg;
    uint64_t unread; /* out: records that this key does not open */
};

bool audit_read(const char *dir, struct audit_reading *r, struct audit_report *report,
                struct err *e) MUST_USE;

#endif
