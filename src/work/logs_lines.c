/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_lines: see logs_lines.h. */
#include "work/logs_lines.h"

#include <string.h>

#include "base/os.h"

#define PIECE_BYTES ((size_t)8 << 20) /* searched at a time */

static size_t line_end(const struct logs_lines *l, size_t from)
{
    const struct str s = l->rest;
    for (size_t first = from; from < s.n; from += PIECE_BYTES) {
        size_t n = s.n - from < PIECE_BYTES ? s.n - from : PIECE_BYTES;
        const char *p = memchr(s.p + from, '\n', n);
        if (p)
            return (size_t)(p - s.p);
        if (l->mapped && from > first)
            os_map_forget(s.p + from, n);
    }
    return s.n;
}

/* Whether there is an odd number of quotes in [from, to). */
static bool odd_quotes(struct str s, size_t from, size_t to)
{
    bool odd = false;
    const char *p = s.p + from, *end = s.p + to;
    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        odd = !odd;
        p++;
    }
    return odd;
}

/* The end of the record that begins at `from`, its newline not included. */
static size_t record_end(const struct logs_lines *l, size_t from)
{
    size_t end = line_end(l, from);
    if (l->column == LOGS_NO_COLUMN)
        return end;
    for (bool open = odd_quotes(l->rest, from, end); open && end < l->rest.n;) {
        size_t next = line_end(l, end + 1);
        open = open != odd_quotes(l->rest, end + 1, next);
        end = next;
    }
    return end;
}

size_t logs_lines_cut(const struct logs_lines *l, size_t want)
{
    size_t at = 0;
    if (l->column == LOGS_NO_COLUMN)
        at = want < l->rest.n ? line_end(l, want) + 1 : l->rest.n;
    else
        while (at < l->rest.n && at <= want)
            at = record_end(l, at) + 1;
    return at < l->rest.n ? at : l->rest.n;
}

/* The next field of a row: what stands between two commas, without its quotes. */
static bool next_field(struct str *row, struct str *field, struct buf *unquoted)
{
    if (!row->p)
        return false;
    struct str r = *row;
    size_t i = 0;
    if (!r.n || r.p[0] != '"') {
        const char *comma = r.n ? memchr(r.p, ',', r.n) : NULL;
        i = comma ? (size_t)(comma - r.p) : r.n;
        *field = str_sub(r, 0, i);
    } else {
        buf_reset(unquoted);
        for (i = 1; i < r.n; i++) {
            const char *quote = memchr(r.p + i, '"', r.n - i);
            size_t q = quote ? (size_t)(quote - r.p) : r.n;
            buf_add(unquoted, r.p + i, q - i);
            i = q + 1;
            if (i >= r.n || r.p[i] != '"')
                break;
            buf_byte(unquoted, '"');
        }
        i = i < r.n ? i : r.n;
        *field = buf_view(unquoted);
        while (i < r.n && r.p[i] != ',')
            i++;
    }
    *row = i < r.n ? str_from(r, i + 1) : (struct str){0};
    return true;
}

bool logs_lines_next(struct logs_lines *l, struct str *message)
{
    if (!l->rest.n)
        return false;
    size_t end = record_end(l, 0);
    struct str row = str_sub(l->rest, 0, end);
    l->rest = str_from(l->rest, end + 1);
    if (row.n && row.p[row.n - 1] == '\r')
        row.n--;
    *message = row;
    if (l->column == LOGS_NO_COLUMN) {
        if (l->format) {
            logs_format_split(l->format, row, &l->record);
            *message = l->record.message;
        }
        return true;
    }
    for (uint32_t c = 0; c <= l->column; c++)
        if (!next_field(&row, message, l->field))
            *message = (struct str){"", 0};
    return true;
}

bool logs_lines_head(struct logs_lines *l, const char *column, struct err *e)
{
    struct str row, name;
    char names[256] = "";
    size_t n = 0;
    l->column = 0; /* rows, not lines */
    size_t end = record_end(l, 0);
    row = str_sub(l->rest, 0, end);
    l->rest = str_from(l->rest, end + 1);
    if (row.n && row.p[row.n - 1] == '\r')
        row.n--;
    if (str_starts(row, STR("\xef\xbb\xbf")))
        row = str_from(row, 3);
    for (uint32_t c = 0; next_field(&row, &name, l->field); c++) {
        if (str_is(name, column)) {
            l->column = c;
            return true;
        }
        if (n + name.n + 3 < sizeof names) {
            memcpy(names + n, ", ", n ? 2 : 0);
            n += n ? 2 : 0;
            memcpy(names + n, name.p, name.n);
            n += name.n;
            names[n] = 0;
        }
    }
    return fail(e, ERR_NOT_FOUND, "no column \"%s\" in the first line; it has: %s", column, names);
}
