/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs follow: what is new in a log while it grows.
 *
 * What the file holds at the start is known. A line is shown when its shape is new and stays an
 * event of its own when it is refined together with all others. The file may be rotated (another
 * one comes in its place: its rest is read to the end first) or cut short (it is read again from
 * its start); a last line without a newline waits for its rest. Ends at Ctrl-C, or when nothing
 * came for --for seconds. With --state it goes on from where it ended, and with --webhook what is
 * new is told to an address too: what that one does not take is told again, the first ones of it
 * and how many more there were. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/logs.h"
#include "cli/term.h"
#include "cli/webhook.h"
#include "work/logs_charset.h"
#include "work/logs_mask.h"
#include "work/logs_mine.h"
#include "work/logs_refine.h"
#include "work/logs_state.h"

#define POLL_MS    250
#define READ_BYTES ((size_t)1 << 16)
#define SAVE_NS    60000000000u /* the state is noted so often */
#define AGAIN_NS   5000000000u  /* before what was not taken is told again */

enum { UNTOLD = 200 }; /* lines that wait to be told */

struct options {
    const char *file, *state, *webhook, *token;
    uint32_t quiet_s; /* 0: for ever */
    bool no_mask, from_start, helped;
};

struct follow {
    const struct options *o;
    int fd;
    struct stat seen;
    uint64_t line_no, n_line; /* of this file; of all */
    struct buf pending;       /* a line that is not finished */
    struct logs_format format;
    bool learnt; /* the header is known */
    enum logs_charset charset;
    struct buf decoded;
    struct logs_shapes shapes;
    struct logs_shape *shape;
    const struct webhook *hook; /* pid 0: none */
    json_t *untold;             /* lines; owned */
    uint64_t left_out, again_ns, saved_ns;
    bool looked; /* at the characters of this file */
    bool away;   /* the hook did not take the last ones */
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"for", 0, OPT_U32, &o->quiet_s, "SECONDS",
         N_("end when nothing came for so long (default: never)"), 0, 86400, NULL},
        {"from-start", 0, OPT_FLAG, &o->from_start, NULL,
         N_("what the file holds already counts as new"), 0, 0, NULL},
        {"state", 0, OPT_TEXT, &o->state, "FILE",
         N_("note here which kinds of lines are known and how far the file was read, and go on "
            "from "
            "there"),
         0, 0, NULL},
        LOGS_WEBHOOK_OPTIONS(&o->webhook, &o->token),
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

/* --- telling -------------------------------------------------------------------------------------
 */

static void keep_untold(struct follow *f, const struct buf *text)
{
    if (!f->hook->pid)
        return;
    if (!f->untold)
        f->untold = json_array();
    if (json_array_size(f->untold) >= UNTOLD)
        f->left_out++;
    else
        json_array_append_new(f->untold, json_pack("{sI ss%}", "line", (json_int_t)f->line_no,
                                                   "text", buf_c(text), text->n));
}

/* A hook that is away holds up nothing but what it is to be told. */
static void tell(struct follow *f, bool now)
{
    struct err e = {0};
    struct buf text;
    if (!json_array_size(f->untold) || (!now && os_now_ns() < f->again_ns))
        return;
    buf_init(&text, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{ss ss sO sI}", "alert", "moat logs follow", "file", f->o->file, "lines",
                          f->untold, "left_out", (json_int_t)f->left_out);
    bool ok =
        j && json_write(j, JSON_COMPACT, &text, &e) && webhook_send(f->hook, buf_view(&text), &e);
    if (!ok && !f->away)
        fprintf(stderr, "moat: %s\n", e.msg);
    f->away = !ok;
    f->again_ns = ok ? 0 : os_now_ns() + AGAIN_NS;
    if (ok) {
        json_array_clear(f->untold);
        f->left_out = 0;
    }
    json_decref(j);
    buf_clear(&text);
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
    keep_untold(f, &clean);
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
    f->n_line++;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    logs_format_split(&f->format, line, &r);
    if (!r.message.n || f->shapes.n >= LIMIT_LOGS_SHAPES / 4)
        return true;
    size_t before = f->shapes.n;
    logs_scan(r.message, f->shape);
    if (!logs_shapes_add(&f->shapes, f->shape, r.message, f->n_line - 1, &id, e))
        return false;
    if (known || f->shapes.n == before)
        return true;
    if (!is_new(f, id, &is, e))
        return false;
    if (is)
        show(f, line);
    return true;
}

/* A line as it lies there. */
static bool take_raw(struct follow *f, struct str line, bool known, struct err *e)
{
    if (f->charset == LOGS_BYTES)
        return take_line(f, line, known, e);
    buf_reset(&f->decoded);
    return logs_charset_decode(f->charset, line, &f->decoded, e) &&
           buf_ok(&f->decoded, "a line of the log", e) &&
           take_line(f, buf_view(&f->decoded), known, e);
}

/* The header, and the characters, from the first that there is of a file. */
static bool learn(struct follow *f, struct str text, struct err *e)
{
    if (f->charset == LOGS_BYTES)
        f->charset = logs_charset_of(text);
    if (f->charset == LOGS_UTF16_LITTLE || f->charset == LOGS_UTF16_BIG)
        return fail(e, ERR_UNSUPPORTED,
                    "%s is in UTF-16, which moat logs follow does not read; moat logs parse and "
                    "find do",
                    f->o->file);
    if (!f->learnt)
        logs_format_learn(text, &f->format);
    f->learnt = true;
    f->looked = true;
    return true;
}

/* The finished lines of what was read. */
static bool take_lines(struct follow *f, bool known, bool last, struct err *e)
{
    size_t at = 0;
    struct str text = buf_view(&f->pending);
    if (!f->looked && text.n && !learn(f, text, e))
        return false;
    for (const char *nl; at < text.n && (nl = memchr(text.p + at, '\n', text.n - at)) != NULL;) {
        size_t end = (size_t)(nl - text.p);
        if (!take_raw(f, str_sub(text, at, end - at), known, e))
            return false;
        at = end + 1;
    }
    /* a line longer than is looked at needs no more of its bytes */
    if (last || text.n - at > 4 * LOGS_LINE_BYTES) {
        if (at < text.n && !take_raw(f, str_from(text, at), known, e))
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
    f->looked = false;
    f->charset = LOGS_BYTES;
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

/* --- going on ------------------------------------------------------------------------------------
 */

/* The first and the last of so many bytes of the file; read rather than mapped, for it may be cut
 * short meanwhile. False: it has not so many, or cannot be read. */
static bool read_ends(const struct follow *f, uint64_t bytes, struct buf *first, struct buf *last)
{
    size_t n = logs_state_look(bytes);
    char *room = mem_new(LOGS_STATE_LOOK, 1, NULL);
    bool ok = room != NULL;
    for (int i = 0; i < 2; i++) {
        struct buf *out = i ? last : first;
        buf_init(out, LOGS_STATE_LOOK);
        ok = ok && pread(f->fd, room, n, i ? (off_t)(bytes - n) : 0) == (ssize_t)n;
        if (ok)
            buf_add(out, room, n);
    }
    mem_free(room);
    return ok;
}

static bool is_same(const struct follow *f, const struct logs_state *s)
{
    struct buf first, last;
    bool same = read_ends(f, s->bytes, &first, &last) &&
                logs_state_same(s, buf_view(&first), buf_view(&last));
    buf_clear(&first);
    buf_clear(&last);
    return same;
}

static bool go_on(struct follow *f, bool *known, struct err *e)
{
    struct logs_state s;
    if (!f->o->state || !logs_state_read(&s, f->o->state, e))
        return !f->o->state;
    f->saved_ns = os_now_ns();
    if (s.n_line == 0)
        return true;
    bool same = is_same(f, &s);
    f->shapes = s.shapes;
    f->format = s.format;
    f->learnt = s.learnt;
    f->n_line = s.n_line;
    f->line_no = same ? s.file_lines : 0;
    *known = false; /* what has come meanwhile is new */
    lseek(f->fd, same ? (off_t)s.bytes : 0, SEEK_SET);
    return true;
}

/* What is finished of the file counts as read. */
static bool save(struct follow *f, struct err *e)
{
    struct logs_state s = {.shapes = f->shapes,
                           .format = f->format,
                           .learnt = f->learnt,
                           .n_line = f->n_line,
                           .file_lines = f->line_no};
    struct buf first, last, bytes;
    uint64_t at = (uint64_t)lseek(f->fd, 0, SEEK_CUR) - f->pending.n;
    f->saved_ns = os_now_ns();
    if (!f->o->state)
        return true;
    if (!read_ends(f, at, &first, &last)) /* cut short: it is read from its start, then */
        at = 0;
    buf_init(&bytes, 0);
    bool ok = logs_state_mark(&s, at, buf_view(&first), buf_view(&last), e) &&
              logs_state_put(&s, &bytes, e) && logs_state_replace(&bytes, f->o->state, e);
    buf_clear(&bytes);
    buf_clear(&first);
    buf_clear(&last);
    return ok;
}

static bool follow_on(struct follow *f, struct err *e)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    uint64_t quiet_ms = 0;
    while (!atomic_load(interrupt_flag()) &&
           (!f->o->quiet_s || quiet_ms < f->o->quiet_s * 1000ull)) {
        bool any = false;
        tell(f, false);
        nanosleep(&pause, NULL);
        quiet_ms += POLL_MS;
        if (!look_again(f, &any, e) || !read_on(f, false, &any, e) ||
            (os_now_ns() - f->saved_ns > SAVE_NS && !save(f, e)))
            return false;
        quiet_ms = any ? 0 : quiet_ms;
    }
    return true;
}

static bool follow(struct follow *f, struct err *e)
{
    bool any = false, known = !f->o->from_start;
    if (!open_file(f, e) || !go_on(f, &known, e))
        return false;
    uint64_t before = f->n_line;
    if (!read_on(f, known, &any, e))
        return false;
    fprintf(stderr, _("%llu lines are known; new kinds of lines follow\n"),
            (unsigned long long)(known ? f->n_line : before));
    bool ok = follow_on(f, e) && (f->o->state || take_lines(f, false, true, e));
    tell(f, true);
    return save(f, ok ? e : &(struct err){0}) && ok;
}

static int main_follow(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e))
        return opts_report(&e);
    if (o.helped)
        return 0;
    struct webhook hook = {0};
    struct follow f = {.o = &o, .fd = -1, .hook = &hook};
    buf_init(&f.pending, 8 * READ_BYTES);
    buf_init(&f.decoded, 32 * READ_BYTES);
    f.shape = mem_new(1, sizeof *f.shape, &e);
    bool ok = f.shape && (!o.webhook || webhook_open(&hook, o.webhook, o.token, &e)) &&
              isolate_command(false, o.state, &e);
    interrupt_begin();
    ok = ok && follow(&f, &e);
    interrupt_end();
    webhook_close(&hook);
    if (f.fd >= 0)
        close(f.fd);
    json_decref(f.untold);
    buf_clear(&f.pending);
    buf_clear(&f.decoded);
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
