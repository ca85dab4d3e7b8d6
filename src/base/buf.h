/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf: an owned, growing byte buffer with a maximum size.
 *
 * Every buffer states its maximum when it is made, so input from outside cannot make it grow
 * without bound. Failure (maximum reached, no memory) is sticky: keep adding, then ask `buf_ok`
 * once. The bytes are always followed by a NUL that does not count in `n`. A zeroed struct is a
 * valid, empty buffer with maximum 0: use buf_init. */
#ifndef MOAT_BASE_BUF_H
#define MOAT_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *p; /* owned; NULL while empty */
    size_t n, cap, max;
    bool bad; /* an addition failed; n is what had fitted before */
};

void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf *b); /* frees, and empties; the maximum stays */
void buf_reset(struct buf *b); /* empties, keeps the memory and clears `bad` */

/* Takes the memory for n more bytes now, so that adding them cannot fail. */
bool buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_byte(struct buf *b, char c);
void buf_utf8(struct buf *b, uint32_t code_point);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */

struct str buf_view(const struct buf *b);
const char *buf_c(const struct buf *b); /* NUL-terminated, "" when empty */

/* True when every addition so far fitted; otherwise ERR_LIMIT naming `what`. */
bool buf_ok(const struct buf *b, const char *what, struct err *e) MUST_USE;

/* Reads a whole regular file or pipe (path "-" is standard input) into b, up to its maximum. */
bool buf_read_file(struct buf *b, const char *path, struct err *e) MUST_USE;

#endif
