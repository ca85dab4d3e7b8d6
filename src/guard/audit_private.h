/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_private: what the files of the writer share; see audit.h. */
#ifndef MOAT_GUARD_AUDIT_PRIVATE_H
#define MOAT_GUARD_AUDIT_PRIVATE_H

#include "guard/audit.h"
#include "guard/audit_key.h"
#include "guard/audit_scan.h"

#define AUDIT_SEGMENT_MOST (1100u << 20) /* bytes of a segment that is read */

struct audit {
    char dir[3072], role[32];
    int lock_fd, fd; /* of the lock and of the last segment; -1: none */
    struct audit_settings settings;
    struct audit_signer signer;
    struct audit_scan scan; /* good is the end of the log */
    uint8_t boot[AUDIT_BOOT];
    bool in_session;  /* the stream goes on in this segment */
    uint64_t session; /* the last of this writer, or AUDIT_NO_SESSION */
    audit_stream stream;
    struct buf pending; /* of each record: struct pending_head, text */
    struct buf out;
    bool handed_over; /* the last flush ended an epoch */
    bool closing;     /* the next is the last of this writer */
    bool beating;     /* the next is a heartbeat: nobody waits for it */
    int witness_fd;   /* -1: not open */
    bool spooled;     /* the spool has this writer's first line */
    bool logged;      /* syslog has taken the last line for it */
    bool dead;
    struct err why;
};

struct pending_head {
    enum audit_kind kind;
    uint32_t bytes;
};

/* --- audit_segment.c: which segment is the last, and what is in it --------------------------- */

/* Under the lock: reads what others have appended, goes to the newest segment, begins one where the
 * last is over or its writer died. */
bool audit_catch_up(struct audit *a, struct err *e) MUST_USE;
/* Begins the segment behind the last good checkpoint. `known`: what else the last file holds is on
 * the disk as it is read. */
bool audit_new_segment(struct audit *a, bool known, struct err *e) MUST_USE;
/* The epoch is another than the signer's: its file has the key. */
bool audit_sync_signer(struct audit *a, struct err *e) MUST_USE;
bool audit_save_signer(struct audit *a, struct err *e) MUST_USE;
void audit_sweep_signer(const struct audit *a);
/* Gives the reserve back to the disk; false: it was given before. */
bool audit_use_reserve(struct audit *a);
void audit_make_reserve(const struct audit *a);

/* --- audit_flush.c: one flush ----------------------------------------------------------------- */

/* All that is pending, and a checkpoint with this flag. */
bool audit_flush(struct audit *a, uint32_t flags, struct err *e) MUST_USE;
uint64_t audit_wall_ns(void);

/* --- audit_witness.c ------------------------------------------------------------------------- */

void audit_tell_witnesses(struct audit *a);

#endif
