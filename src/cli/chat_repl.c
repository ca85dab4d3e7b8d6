/* SPDX-License-Identifier: Apache-2.0 */
/* cli/chat_repl: see chat_repl.h. */
#include "cli/chat_repl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/chat_command.h"
#include "cli/interrupt.h"
#include "cli/line_edit.h"
#include "cli/opts.h"
#include "cli/saved_state.h"
#include "cli/term.h"
#include "cli/tool_opts.h"

static const char first_prompt[] = ">>> ", next_prompt[] = "... ";
static const struct str quotes = {"\"\"\"", 3};

struct repl {
    struct chat_state state;
    struct line_edit *edit;
    struct buf line, message, prompt; /* message: as typed, all lines */
    unsigned presses;                 /* Ctrl-C in a row at an empty prompt */
    bool told_results;                /* how results of calls are given */
};

/* --- reading a message -------------------------------------------------------------------------
 */

/* What is still open in the message: quotes, a backslash at the end, or nothing. */
static bool is_unfinished(struct str m)
{
    struct str t = str_trim(m);
    if (str_starts(t, quotes))
        return t.n < 2 * quotes.n || !str_ends(t, quotes);
    return m.n && m.p[m.n - 1] == '\\';
}

/* The message without its quotes; a continued line loses its backslash as it is read. */
static struct str words_of(struct str m)
{
    struct str t = str_trim(m);
    if (str_starts(t, quotes) && t.n >= 2 * quotes.n && str_ends(t, quotes))
        return str_trim(str_sub(t, quotes.n, t.n - 2 * quotes.n));
    return m;
}

static void interrupted(struct repl *r, bool empty)
{
    r->presses = empty ? r->presses + 1 : 0;
    if (r->presses >= 2)
        r->state.leaving = true;
    else if (empty)
        chat_say("%s", _("(Ctrl-C once more, Ctrl-D or /bye leaves)"));
}

/* One message of one or more lines; false when there is none (given up, or leaving). */
static bool read_message(struct repl *r, const char *first)
{
    buf_reset(&r->message);
    do {
        const char *prompt = r->message.n ? next_prompt : first;
        switch (line_edit_read(r->edit, prompt, &r->line)) {
        case LINE_OK:
            break;
        case LINE_INTERRUPT:
            interrupted(r, r->line.n == 0 && r->message.n == 0);
            return false;
        case LINE_END:
            fputc('\n', stderr);
            r->state.leaving = r->message.n == 0 || interrupt_ending();
            return false;
        }
        r->presses = 0;
        struct str so_far = buf_view(&r->message);
        if (so_far.n && !str_starts(str_trim(so_far), quotes))
            r->message.p[--r->message.n] = '\0'; /* the backslash that continued the line */
        if (so_far.n)
            buf_byte(&r->message, '\n');
        buf_str(&r->message, buf_view(&r->line));
    } while (is_unfinished(buf_view(&r->message)) && !r->message.bad);
    return true;
}

/* --- results of calls --------------------------------------------------------------------------
 */

/* "get_weather 1/2> ": the name is the model's own where nothing binds it. */
static void result_prompt(const json_t *call, size_t i, size_t n, char out[96])
{
    const json_t *name = json_object_get(json_object_get(call, "function"), "name");
    struct buf clean;
    buf_init(&clean, 4096);
    struct str text = str_sub(str_of(json_string_value(name)), 0, 256);
    text.n = str_utf8_whole(text);
    term_clean(&clean, text);
    for (size_t k = 0; k < clean.n; k++)
        clean.p[k] = clean.p[k] == '\n' || clean.p[k] == '\t' ? ' ' : clean.p[k];
    clean.n = str_utf8_floor(buf_c(&clean), clean.n < 64 ? clean.n : 64);
    if (n > 1)
        snprintf(out, 96, "%.*s %zu/%zu> ", STR_ARG(buf_view(&clean)), i + 1, n);
    else
        snprintf(out, 96, "%.*s> ", STR_ARG(buf_view(&clean)));
    buf_clear(&clean);
}

/* What was typed, or what is in the file that was named. */
static bool read_result(struct repl *r, struct buf *out)
{
    struct str words = words_of(buf_view(&r->message)), line = str_trim(words);
    struct err e;
    char path[4096];
    buf_reset(out);
    if (line.n < 2 || line.p[0] != '@' || str_starts(str_trim(buf_view(&r->message)), quotes)) {
        buf_str(out, words);
    } else if (!chat_file_name(str_from(line, 1), path, &e) || !buf_read_file(out, path, &e)) {
        chat_say_error(&e);
        return false;
    }
    if (!out->bad && str_utf8_valid(buf_view(out)))
        return true;
    chat_say("%s", _("The result is too long or not valid UTF-8."));
    return false;
}

/* One line or more at the call's prompt; false: none, the question is to be taken back. */
static bool ask_result(struct repl *r, const char *prompt, struct buf *out)
{
    uint32_t renewed = r->state.talk.n_renewed;
    while (!r->state.leaving && renewed == r->state.talk.n_renewed) {
        bool got = read_message(r, prompt);
        struct str m = buf_view(&r->message);
        r->presses = 0;
        if (!got)
            return false;
        if (!str_trim(m).n)
            continue;
        line_edit_remember(r->edit, str_trim(m));
        if (chat_is_command(m))
            chat_command(&r->state, m);
        else if (read_result(r, out))
            return true;
    }
    return false;
}

/* What every call gave, from the user; false: not all of them, or an error in *e. */
static bool ask_results(struct repl *r, const json_t *calls, struct err *e)
{
    struct buf text;
    size_t i, n = json_array_size(calls);
    const json_t *call;
    bool ok = true;
    if (!r->told_results)
        chat_say("%s", _("(Type what the call gave, or @FILE; Ctrl-C takes the question back.)"));
    r->told_results = true;
    buf_init(&text, LIMIT_TEXT_BYTES);
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        char prompt[96];
        result_prompt(call, i, n, prompt);
        ok = ok && ask_result(r, prompt, &text) &&
             talk_result(&r->state.talk, call, buf_view(&text), e);
    }
    buf_clear(&text);
    return ok;
}

/* --- answering ---------------------------------------------------------------------------------
 */

/* A call counts only in an answer that came to its end. */
static bool settle(struct repl *r, struct answer *a, const struct generation *g, struct err *e)
{
    if (g->finish == FINISH_CANCELLED && !a->raw.n) {
        talk_take_back(&r->state.talk);
        return true;
    }
    if (g->finish == FINISH_CANCELLED)
        json_array_clear(a->calls);
    return talk_answered(&r->state.talk, a, e);
}

/* One answer to r->prompt. calls: those that wait for a result, the caller's; NULL after a failure.
 */
static bool answer_once(struct repl *r, const char *choice, json_t **calls, struct err *e)
{
    struct session *s = r->state.session;
    struct answer a = {0};
    struct generation g = {0};
    *calls = NULL;
    if (s->tools && !tool_opts_bind(s, choice, buf_view(&r->prompt), e))
        return false;
    bool ok = session_answer(s, buf_view(&r->prompt), &a, &g, e);
    if (ok) {
        if (g.finish == FINISH_CANCELLED)
            chat_say("%s", _("(stopped)"));
        session_note(s, &g);
        ok = settle(r, &a, &g, e);
        *calls = ok ? json_incref(a.calls) : NULL;
    }
    r->state.leaving |= a.broken || interrupt_ending();
    answer_clear(&a);
    return ok;
}

/* Answers until one makes no call. What goes wrong takes the question back. */
static bool answer(struct repl *r, struct str words, struct err *e)
{
    const char *choice = r->state.session->tool_choice;
    struct talk *talk = &r->state.talk;
    uint32_t renewed = talk->n_renewed;
    json_t *calls;
    buf_reset(&r->prompt);
    bool ok = talk_ask(talk, words, &r->prompt, e), more = ok;
    *e = ok ? (struct err){.code = ERR_NONE} : *e;
    while (ok && more) {
        ok = answer_once(r, choice, &calls, e);
        more = ok && json_array_size(calls) && !r->state.leaving;
        if (more && ask_results(r, calls, e)) {
            buf_reset(&r->prompt);
            ok = talk_go_on(talk, &r->prompt, e);
        } else if (more) {
            ok = e->code == ERR_NONE;
            more = false;
            if (ok && renewed == talk->n_renewed) {
                talk_take_back(talk);
                chat_say("%s", _("(The question is taken back.)"));
            }
        }
        choice = NULL; /* after results the model may answer */
        json_decref(calls);
    }
    if (ok)
        fputc('\n', stderr);
    else if (renewed == talk->n_renewed)
        talk_take_back(talk);
    return ok;
}

static void turn(struct repl *r)
{
    struct err e;
    if (r->message.bad || !str_utf8_valid(buf_view(&r->message))) {
        chat_say("%s", _("The message is too long or not valid UTF-8."));
        return;
    }
    struct str m = buf_view(&r->message), words = words_of(m);
    if (!str_trim(words).n)
        return;
    line_edit_remember(r->edit, str_trim(m));
    if (chat_is_command(m))
        chat_command(&r->state, m);
    else if (!answer(r, words, &e)) {
        chat_say_error(&e);
        if (e.code == ERR_LIMIT && talk_count(&r->state.talk))
            chat_say("%s", _("/clear forgets the conversation and makes room."));
    }
}

static void greet_tools(const struct session *s)
{
    if (s->tools)
        chat_say(_("Tools that the model may call: %zu. You say what a call gave; /tools lists "
                   "them."),
                 json_array_size(s->tools));
}

static void greet(const struct session *s)
{
    uint32_t context = generator_context(s->generator);
    uint32_t trained = generator_context_trained(s->generator);
    char memory[16];
    chat_say(_("%s, context %u of %u tokens, %s of memory. /help lists the commands."), s->model,
             context, trained, term_size(s->plan.total, memory));
    if (s->raw)
        chat_say("%s", generator_chat(s->generator)
                           ? _("Without the chat template (--raw): the text is continued as it "
                               "stands. /clear starts afresh.")
                           : _("This model has no chat template: the text is continued as it "
                               "stands. /clear starts afresh."));
    greet_tools(s);
}

bool chat_repl(struct session *s, const char *system, bool history, struct err *e)
{
    char path[4096];
    struct repl r = {.state.session = s};
    struct buf *const all[] = {&r.line, &r.message, &r.prompt};
    for (size_t i = 0; i < 3; i++)
        buf_init(all[i], LIMIT_TEXT_BYTES);
    bool ok = talk_init(&r.state.talk, s->raw ? NULL : generator_chat(s->generator), e) &&
              talk_set_system(&r.state.talk, system, e) &&
              (!s->tools || tool_opts_bind(s, s->tool_choice, STR(""), e));
    r.state.talk.tools = s->tools;
    const char *file = history && line_edit_state_path(path, "history") ? path : NULL;
    ok = ok && (r.edit = line_edit_new(file, chat_complete, e));
    if (ok)
        greet(s);
    if (ok && s->state && saved_state_exists(s->state))
        ok = chat_load_state(&r.state, s->state, e);
    while (ok && !r.state.leaving)
        if (read_message(&r, first_prompt))
            turn(&r);
    if (ok && s->state)
        ok = chat_save_state(&r.state, s->state, e);
    line_edit_free(r.edit);
    talk_clear(&r.state.talk);
    for (size_t i = 0; i < 3; i++)
        buf_clear(all[i]);
    return ok;
}
