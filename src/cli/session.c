/* SPDX-License-Identifier: Apache-2.0 */
/* cli/session: see session.h. */
#include "cli/session.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/audited.h"
#include "cli/interrupt.h"
#include "cli/opts.h"
#include "cli/term.h"

bool session_answer(const struct session *s, struct str prompt, struct answer *a,
                    struct generation *r, struct err *e)
{
    const struct chat *chat = s->raw ? NULL : generator_chat(s->generator);
    struct err audit;
    if (!answer_begin(a, chat ? chat_format(chat) : NULL, s->tools, prompt, s->json, e) ||
        !audited_answer_begin(s->model, prompt, e))
        return false;
    interrupt_begin();
    bool ok = generate(s->generator, prompt, &s->settings, interrupt_flag(), answer_piece, a, r, e);
    interrupt_end();
    if (!audited_answer_end(r, buf_view(&a->raw), ok, ok ? ERR_NONE : e->code, &audit)) {
        *e = audit;
        ok = false;
    }
    ok = answer_end(a, ok ? e : &(struct err){0}) && ok;
    if (ok && a->error.code != ERR_NONE) {
        *e = a->error;
        return false;
    }
    return ok && buf_ok(&a->raw, "answer", e);
}

static double per_second(uint32_t n, double seconds)
{
    return seconds > 0 ? n / seconds : 0;
}

double session_prompt_tps(const struct generation *r)
{
    return per_second(r->n_prompt - r->n_reused, r->prompt_s);
}

double session_decode_tps(const struct generation *r)
{
    /* The first token comes from the prompt's own pass. */
    return per_second(r->n_generated ? r->n_generated - 1 : 0, r->decode_s);
}

static void add_dropped(const struct session *s, const struct generation *r, struct buf *out)
{
    if (r->n_dropped)
        buf_fmt(out,
                _("(the context of %u tokens was full: after the first %u, the %u oldest were "
                  "dropped)\n"),
                generator_context(s->generator), r->n_kept, r->n_dropped);
}

static void add_cut(const struct session *s, const struct generation *r, struct buf *out)
{
    if (r->finish == FINISH_CONTEXT)
        buf_fmt(out,
                _("(the answer stops here: the context of %u tokens is full; --context N gives "
                  "more, --context-shift goes on without the oldest)\n"),
                generator_context(s->generator));
    else if (r->finish == FINISH_LENGTH && s->verbose)
        buf_fmt(out, _("(the answer stops here: max_tokens is %u)\n"), s->settings.max_tokens);
}

void session_note(const struct session *s, const struct generation *r)
{
    struct buf note, shown;
    buf_init(&note, 4096);
    buf_init(&shown, 8192);
    add_dropped(s, r, &note);
    add_cut(s, r, &note);
    if (s->verbose)
        buf_fmt(&note,
                _("load %.2f s, prompt %u tokens (%u reused) %.1f tok/s, answer %u tokens %.1f "
                  "tok/s, first token %.2f s, seed %llu\n"),
                s->load_s, r->n_prompt, r->n_reused, session_prompt_tps(r), r->n_generated,
                session_decode_tps(r), r->first_token_s, (unsigned long long)r->seed);
    if (note.n) {
        note.p[--note.n] = '\0';
        /* Into a file it is one line, however long. */
        uint32_t columns = term_is(STDERR_FILENO) ? term_columns(STDERR_FILENO) : UINT32_MAX;
        term_wrap(&shown, buf_view(&note), 0, 0, columns);
        fprintf(stderr, "%s%s%s", term_style(STDERR_FILENO, TERM_DIM), buf_c(&shown),
                term_style(STDERR_FILENO, TERM_PLAIN));
    }
    buf_clear(&note);
    buf_clear(&shown);
}
