/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/journal: what is already there of a file that is being pulled, kept beside it.
 *
 * A file of records that is only appended to, each in one write and with a check sum; what was torn
 * by a crash ends it. A piece is noted after its bytes were written, so whatever kills the process
 * leaves a true record. A machine that goes down may lose bytes whose note survives: a note counts
 * only if it was made since this machine started, or journal_sync has put it and its bytes on the
 * disk. Anything else that is wrong with the file makes it an empty one: it is a cache, the whole
 * file is hashed at the end.
 *
 *     record   u16 kind, u16 n, n bytes, the first 8 bytes of SHA-256 of all that; little-endian
 *     FILE     "MOATPULL", u32 version 1, u64 size of the file        (the first record, once)
 *     BOOT     id of this start of the machine                        (when a process begins)
 *     SOURCE   u8 number, u8 out, 8 bytes of id, its validator
 *     DONE     u64 piece, u8 source, u8 checked against the tree
 *     FORGET   u64 piece
 *     SYNC     u64 length of the journal that is on the disk, with the bytes it speaks of */
#ifndef MOAT_FETCH_JOURNAL_H
#define MOAT_FETCH_JOURNAL_H

#include "base/limits.h"
#include "fetch/answer.h"
#include "fetch/pieces.h"

enum { JOURNAL_ID = 8, JOURNAL_BOOT = 64 };

struct journal_source {
    uint8_t id[JOURNAL_ID];      /* of its address */
    bool out;                    /* not to be used for this file again */
    char validator[ANSWER_TEXT]; /* strong ETag, "" for none */
};

struct journal_state {
    struct pieces pieces; /* n 0: nothing is known yet */
    struct journal_source source[LIMIT_PULL_SOURCES];
    uint32_t n_source;
    uint8_t *checked; /* [pieces.n] a piece was checked against the tree */
    uint64_t n;       /* bytes of the journal that hold */
};

/* Reads a journal; boot: id of this start of the machine ("" where it is not known). Only a lack
 * of memory is an error. */
bool journal_parse(struct str bytes, const char *boot, struct journal_state *s,
                   struct err *e) MUST_USE;
void journal_clear(struct journal_state *s);

/* Reads the journal in an open file, cuts off what does not hold, and notes that a process begins.
 */
bool journal_open(int fd, struct journal_state *s, struct err *e) MUST_USE;
/* Empties it, for a file of so many bytes. */
bool journal_begin(int fd, uint64_t size, struct err *e) MUST_USE;
bool journal_note_source(int fd, uint8_t number, const struct journal_source *s,
                         struct err *e) MUST_USE;
bool journal_note_done(int fd, uint64_t piece, uint8_t source, bool checked,
                       struct err *e) MUST_USE;
bool journal_note_forget(int fd, uint64_t piece, struct err *e) MUST_USE;

/* Puts the bytes and then the notes about them on the disk; any process that has both files open
 * may, at any time. */
bool journal_sync(int fd, int data_fd, struct err *e) MUST_USE;

#endif
