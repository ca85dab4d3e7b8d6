/* SPDX-License-Identifier: Apache-2.0 */
/* cli/table: see table.h. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/term.h"

enum { TABLE_BYTES = 64 << 20, CELL_BYTES = 4096, GAP = 2 };

void table_init(struct table *t, const char *align)
{
    *t = (struct table){.align = align, .n_column = (uint32_t)strlen(align)};
    must(t->n_column > 0 && t->n_column <= TABLE_COLUMNS);
    buf_init(&t->cells, TABLE_BYTES);
}

void table_clear(struct table *t)
{
    buf_clear(&t->cells);
}

void table_cell(struct table *t, struct str s)
{
    size_t from = t->cells.n;
    term_clean(&t->cells, s);
    for (size_t i = from; i < t->cells.n; i++)
        if (t->cells.p[i] == '\n' || t->cells.p[i] == '\t')
            t->cells.p[i] = ' ';
    buf_byte(&t->cells, '\n');
}

void table_fmt(struct table *t, const char *fmt, ...)
{
    char text[CELL_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = strlen(text);
    table_cell(t, (struct str){text, n + 1 < sizeof text ? n : str_utf8_whole(str_of(text))});
}

static void measure(const struct table *t, uint32_t width[TABLE_COLUMNS])
{
    struct str rest = buf_view(&t->cells), cell;
    for (uint32_t i = 0; str_cut(&rest, '\n', &cell); i = (i + 1) % t->n_column) {
        uint32_t w = term_text_width(cell);
        if (w > width[i])
            width[i] = w;
    }
}

static void blanks(struct buf *out, uint32_t n)
{
    while (n--)
        buf_byte(out, ' ');
}

bool table_render(const struct table *t, struct buf *out, struct err *e)
{
    uint32_t width[TABLE_COLUMNS] = {0};
    measure(t, width);
    struct str rest = buf_view(&t->cells), cell;
    uint32_t owed = 0; /* blanks due before the next cell that shows anything */
    for (uint32_t i = 0; rest.n && str_cut(&rest, '\n', &cell); i = (i + 1) % t->n_column) {
        uint32_t pad = width[i] - term_text_width(cell);
        bool right = t->align[i] == 'r';
        if (cell.n) {
            blanks(out, owed + (right ? pad : 0));
            buf_str(out, cell);
            owed = right ? 0 : pad;
        } else {
            owed += pad;
        }
        owed += GAP;
        if (i + 1 == t->n_column) {
            buf_byte(out, '\n');
            owed = 0;
        }
    }
    return buf_ok(&t->cells, "table", e) && buf_ok(out, "table", e);
}

bool table_print(const struct table *t, bool head, struct err *e)
{
    struct buf out;
    buf_init(&out, TABLE_BYTES * 2u);
    bool ok = table_render(t, &out, e);
    if (ok) {
        struct str rest = buf_view(&out), line = STR("");
        if (head && str_cut(&rest, '\n', &line))
            printf("%s%.*s%s\n", term_style(STDOUT_FILENO, TERM_BOLD), (int)line.n, line.p,
                   term_style(STDOUT_FILENO, TERM_PLAIN));
        fwrite(rest.p, 1, rest.n, stdout);
    }
    buf_clear(&out);
    return ok;
}
