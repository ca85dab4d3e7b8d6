/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_state: how far a log was read and which shapes its lines had, as a file, to go on with
 * when the log has grown or the reading was stopped.
 *
 *     bytes 0-7    "MOATLOGS"
 *           8-15   version, 1; flags: 1 the header is learnt
 *          16-39   lines that were read, of this file and of those before it; of this file; bytes
 *                  of this file
 *          40-103  SHA-256 of the first and of the last LOGS_STATE_LOOK of those bytes
 *         104-     the header: fields, bars, LOGS_FIELDS kinds (4 bytes each)
 *                  number of shapes (8 bytes); of each its count and first line (8 each), bytes and
 *                  slots (4 each), the shape, the types of its slots
 *     last 32      SHA-256 of all before
 *
 * Numbers are little-endian. It is as large as the table of shapes (bounded, work/logs_shapes) and
 * appears whole. Reading refuses what is no such file, is altered, or holds what is no shape. */
#ifndef MOAT_WORK_LOGS_STATE_H
#define MOAT_WORK_LOGS_STATE_H

#include "base/buf.h"
#include "base/hash.h"
#include "work/logs_format.h"
#include "work/logs_shapes.h"

enum { LOGS_STATE_LOOK = 65536 };

struct logs_state {
    struct logs_shapes shapes;
    struct logs_format format;
    bool learnt;
    uint64_t n_line, file_lines, bytes;
    struct hash start, end;
};

/* Where there is no file: an empty one. */
bool logs_state_read(struct logs_state *s, const char *path, struct err *e) MUST_USE;
/* The same of bytes; `name` is for messages. */
bool logs_state_take(struct logs_state *s, struct str file, const char *name,
                     struct err *e) MUST_USE;
/* As bytes, and those into a file: so that what was read can be written elsewhere in between.
 * Replaces only a file that is such a state. `out` is initialised here. */
bool logs_state_put(const struct logs_state *s, struct buf *out, struct err *e) MUST_USE;
bool logs_state_replace(const struct buf *state, const char *path, struct err *e) MUST_USE;
void logs_state_clear(struct logs_state *s);

/* So many bytes were read; first and last: the first and the last LOGS_STATE_LOOK of them, or all.
 */
bool logs_state_mark(struct logs_state *s, uint64_t bytes, struct str first, struct str last,
                     struct err *e) MUST_USE;
/* Are those of the log the same, up to there? Else it was rotated or cut short. */
bool logs_state_same(const struct logs_state *s, struct str first, struct str last);
/* How many bytes they are. */
static inline size_t logs_state_look(uint64_t bytes)
{
    return bytes < LOGS_STATE_LOOK ? (size_t)bytes : LOGS_STATE_LOOK;
}

#endif
