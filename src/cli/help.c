/* SPDX-License-Identifier: Apache-2.0 */
/* cli/help: a command's option table as help text, as a man page, and as words for completion. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/opts.h"
#include "cli/term.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 100 };

static uint32_t help_width(void)
{
    uint32_t n = term_columns(STDOUT_FILENO);
    return n < HELP_WIDTH ? n : HELP_WIDTH;
}

/* "-n, --max-tokens N" */
static void option_head(struct buf *b, const struct opt *o)
{
    if (o->letter)
        buf_fmt(b, "-%c, ", o->letter);
    buf_fmt(b, "--%s", o->name);
    if (o->arg)
        buf_fmt(b, " %s", o->arg);
}

static void text_option(struct buf *out, const struct opt *o, uint32_t width)
{
    if (o->kind == OPT_GROUP) {
        buf_fmt(out, "\n%s\n", _(o->help));
        return;
    }
    struct buf head;
    buf_init(&head, 256);
    buf_cstr(&head, "  ");
    option_head(&head, o);
    uint32_t at = term_text_width(buf_view(&head));
    buf_str(out, buf_view(&head));
    if (at + 2 > HELP_COLUMN) {
        buf_byte(out, '\n');
        at = 0;
    }
    term_wrap(out, str_of(_(o->help)), HELP_COLUMN, at, width);
    buf_clear(&head);
}

static void as_text(struct buf *out, const struct command *cmd, const struct opt *const tables[])
{
    static const struct opt help = {"help", 'h', OPT_FLAG, NULL, NULL, N_("show this text"),
                                    0,      0,   NULL};
    uint32_t width = help_width();
    buf_fmt(out, _("Usage: moat %s %s\n\n"), cmd->name, cmd->args ? cmd->args : "");
    term_wrap(out, str_of(_(cmd->summary)), 0, 0, width);
    if (cmd->detail) {
        buf_byte(out, '\n');
        term_wrap(out, str_of(_(cmd->detail)), 0, 0, width);
    }
    if (!tables[0] || !tables[0]->name || tables[0]->kind != OPT_GROUP)
        buf_fmt(out, "\n%s\n", _("Options"));
    for (; *tables; tables++)
        for (const struct opt *o = *tables; o->name; o++)
            text_option(out, o, width);
    buf_byte(out, '\n');
    text_option(out, &help, width);
}

/* Text for troff: backslashes, dashes and leading dots must not mean anything. */
static void troff(struct buf *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            buf_cstr(out, "\\&");
        line_start = *text == '\n';
        if (*text == '\\')
            buf_cstr(out, "\\e");
        else if (*text == '-')
            buf_cstr(out, "\\-");
        else if (*text == '\n') {
            bool paragraph = text[1] == '\n';
            buf_cstr(out, paragraph ? "\n.PP\n" : "\n.br\n");
            text += paragraph;
        } else
            buf_byte(out, *text);
    }
}

static void as_man(struct buf *out, const struct command *cmd, const struct opt *const tables[])
{
    buf_fmt(out, ".TH MOAT-%s 1 \"\" \"moat " MOAT_VERSION "\"\n.SH NAME\nmoat\\-%s \\- ",
            cmd->name, cmd->name);
    troff(out, _(cmd->summary));
    buf_fmt(out, "\n.SH SYNOPSIS\n.B moat %s\n", cmd->name);
    troff(out, cmd->args ? cmd->args : "");
    if (cmd->detail) {
        buf_cstr(out, "\n.SH DESCRIPTION\n");
        troff(out, _(cmd->detail));
    }
    buf_cstr(out, "\n.SH OPTIONS\n");
    for (; *tables; tables++)
        for (const struct opt *o = *tables; o->name; o++) {
            if (o->kind == OPT_GROUP) {
                buf_cstr(out, ".SS ");
                troff(out, _(o->help));
                buf_byte(out, '\n');
                continue;
            }
            buf_cstr(out, ".TP\n.B ");
            struct buf head;
            buf_init(&head, 256);
            option_head(&head, o);
            troff(out, buf_c(&head));
            buf_clear(&head);
            buf_byte(out, '\n');
            troff(out, _(o->help));
            buf_byte(out, '\n');
        }
    buf_cstr(out, ".SH SEE ALSO\n.BR moat (1)\n");
}

/* "args ARGUMENTS", then one line per option: "--name" or "--name ARG". */
static void as_words(struct buf *out, const struct command *cmd, const struct opt *const tables[])
{
    buf_fmt(out, "args %s\n", cmd->args ? cmd->args : "");
    for (; *tables; tables++)
        for (const struct opt *o = *tables; o->name; o++) {
            if (o->kind == OPT_GROUP)
                continue;
            buf_fmt(out, "--%s%s%s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        }
    buf_cstr(out, "--help\n");
}

bool opts_describe(const struct command *cmd, const struct opt *const tables[], const char *form,
                   struct err *e)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    if (!form || strcmp(form, "text") == 0)
        as_text(&out, cmd, tables);
    else if (strcmp(form, "man") == 0)
        as_man(&out, cmd, tables);
    else if (strcmp(form, "words") == 0)
        as_words(&out, cmd, tables);
    else
        return fail(e, ERR_USAGE, "--help=%s: only text, man and words are known", form);
    bool ok = buf_ok(&out, "help", e);
    if (ok)
        fwrite(buf_c(&out), 1, out.n, stdout);
    buf_clear(&out);
    return ok;
}
