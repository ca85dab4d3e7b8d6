/* SPDX-License-Identifier: Apache-2.0 */
/* cli/term: see term.h. */
#include "cli/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

bool term_is(int fd)
{
    return isatty(fd) == 1;
}

bool term_moves(int fd)
{
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0 && term_is(fd);
}

bool term_colour(int fd)
{
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && term_moves(fd);
}

const char *term_style(int fd, enum term_style style)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m", [TERM_DIM] = "\033[2m"};
    return term_colour(fd) ? codes[style] : "";
}

uint32_t term_columns(int fd)
{
    struct winsize w;
    if (!term_is(fd) || ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 20)
        return 80;
    return w.ws_col;
}

static uint32_t char_width(uint32_t c)
{
    int w = utf8proc_charwidth((utf8proc_int32_t)c);
    return w > 0 ? (uint32_t)w : 0;
}

uint32_t term_text_width(struct str s)
{
    uint32_t width = 0;
    for (size_t at = 0; at < s.n;)
        width += char_width(str_utf8_next(s, &at));
    return width;
}

/* What could act on the terminal, or show the text in another order than it is stored in. Marks of
 * direction (200e, 200f, 061c) belong to honest Arabic and Hebrew text but only turn neighbours. */
static bool is_harmful(uint32_t c)
{
    if (c < 0x20)
        return c != '\n' && c != '\t';
    return (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || (c >= 0xe0000 && c <= 0xe007f);
}

void term_clean(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        uint32_t c = str_utf8_next(s, &at);
        if (!is_harmful(c))
            buf_utf8(out, c);
    }
}

const char *term_size(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1023.95 && u + 1 < sizeof units / sizeof *units) {
        v /= 1024;
        u++;
    }
    snprintf(out, 16, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

/* Closing punctuation of the CJK blocks must not start a line. */
bool term_closes(struct str s)
{
    static const uint32_t closing[] = {0x3001, 0x3002, 0x3009, 0x300b, 0x300d, 0x300f, 0x3011,
                                       0x3015, 0xff01, 0xff09, 0xff0c, 0xff1a, 0xff1b, 0xff1f,
                                       0x201d, 0x2019, 0xff0e, 0xff3d, 0xff5d, 0x3017};
    size_t at = 0;
    uint32_t c = s.n ? str_utf8_next(s, &at) : 0;
    for (size_t i = 0; i < sizeof closing / sizeof *closing; i++)
        if (closing[i] == c)
            return true;
    return false;
}

/* The next unbreakable piece of s: a word, or one wide character with the marks that follow it. */
static struct str next_piece(struct str s)
{
    size_t at = 0;
    while (at < s.n && s.p[at] != ' ' && s.p[at] != '\n') {
        size_t before = at;
        uint32_t c = str_utf8_next(s, &at);
        if (char_width(c) < 2)
            continue;
        if (before) /* a word ends before a wide character */
            return str_sub(s, 0, before);
        while (at < s.n) {
            size_t after = at;
            str_utf8_next(s, &after);
            if (!term_closes(str_sub(s, at, after - at)))
                break;
            at = after;
        }
        return str_sub(s, 0, at);
    }
    return str_sub(s, 0, at);
}

static void blanks(struct buf *out, uint32_t n)
{
    while (n--)
        buf_byte(out, ' ');
}

void term_wrap(struct buf *out, struct str text, uint32_t indent, uint32_t at, uint32_t columns)
{
    uint32_t col = at;
    bool blank = false, fresh = true;
    while (col < indent) {
        buf_byte(out, ' ');
        col++;
    }
    while (text.n) {
        if (text.p[0] == ' ' || text.p[0] == '\n') {
            blank = text.p[0] == ' ' && !fresh;
            if (text.p[0] == '\n') {
                buf_byte(out, '\n');
                if (text.n > 1 && text.p[1] != '\n')
                    blanks(out, indent);
                col = indent;
                fresh = true;
            }
            text = str_from(text, 1);
            continue;
        }
        struct str piece = next_piece(text);
        uint32_t width = term_text_width(piece);
        if (!fresh && col + blank + width > columns) {
            buf_byte(out, '\n');
            blanks(out, indent);
            col = indent;
            blank = false;
        }
        if (blank)
            buf_byte(out, ' ');
        buf_str(out, piece);
        col += width + blank;
        blank = fresh = false;
        text = str_from(text, piece.n);
    }
    buf_byte(out, '\n');
}
