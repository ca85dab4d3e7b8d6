/* SPDX-License-Identifier: Apache-2.0 */
/* cli/table: columns of text, aligned by display width.
 *
 *     table_init(&t, "lrr");          one letter a column: left or right
 *     table_cell(&t, STR("NAME")); table_fmt(&t, "%u", n); ...   cell by cell, row by row
 *     ok = table_render(&t, &out, e); table_clear(&t);
 *
 * Cells are cleaned for the terminal (term_clean, and newlines and tabs become blanks). Nothing is
 * cut: a long cell makes a wide table. Columns are two blanks apart, lines carry no blanks at their
 * end. */
#ifndef MOAT_CLI_TABLE_H
#define MOAT_CLI_TABLE_H

#include "base/buf.h"

enum { TABLE_COLUMNS = 12 };

struct table {
    const char *align;
    uint32_t n_column;
    struct buf cells; /* each followed by '\n' */
};

void table_init(struct table *t, const char *align); /* borrowed; at most TABLE_COLUMNS letters */
void table_clear(struct table *t);
void table_cell(struct table *t, struct str s);
void table_fmt(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool table_render(const struct table *t, struct buf *out, struct err *e) MUST_USE;
/* The same onto stdout, the first row bold on a terminal when `head` is set. */
bool table_print(const struct table *t, bool head, struct err *e) MUST_USE;

#endif
