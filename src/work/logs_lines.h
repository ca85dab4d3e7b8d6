/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_lines: the records of a log in memory, and places to cut it between two of them.
 *
 * A record is a line, of which the message is what stands behind the header, or a row of a CSV file
 * of which one column is the message; fields may be quoted and hold newlines and doubled quotes. A
 * row that is too short has an empty message. */
#ifndef MOAT_WORK_LOGS_LINES_H
#define MOAT_WORK_LOGS_LINES_H

#include "base/buf.h"
#include "work/logs_format.h"

#define LOGS_NO_COLUMN UINT32_MAX

struct logs_lines {
    struct str rest;                  /* what is still to be read */
    uint32_t column;                  /* of the message, from 0; LOGS_NO_COLUMN: plain lines */
    struct buf *field;                /* where a quoted field is unquoted; borrowed */
    const struct logs_format *format; /* of plain lines; NULL: all of a line is its message */
    struct logs_record record;        /* of the last line read, where there is a format */
    bool mapped; /* the text is a file mapping: a long line is not kept in memory for its end */
};

/* The message of the next record, valid until the next call; false at the end. */
bool logs_lines_next(struct logs_lines *l, struct str *message);

/* Bytes of `rest` up to the first end of a record at or behind `want`. */
size_t logs_lines_cut(const struct logs_lines *l, size_t want);

/* Reads the head line of a CSV file and finds the column: ERR_NOT_FOUND names those there are. */
bool logs_lines_head(struct logs_lines *l, const char *column, struct err *e) MUST_USE;

#endif
