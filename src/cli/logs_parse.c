/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs parse: the lines of a log -> events with templates. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/logs.h"
#include "cli/logs_input.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/term.h"
#include "work/logs_csv.h"
#include "work/logs_state.h"

#define SHOWN 40 /* events shown where none are asked for */

struct options {
    const char *file, *column, *csv, *templates, *format, *state;
    uint32_t threads, top;
    bool json, no_format, no_mask, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"content-column", 0, OPT_TEXT, &o->column, "NAME",
         N_("the file is CSV, and this column is the message; else every line is one"), 0, 0, NULL},
        {"format", 0, OPT_TEXT, &o->format, "TEXT",
         N_("how lines begin, such as \"<Date> <Time> <Level> <Component>: <Content>\"; else it is "
            "found from the lines"),
         0, 0, NULL},
        {"no-format", 0, OPT_FLAG, &o->no_format, NULL, N_("all of a line is its message"), 0, 0,
         NULL},
        {"no-mask", 0, OPT_FLAG, &o->no_mask, NULL,
         N_("leave passwords, keys and card numbers as they are"), 0, 0, NULL},
        {"csv", 0, OPT_TEXT, &o->csv, "FILE",
         N_("write every line with its event as CSV; - is standard output"), 0, 0, NULL},
        {"templates", 0, OPT_TEXT, &o->templates, "FILE",
         N_("write the events as CSV, most frequent first; - is standard output"), 0, 0, NULL},
        {"state", 0, OPT_TEXT, &o->state, "FILE",
         N_("go on from where the run before ended, with the events it knew, and note here how far "
            "this one comes; --csv then has the new lines"),
         0, 0, NULL},
        {"top", 0, OPT_U32, &o->top, "N", N_("events to show (default 40; 0: all)"), 0, 1 << 20,
         NULL},
        THREADS_OPTION(&o->threads),
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print the events as one JSON object"), 0, 0,
         NULL},
        {0},
    };
    const char *positional[1];
    struct args args = {.v = positional};
    *o = (struct options){.top = SHOWN, .threads = os_cpu_count()};
    if (!opts_parse(&logs_parse, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    o->file = o->helped ? NULL : positional[0];
    if (o->state && (o->column || (o->file && strcmp(o->file, "-") == 0)))
        return fail(e, ERR_USAGE, "--state is of files with lines, not of CSV or of a pipe");
    if (o->column && (o->format || o->no_format))
        return fail(e, ERR_USAGE,
                    "--content-column is of CSV files; --format and --no-format are not");
    return true;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static bool to_stdout(void *ctx, const void *p, size_t n, struct err *e)
{
    (void)ctx;
    (void)e; /* main looks at stdout at the end */
    fwrite(p, 1, n, stdout);
    return true;
}

static bool to_file(void *ctx, const void *p, size_t n, struct err *e)
{
    return os_atomic_write(ctx, p, n, e);
}

static bool write_csv(const struct logs_mine *m, const char *path,
                      bool (*csv)(const struct logs_mine *, struct logs_sink, struct err *),
                      struct err *e)
{
    struct os_atomic_file f;
    if (!path)
        return true;
    if (strcmp(path, "-") == 0)
        return csv(m, (struct logs_sink){to_stdout, NULL}, e);
    if (!os_atomic_open(&f, path, e))
        return false;
    bool ok = csv(m, (struct logs_sink){to_file, &f}, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

static bool show(const struct logs_mine *m, uint32_t top, struct err *e)
{
    struct table t;
    uint32_t *order = logs_events_ranked(&m->events, e);
    size_t n = top && top < m->events.n ? top : m->events.n;
    if (!order)
        return false;
    table_init(&t, "rrll");
    table_cell(&t, str_of(_("LINES")));
    table_cell(&t, str_of(_("FIRST")));
    table_cell(&t, str_of(_("EVENT")));
    table_cell(&t, str_of(_("TEMPLATE")));
    for (size_t i = 0; i < n; i++) {
        const struct logs_event *v = &m->events.v[order[i]];
        table_fmt(&t, "%llu", (unsigned long long)v->count);
        table_fmt(&t, "%llu", (unsigned long long)v->first + 1);
        table_cell(&t, str_of(v->id));
        table_cell(&t, v->text);
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    mem_free(order);
    if (ok && n < m->events.n)
        fprintf(stderr, _("%zu more events; --top 0 shows all\n"), m->events.n - n);
    return ok;
}

static bool add_event(json_t *list, const struct logs_event *v)
{
    json_t *types = json_array();
    struct str rest = v->types, type;
    while (rest.n && str_cut(&rest, ',', &type))
        json_array_append_new(types, json_stringn(type.p, type.n));
    json_t *one = json_pack("{s:s,s:I,s:I,s:o}", "id", v->id, "lines", (json_int_t)v->count,
                            "first_line", (json_int_t)v->first + 1, "types", types);
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    term_clean(&text, v->text);
    bool ok = json_object_set_new(one, "template", json_stringn(buf_c(&text), text.n)) == 0 &&
              json_array_append_new(list, one) == 0;
    buf_clear(&text);
    return ok;
}

static bool show_json(const struct logs_mine *m, struct err *e)
{
    uint32_t *order = logs_events_ranked(&m->events, e);
    json_t *list = json_array();
    bool ok = order && list;
    for (size_t i = 0; i < m->events.n && ok; i++)
        ok = add_event(list, &m->events.v[order[i]]);
    json_t *all = json_pack("{s:I,s:b,s:o}", "lines", (json_int_t)m->n_line, "complete", !m->full,
                            "events", list);
    ok = ok && all && json_dumpf(all, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(all);
    mem_free(order);
    return ok || fail(e, ERR_LIMIT, "not enough memory for the events");
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void progressed(void *ctx, uint64_t bytes)
{
    progress_update(ctx, bytes);
}

static bool mine(const struct options *o, struct logs_mine *m, struct err *e)
{
    struct progress p;
    m->keep_lines = o->csv;
    progress_start(&p, o->file, m->lines.rest.n);
    m->progress = progressed;
    m->progress_ctx = &p;
    bool ok = logs_mine_run(m, e);
    progress_end(&p);
    return ok;
}

/* What is the message of a line. */
static bool prepare(const struct options *o, struct logs_mine *m, struct logs_format *f,
                    const struct logs_state *before, struct err *e)
{
    if (o->column)
        return logs_lines_head(&m->lines, o->column, e);
    if (o->no_format)
        return true;
    if (!o->format && before->learnt)
        *f = before->format;
    else if (!o->format)
        logs_format_learn(m->lines.rest, f);
    else if (!logs_format_given(f, o->format, e))
        return false;
    m->lines.format = f->n || f->given ? f : NULL;
    return true;
}

/* --- going on ------------------------------------------------------------------------------------
 */

struct parse {
    const struct options *o;
    struct logs_input in;
    struct logs_format format;
    struct logs_state before;
    struct logs_mine m;
    size_t from;      /* bytes that were read before */
    struct buf state; /* what is to be noted, once all is written */
};

static struct str first_of(struct str text, uint64_t bytes)
{
    return str_sub(text, 0, logs_state_look(bytes));
}

static struct str last_of(struct str text, uint64_t bytes)
{
    size_t n = logs_state_look(bytes);
    return str_sub(text, (size_t)bytes - n, n);
}

/* The lines that are finished, behind those that were read before. */
static bool go_on(struct parse *p, struct err *e)
{
    struct str text = p->in.text;
    if (!p->o->state || !logs_state_read(&p->before, p->o->state, e))
        return !p->o->state;
    while (text.n && text.p[text.n - 1] != '\n')
        text.n--;
    uint64_t had = p->before.bytes;
    if (had &&
        (had > text.n || !logs_state_same(&p->before, first_of(text, had), last_of(text, had))))
        fprintf(stderr, "moat: %s\n",
                _("the log was rotated or cut short since: it is read from its start"));
    else
        p->from = (size_t)had;
    p->m.shapes = p->before.shapes;
    p->before.shapes = (struct logs_shapes){0};
    p->m.n_line = p->before.n_line;
    p->m.lines.rest = str_from(text, p->from);
    return true;
}

static bool keep(void *arg, const struct logs_mine *m, uint64_t bytes, struct err *e)
{
    struct parse *p = arg;
    struct logs_state now = {.shapes = m->shapes, .n_line = m->n_line};
    now.file_lines = (p->from ? p->before.file_lines : 0) + m->n_line - m->first_line;
    now.learnt = m->lines.format && !p->o->format;
    if (now.learnt)
        now.format = p->format;
    now.format.given = NULL;
    bytes += p->from;
    return logs_state_mark(&now, bytes, first_of(p->in.text, bytes), last_of(p->in.text, bytes),
                           e) &&
           logs_state_put(&now, &p->state, e);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool show_all(struct parse *p, struct err *e)
{
    const struct options *o = p->o;
    struct logs_mine *m = &p->m;
    if (m->full)
        fprintf(stderr, "moat: %s\n",
                _("there are too many kinds of lines; some are taken together as <*>"));
    bool ok =
        write_csv(m, o->csv, logs_csv_lines, e) && write_csv(m, o->templates, logs_csv_events, e);
    if (ok && o->json)
        ok = show_json(m, e);
    else if (ok && !o->csv && !o->templates)
        ok = show(m, o->top, e);
    ok = ok && (!o->state || logs_state_replace(&p->state, o->state, e));
    if (ok && m->stopped)
        ok = fail(e, ERR_CANCELLED, "stopped after line %llu; the same command goes on from there",
                  (unsigned long long)m->n_line);
    return ok;
}

static bool parse_log(struct parse *p, struct workers *w, struct buf *field, struct err *e)
{
    struct logs_mine *m = &p->m;
    m->workers = w;
    m->mapped = p->in.map.p;
    m->lines = (struct logs_lines){p->in.text, LOGS_NO_COLUMN, field, .format = NULL};
    m->unmasked = p->o->no_mask;
    if (p->o->state) {
        m->keep = keep;
        m->keep_ctx = p;
        m->stop = interrupt_flag();
    }
    return go_on(p, e) && prepare(p->o, m, &p->format, &p->before, e) && mine(p->o, m, e) &&
           show_all(p, e);
}

static bool run(const struct options *o, struct err *e)
{
    struct buf field;
    struct parse p = {.o = o};
    buf_init(&field, LIMIT_LOGS_FIELD);
    buf_init(&p.state, 0);
    const char *const out[] = {o->csv, o->templates, o->state};
    struct workers *w = isolate_writer(false, out, 3, e) ? workers_new(o->threads, e) : NULL;
    bool ok = w && logs_input_open(&p.in, o->file, e);
    if (ok) {
        if (o->state)
            interrupt_begin();
        ok = parse_log(&p, w, &field, e);
        if (o->state)
            interrupt_end();
        logs_mine_clear(&p.m);
        logs_state_clear(&p.before);
        logs_input_close(&p.in);
    }
    workers_free(w);
    buf_clear(&p.state);
    buf_clear(&field);
    return ok;
}

static int main_parse(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command logs_parse = {
    .name = "logs parse",
    .args = "FILE",
    .summary = N_("sort the lines of a log by the event that wrote them"),
    .detail = N_("What stays the same in all lines of an event is its template, what varies is "
                 "<*>; both are found from the lines themselves, without a format, rules or a "
                 "model. The id of an event is made from its template, so it is the same in every "
                 "file. --csv and --templates write files; without them the events are shown, most "
                 "frequent first. The result does not depend on the number of threads."),
    .run = main_parse,
};
