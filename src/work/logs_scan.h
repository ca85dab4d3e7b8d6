/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_scan: one log line -> its shape.
 *
 * A shape is the line with everything that is certainly a variable (numbers, addresses, paths,
 * URLs, dates, sizes, identifiers with digits) taken out, so that lines of one event mostly have
 * one shape. It is a byte string of slots between literal punctuation and single blanks:
 *
 *     SHAPE_SLOT value SHAPE_END      a word, or SHAPE_VAR, or a fixed prefix and SHAPE_VAR
 *
 * Words without digits are kept: whether they vary is decided over the whole stream
 * (work/logs_refine). No rule knows a product. Any bytes are a line; what lies behind
 * LOGS_LINE_BYTES or LOGS_SLOTS becomes one variable. One pass, no allocation. */
#ifndef MOAT_WORK_LOGS_SCAN_H
#define MOAT_WORK_LOGS_SCAN_H

#include <stdint.h>

#include "base/str.h"

#define LOGS_LINE_BYTES (32u << 10) /* of a line that are looked at */
#define LOGS_SLOTS      512u        /* slots of a shape */

enum { SHAPE_VAR = 1, SHAPE_SLOT = 2, SHAPE_END = 3 };

struct logs_slot {
    uint32_t at, n; /* where the value stands in the line */
};

struct logs_shape {
    uint8_t p[3 * LOGS_LINE_BYTES + 64];
    uint32_t n, n_slot;
    struct logs_slot slot[LOGS_SLOTS + 1];
};

void logs_scan(struct str line, struct logs_shape *out);

/* What kind of value it is, for the reader of a table: "number", "hex", "ip", "path", ... */
enum logs_type {
    LOGS_NUMBER,
    LOGS_HEX,
    LOGS_IP,
    LOGS_MAC,
    LOGS_PATH,
    LOGS_URL,
    LOGS_TIME,
    LOGS_DURATION,
    LOGS_SIZE,
    LOGS_BOOL,
    LOGS_ID,
    LOGS_HOST,
    LOGS_TEXT,
    LOGS_TYPES
};
enum logs_type logs_type_of(struct str value);
const char *logs_type_name(enum logs_type type);

#endif
