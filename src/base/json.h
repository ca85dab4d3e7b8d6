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
bool json_write(const json_t *j, size_t flags, struct buf *out, struct err *e) MUST_USE;
/* As a file of at most max bytes, indented, that is there whole or not at all (os_atomic_file). j
 * may be NULL, as json_pack gives it where memory is short: ERR_LIMIT. */
bool json_write_file(const json_t *j, const char *path, size_t max, unsigned mode,
                     struct err *e) MUST_USE;

#endif
