/* SPDX-License-Identifier: Apache-2.0 */
/* cli/chat_command: see chat_command.h. */
#include "cli/chat_command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/near.h"
#include "cli/opts.h"
#include "cli/saved_state.h"
#include "cli/setting_opts.h"
#include "cli/table.h"
#include "cli/term.h"
#include "cli/tool_opts.h"

enum { HELP_COLUMN = 23 };

struct row {
    const char *name, *args;
    const char *help; /* gettext id */
    bool (*run)(struct chat_state *c, struct str arg, struct err *e);
};
static const struct row rows[];

void chat_say(const char *fmt, ...)
{
    char text[2048];
    struct buf out;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_init(&out, 2 * sizeof text);
    term_wrap(&out, str_of(text), 0, 0, term_columns(STDERR_FILENO));
    fprintf(stderr, "%s%s%s", term_style(STDERR_FILENO, TERM_DIM), buf_c(&out),
            term_style(STDERR_FILENO, TERM_PLAIN));
    buf_clear(&out);
}

void chat_say_error(const struct err *e)
{
    fprintf(stderr, "%s\n", e->msg);
}

static void help_line(struct buf *out, const char *name, const char *args, const char *help)
{
    size_t from = out->n;
    buf_fmt(out, "  %s %s", name, args);
    uint32_t at = term_text_width(str_from(buf_view(out), from));
    term_wrap(out, str_of(_(help)), HELP_COLUMN, at, term_columns(STDERR_FILENO));
}

static bool run_help(struct chat_state *c, struct str arg, struct err *e)
{
    (void)c;
    (void)arg;
    struct buf out;
    buf_init(&out, 1u << 16);
    for (const struct row *r = rows; r->name; r++)
        help_line(&out, r->name, r->args, r->help);
    help_line(&out, "\"\"\" ... \"\"\"", "", N_("several lines (also: \\ at the end of a line)"));
    help_line(&out, "Ctrl-C", "", N_("stop the answer; twice at an empty prompt: leave"));
    fputs(buf_c(&out), stderr);
    bool ok = buf_ok(&out, "help", e);
    buf_clear(&out);
    return ok;
}

static bool run_clear(struct chat_state *c, struct str arg, struct err *e)
{
    (void)arg;
    (void)e;
    talk_forget(&c->talk);
    chat_say("%s", _("The conversation starts afresh."));
    return true;
}

static void add_setting(const struct session *s, const struct setting *def, struct table *t)
{
    struct buf value;
    buf_init(&value, 1u << 16);
    setting_show(&s->settings, def, &value);
    table_fmt(t, "  %s", def->key);
    table_cell(t, buf_view(&value));
    buf_clear(&value);
}

/* All keys and values, in two columns where the terminal is wide enough. */
static bool show_settings(const struct session *s, struct err *e)
{
    struct table t;
    struct buf out;
    uint32_t half = (settings_count + 1) / 2;
    bool two = term_columns(STDERR_FILENO) >= 80;
    table_init(&t, two ? "llll" : "ll");
    buf_init(&out, 1u << 20);
    for (uint32_t i = 0; i < (two ? half : settings_count); i++) {
        add_setting(s, &settings_table[i], &t);
        if (two && half + i < settings_count)
            add_setting(s, &settings_table[half + i], &t);
    }
    if (two && settings_count % 2) {
        table_cell(&t, STR(""));
        table_cell(&t, STR(""));
    }
    bool ok = table_render(&t, &out, e);
    fputs(buf_c(&out), stderr);
    table_clear(&t);
    buf_clear(&out);
    return ok;
}

/* KEY = VALUE, and what it means. */
static bool show_setting(const struct session *s, const struct setting *def, struct err *e)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    buf_fmt(&out, "  %s = ", def->key);
    setting_show(&s->settings, def, &out);
    buf_cstr(&out, "\n");
    term_wrap(&out, str_of(_(def->help)), 2, 0, term_columns(STDERR_FILENO));
    bool ok = buf_ok(&out, "settings", e);
    fputs(buf_c(&out), stderr);
    buf_clear(&out);
    return ok;
}

static bool unknown_setting(struct str key, struct err *e)
{
    struct near n;
    near_init(&n, key);
    for (uint32_t i = 0; i < settings_count; i++)
        near_offer(&n, settings_table[i].key);
    const char *best = near_best(&n);
    if (best)
        return fail(e, ERR_USAGE, "unknown setting \"%.*s\"; did you mean %s?", STR_ARG(key), best);
    return fail(e, ERR_USAGE, "unknown setting \"%.*s\"; /set lists them", STR_ARG(key));
}

/* /set | /set KEY | /set KEY VALUE */
static bool run_set(struct chat_state *c, struct str arg, struct err *e)
{
    if (!arg.n)
        return show_settings(c->session, e);
    struct str key, value = arg;
    str_cut(&value, ' ', &key);
    value = value.p ? str_trim(value) : STR("");
    const struct setting *def = settings_find(key);
    if (!def)
        return unknown_setting(key, e);
    if (!value.n)
        return show_setting(c->session, def, e);
    if (def->at_load)
        return fail(e, ERR_USAGE,
                    "%s is fixed while a model is loaded; leave and start again with it as an "
                    "option",
                    def->key);
    if (!settings_set(&c->session->settings, def, value, e))
        return false;
    return show_setting(c->session, def, e);
}

static bool run_system(struct chat_state *c, struct str arg, struct err *e)
{
    if (!arg.n && !c->talk.system) {
        chat_say("%s", _("There is no system message."));
        return true;
    }
    if (!arg.n) {
        struct buf shown;
        buf_init(&shown, 1u << 20);
        term_clean(&shown, str_of(c->talk.system));
        chat_say("%s", buf_c(&shown));
        buf_clear(&shown);
        return true;
    }
    char *text = strndup(str_is(arg, "none") ? "" : arg.p, str_is(arg, "none") ? 0 : arg.n);
    bool ok = talk_set_system(&c->talk, text, e);
    free(text);
    if (ok)
        chat_say("%s", c->talk.system ? _("The system message is set.")
                                      : _("The system message is removed."));
    return ok;
}

bool chat_file_name(struct str arg, char path[4096], struct err *e)
{
    const char *home = getenv("HOME");
    if (!arg.n)
        return fail(e, ERR_USAGE, "a file name is missing, for example chat.json");
    bool tilde = str_starts(arg, STR("~/")) && home;
    int n = snprintf(path, 4096, "%s%.*s", tilde ? home : "", (int)(arg.n - tilde), arg.p + tilde);
    return (n > 0 && n < 4096) || fail(e, ERR_USAGE, "the file name is too long");
}

/* name(needed, [may be left out]), and on a line of its own what the tool is for. */
static void tool_line(const json_t *f, struct buf *out)
{
    const json_t *parameters = json_object_get(f, "parameters");
    const char *key, *about = json_string_value(json_object_get(f, "description"));
    json_t *v;
    struct buf line;
    bool first = true;
    buf_init(&line, LIMIT_TEXT_BYTES);
    buf_fmt(&line, "%s(", json_string_value(json_object_get(f, "name")));
    json_object_foreach(json_object_get(parameters, "properties"), key, v)
    {
        bool needed = tool_opts_needs(parameters, key);
        buf_fmt(&line, needed ? "%s%s" : "%s[%s]", first ? "" : ", ", key);
        first = false;
    }
    buf_cstr(&line, ")\n");
    buf_cstr(&line, about ? about : "");
    struct buf clean;
    buf_init(&clean, LIMIT_TEXT_BYTES);
    term_clean(&clean, str_trim(buf_view(&line)));
    struct str rest = buf_view(&clean), head;
    str_cut(&rest, '\n', &head);
    term_wrap(out, head, 4, 0, term_columns(STDERR_FILENO));
    if (rest.n)
        term_wrap(out, rest, 6, 0, term_columns(STDERR_FILENO));
    buf_clear(&clean);
    buf_clear(&line);
}

static bool run_tools(struct chat_state *c, struct str arg, struct err *e)
{
    size_t i;
    json_t *tool;
    struct buf out;
    (void)arg;
    if (!c->session->tools) {
        chat_say("%s", _("There are no tools; moat run with --tools FILE gives some."));
        return true;
    }
    buf_init(&out, LIMIT_TEXT_BYTES);
    json_array_foreach(c->session->tools, i, tool)
    {
        const json_t *f = json_object_get(tool, "function");
        tool_line(f ? f : tool, &out);
    }
    fputs(buf_c(&out), stderr);
    bool ok = buf_ok(&out, "tools", e);
    buf_clear(&out);
    return ok;
}

static bool run_save(struct chat_state *c, struct str arg, struct err *e)
{
    char path[4096];
    if (!chat_file_name(arg, path, e) || !talk_save(&c->talk, c->session->model, path, e))
        return false;
    chat_say(_("Saved in %s."), path);
    return true;
}

static bool run_load(struct chat_state *c, struct str arg, struct err *e)
{
    char path[4096];
    if (!chat_file_name(arg, path, e) || !talk_load(&c->talk, path, e))
        return false;
    if (c->talk.chat)
        chat_say(_("Loaded: %zu messages."), talk_count(&c->talk));
    else
        chat_say(_("Loaded: %zu bytes of text."), talk_count(&c->talk));
    return true;
}

bool chat_load_state(struct chat_state *c, const char *path, struct err *e)
{
    struct buf attached;
    buf_init(&attached, LIMIT_JSON_BYTES);
    bool ok = saved_state_read(c->session, &c->talk, &attached, path, e);
    buf_clear(&attached);
    if (ok)
        chat_say(_("Loaded, with %u tokens as computed."), generator_length(c->session->generator));
    return ok;
}

bool chat_save_state(const struct chat_state *c, const char *path, struct err *e)
{
    if (!saved_state_write(c->session, &c->talk, NULL, path, e))
        return false;
    chat_say(_("Saved in %s, with %u tokens as computed."), path,
             generator_length(c->session->generator));
    return true;
}

static bool run_save_state(struct chat_state *c, struct str arg, struct err *e)
{
    char path[4096];
    return chat_file_name(arg, path, e) && chat_save_state(c, path, e);
}

static bool run_load_state(struct chat_state *c, struct str arg, struct err *e)
{
    char path[4096];
    return chat_file_name(arg, path, e) && chat_load_state(c, path, e);
}

static bool run_bye(struct chat_state *c, struct str arg, struct err *e)
{
    (void)arg;
    (void)e;
    c->leaving = true;
    return true;
}

static const struct row rows[] = {
    {"/help", "", N_("this list"), run_help},
    {"/clear", "", N_("forget the conversation"), run_clear},
    {"/set", "[KEY [VALUE]]", N_("show or change the settings of the answer"), run_set},
    {"/system", "[TEXT|none]", N_("show, set or remove the system message"), run_system},
    {"/tools", "", N_("what the model may call"), run_tools},
    {"/save", "FILE", N_("write the conversation to a file"), run_save},
    {"/load", "FILE", N_("go on with a saved conversation"), run_load},
    {"/save-state", "FILE", N_("the same with all that was computed"), run_save_state},
    {"/load-state", "FILE", N_("go on from there, at once"), run_load_state},
    {"/bye", "", N_("leave (so does Ctrl-D)"), run_bye},
    {NULL, NULL, NULL, NULL},
};

bool chat_is_command(struct str line)
{
    if (!line.n || line.p[0] != '/')
        return false;
    size_t n = 1;
    while (n < line.n && ((line.p[n] >= 'a' && line.p[n] <= 'z') || line.p[n] == '-'))
        n++;
    return n == line.n || line.p[n] == ' ' || line.p[n] == '\t';
}

static bool unknown(struct str word, struct err *e)
{
    struct near n;
    near_init(&n, word);
    for (const struct row *r = rows; r->name; r++)
        near_offer(&n, r->name);
    const char *best = near_best(&n);
    if (best)
        return fail(e, ERR_USAGE, "unknown command %.*s; did you mean %s?", STR_ARG(word), best);
    return fail(e, ERR_USAGE,
                "unknown command %.*s; /help lists them (a blank before it makes it a message)",
                STR_ARG(word));
}

static bool run(struct chat_state *c, struct str line, struct err *e)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
        n++;
    struct str word = str_sub(line, 0, n);
    for (const struct row *r = rows; r->name; r++)
        if (str_is(word, r->name))
            return r->run(c, str_trim(str_from(line, n)), e);
    return unknown(word, e);
}

void chat_command(struct chat_state *c, struct str line)
{
    struct err e = {ERR_NONE, ""};
    if (!run(c, str_trim(line), &e))
        chat_say_error(&e);
}

void chat_complete(struct str word, void (*offer)(void *arg, const char *word), void *arg)
{
    static char line[64][64]; /* "/set KEY" must live as long as the offers */
    if (!word.n || word.p[0] != '/')
        return;
    for (const struct row *r = rows; r->name; r++)
        if (str_starts(str_of(r->name), word))
            offer(arg, r->name);
    for (uint32_t i = 0; i < settings_count && i < 64 && str_starts(word, STR("/set ")); i++) {
        snprintf(line[i], sizeof line[i], "/set %s", settings_table[i].key);
        if (str_starts(str_of(line[i]), word))
            offer(arg, line[i]);
    }
}
