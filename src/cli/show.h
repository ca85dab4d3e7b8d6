/* SPDX-License-Identifier: Apache-2.0 */
/* cli/show: metadata values and whole files as text and as JSON, for `moat show`. */
#ifndef MOAT_CLI_SHOW_H
#define MOAT_CLI_SHOW_H

#include "base/buf.h"
#include "gguf/gguf.h"

/* "u32", "string", "string[49152]". */
void show_type(const struct gguf_kv *kv, struct buf *out);

/* The value on one line: what does not fit into `max` bytes is cut at a character border and "..."
 * added. */
void show_value(const struct gguf_kv *kv, size_t max, struct buf *out);

/* The number with the fewest digits that reads back the same; "nan", "inf". */
void show_float(double v, bool f32, struct buf *out);
/* Element i of a numeric entry. */
void show_number(const struct gguf_kv *kv, uint64_t i, struct buf *out);

/* JSON on stdout, written as it goes: a file may hold millions of values. Bytes that are not UTF-8
 * become U+FFFD, numbers that JSON lacks null. */
void show_json_value(const struct gguf_kv *kv);
void show_json_file(const struct gguf *g, const char *path);

#endif
