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

static const char first_prompt[] = ">>> ", next_prompt[] = "... ";
static const struct str quotes = {"\"\"\"", 3};

struct repl {
    struct chat_state state;
    struct line_edit *edit;
    struct buf line, message, prompt; /* message: as typed, all lines */
    unsigned presses;                 /* Ctrl-C in a row at an empty prompt */
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
static bool read_message(struct repl *r)
{
    buf_reset(&r->message);
    do {
        const char *prompt = r->message.n ? next_prompt : first_prompt;
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

/* --- answering ---------------------------------------------------------------------------------
 */

static bool settle(struct repl *r, const struct answer *a, const struct generation *g,
                   struct err *e)
{
    if (g->finish == FINISH_CANCELLED && !a->raw.n) {
        talk_take_back(&r->state.talk);
        return true;
    }
    return talk_answered(&r->state.talk, a, e);
}

static bool answer(struct repl *r, struct str words, struct err *e)
{
    struct session *s = r->state.session;
    struct answer a;
    struct generation g = {0};
    buf_reset(&r->prompt);
    if (!talk_ask(&r->state.talk, words, &r->prompt, e))
        return false;
    bool ok = session_answer(s, buf_view(&r->prompt), &a, &g, e);
    if (ok) {
        if (g.finish == FINISH_CANCELLED)
            chat_say("%s", _("(stopped)"));
        session_note(s, &g);
        ok = settle(r, &a, &g, e);
        fputc('\n', stderr);
    } else {
        talk_take_back(&r->state.talk);
    }
    r->state.leaving |= a.broken || interrupt_ending();
    answer_clear(&a);
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
}

bool chat_repl(struct session *s, const char *system, bool history, struct err *e)
{
    char path[4096];
    struct repl r = {.state.session = s};
    struct buf *const all[] = {&r.line, &r.message, &r.prompt};
    for (size_t i = 0; i < 3; i++)
        buf_init(all[i], LIMIT_TEXT_BYTES);
    bool ok = talk_init(&r.state.talk, s->raw ? NULL : generator_chat(s->generator), e) &&
              talk_set_system(&r.state.talk, system, e);
    const char *file = history && line_edit_state_path(path, "history") ? path : NULL;
    ok = ok && (r.edit = line_edit_new(file, chat_complete, e));
    if (ok)
        greet(s);
    if (ok && s->state && saved_state_exists(s->state))
        ok = chat_load_state(&r.state, s->state, e);
    while (ok && !r.state.leaving)
        if (read_message(&r))
            turn(&r);
    if (ok && s->state)
        ok = chat_save_state(&r.state, s->state, e);
    line_edit_free(r.edit);
    talk_clear(&r.state.talk);
    for (size_t i = 0; i < 3; i++)
        buf_clear(all[i]);
    return ok;
}
