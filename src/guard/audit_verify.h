/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_verify: is the log whole? Needs no key: section 4 of docs/AUDIT-FORMAT.md.
 *
 * Damage is ERR_CORRUPT and says where. What an auditor must know and is no damage is in the
 * report: how far it is witnessed, what died in the middle of a flush, gaps. */
#ifndef MOAT_GUARD_AUDIT_VERIFY_H
#define MOAT_GUARD_AUDIT_VERIFY_H

#include "guard/audit_scan.h"
#include "guard/audit_settings.h"

struct audit_report {
    struct hash log;
    uint32_t segments, first_segment;
    uint64_t leaves, records, first_record; /* records: the number of the last */
    uint64_t epochs, begun, ended;          /* times; 0: none */
    uint64_t sessions, unclosed;            /* neither closed nor gone on with */
    uint64_t gaps, clock_back;
    uint64_t tail_bytes; /* behind the last checkpoint */
    uint64_t tails;      /* of earlier writers that died */
    uint64_t witness_lines, witnessed_records;
    struct audit_checkpoint last;
    struct audit_settings settings; /* of the last segment */
    bool anchored;                  /* from its first record on, or from a tombstone that holds */
    uint32_t removed_segments;
};

struct audit_options {
    const char *const *witnesses; /* files of lines, [n_witnesses] */
    uint32_t n_witnesses;
    const char *log;                 /* the id that it must have, in hexadecimal; NULL: any */
    const struct sign_key *removers; /* whose tombstones count; none: those of the log itself */
    uint32_t n_removers;
    struct audit_hooks hooks;   /* for who reads on the way */
    void (*segment)(void *arg); /* a new segment begins; may be NULL */
};

bool audit_verify(const char *dir, const struct audit_options *o, struct audit_report *r,
                  struct err *e) MUST_USE;

/* --- audit_tombstone.c ----------------------------------------------------------------------- */

#define SIGN_TOMBSTONE "application/vnd.moat.tombstone+json"

/* Does the tombstone of the segments before this one hold? *signers: so many good signatures. */
bool audit_tombstone_check(const char *dir, const struct audit_segment *next,
                           const struct sign_key *removers, uint32_t n, struct err *e) MUST_USE;
/* The first of two: writes the tombstone for segments up to `last` and signs it. Whoever comes
 * second signs too, and then the segments are removed; *removed: how many. ERR_DENIED: too young,
 * or signed by none of the removers. */
bool audit_tombstone_sign(const char *dir, uint32_t last, const char *reason,
                          const struct sign_secret *key, uint32_t *removed, struct err *e) MUST_USE;

#endif
