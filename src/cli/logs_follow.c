/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs follow: what is new in a log while it grows.
 *
 * What the file holds at the start is known. A line is shown when its shape is new and stays an
 * event of its own when it is refined together with all others. The file may be rotated (another
 * one comes in its place: its rest is read to the end first) or cut short (it is read again from
 * its start); a last line without a newline waits for its rest. Ends at Ctrl-C, or when nothing
 * came for --for seconds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/isolate.h"
#include "cli/logs.h"
#include "cli/term.h"
#include "work/logs_mask.h"
#include "work/logs_mine.h"
#include "work/logs_refine.h"

#define POLL_MS    250
#define READ_BYTES ((size_t)1 << 16)

struct options {
    const char *file;
    uint32_t quiet_s; /* 0: for ever */
    bool no_mask, from_start, helped;
};

struct follow {
    const struct options *o;
    int fd;
    struct stat seen;
    uint64_t line_no;
    struct buf pending; /* a line that is not finished */
    struct logs_format format;
    bool learnt; /* the header is known */
    struct logs_shapes shapes;
    struct logs_shape *shape;
    uint64_t n_shown;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"for", 0, OPT_U32, &o->quiet_s, "SECONDS",
         N_("end when nothing came for so long (default: never)"), 0, 86400, NULL},
        {"from-start", 0, OPT_FLAG, &o->from_start, NULL,
         N_("what the file holds already counts as new"), 0, 0, NULL},
        {"no-mask", 0, OPT_FLAG, &o->no_mask, NULL,
         N_("leave passwords, keys and card numbers as they are"), 0, 0, NULL},
        {0},
    };
    const char *positional[1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&logs_follow, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    o->file = o->helped ? NULL : positional[0];
    return true;
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static void show(struct follow *f, struct str line)
{
    struct buf masked, clean;
    line = str_sub(line, 0, 4096);
    buf_init(&masked, 65536);
    buf_init(&clean, 65536);
    if (f->o->no_mask)
        buf_str(&masked, line);
    else
        logs_mask(line, &masked);
    term_clean(&clean, buf_view(&masked));
    printf("%llu  %s\n", (unsigned long long)f->line_no, buf_c(&clean));
    fflush(stdout);
    f->n_shown++;
    buf_clear(&masked);
    buf_clear(&clean);
}

/* Whether a shape that has just been added is an event of its own: refined with all others, no
 * other shape becomes the same. The refined table takes the place of the old one. */
static bool is_new(struct follow *f, uint32_t id, bool *is, struct err *e)
{
    struct logs_shapes refined = {0};
    uint32_t *map = mem_new(f->shapes.n + 1, sizeof *map, e);
    bool ok = map && logs_refine(&f->shapes, &refined, map, e);
    if (ok) {
        *is = refined.v[map[id]].count == 1;
        logs_shapes_clear(&f->shapes);
        f->shapes = refined;
    } else {
        logs_shapes_clear(&refined);
    }
    mem_free(map);
    return ok;
}

static bool take_line(struct follow *f, struct str line, bool known, struct err *e)
{
    struct logs_record r;
    uint32_t id;
    bool is = false;
    f->line_no++;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    logs_format_split(&f->format, line, &r);
    if (!r.message.n || f->shapes.n >= LIMIT_LOGS_SHAPES / 4)
        return true;
    size_t before = f->shapes.n;
    logs_scan(r.message, f->shape);
    if (!logs_shapes_add(&f->shapes, f->shape, r.message, f->line_no, &id, e))
        return false;
    if (known || f->shapes.n == before)
        return true;
    if (!is_new(f, id, &is, e))
        return false;
    if (is)
        show(f, line);
    return true;
}

/* The finished lines of what was read. */
static bool take_lines(struct follow *f, bool known, bool last, struct err *e)
{
    size_t at = 0;
    struct str text = buf_view(&f->pending);
    if (!f->learnt && text.n) {
        logs_format_learn(text, &f->format);
        f->learnt = true;
    }
    for (const char *nl; at < text.n && (nl = memchr(text.p + at, '\n', text.n - at)) != NULL;) {
        size_t end = (size_t)(nl - text.p);
        if (!take_line(f, str_sub(text, at, end - at), known, e))
            return false;
        at = end + 1;
    }
    /* a line longer than is looked at needs no more of its bytes */
    if (last || text.n - at > 4 * LOGS_LINE_BYTES) {
        if (at < text.n && !take_line(f, str_from(text, at), known, e))
            return false;
        at = text.n;
    }
    buf_drop_front(&f->pending, at);
    return true;
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* Reads what there is; *any: there was something. */
static bool read_on(struct follow *f, bool known, bool *any, struct err *e)
{
    char piece[READ_BYTES];
    for (ssize_t n; (n = read(f->fd, piece, sizeof piece)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(e, ERR_IO, "cannot read %s: %s", f->o->file, strerror(errno));
        *any = true;
        buf_add(&f->pending, piece, (size_t)n);
        if (!buf_ok(&f->pending, "a line of the log", e) || !take_lines(f, known, false, e))
            return false;
    }
    return true;
}

static bool open_file(struct follow *f, struct err *e)
{
    f->fd = open(f->o->file, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0)
        return os_fail_open(f->o->file, e);
    return fstat(f->fd, &f->seen) == 0 ||
           fail(e, ERR_IO, "cannot read %s: %s", f->o->file, strerror(errno));
}

/* Another file in its place, or the same one cut short. */
static bool look_again(struct follow *f, bool *any, struct err *e)
{
    struct stat now;
    if (stat(f->o->file, &now) != 0)
        return true; /* between two files of a rotation */
    if (now.st_ino != f->seen.st_ino || now.st_dev != f->seen.st_dev) {
        if (!read_on(f, false, any, e) || !take_lines(f, false, true, e))
            return false;
        close(f->fd);
        f->line_no = 0;
        return open_file(f, e);
    }
    if (now.st_size < lseek(f->fd, 0, SEEK_CUR)) {
        if (!take_lines(f, false, true, e))
            return false;
        f->line_no = 0;
        lseek(f->fd, 0, SEEK_SET);
    }
    return true;
}

static bool follow(struct follow *f, struct err *e)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    uint64_t quiet_ms = 0;
    bool any = false;
    if (!open_file(f, e) || !read_on(f, !f->o->from_start, &any, e))
        return false;
    fprintf(stderr, _("%llu lines are known; new kinds of lines follow\n"),
            (unsigned long long)(f->o->from_start ? 0 : f->line_no));
    while (!f->o->quiet_s || quiet_ms < f->o->quiet_s * 1000ull) {
        nanosleep(&pause, NULL);
        quiet_ms += POLL_MS;
        any = false;
        if (!look_again(f, &any, e) || !read_on(f, false, &any, e))
            return false;
        quiet_ms = any ? 0 : quiet_ms;
    }
    return take_lines(f, false, true, e);
}

static int main_follow(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e))
        return opts_report(&e);
    if (o.helped)
        return 0;
    struct follow f = {.o = &o, .fd = -1};
    buf_init(&f.pending, 8 * READ_BYTES);
    f.shape = mem_new(1, sizeof *f.shape, &e);
    bool ok = f.shape && isolate_command(false, NULL, &e) && follow(&f, &e);
    if (f.fd >= 0)
        close(f.fd);
    buf_clear(&f.pending);
    logs_shapes_clear(&f.shapes);
    mem_free(f.shape);
    return ok ? 0 : opts_report(&e);
}

const struct command logs_follow = {
    .name = "logs follow",
    .args = "FILE",
    .summary = N_("show what is new in a log while it grows"),
    .detail = N_("What the file holds when it is opened is known; a line is shown when no line was "
                 "like it before. A file that is rotated or cut short is followed on."),
    .run = main_follow,
};
