/* SPDX-License-Identifier: Apache-2.0 */
/* moat create: a model with settings and words of its own, from a Modelfile or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/progress.h"
#include "cli/pull_run.h"
#include "serve/create.h"
#include "store/derive.h"
#include "store/foreign.h"
#include "store/import.h"
#include "store/modelfile.h"
#include "store/thin.h"

static struct {
    const char *file;
    bool pull, json, helped;
} o;

struct plan {
    struct modelfile m;
    struct name name;
    json_t *settings; /* owned: all that the new model starts with */
    struct digest digest;
    uint64_t size;
    bool replaced;
};

/* --- what it is made of ------------------------------------------------------------------------
 */

/* A path in a Modelfile is meant from where that lies. */
static bool path_from(const char *file, const char *from, char out[STORE_PATH], struct err *e)
{
    const char *slash = strrchr(file, '/');
    int front = from[0] == '/' || from[0] == '~' || !slash ? 0 : (int)(slash + 1 - file);
    const char *home = getenv("HOME");
    int n = from[0] == '~' && from[1] == '/' && home
                ? snprintf(out, STORE_PATH, "%s%s", home, from + 1)
                : snprintf(out, STORE_PATH, "%.*s%s", front, file, from);
    return n < STORE_PATH || fail(e, ERR_USAGE, "path is too long: %s", from);
}

static bool from_file(struct plan *p, const char *path, struct err *e)
{
    struct progress bar;
    struct import_result r;
    struct import_request q = {.path = path,
                               .name = p->name,
                               .settings = json_object_size(p->settings) ? p->settings : NULL,
                               .opening = json_array_size(p->m.opening) ? p->m.opening : NULL,
                               .licence = p->m.licence,
                               .progress = {interrupt_progress, &bar}};
    progress_start(&bar, p->name.text, 0);
    interrupt_begin();
    bool ok = import_model(&q, &r, e);
    interrupt_end();
    progress_end(&bar);
    p->digest = r.digest;
    p->size = r.size;
    p->replaced = r.replaced;
    return ok;
}

/* --- from a model of the store ------------------------------------------------------------------
 */

static bool from_model(struct plan *p, const struct name *base, struct err *e)
{
    struct derivation d = {.base = *base,
                           .name = p->name,
                           .settings = p->settings,
                           .opening = p->m.opening,
                           .licence = p->m.licence};
    bool ok = derive_model(&d, e);
    p->digest = d.digest;
    p->size = d.size;
    p->replaced = d.replaced;
    return ok;
}

static bool make(struct plan *p, struct err *e)
{
    char path[STORE_PATH];
    struct foreign f;
    struct name base;
    const char *from = p->m.from;
    if (foreign_is(from))
        return foreign_find(&f, from, e) && from_file(p, f.path, e);
    if (!path_from(o.file, from, path, e))
        return false;
    if (name_is_path(str_of(from)) || !name_parse(&base, str_of(from), NULL) ||
        access(path, F_OK) == 0)
        return from_file(p, path, e);
    return pull_offer(from, o.pull, false, e) && from_model(p, &base, e);
}

/* --- what came of it ----------------------------------------------------------------------------
 */

static bool print(const struct plan *p, struct err *e)
{
    char digest[DIGEST_HEX + 8];
    struct buf out;
    for (size_t i = 0; i < json_array_size(p->m.ignored); i++)
        fprintf(stderr, _("%s was not taken: moat decides that itself\n"),
                json_string_value(json_array_get(p->m.ignored, i)));
    if (!o.json) {
        printf(p->replaced ? _("%s is now another model:\n") : _("%s is there:\n"), p->name.text);
        printf("%s\n", p->digest.hex);
        return true;
    }
    snprintf(digest, sizeof digest, "sha256:%s", p->digest.hex);
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{s:s, s:s, s:I, s:b, s:O, s:O}", "name", p->name.text, "digest", digest,
                          "size", (json_int_t)p->size, "replaced", p->replaced, "settings",
                          p->settings, "ignored", p->m.ignored);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool run(const char *name, struct err *e)
{
    struct plan p = {.settings = json_object()};
    struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    bool ok = name_parse(&p.name, str_of(name), e) && isolate_import(true, e) &&
              buf_read_file(&text, o.file, e) && modelfile_parse(&p.m, buf_view(&text), o.file, e);
    ok = ok && (create_settings(&p.m, p.settings, e) || err_at(e, "%s", o.file)) && make(&p, e) &&
         print(&p, e);
    modelfile_clear(&p.m);
    json_decref(p.settings);
    buf_clear(&text);
    return ok;
}

static int main_create(int argc, char **argv)
{
    struct err e = {0};
    const struct opt table[] = {
        {"file", 'f', OPT_TEXT, &o.file, "FILE",
         N_("the Modelfile, or the same as JSON (default: Modelfile; - is standard input)"), 0, 0,
         NULL},
        {"pull", 0, OPT_FLAG, &o.pull, NULL,
         N_("fetch the model first where it is not here but in a catalogue, without asking"), 0, 0,
         NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[1]){NULL}};
    memset(&o, 0, sizeof o);
    o.file = "Modelfile";
    if (!opts_parse(&cmd_create, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o.helped, &e) ||
        (!o.helped && !run(args.v[0], &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_create = {
    .name = "create",
    .args = "NAME[:TAG]",
    .summary = N_("make a model with settings and a system message of its own"),
    .detail = N_(
        "The Modelfile is Ollama's: FROM (a model, a GGUF file, ollama:..., hf:...), PARAMETER, "
        "SYSTEM, MESSAGE, LICENSE. Its parameters become settings of the model under moat's names; "
        "those about the machine are left to moat, and so is TEMPLATE, since a GGUF file has its "
        "own. The bytes are kept once, however many models are made from them. As JSON: "
        "{\"from\": .., \"parameters\": {..}, \"system\": .., \"messages\": [..], \"license\": .., "
        "\"settings\": {..}}."),
    .run = main_create,
};
