/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_scan: reads the frames of one segment and holds them to the rules (section 4 of
 * docs/AUDIT-FORMAT.md). The writer finds the end of the log with it, the verifier does all.
 *
 * What counts ends at the last good checkpoint. The bytes behind it may be a flush that was never
 * finished (a tail); anything else is ERR_CORRUPT, naming segment, offset and record. */
#ifndef MOAT_GUARD_AUDIT_SCAN_H
#define MOAT_GUARD_AUDIT_SCAN_H

#include "guard/audit_frame.h"

/* What a reader does with the frames. Each may be NULL; false ends the scan with *e. */
struct audit_hooks {
    bool (*session)(void *arg, const struct audit_session *s, struct err *e);
    bool (*record)(void *arg, const struct audit_record *r, struct err *e);
    /* Good but for its signature, which is checked later where that is enough. */
    bool (*checkpoint)(void *arg, const struct audit_checkpoint *p, struct err *e);
    void *arg;
};

/* A session as anybody sees it. */
struct audit_seen {
    uint64_t number, continues;
    bool closed, beats;
};

struct audit_point { /* behind a good checkpoint */
    size_t at;       /* bytes of the segment */
    struct audit_chain chain;
    uint32_t flags;
    bool checked; /* its signature was */
    uint8_t body[AUDIT_CHECKPOINT_BYTES];
};

struct audit_scan {
    struct audit_point good, before; /* the last, and the one before it; at 0: none */
    struct audit_hooks hooks;
    struct audit_seen *seen; /* sessions of this segment, by number; owned */
    size_t n_seen, cap_seen;
    struct audit_segment head; /* settings: points into what was fed first */
};

/* Of a new segment. */
void audit_scan_begin(struct audit_scan *s, const struct audit_hooks *hooks);
void audit_scan_clear(struct audit_scan *s);
/* `file` is the whole segment, of which the bytes up to good.at were read before. `whole`: it must
 * end with a good checkpoint at its end (no tail). On failure it is of no more use. */
bool audit_scan_feed(struct audit_scan *s, struct str file, bool whole, struct err *e) MUST_USE;

#endif
