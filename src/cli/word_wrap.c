/* SPDX-License-Identifier: Apache-2.0 */
/* cli/word_wrap: see word_wrap.h. The last column stays free: a cursor behind it would be neither
 * here nor there, and could not be moved back by counting. */
#include "cli/word_wrap.h"

#include <string.h>

#include "cli/term.h"

enum { TAB = 8, OTHER = 4 };

static void forget_word(struct word_wrap *w)
{
    w->n_word = 0;
    w->word_width = 0;
}

static void end_line(struct word_wrap *w, struct buf *out)
{
    if (w->n_ticks == 3 || w->n_ticks > OTHER)
        w->fence = !w->fence;
    buf_byte(out, '\n');
    w->column = w->n_ticks = 0;
    w->last_wide = false;
    forget_word(w);
}

/* Counts the backticks a line starts with: OTHER + 1 stands for three with something behind them.
 */
static void look_for_fence(struct word_wrap *w, struct str c)
{
    bool tick = c.p[0] == '`', blank = c.p[0] == ' ';
    if (w->n_ticks < 3)
        w->n_ticks = tick ? w->n_ticks + 1 : blank && !w->n_ticks ? 0 : OTHER;
    else if (w->n_ticks != OTHER)
        w->n_ticks = tick ? OTHER : OTHER + 1; /* more ticks: it is no fence */
}

/* Takes the word back and begins the next line with it; a word of a whole line is just broken. */
static void break_line(struct word_wrap *w, uint32_t width, uint32_t columns, struct buf *out)
{
    if (w->word_width && w->word_width < w->column && w->word_width + width < columns) {
        buf_fmt(out, "\033[%uD\033[K\n", w->word_width);
        buf_add(out, w->word, w->n_word);
        w->column = w->word_width;
        return;
    }
    buf_byte(out, '\n');
    w->column = 0;
    forget_word(w);
}

/* Where may a line end: before this character, that is, does a word begin here? */
static bool begins_word(const struct word_wrap *w, struct str c, bool wide)
{
    if (wide)
        return !term_closes(c);
    return w->last_wide && (unsigned char)c.p[0] > ' ' && !strchr(".,;:!?)]}\"'", c.p[0]);
}

static void add_char(struct word_wrap *w, struct str c, uint32_t columns, struct buf *out)
{
    uint32_t width = c.p[0] == '\t' ? TAB - w->column % TAB : term_text_width(c);
    bool blank = c.p[0] == ' ' || c.p[0] == '\t';
    if (blank && w->column + width >= columns) {
        forget_word(w);
        w->column = columns; /* swallowed: the next character breaks the line */
        return;
    }
    if (blank || begins_word(w, c, width == 2))
        forget_word(w);
    if (w->column + width >= columns)
        break_line(w, width, columns, out);
    buf_str(out, c);
    w->column += width;
    w->last_wide = width == 2 || (width == 0 && w->last_wide);
    if (blank)
        return;
    if (w->n_word + c.n > sizeof w->word) {
        forget_word(w);
        return;
    }
    memcpy(w->word + w->n_word, c.p, c.n);
    w->n_word += c.n;
    w->word_width += width;
}

void word_wrap(struct word_wrap *w, struct str text, uint32_t columns, struct buf *out)
{
    for (size_t at = 0; at < text.n;) {
        size_t from = at;
        str_utf8_next(text, &at);
        struct str c = str_sub(text, from, at - from);
        if (c.p[0] == '\n') {
            end_line(w, out);
            continue;
        }
        look_for_fence(w, c);
        if (w->fence || w->n_ticks == 3 || w->n_ticks > OTHER)
            buf_str(out, c);
        else
            add_char(w, c, columns, out);
    }
}
