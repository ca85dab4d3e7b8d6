/* SPDX-License-Identifier: Apache-2.0 */
/* cli/progress: see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/os.h"
#include "cli/term.h"

#define SECOND 1000000000ull

enum { BAR_MIN = 10, BAR_MAX = 40 };

void progress_start(struct progress *p, const char *label, uint64_t total)
{
    uint64_t now = os_now_ns();
    *p = (struct progress){.label = label,
                           .total = total,
                           .start_ns = now,
                           .rate_ns = now,
                           .terminal = term_is(STDERR_FILENO)};
}

void progress_from(struct progress *p, uint64_t done, uint64_t total)
{
    p->total = total;
    p->done = p->rate_done = done;
    p->rate_ns = os_now_ns();
    p->tenths = total ? (uint32_t)((double)done / (double)total * 10) : 0;
}

/* "0:07", "12:34", "3:04:05" */
static void add_time(struct buf *out, double seconds)
{
    if (seconds > 359999)
        seconds = 359999;
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        buf_fmt(out, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        buf_fmt(out, "%u:%02u", s / 60, s % 60);
}

static void add_figures(const struct progress *p, struct buf *out)
{
    char done[16], total[16], rate[16];
    if (p->total)
        buf_fmt(out, "%s/%s", term_size(p->done, done), term_size(p->total, total));
    else
        buf_cstr(out, term_size(p->done, done));
    if (p->rate <= 0)
        return;
    buf_fmt(out, "  %s/s", term_size((uint64_t)p->rate, rate));
    if (p->total > p->done) {
        buf_cstr(out, "  ");
        add_time(out, (double)(p->total - p->done) / p->rate);
    }
}

static uint32_t percent(const struct progress *p)
{
    if (!p->total || p->done >= p->total)
        return 100;
    return (uint32_t)((double)p->done / (double)p->total * 100);
}

/* A redrawn line must never be wider than the terminal: it would scroll. */
static void cut(struct buf *out, uint32_t columns)
{
    struct str line = buf_view(out);
    size_t at = 0, fits = 0;
    for (uint32_t width = 0; at < line.n; fits = at) {
        size_t from = at;
        str_utf8_next(line, &at);
        width += term_text_width(str_sub(line, from, at - from));
        if (width > columns)
            break;
    }
    if (out->n)
        out->p[out->n = fits] = '\0';
}

/* label  45% [=====>      ]  41.0 MiB/90.1 MiB  12.3 MiB/s  0:04 */
void progress_line(const struct progress *p, uint32_t columns, struct buf *out)
{
    struct buf tail;
    buf_init(&tail, 256);
    add_figures(p, &tail);
    buf_cstr(out, p->label);
    if (p->total) {
        uint32_t used = term_text_width(str_of(p->label)) + (uint32_t)tail.n + 11;
        uint32_t bar = columns > used ? columns - used : 0;
        bar = bar > BAR_MAX ? BAR_MAX : bar;
        buf_fmt(out, "  %3u%%", percent(p));
        if (bar >= BAR_MIN) {
            uint32_t full = percent(p) * bar / 100;
            buf_cstr(out, " [");
            for (uint32_t i = 0; i < bar; i++)
                buf_byte(out, i < full ? '=' : i == full ? '>' : ' ');
            buf_byte(out, ']');
        }
    }
    buf_cstr(out, "  ");
    buf_str(out, buf_view(&tail));
    buf_clear(&tail);
    cut(out, columns);
}

/* Takes a new rate once a second, half from the last second, half from before. */
static void measure(struct progress *p, uint64_t now)
{
    uint64_t dt = now - p->rate_ns;
    if (dt < (p->rate > 0 ? SECOND : SECOND / 4) || p->done < p->rate_done)
        return;
    double rate = (double)(p->done - p->rate_done) / ((double)dt / (double)SECOND);
    p->rate = p->rate > 0 ? (p->rate + rate) / 2 : rate;
    p->rate_ns = now;
    p->rate_done = p->done;
}

static void draw(struct progress *p)
{
    struct buf line;
    buf_init(&line, 4096);
    progress_line(p, p->terminal ? term_columns(STDERR_FILENO) - 1 : 100, &line);
    if (p->terminal)
        fprintf(stderr, "\r%s\033[K", buf_c(&line));
    else
        fprintf(stderr, "%s\n", buf_c(&line));
    p->shown = true;
    buf_clear(&line);
}

void progress_measure(struct progress *p, uint64_t done)
{
    p->done = done;
    measure(p, os_now_ns());
}

void progress_update(struct progress *p, uint64_t done)
{
    uint64_t now = os_now_ns();
    p->done = done;
    measure(p, now);
    if (p->terminal) {
        if (now - p->drawn_ns < SECOND / 10)
            return;
        p->drawn_ns = now;
        draw(p);
        return;
    }
    uint32_t tenths = p->total ? percent(p) / 10 : 0;
    if (now - p->start_ns < 2 * SECOND || tenths <= p->tenths)
        return;
    p->tenths = tenths;
    draw(p);
}

void progress_end(struct progress *p)
{
    if (p->terminal && p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
