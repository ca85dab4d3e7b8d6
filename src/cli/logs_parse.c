/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs parse: the lines of a log -> events with templates. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/logs.h"
#include "cli/logs_input.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/term.h"
#include "work/logs_csv.h"

#define SHOWN 40 /* events shown where none are asked for */

struct options {
    const char *file, *column, *csv, *templates, *format;
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
    ok = (ok && all) || fail(e, ERR_LIMIT, "not enough memory for the events");
    ok = ok && json_print(all, stdout, e);
    json_decref(all);
    mem_free(order);
    return ok;
}

/* --- the whole -----------------------------------------------------------------------------------
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
                    struct err *e)
{
    if (o->column)
        return logs_lines_head(&m->lines, o->column, e);
    if (o->no_format)
        return true;
    if (!o->format)
        logs_format_learn(m->lines.rest, f);
    else if (!logs_format_given(f, o->format, e))
        return false;
    m->lines.format = f->n || f->given ? f : NULL;
    return true;
}

static bool run(const struct options *o, struct err *e)
{
    struct logs_input in;
    struct buf field;
    struct logs_mine m = {0};
    struct logs_format format;
    buf_init(&field, LIMIT_LOGS_FIELD);
    const char *const out[] = {o->csv, o->templates};
    struct workers *w = isolate_writer(false, out, 2, e) ? workers_new(o->threads, e) : NULL;
    bool ok = w && logs_input_open(&in, o->file, e);
    if (ok) {
        m.workers = w;
        m.mapped = in.map.p;
        m.lines = (struct logs_lines){in.text, LOGS_NO_COLUMN, &field, .format = NULL};
        m.unmasked = o->no_mask;
        ok = prepare(o, &m, &format, e) && mine(o, &m, e);
        if (ok && m.full)
            fprintf(stderr, "moat: %s\n",
                    _("there are too many kinds of lines; some are taken together as <*>"));
        ok = ok && write_csv(&m, o->csv, logs_csv_lines, e) &&
             write_csv(&m, o->templates, logs_csv_events, e);
        if (ok && o->json)
            ok = show_json(&m, e);
        else if (ok && !o->csv && !o->templates)
            ok = show(&m, o->top, e);
        logs_mine_clear(&m);
        logs_input_close(&in);
    }
    workers_free(w);
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
