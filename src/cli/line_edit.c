/* SPDX-License-Identifier: Apache-2.0 */
/* cli/line_edit: see line_edit.h. */
#include "cli/line_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/term.h"

enum {
    HISTORY_ENTRIES = 1000,
    HISTORY_BYTES = 1 << 20, /* a longer file is cut to its newest entries */
    ENTRY_BYTES = 64 << 10,  /* a longer entry is not remembered */
    COMPLETIONS = 64
};

struct line_edit {
    EditLine *el;
    History *history;
    char path[4096]; /* "" keeps none */
    const char *prompt;
    line_complete_fn *complete;
    FILE *tty;
    char unread[8]; /* bytes of a character that is not whole yet */
    size_t n_unread;
    bool interrupted, ended;
};

/* --- keys --------------------------------------------------------------------------------------
 */

static struct line_edit *self(EditLine *el)
{
    void *l = NULL;
    el_get(el, EL_CLIENTDATA, &l);
    return l;
}

/* Moves a cursor of (row, column) over the text as a terminal of that width does. */
static uint32_t rows_over(struct str text, uint32_t columns, uint32_t *column)
{
    uint32_t rows = 0;
    for (size_t at = 0; at < text.n;) {
        size_t from = at;
        uint32_t c = str_utf8_next(text, &at);
        uint32_t width = term_text_width(str_sub(text, from, at - from));
        bool wraps = *column + width > columns;
        rows += wraps || c == '\n';
        *column = c == '\n' ? 0 : wraps ? width : *column + width;
    }
    return rows;
}

/* The terminal has wrapped the line anew for its new width: wipe what is there (unless the cursor
 * is on a fresh row), draw it again. */
static void redraw(struct line_edit *l, bool fresh)
{
    const LineInfo *li = el_line(l->el);
    uint32_t columns = term_columns(fileno(l->tty)), column = 0;
    uint32_t rows =
        rows_over(str_of(l->prompt), columns, &column) +
        rows_over((struct str){li->buffer, (size_t)(li->cursor - li->buffer)}, columns, &column);
    if (rows && !fresh)
        fprintf(l->tty, "\033[%uA", rows);
    fputs("\r\033[J", l->tty);
    el_resize(l->el);
    el_set(l->el, EL_REFRESH);
}

/* Waits for a key. Signals are blocked everywhere but inside ppoll, so none slips by between the
 * check and the wait. */
static bool wait_for_key(struct line_edit *l)
{
    sigset_t watched, before;
    sigemptyset(&watched);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&watched, (const int[]){SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}[i]);
    sigprocmask(SIG_BLOCK, &watched, &before);
    struct pollfd p = {STDIN_FILENO, POLLIN, 0};
    int n = -1;
    while (n < 0) {
        if (interrupt_ending())
            l->ended = true;
        else if (interrupt_take())
            l->interrupted = true;
        if (l->ended || l->interrupted)
            break;
        bool fresh = interrupt_resumed();
        if (interrupt_resized() || fresh)
            redraw(l, fresh);
        n = ppoll(&p, 1, NULL, &before);
        if (n < 0 && errno != EINTR)
            break;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (!l->ended && interrupt_take()) /* it came together with the key, and before it */
        l->interrupted = true;
    return n > 0 && !l->interrupted;
}

/* One character; libedit asks here for every key. */
static int read_char(EditLine *el, wchar_t *out)
{
    struct line_edit *l = self(el);
    for (;;) {
        char byte;
        if (!wait_for_key(l) || read(STDIN_FILENO, &byte, 1) != 1)
            return -1;
        l->unread[l->n_unread++] = byte;
        struct str s = {l->unread, l->n_unread};
        if (str_utf8_whole(s) < s.n)
            continue;
        size_t at = 0;
        *out = (wchar_t)str_utf8_next(s, &at);
        l->n_unread = 0;
        return 1;
    }
}

/* Bracketed paste: everything up to ESC [ 2 0 1 ~ goes into the line as it is. */
static unsigned char paste(EditLine *el, int key)
{
    static const wchar_t end[] = L"\033[201~";
    (void)key;
    wchar_t text[512 + 1], c;
    size_t n = 0, matched = 0;
    while (matched < 6 && el_wgetc(el, &c) == 1) {
        if (c == end[matched]) {
            matched++;
            continue;
        }
        for (size_t i = 0; i < matched; i++) /* not the end after all; ESC itself is dropped */
            if (end[i] != L'\033')
                text[n++] = end[i];
        matched = c == end[0];
        if (c == L'\r')
            c = L'\n';
        if (!matched && (c >= L' ' || c == L'\n' || c == L'\t') && c != 0x7f)
            text[n++] = c;
        if (n + 8 > 512) {
            text[n] = L'\0';
            el_winsertstr(el, text);
            n = 0;
        }
    }
    text[n] = L'\0';
    if (n)
        el_winsertstr(el, text);
    return CC_REFRESH;
}

/* --- completion --------------------------------------------------------------------------------
 */

struct offers {
    const char *word[COMPLETIONS];
    size_t n, common; /* bytes all of them begin with */
};

static void take_offer(void *arg, const char *word)
{
    struct offers *o = arg;
    if (o->n == COMPLETIONS)
        return;
    size_t same = 0;
    if (!o->n)
        o->common = strlen(word);
    while (o->n && same < o->common && word[same] == o->word[0][same])
        same++;
    if (o->n)
        o->common = same;
    o->word[o->n++] = word;
}

static unsigned char tab(EditLine *el, int key)
{
    (void)key;
    struct line_edit *l = self(el);
    const LineInfo *li = el_line(el);
    struct str before = {li->buffer, (size_t)(li->cursor - li->buffer)};
    struct offers o = {.n = 0};
    if (l->complete)
        l->complete(before, take_offer, &o);
    if (!o.n)
        return CC_REFRESH_BEEP;
    char text[128];
    if (o.common > before.n || o.n == 1) {
        snprintf(text, sizeof text, "%.*s%s", (int)(o.common - before.n), o.word[0] + before.n,
                 o.n == 1 ? " " : "");
        return el_insertstr(el, text) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    fputs("\n", l->tty);
    for (size_t i = 0; i < o.n; i++)
        fprintf(l->tty, "%s%s", i ? "  " : "", o.word[i]);
    fputs("\n", l->tty);
    return CC_REDISPLAY;
}

/* --- history -----------------------------------------------------------------------------------
 */

static void remember(struct line_edit *l, const char *entry)
{
    HistEvent ev;
    history(l->history, &ev, H_ENTER, entry);
}

static void escape(struct buf *out, struct str entry)
{
    for (size_t i = 0; i < entry.n; i++) {
        char c = entry.p[i];
        if (c == '\n' || c == '\\')
            buf_byte(out, '\\');
        if (c != '\0')
            buf_byte(out, c == '\n' ? 'n' : c);
    }
    buf_byte(out, '\n');
}

static void unescape(struct buf *out, struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        bool escaped = line.p[i] == '\\' && i + 1 < line.n;
        i += escaped;
        buf_byte(out, escaped && line.p[i] == 'n' ? '\n' : line.p[i]);
    }
}

/* A file that has grown long is written anew with the entries at hand. */
static void shorten(struct line_edit *l)
{
    struct os_atomic_file f;
    struct err e;
    struct buf text;
    buf_init(&text, (size_t)HISTORY_ENTRIES * ENTRY_BYTES * 2);
    HistEvent ev;
    for (int ok = history(l->history, &ev, H_LAST); ok >= 0; ok = history(l->history, &ev, H_PREV))
        escape(&text, str_of(ev.str));
    if (os_atomic_open(&f, l->path, &e)) {
        f.mode = 0600;
        if (os_atomic_write(&f, text.p, text.n, &e) && !os_atomic_commit(&f, &e))
            l->path[0] = '\0';
        os_atomic_close(&f);
    }
    buf_clear(&text);
}

static void load(struct line_edit *l)
{
    struct buf file, entry;
    struct err e;
    buf_init(&file, 64u << 20);
    buf_init(&entry, ENTRY_BYTES);
    if (access(l->path, R_OK) == 0 && buf_read_file(&file, l->path, &e)) {
        struct str rest = buf_view(&file), line;
        while (rest.n && str_cut(&rest, '\n', &line)) {
            buf_reset(&entry);
            unescape(&entry, line);
            if (entry.n && !entry.bad && str_utf8_valid(buf_view(&entry)))
                remember(l, buf_c(&entry));
        }
        if (file.n > HISTORY_BYTES)
            shorten(l);
    }
    buf_clear(&file);
    buf_clear(&entry);
}

static void append(struct line_edit *l, struct str entry)
{
    struct buf line;
    int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    buf_init(&line, 2u * ENTRY_BYTES + 2);
    escape(&line, entry);
    if (write(fd, line.p, line.n) < 0)
        l->path[0] = '\0'; /* the disk is full: history stays in memory */
    buf_clear(&line);
    close(fd);
}

void line_edit_remember(struct line_edit *l, struct str entry)
{
    struct buf text;
    HistEvent ev;
    if (!entry.n || entry.n > ENTRY_BYTES)
        return;
    if (history(l->history, &ev, H_FIRST) >= 0 && str_is(entry, ev.str))
        return;
    buf_init(&text, ENTRY_BYTES + 1);
    buf_str(&text, entry);
    remember(l, buf_c(&text));
    buf_clear(&text);
    if (l->path[0])
        append(l, entry);
}

bool line_edit_state_path(char out[4096], const char *name)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct err e;
    int n;
    if (state && *state == '/')
        n = snprintf(out, 4096, "%s/moat", state);
    else if (home && *home == '/')
        n = snprintf(out, 4096, "%s/.local/state/moat", home);
    else
        return false;
    if (n < 0 || (size_t)n + strlen(name) + 2 > 4096 || !os_mkdirs(out, &e))
        return false;
    snprintf(out + n, 4096 - (size_t)n, "/%s", name);
    return true;
}

/* --- the editor --------------------------------------------------------------------------------
 */

static char *prompt(EditLine *el)
{
    return (char *)(uintptr_t)self(el)->prompt;
}

static bool open_editor(struct line_edit *l)
{
    l->tty = isatty(STDOUT_FILENO) ? stdout : stderr;
    l->history = history_init();
    l->el = el_init("moat", stdin, l->tty, stderr);
    if (!l->el || !l->history)
        return false;
    HistEvent ev;
    history(l->history, &ev, H_SETSIZE, HISTORY_ENTRIES);
    el_set(l->el, EL_CLIENTDATA, l);
    el_set(l->el, EL_PROMPT, prompt);
    el_set(l->el, EL_EDITOR, "emacs");
    el_set(l->el, EL_SIGNAL, 0);
    /* Between two lines too: keys typed during an answer are not echoed into it, and wait. */
    el_set(l->el, EL_SETTY, "-x", "-icanon", "-echo", NULL);
    el_set(l->el, EL_HIST, history, l->history);
    el_set(l->el, EL_GETCFN, read_char);
    /* The wide calls borrow the names; the narrow ones copy them and lose the copies. */
    el_wset(l->el, EL_ADDFN, L"moat-paste", L"insert a pasted text", paste);
    el_wset(l->el, EL_ADDFN, L"moat-complete", L"complete a command", tab);
    el_set(l->el, EL_BIND, "\033[200~", "moat-paste", NULL);
    el_set(l->el, EL_BIND, "^I", "moat-complete", NULL);
    el_set(l->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(l->el, EL_BIND, "\033[1;5C", "em-next-word", NULL);
    el_set(l->el, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
    el_set(l->el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
    return true;
}

struct line_edit *line_edit_new(const char *history, line_complete_fn *complete, struct err *e)
{
    struct line_edit *l = mem_new(1, sizeof *l, e);
    if (!l)
        return NULL;
    l->complete = complete;
    interrupt_watch(true);
    if (!open_editor(l)) {
        line_edit_free(l);
        fail(e, ERR_INTERNAL, "the terminal cannot be used for line editing");
        return NULL;
    }
    if (history && strlen(history) < sizeof l->path) {
        memcpy(l->path, history, strlen(history) + 1);
        load(l);
    }
    return l;
}

void line_edit_free(struct line_edit *l)
{
    if (!l)
        return;
    if (l->el)
        el_end(l->el);
    interrupt_watch(false);
    if (l->history)
        history_end(l->history);
    mem_free(l);
}

static void bracketed_paste(struct line_edit *l, bool on)
{
    const char *term = getenv("TERM");
    if (term && strcmp(term, "dumb") != 0)
        fputs(on ? "\033[?2004h" : "\033[?2004l", l->tty);
    fflush(l->tty);
}

enum line_result line_edit_read(struct line_edit *l, const char *text, struct buf *line)
{
    int n = 0;
    l->prompt = text;
    l->interrupted = l->ended = false;
    interrupt_take();
    bracketed_paste(l, true);
    const char *got = el_gets(l->el, &n);
    bracketed_paste(l, false);
    buf_reset(line);
    if (l->interrupted) {
        const LineInfo *li = el_line(l->el);
        buf_add(line, li->buffer, (size_t)(li->lastchar - li->buffer));
        el_reset(l->el);
        fputs("\n", l->tty);
        return LINE_INTERRUPT;
    }
    if (!got || n <= 0)
        return LINE_END;
    buf_add(line, got, (size_t)n);
    if (line->n && line->p[line->n - 1] == '\n')
        line->p[--line->n] = '\0';
    return LINE_OK;
}
