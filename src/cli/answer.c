/* SPDX-License-Identifier: Apache-2.0 */
/* cli/answer: see answer.h. */
#include "cli/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/term.h"

static const struct str open_tag = {"<think>", 7}, close_tag = {"</think>", 8};

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void answer_begin(struct answer *a, struct str prompt, bool silent)
{
    *a = (struct answer){.silent = silent, .at_newline = true};
    struct buf *const all[] = {&a->held, &a->raw, &a->thinking, &a->text, &a->clean, &a->shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_init(all[i], LIMIT_TEXT_BYTES);
    if (str_ends(str_trim(prompt), open_tag))
        a->part = ANSWER_THINKING;
}

void answer_clear(struct answer *a)
{
    struct buf *const all[] = {&a->held, &a->raw, &a->thinking, &a->text, &a->clean, &a->shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_clear(all[i]);
}

static void write_out(struct answer *a, struct str s)
{
    if (a->broken || !s.n)
        return;
    errno = 0;
    fwrite(s.p, 1, s.n, stdout);
    a->at_newline = s.p[s.n - 1] == '\n';
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

/* A settled piece of one part. */
static void put(struct answer *a, struct str s)
{
    bool thinking = a->part == ANSWER_THINKING;
    if (thinking && !a->thinking.n) {
        while (s.n && is_blank(s.p[0]))
            s = str_from(s, 1);
        if (s.n)
            show_style(a, TERM_DIM);
    }
    buf_str(thinking ? &a->thinking : &a->text, s);
    if (a->silent || !term_is(STDOUT_FILENO))
        return;
    show(a, s);
}

/* Bytes at the end of s that could be the beginning of tag. */
static size_t tag_begun(struct str s, struct str tag)
{
    for (size_t n = s.n < tag.n ? s.n : tag.n; n > 0; n--)
        if (memcmp(s.p + s.n - n, tag.p, n) == 0)
            return n;
    return 0;
}

/* Start: blanks, then the opening tag, or it is a plain answer. */
static bool step_start(struct answer *a)
{
    struct str s = buf_view(&a->held), t = s;
    while (t.n && is_blank(t.p[0]))
        t = str_from(t, 1);
    if (str_starts(t, open_tag)) {
        a->part = ANSWER_THINKING;
        buf_drop_front(&a->held, s.n - t.n + open_tag.n);
        return true;
    }
    if (str_starts(open_tag, t)) /* nothing yet, or a beginning of it */
        return false;
    a->part = ANSWER_TEXT;
    return true;
}

static void end_thinking(struct answer *a)
{
    while (a->thinking.n && is_blank(a->thinking.p[a->thinking.n - 1]))
        a->thinking.p[--a->thinking.n] = '\0';
    if (!a->thinking.n)
        return;
    show_style(a, TERM_PLAIN);
    if (!a->silent && term_is(STDOUT_FILENO))
        show(a, a->at_newline ? STR("\n") : STR("\n\n"));
}

/* Blanks at the end wait: they may stand before the closing tag. */
static bool step_thinking(struct answer *a)
{
    struct str s = buf_view(&a->held);
    size_t at = str_find(s, close_tag);
    size_t n = at < s.n ? at : s.n - tag_begun(s, close_tag);
    while (n && is_blank(s.p[n - 1]))
        n--;
    put(a, str_sub(s, 0, n));
    if (at >= s.n) {
        buf_drop_front(&a->held, n);
        return false;
    }
    end_thinking(a);
    a->part = ANSWER_GAP;
    buf_drop_front(&a->held, at + close_tag.n);
    return true;
}

/* The blanks between thinking and text belong to neither. */
static bool step_gap(struct answer *a)
{
    size_t n = 0;
    while (n < a->held.n && is_blank(a->held.p[n]))
        n++;
    buf_drop_front(&a->held, n);
    if (!a->held.n)
        return false;
    a->part = ANSWER_TEXT;
    return true;
}

static bool step(struct answer *a)
{
    switch (a->part) {
    case ANSWER_START:
        return step_start(a);
    case ANSWER_THINKING:
        return step_thinking(a);
    case ANSWER_GAP:
        return step_gap(a);
    case ANSWER_TEXT:
        break;
    }
    put(a, buf_view(&a->held));
    buf_reset(&a->held);
    return false;
}

bool answer_piece(void *answer, struct str piece)
{
    struct answer *a = answer;
    buf_str(&a->raw, piece);
    buf_str(&a->held, piece);
    if (!a->silent && !term_is(STDOUT_FILENO))
        write_out(a, piece);
    while (step(a)) {
    }
    return !a->broken && !a->raw.bad;
}

void answer_end(struct answer *a)
{
    if (a->part == ANSWER_START)
        a->part = ANSWER_TEXT; /* it was only a beginning of the tag */
    if (a->held.n && a->part != ANSWER_GAP)
        put(a, buf_view(&a->held));
    buf_reset(&a->held);
    if (a->part == ANSWER_THINKING)
        show_style(a, TERM_PLAIN);
    if (!a->silent && !a->at_newline)
        write_out(a, STR("\n"));
}
