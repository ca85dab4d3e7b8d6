/* SPDX-License-Identifier: Apache-2.0 */
/* moat list: the models of the store. */
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/term.h"
#include "store/foreign.h"
#include "store/manifest.h"

enum { SHORT_DIGEST = 12 };

struct options {
    bool all, json, helped;
};

struct listing {
    struct table table;
    json_t *models;
    uint32_t n;
    int status;
};

static bool add_model(void *arg, const struct name *name, const struct manifest *m,
                      const struct err *why)
{
    struct listing *l = arg;
    char size[16], when[32] = "", iso[32] = "", digest[DIGEST_HEX + 8];
    struct tm t;
    (void)name;
    if (!m) {
        l->status = opts_report(why);
        return true;
    }
    time_t at = (time_t)m->imported;
    if (localtime_r(&at, &t))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &t);
    if (gmtime_r(&at, &t))
        strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &t);
    l->n++;
    table_cell(&l->table, str_of(m->name.text));
    table_cell(&l->table, str_of(term_size(m->size, size)));
    table_fmt(&l->table, "%.*s", SHORT_DIGEST, m->digest.hex);
    table_cell(&l->table, str_of(when));
    snprintf(digest, sizeof digest, "sha256:%s", m->digest.hex);
    json_array_append_new(l->models,
                          json_pack("{s:s, s:I, s:s, s:s, s:s, s:O*}", "name", m->name.text, "size",
                                    (json_int_t)m->size, "digest", digest, "modified", iso,
                                    "source", m->source, "signer", m->signer));
    return true;
}

/* Of other programs: run where they lie. */
static bool add_foreign(void *arg, const struct foreign *f)
{
    struct listing *l = arg;
    char size[16], when[32] = "", iso[32] = "", digest[DIGEST_HEX + 8] = "";
    struct tm t;
    time_t at = (time_t)f->modified;
    if (localtime_r(&at, &t))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &t);
    if (gmtime_r(&at, &t))
        strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &t);
    if (f->has_digest)
        snprintf(digest, sizeof digest, "sha256:%s", f->digest.hex);
    l->n++;
    table_cell(&l->table, str_of(f->name));
    table_cell(&l->table, str_of(term_size(f->size, size)));
    table_fmt(&l->table, "%.*s", SHORT_DIGEST, f->has_digest ? f->digest.hex : "");
    table_cell(&l->table, str_of(when));
    json_array_append_new(l->models, json_pack("{s:s, s:I, s:s, s:s, s:s}", "name", f->name, "size",
                                               (json_int_t)f->size, "digest", digest, "modified",
                                               iso, "source", f->path));
    return true;
}

static bool print_json(json_t *models, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{s:O}", "models", models);
    bool ok = json_write(j, 0, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool run(const struct options *o, int *status, struct err *e)
{
    struct store s;
    struct listing l = {.models = json_array()};
    static const char *const heads[] = {N_("NAME"), N_("SIZE"), N_("DIGEST"), N_("MODIFIED")};
    table_init(&l.table, "lrll");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&l.table, str_of(_(heads[i])));
    bool ok = store_open(&s, false, e) && manifest_each(&s, add_model, &l, e);
    if (ok && o->all)
        foreign_each(add_foreign, &l);
    if (ok && o->json)
        ok = print_json(l.models, e);
    else if (ok && l.n)
        ok = table_print(&l.table, true, e);
    else if (ok && !l.status)
        fprintf(stderr, "%s\n",
                _("no models yet: moat pull NAME fetches one (moat catalog search shows "
                  "which), moat import FILE --name NAME adds one"));
    table_clear(&l.table);
    json_decref(l.models);
    *status = l.status;
    return ok;
}

static int main_list(int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    int status = 0;
    const struct opt table[] = {
        {"all", 'a', OPT_FLAG, &o.all, NULL,
         N_("also what Ollama, Hugging Face's libraries and LM Studio keep on this machine"), 0, 0,
         NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&cmd_list, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 0,
                    &o.helped, &e) ||
        (!o.helped && !run(&o, &status, &e)))
        return opts_report(&e);
    return status;
}

const struct command cmd_list = {
    .name = "list",
    .args = "",
    .summary = N_("list the models there are"),
    .detail =
        N_("Also called moat ls. What --all shows can be run by the name shown, where it lies: "
           "moat run ollama:qwen3:8b, moat run hf:ORG/REPO/FILE.gguf, moat run "
           "lmstudio:PUBLISHER/REPO/FILE.gguf."),
    .run = main_list,
};
