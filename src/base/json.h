/* SPDX-License-Identifier: Apache-2.0 */
/* base/json: jansson with moat's rules: duplicate keys, depth over LIMIT_JSON_DEPTH and more
 * values than LIMIT_JSON_VALUES (checked by a pre-scan) and trailing text are refused, errors name
 * line and column. */
#ifndef MOAT_BASE_JSON_H
#define MOAT_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

json_t *json_parse(struct str text, const char *where, struct err *e) MUST_USE;
json_t *json_read_file(const char *path, size_t max, struct err *e) MUST_USE;
/* All numbers as reals: for files in which whole ones may be beyond 64 bits. */
json_t *json_read_file_reals(const char *path, size_t max, struct err *e) MUST_USE;
bool json_write(const json_t *j, size_t flags, struct buf *out, struct err *e) MUST_USE;

#endif
