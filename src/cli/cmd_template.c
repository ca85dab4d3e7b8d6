/* SPDX-License-Identifier: Apache-2.0 */
/* moat template: renders a chat template that stands in a file, with variables from JSON, for those
 * who write templates and for the tests that compare ours with Jinja2; or a model's own one. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/template_test.h"
#include "text/template.h"

#define TEMPLATE_FAILED 1 /* exit status: the template itself failed */

struct options {
    const char *file, *context;
    const char *model; /* of "template test MODEL", or NULL */
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"context", 'c', OPT_TEXT, &o->context, "FILE",
         N_("the variables: a JSON object; - is standard input"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("with test: print one JSON object"), 0, 0, NULL},
        {0},
    };
    const char *positional[2 + 1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&cmd_template, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    2, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->file = args.v[0];
    o->model = args.n == 2 ? args.v[1] : NULL;
    if (o->model && strcmp(o->file, "test") != 0)
        return fail(e, ERR_USAGE, "give one template, or \"test\" and a model");
    if (o->model && o->context)
        return fail(e, ERR_USAGE, "--context does not go with test");
    return o->model || !o->json || fail(e, ERR_USAGE, "--json goes only with test");
}

/* "2026-01-15T09:30:00", the seconds and the time of day may be missing. */
static bool read_clock(const char *text, struct tm *now, struct err *e)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                          "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        *now = (struct tm){.tm_isdst = -1};
        const char *end = strptime(text, formats[i], now);
        if (end && *end == '\0') {
            timegm(now); /* weekday and day of the year */
            return true;
        }
    }
    return fail(e, ERR_USAGE, "strftime_now must be a time like 2026-01-15T09:30:00, not \"%s\"",
                text);
}

/* The variables, without "strftime_now", which sets the clock. */
static json_t *read_context(const char *path, struct tm *now, struct err *e)
{
    json_t *context = path ? json_read_file(path, LIMIT_JSON_BYTES, e) : json_object();
    time_t seconds = time(NULL);
    localtime_r(&seconds, now);
    const json_t *clock = json_object_get(context, "strftime_now");
    if (!context)
        return NULL;
    bool ok = json_is_object(context) ||
              fail(e, ERR_USAGE, "%s: the variables must be a JSON object", path);
    ok = ok && (!clock || json_is_string(clock) ||
                fail(e, ERR_USAGE, "%s: strftime_now must be a text", path));
    ok = ok && (!clock || read_clock(json_string_value(clock), now, e));
    if (ok) {
        json_object_del(context, "strftime_now");
        return context;
    }
    json_decref(context);
    return NULL;
}

static int template_failed(const struct err *e)
{
    opts_report(e);
    return TEMPLATE_FAILED;
}

static int render(struct str source, const struct options *o)
{
    struct err e = {0};
    struct tm now;
    struct buf out;
    json_t *context = read_context(o->context, &now, &e);
    if (!context)
        return opts_report(&e);
    buf_init(&out, LIMIT_TEMPLATE_OUTPUT);
    struct template *t = template_parse(source, &e);
    bool ok = t && template_render(t, context, &now, &out, &e);
    int status = 0;
    if (!ok) {
        err_at(&e, "%s", o->file);
        status = template_failed(&e);
    } else if (fwrite(buf_c(&out), 1, out.n, stdout) != out.n || fflush(stdout) != 0) {
        fail(&e, ERR_IO, "cannot write the rendering");
        status = opts_report(&e);
    }
    template_free(t);
    json_decref(context);
    buf_clear(&out);
    return status;
}

static int main_template(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e))
        return opts_report(&e);
    bool failed;
    if (o.helped)
        return 0;
    if (!isolate_command(false, NULL, &e))
        return opts_report(&e);
    if (o.model)
        return !template_test(o.model, o.json, &failed, &e) ? opts_report(&e)
               : failed                                     ? TEMPLATE_FAILED
                                                            : 0;
    struct buf source;
    buf_init(&source, LIMIT_TEMPLATE_BYTES);
    int status =
        buf_read_file(&source, o.file, &e) ? render(buf_view(&source), &o) : opts_report(&e);
    buf_clear(&source);
    return status;
}

const struct command cmd_template = {
    .name = "template",
    .args = "FILE.jinja | test MODEL",
    .summary = N_("render a chat template with variables from JSON"),
    .detail =
        N_("Templates are those of Hugging Face models: Jinja with trim_blocks, "
           "lstrip_blocks and loop controls. The key \"strftime_now\" of the variables sets "
           "the clock and is no variable itself. With test, the template of a model renders a "
           "set of conversations. Exit status 1 means that the template failed."),
    .run = main_template,
};
