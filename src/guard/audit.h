/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit: writes the audit log (docs/AUDIT-FORMAT.md, section 5).
 *
 *     audit_open(&a, dir, "serve", &e)
 *     audit_append(a, record, &e); ...   as many as there are
 *     audit_commit(a, &e)                now they are durable, all or none is acknowledged
 *     audit_close(a)
 *
 * A record is a JSON object; its times are added here. Several processes may have the same log
 * open. (W1) What audit_commit has acknowledged is on the disk, in order, once. (W2) A failed
 * fdatasync is never tried again: what is not acknowledged goes into a new segment; where that
 * fails too, the writer is dead and says why. (W3) Behind damage nothing is appended. Not for more
 * than one thread, and not across fork. */
#ifndef MOAT_GUARD_AUDIT_H
#define MOAT_GUARD_AUDIT_H

#include "guard/audit_settings.h"

#define AUDIT_FOLDER     "audit" /* in $MOAT_HOME */
#define AUDIT_BEAT_MS    55000u  /* of a writer that lives long; less than an epoch */
#define AUDIT_PENDING    (8u << 20)
#define AUDIT_LINE_BYTES 256

struct audit;

/* Begins a log in a folder that is empty or not there; *log becomes its id. */
bool audit_create(const char *dir, const struct audit_settings *s, struct hash *log,
                  struct err *e) MUST_USE;
/* Was a log begun there? */
bool audit_exists(const char *dir);

/* `role` says what writes: "serve", "run". ERR_CORRUPT: it is damaged (moat audit verify). */
bool audit_open(struct audit **a, const char *dir, const char *role, struct err *e) MUST_USE;
/* Adds to what the next commit writes. The record stays the caller's and gets "t" and "m". */
bool audit_append(struct audit *a, json_t *record, struct err *e) MUST_USE;
/* Writes what was appended; false: none of it is acknowledged, and it is forgotten. */
bool audit_commit(struct audit *a, struct err *e) MUST_USE;
bool audit_record(struct audit *a, json_t *record, struct err *e) MUST_USE; /* both; takes it */
bool audit_beat(struct audit *a, struct err *e) MUST_USE; /* a heartbeat; once in AUDIT_BEAT_MS */
void audit_close(struct audit *a); /* says so in the log, where it can; NULL is fine */

const struct audit_settings *audit_settings_of(const struct audit *a);
uint64_t audit_records(const struct audit *a); /* durable so far */

/* May new work begin? ERR_IO: the disk is full enough that only what runs is to be finished.
 * *low: it will be soon. */
bool audit_room(struct audit *a, bool *low, struct err *e) MUST_USE;

/* A checkpoint as a witness keeps it: see section 7; no newline. */
void audit_line(const struct audit_checkpoint *p, const struct hash *log,
                char line[AUDIT_LINE_BYTES]);
struct audit_witnessed { /* what it says */
    struct hash log, root;
    uint64_t leaves, records, time;
};
/* Also with something before it, as syslog has; false: it is none. */
bool audit_line_parse(struct str text, struct audit_witnessed *l);
/* The socket to syslog, of this process and its children: for one that may open none later. */
void audit_syslog_open(void);
void audit_syslog_close(void);
/* The name of a segment's file in dir, and which there are: the lowest number and the highest. */
void audit_segment_path(char out[4096], const char *dir, uint32_t number, const char *suffix);
bool audit_segment_range(const char *dir, uint32_t *first, uint32_t *last, struct err *e) MUST_USE;

#endif
