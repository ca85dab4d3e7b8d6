/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/pieces: which parts of a file are there, and who fetches which of the others.
 *
 * A file is cut into pieces of HASH_LEAF_BYTES, the leaves of its hash tree; the last may be
 * shorter. A request asks for a run of pieces next to each other. What is missing is taken from
 * the front; when nothing is left to take, a run somebody else is slow with can be shared. */
#ifndef MOAT_FETCH_PIECES_H
#define MOAT_FETCH_PIECES_H

#include <stdint.h>

#include "base/hash.h"

struct pieces {
    uint64_t size, n, n_done;
    uint64_t hint;  /* no piece before it waits for somebody */
    uint8_t *state; /* [n] how many transfers are at it, or PIECE_DONE */
    uint8_t *from;  /* [n] the source of a piece that is there */
};

enum { PIECE_DONE = 255 };

struct run {
    uint64_t first, end; /* pieces [first, end) */
};

/* ERR_LIMIT for a file of no bytes or of more than LIMIT_PULL_BYTES. */
bool pieces_init(struct pieces *p, uint64_t size, struct err *e) MUST_USE;
void pieces_clear(struct pieces *p);

uint64_t pieces_of(uint64_t size);                          /* how many a file has */
uint64_t pieces_bytes(const struct pieces *p, uint64_t at); /* of one piece */
uint64_t pieces_done_bytes(const struct pieces *p);         /* of all that are there */
bool pieces_all_done(const struct pieces *p);
uint64_t pieces_waiting(const struct pieces *p); /* that nobody is at */

/* The first run nobody is at, `most` pieces at most; the caller is at it from now on. */
bool pieces_take(struct pieces *p, uint64_t most, struct run *out) MUST_USE;
/* One more transfer is at the pieces of the run that are not there; or one fewer. */
void pieces_join(struct pieces *p, struct run r);
void pieces_leave(struct pieces *p, struct run r);

void pieces_set_done(struct pieces *p, uint64_t at, uint8_t source);
void pieces_forget(struct pieces *p, uint64_t at); /* it was not good after all */
/* Forgets those of one source, or of all others; returns how many. */
uint64_t pieces_forget_source(struct pieces *p, uint8_t source, bool others);

#endif
