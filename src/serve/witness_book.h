/* SPDX-License-Identifier: Apache-2.0 */
/* serve/witness_book: a mirror as the witness of other machines' audit logs: witness/LOG in the
 * store, a file of lines (docs/AUDIT-FORMAT.md, section 7) for each log, each with when it came.
 *
 * A log only grows: a line of fewer leaves than the newest, or of as many with another root, is
 * ERR_CORRUPT, nothing is overwritten by it, and it is kept in witness/LOG.conflict. Lines of a
 * file that has become long are thinned, older ones first; the newest says what all before it
 * did. */
#ifndef MOAT_SERVE_WITNESS_BOOK_H
#define MOAT_SERVE_WITNESS_BOOK_H

#include "base/str.h"
#include "store/store.h"

/* The lines of one log, in the order of their leaves; those that are there are passed over. `key`
 * is the id of the API key they come with, or "-": who brought the first line of a log brings all
 * others (else ERR_DENIED), or one client could make that of another look wrong. */
bool witness_book_take(const struct store *s, const char *key, struct str lines,
                       struct err *e) MUST_USE;
/* Of the log with this id, in hexadecimal; an open file, or -1. */
int witness_book_open(const struct store *s, const char *log, struct err *e) MUST_USE;

#endif
