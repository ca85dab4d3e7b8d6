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

/* What is written while one looks: the segments from the last one on, each whole when it is looked
 * at. It is not held against what was before: that is what audit_read is for. identity NULL: no
 * records, only checkpoints. */
struct audit_follow;
typedef bool audit_point_fn(void *arg, const struct audit_checkpoint *p, const struct hash *log,
                            struct err *e);

/* r (fn and arg of it) and dir live as long; point may be NULL. */
bool audit_follow_open(struct audit_follow **f, const char *dir, struct audit_reading *r,
                       audit_point_fn *point, struct err *e) MUST_USE;
/* Hands out what has come; first all of the last segment. */
bool audit_follow_more(struct audit_follow *f, struct err *e) MUST_USE;
void audit_follow_close(struct audit_follow *f); /* NULL is fine */

#endif
