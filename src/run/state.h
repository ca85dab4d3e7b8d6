/* SPDX-License-Identifier: Apache-2.0 */
/* run/state: what was computed of a sequence, as a file, to go on with it another day.
 *
 *     bytes 0-7    "MOATSEQ\0"
 *           8-11   version, 1
 *          12-15   0
 *          16-47   the model: SHA-256, see generator_save
 *          48-55   bytes attached: whatever the writer wants back
 *          56-63   bytes of the sequence
 *          64-     what is attached, the sequence (engine/timeline)
 *     last 32      SHA-256 of all before
 *
 * Numbers are little-endian. The file appears whole or not at all, and for its owner only. Reading
 * refuses, each in one sentence, what is no such file, is newer, cut off, altered, of another
 * model or kind of cache, of a longer context, or may have been written by somebody else. */
#ifndef MOAT_RUN_STATE_H
#define MOAT_RUN_STATE_H

#include "base/buf.h"
#include "base/hash.h"
#include "engine/timeline.h"

/* Replaces only a file that is a saved state. */
bool state_write(const struct timeline *t, const struct hash *model, struct str attached,
                 const char *path, struct err *e) MUST_USE;

/* The timeline then holds the sequence; where it fails after the file was found sound, none. */
bool state_read(struct timeline *t, const struct hash *model, const char *path,
                struct buf *attached, struct err *e) MUST_USE;

/* The same of bytes; `name` is for messages. */
bool state_take(struct timeline *t, const struct hash *model, struct str file, const char *name,
                struct buf *attached, struct err *e) MUST_USE;

#endif
