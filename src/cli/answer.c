/* SPDX-License-Identifier: Apache-2.0 */
/* cli/answer: see answer.h. */
#include "cli/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/opts.h"
#include "cli/term.h"

static void each_buf(struct answer *a, void (*f)(struct buf *b))
{
    struct buf *const all[] = {&a->raw, &a->reasoning, &a->content, &a->name,
                               &a->id,  &a->arguments, &a->clean,   &a->shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        f(all[i]);
}

static void init_buf(struct buf *b)
{
    buf_init(b, LIMIT_TEXT_BYTES);
}

void answer_clear(struct answer *a)
{
    each_buf(a, buf_clear);
    toolcall_free(a->parser);
    json_decref(a->calls);
    *a = (struct answer){0};
}

static void write_out(struct answer *a, struct str s)
{
    if (a->broken || !s.n)
        return;
    errno = 0;
    fwrite(s.p, 1, s.n, stdout);
    a->at_newline = s.p[s.n - 1] == '\n';
    a->shown_any = true;
    if (fflush(stdout) == 0)
        return;
    a->broken = true;
    if (errno != EPIPE)
        fail(&a->error, ERR_IO, "cannot write the answer: %s", strerror(errno));
    clearerr(stdout);
}

static void show_style(struct answer *a, enum term_style style)
{
    bool newline = a->at_newline;
    if (!a->silent)
        write_out(a, str_of(term_style(STDOUT_FILENO, style)));
    a->at_newline = newline;
}

/* Onto a terminal: harmless, and broken between words. */
static void show(struct answer *a, struct str s)
{
    buf_reset(&a->clean);
    buf_reset(&a->shown);
    term_clean(&a->clean, s);
    if (!term_moves(STDOUT_FILENO)) {
        write_out(a, buf_view(&a->clean));
        return;
    }
    word_wrap(&a->wrap, buf_view(&a->clean), term_columns(STDOUT_FILENO), &a->shown);
    write_out(a, buf_view(&a->shown));
}

static bool is_shown(const struct answer *a)
{
    return !a->silent && term_is(STDOUT_FILENO);
}

/* Ends the line, and with `blank` leaves one empty. */
static void new_line(struct answer *a, bool blank)
{
    if (is_shown(a) && a->shown_any)
        show(a, !blank          ? (a->at_newline ? STR("") : STR("\n"))
                : a->at_newline ? STR("\n")
                                : STR("\n\n"));
}

/* --- events ------------------------------------------------------------------------------------
 */

static void end_reasoning(struct answer *a)
{
    if (!a->dim)
        return;
    a->dim = false;
    show_style(a, TERM_PLAIN);
    new_line(a, true);
}

static void take_text(struct answer *a, struct str s, bool reasoning)
{
    if (!reasoning)
        end_reasoning(a);
    else if (!a->dim) {
        new_line(a, true);
        show_style(a, TERM_DIM);
        a->dim = true;
    }
    buf_str(reasoning ? &a->reasoning : &a->content, s);
    if (is_shown(a))
        show(a, s);
}

static void begin_call(struct answer *a, const struct toolcall_event *ev)
{
    buf_reset(&a->name);
    buf_reset(&a->arguments);
    buf_str(&a->name, ev->text);
    a->in_text = a->escaped = false;
    end_reasoning(a);
    new_line(a, false);
    if (!is_shown(a))
        return;
    show_style(a, TERM_BOLD);
    show(a, buf_view(&a->name));
    show_style(a, TERM_PLAIN);
    show(a, STR(" "));
}

/* A piece of a JSON text with one blank behind , and : and none elsewhere. */
static void add_tidy(struct answer *a, struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (a->in_text || !blank)
            buf_byte(out, c);
        if (!a->in_text && (c == ',' || c == ':'))
            buf_byte(out, ' ');
        if (c == '"' && !a->escaped)
            a->in_text = !a->in_text;
        a->escaped = a->in_text && c == '\\' && !a->escaped;
    }
}

static void take_arguments(struct answer *a, struct str s)
{
    struct buf tidy;
    buf_str(&a->arguments, s);
    if (!is_shown(a))
        return;
    buf_init(&tidy, LIMIT_TEXT_BYTES);
    add_tidy(a, s, &tidy);
    show(a, buf_view(&tidy));
    buf_clear(&tidy);
}

/* Every call has an id, also where the model wrote none. */
static void end_call(struct answer *a, const struct toolcall_event *ev)
{
    buf_reset(&a->id);
    if (ev->id.n)
        buf_str(&a->id, ev->id);
    else
        buf_fmt(&a->id, "call_%u", ev->index);
    json_t *call = json_pack("{s:s%, s:s, s:{s:s%, s:s%}}", "id", buf_c(&a->id), a->id.n, "type",
                             "function", "function", "name", buf_c(&a->name), a->name.n,
                             "arguments", buf_c(&a->arguments), a->arguments.n);
    if (json_array_append_new(a->calls, call) != 0)
        fail(&a->error, ERR_LIMIT, "out of memory");
    new_line(a, false);
}

/* What was shown as a call stands there already. */
static void break_call(struct answer *a, const struct toolcall_event *ev)
{
    buf_str(&a->content, ev->text);
    new_line(a, false);
    if (!is_shown(a))
        return;
    show_style(a, TERM_DIM);
    show(a, str_of(_("(what looked like a call of a tool is not one)")));
    show_style(a, TERM_PLAIN);
    new_line(a, false);
}

static void take_event(void *arg, const struct toolcall_event *ev)
{
    struct answer *a = arg;
    switch (ev->kind) {
    case TOOLCALL_CONTENT:
    case TOOLCALL_REASONING:
        take_text(a, ev->text, ev->kind == TOOLCALL_REASONING);
        break;
    case TOOLCALL_BEGIN:
        begin_call(a, ev);
        break;
    case TOOLCALL_ARGUMENTS:
        take_arguments(a, ev->text);
        break;
    case TOOLCALL_END:
        end_call(a, ev);
        break;
    case TOOLCALL_BROKEN:
        break_call(a, ev);
        break;
    }
}

/* --- the whole ---------------------------------------------------------------------------------
 */

bool answer_begin(struct answer *a, const struct toolcall_format *format, const json_t *tools,
                  struct str prompt, bool silent, struct err *e)
{
    *a = (struct answer){.silent = silent, .at_newline = true, .calls = json_array()};
    each_buf(a, init_buf);
    if (!format)
        format = toolcall_format_by_name("none");
    a->parser = toolcall_new(format, tools, prompt, take_event, a, e);
    return a->parser && (a->calls || fail(e, ERR_LIMIT, "out of memory"));
}

bool answer_piece(void *answer, struct str piece)
{
    struct answer *a = answer;
    buf_str(&a->raw, piece);
    if (!a->silent && !term_is(STDOUT_FILENO))
        write_out(a, piece);
    toolcall_push(a->parser, piece);
    return !a->broken && !a->raw.bad;
}

bool answer_end(struct answer *a, struct err *e)
{
    bool ok = toolcall_end(a->parser, e);
    if (a->dim)
        show_style(a, TERM_PLAIN);
    a->dim = false;
    if (!a->silent && !a->at_newline)
        write_out(a, STR("\n"));
    return ok;
}
