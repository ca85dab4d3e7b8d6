/* SPDX-License-Identifier: Apache-2.0 */
/* base/json: jansson's values, read and written with moat's rules: duplicate keys, depth over
 * LIMIT_JSON_DEPTH, more values than LIMIT_JSON_VALUES, U+0000, what is not UTF-8 and trailing text
 * are refused; errors name line and column, and that memory ended. */
#ifndef MOAT_BASE_JSON_H
#define MOAT_BASE_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"

json_t *json_parse(struct str text, const char *where, struct err *e) MUST_USE;
/* The same, but where a key stands twice the last one counts. */
json_t *json_parse_loose(struct str text, const char *where, struct err *e) MUST_USE;
json_t *json_read_file(const char *path, size_t max, struct err *e) MUST_USE;
/* All numbers as reals: for files in which whole ones may be beyond 64 bits. */
json_t *json_parse_reals(struct str text, const char *where, struct err *e) MUST_USE;
json_t *json_read_file_reals(const char *path, size_t max, struct err *e) MUST_USE;
/* Whoever makes a document need not look whether each of its values, and each buffer for them, was
 * made: where memory ended since the last one was written (mem_was_short), what is there may be a
 * part of it, and writing fails (ERR_LIMIT). Who starts anew after such a failure, with the
 * document that says so, tells it first. */
void json_start_over(void);
bool json_write(const json_t *j, size_t flags, struct buf *out, struct err *e) MUST_USE;
/* As a file of at most max bytes, indented, that is there whole or not at all (os_atomic_file). j
 * may be NULL, as json_pack gives it where memory is short: ERR_LIMIT. */
bool json_write_file(const json_t *j, const char *path, size_t max, unsigned mode,
                     struct err *e) MUST_USE;
/* A line of compact JSON. */
bool json_print(const json_t *j, FILE *to, struct err *e) MUST_USE;

#endif
