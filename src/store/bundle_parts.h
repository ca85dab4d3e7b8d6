/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_parts: one run of bytes in one file, or in parts of a fixed size NAME.001, NAME.002
 * and so on. Used by the other parts of store/bundle only. */
#ifndef MOAT_STORE_BUNDLE_PARTS_H
#define MOAT_STORE_BUNDLE_PARTS_H

#include "base/hash.h"
#include "store/store.h"

/* --- reading --------------------------------------------------------------------------------- */

struct bundle_parts;

/* path: the file, or the name its parts have in common, or the first part. */
struct bundle_parts *bundle_parts_open(const char *path, struct err *e) MUST_USE;
void bundle_parts_close(struct bundle_parts *p);
/* That all is there: total bytes, in parts of part_bytes (0: in one file) the last of which may be
 * shorter. One file that holds all parts is as good. */
bool bundle_parts_expect(struct bundle_parts *p, uint64_t total, uint64_t part_bytes,
                         struct err *e) MUST_USE;
/* n bytes at `at`, all of them. Before bundle_parts_expect only those of the first file. */
bool bundle_parts_read(struct bundle_parts *p, void *to, size_t n, uint64_t at,
                       struct err *e) MUST_USE;
/* The file that holds a byte, for messages. */
const char *bundle_parts_name(const struct bundle_parts *p, uint64_t at, char name[STORE_PATH]);
const char *bundle_parts_path(const struct bundle_parts *p);

/* --- writing --------------------------------------------------------------------------------- */

/* Bytes from head_bytes on, one after another; the head comes last. Nothing has its name before
 * bundle_out_finish, but for parts between the first and the last. */
struct bundle_out {
    const char *path;
    uint64_t part_bytes, head_bytes;
    uint64_t at;                       /* of the next byte */
    uint32_t n_parts;                  /* begun so far */
    struct os_atomic_file first, part; /* part: the one being written, beyond the first */
};

bool bundle_out_begin(struct bundle_out *o, const char *path, uint64_t head_bytes,
                      uint64_t part_bytes, struct err *e) MUST_USE;
bool bundle_out_write(struct bundle_out *o, const void *p, size_t n, struct err *e) MUST_USE;
/* head: head_bytes bytes. */
bool bundle_out_finish(struct bundle_out *o, const void *head, struct err *e) MUST_USE;
void bundle_out_close(struct bundle_out *o); /* removes what was not finished */

#endif
