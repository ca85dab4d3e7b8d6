/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs find: the lines that matter in one or more logs. */
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/logs.h"
#include "cli/logs_explain.h"
#include "cli/logs_input.h"
#include "cli/logs_show.h"
#include "cli/term.h"
#include "cli/webhook.h"
#include "work/logs_baseline.h"

#define FILES 64u

struct options {
    const char *file[FILES], *format, *baseline, *save, *html, *model, *question, *webhook, *token;
    uint64_t memory;
    uint32_t n_file, threads, top;
    bool json, no_mask, check, ask, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"baseline", 0, OPT_TEXT, &o->baseline, "FILE",
         N_("what usually happens: events and sessions that are not in it are new"), 0, 0, NULL},
        {"save-baseline", 0, OPT_TEXT, &o->save, "FILE",
         N_("write what happens in these logs as a baseline"), 0, 0, NULL},
        {"format", 0, OPT_TEXT, &o->format, "TEXT",
         N_("how lines begin, such as \"<Date> <Time> <Level> <Component>: <Content>\"; else it is "
            "found from the lines"),
         0, 0, NULL},
        {"top", 0, OPT_U32, &o->top, "N", N_("suspects to show (default 10; 0: all)"), 0, 1000,
         NULL},
        {"html", 0, OPT_TEXT, &o->html, "FILE", N_("write a report for a browser"), 0, 0, NULL},
        {"explain", 0, OPT_TEXT, &o->model, "MODEL",
         N_("let this model say what the suspects show; every statement cites its lines"), 0, 0,
         NULL},
        {"question", 0, OPT_TEXT, &o->question, "TEXT",
         N_("what to ask it (default: what caused the trouble)"), 0, 0, NULL},
        {"memory", 0, OPT_SIZE, &o->memory, "SIZE",
         N_("most memory for the model to take, like 12G"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {"check", 0, OPT_FLAG, &o->check, NULL,
         N_("exit with 1 where trouble begins, a session is broken or, with a baseline, an event "
            "is new"),
         0, 0, NULL},
        LOGS_WEBHOOK_OPTIONS(&o->webhook, &o->token),
        {"no-mask", 0, OPT_FLAG, &o->no_mask, NULL,
         N_("leave passwords, keys and card numbers as they are"), 0, 0, NULL},
        THREADS_OPTION(&o->threads),
        {0},
    };
    struct args args = {.v = o->file};
    *o = (struct options){.top = 10, .threads = os_cpu_count()};
    if (!opts_parse(&logs_find, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    FILES, &o->helped, e))
        return false;
    o->n_file = args.n;
    if (o->save && o->baseline)
        return fail(e, ERR_USAGE, "give either --baseline or --save-baseline, not both");
    if ((o->question || o->memory) && !o->model)
        return fail(e, ERR_USAGE, "--question and --memory are of --explain MODEL");
    return true;
}

struct work {
    struct logs_input input[FILES];
    struct logs_source source[FILES];
    struct logs_sessions sessions[FILES];
    struct logs_baseline baseline;
    struct logs_normal own[FILES]; /* where there is no baseline */
    struct logs_find find;
    uint32_t n;
    bool troubled;
};

static bool read_logs(const struct options *o, struct work *w, struct workers *team, struct err *e)
{
    for (uint32_t i = 0; i < o->n_file; i++) {
        struct logs_source *s = &w->source[i];
        if (!logs_input_open(&w->input[i], o->file[i], e))
            return false;
        w->n = i + 1;
        s->name = o->file[i];
        s->mine.workers = team;
        s->mine.mapped = w->input[i].map.p;
        s->mine.unmasked = o->no_mask;
        s->mine.lines.rest = w->input[i].text;
        if (!logs_source_open(s, o->format, e))
            return err_at(e, "%s", o->file[i]);
        struct logs_normal *normal = o->baseline ? &w->baseline.normal : &w->own[i];
        if (!logs_sessions_find(s, normal, &w->sessions[i], e))
            return false;
        w->troubled = w->troubled || w->sessions[i].n_broken;
    }
    return true;
}

static void print_explanation(const json_t *x)
{
    const json_t *all = json_object_get(x, "statements"), *left = json_object_get(x, "left_out");
    printf(_("\nWhat %s says of it:\n"), json_string_value(json_object_get(x, "model")));
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i), *lines = json_object_get(s, "lines");
        struct buf text;
        buf_init(&text, LIMIT_JSON_BYTES);
        term_clean(&text, str_of(json_string_value(json_object_get(s, "text"))));
        printf("- %s [", buf_c(&text));
        for (size_t k = 0; k < json_array_size(lines); k++)
            printf("%s%s", k ? ", " : "", json_string_value(json_array_get(lines, k)));
        puts("]");
        buf_clear(&text);
    }
    if (json_integer_value(left))
        printf(_("%lld statements were left out: the lines they cite do not show them.\n"),
               (long long)json_integer_value(left));
}

/* *j: the JSON of what was found, with what a model says of it. */
static bool to_json(const struct options *o, const struct logs_shown *s, json_t **j, struct err *e)
{
    const struct logs_explain ask = {o->model, o->question, o->memory, o->threads};
    *j = logs_show_json(s, e);
    json_t *said = *j && o->model ? logs_explain(&ask, *j, e) : NULL;
    if (said)
        json_object_set_new(*j, "explanation", said);
    return *j && (!o->model || said);
}

static bool show(const struct options *o, struct work *w, struct err *e)
{
    struct logs_shown s = {&w->find, w->sessions, o->top, o->no_mask};
    json_t *j = NULL;
    bool ok = !(o->json || o->html || o->model) || to_json(o, &s, &j, e);
    ok = ok && (!o->html || logs_show_html(j, o->html, e));
    if (ok && o->json) {
        ok = json_dumpf(j, stdout, JSON_COMPACT) == 0;
        putchar('\n');
    } else if (ok && !o->html && !o->save) {
        ok = o->ask || logs_show_table(&s, e);
        if (ok && o->model)
            print_explanation(json_object_get(j, "explanation"));
    }
    json_decref(j);
    return ok;
}

/* Of trouble (as --check sees it), what --json prints. */
static bool alert(const struct options *o, struct work *w, const struct webhook *hook,
                  struct err *e)
{
    struct logs_shown s = {&w->find, w->sessions, o->top, o->no_mask};
    struct buf text;
    if (!hook->pid || !w->troubled)
        return true;
    buf_init(&text, LIMIT_JSON_BYTES);
    json_t *j = logs_show_json(&s, e);
    bool ok = j && json_object_set_new(j, "alert", json_string("moat logs find")) == 0 &&
              json_write(j, JSON_COMPACT, &text, e) && webhook_send(hook, buf_view(&text), e);
    json_decref(j);
    buf_clear(&text);
    return ok;
}

static bool run(const struct options *o, struct work *w, const struct webhook *hook, struct err *e)
{
    const char *const out[] = {o->save, o->html};
    struct workers *team = isolate_writer(o->model, out, 2, e) ? workers_new(o->threads, e) : NULL;
    bool ok = team && (!o->baseline || logs_baseline_load(&w->baseline, o->baseline, e)) &&
              read_logs(o, w, team, e);
    w->find.source = w->source;
    w->find.n_source = w->n;
    w->find.baseline = o->baseline ? &w->baseline : NULL;
    ok = ok && logs_find_run(&w->find, e);
    for (uint32_t i = 1; i < w->n && ok && o->save; i++)
        ok = logs_normal_add(&w->own[0], &w->own[i], e);
    ok = ok && (!o->save || logs_baseline_save(w->source, w->n, &w->own[0], o->save, e));
    ok = ok && show(o, w, e);
    for (size_t i = 0; i < w->find.n_suspect; i++)
        w->troubled = w->troubled || w->find.suspect[i].why & LOGS_WHY_NEW;
    w->troubled = w->troubled || w->find.onset_ms != LOGS_NO_TIME;
    ok = ok && alert(o, w, hook, e);
    logs_find_clear(&w->find);
    for (uint32_t i = 0; i < w->n; i++) {
        logs_sessions_clear(&w->sessions[i]);
        logs_normal_clear(&w->own[i]);
        logs_source_clear(&w->source[i]);
        logs_input_close(&w->input[i]);
    }
    logs_baseline_clear(&w->baseline);
    workers_free(team);
    return ok;
}

/* FILE... QUESTION --model MODEL: the same, for the model's answer alone. */
static bool parse_ask(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"model", 0, OPT_TEXT, &o->model, "MODEL", N_("the model that answers"), 0, 0, NULL},
        {"baseline", 0, OPT_TEXT, &o->baseline, "FILE",
         N_("what usually happens: events and sessions that are not in it are new"), 0, 0, NULL},
        {"memory", 0, OPT_SIZE, &o->memory, "SIZE",
         N_("most memory for the model to take, like 12G"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        THREADS_OPTION(&o->threads),
        {0},
    };
    struct args args = {.v = o->file};
    *o = (struct options){.top = 10, .threads = os_cpu_count(), .ask = true};
    if (!opts_parse(&logs_ask, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2,
                    FILES, &o->helped, e))
        return false;
    o->n_file = args.n ? args.n - 1 : 0;
    o->question = o->helped ? NULL : o->file[o->n_file];
    return o->helped || o->model ||
           fail(e, ERR_USAGE, "moat logs ask needs --model MODEL; moat list shows those there are");
}

static int run_with(const struct options *o)
{
    struct err e = {0};
    struct work *w = mem_new(1, sizeof *w, &e);
    struct webhook hook = {0};
    bool ok =
        w && (!o->webhook || webhook_open(&hook, o->webhook, o->token, &e)) && run(o, w, &hook, &e);
    webhook_close(&hook);
    int status = ok && o->check && w->troubled;
    mem_free(w);
    return ok ? status : opts_report(&e);
}

static int main_find(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e))
        return opts_report(&e);
    return o.helped ? 0 : run_with(&o);
}

static int main_ask(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse_ask(&o, argc, argv, &e))
        return opts_report(&e);
    return o.helped ? 0 : run_with(&o);
}

const struct command logs_find = {
    .name = "logs find",
    .args = "FILE...",
    .summary = N_("find the lines that matter in one or more logs"),
    .detail = N_("The logs are sorted into events and merged by time. An event is a suspect when "
                 "it is not in the baseline, "
                 "comes for the first time or far more often than before, or no longer comes. "
                 "Where bad events begin is the "
                 "onset; the first of them, and what was new or rare shortly before it in any of "
                 "the logs, ranks highest. "
                 "Lines that carry the same id are a session; a session whose events, or whose "
                 "steps from one event to the "
                 "next, are not those of normal sessions is broken.\n\nmoat logs find GOOD.log "
                 "--save-baseline B.json keeps "
                 "what is normal; moat logs find NEW.log --baseline B.json compares with it."),
    .run = main_find,
};

const struct command logs_ask = {
    .name = "logs ask",
    .args = "FILE... QUESTION",
    .summary = N_("ask a local model about the lines that matter"),
    .detail = N_("The model sees the suspects of moat logs find and the lines around them, nothing "
                 "else. Every statement cites lines; what they do not bear out is left out."),
    .run = main_ask,
};
