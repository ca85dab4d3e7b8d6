/* SPDX-License-Identifier: Apache-2.0 */
/* moat verify: are the stored bytes still those that were imported? */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/thin_model.h"
#include "engine/packed_file.h"
#include "store/manifest.h"
#include "store/thin.h"

struct check {
    const struct store *store;
    struct progress bar;
    json_t *models, *packs; /* NULL: text */
    int status;
    struct err *e; /* of a check that was stopped */
    bool stopped;
};

static bool rehash(struct check *c, const struct manifest *m, struct err *e)
{
    struct digest d;
    const struct store_progress progress = {interrupt_progress, &c->bar};
    bool thin = false, ok;
    int fd = blob_open(c->store, &m->digest, e);
    if (fd < 0 && !(thin = thin_exists(c->store, &m->digest)))
        return err_at(e, "%s", m->name.text);
    if (thin) {
        ok = thin_model_hash(c->store, m, &d, e) || err_at(e, "%s", m->name.text);
    } else {
        progress_start(&c->bar, m->name.text, m->size);
        ok = blob_hash(fd, m->name.text, &progress, &d, e);
        progress_end(&c->bar);
        close(fd);
    }
    if (ok && strcmp(d.hex, m->digest.hex) != 0)
        return fail(e, ERR_CORRUPT,
                    "%s: the stored bytes are damaged: their SHA-256 is %s, not %s; import the "
                    "model again",
                    m->name.text, d.hex, m->digest.hex);
    return ok;
}

static bool check_one(void *arg, const struct name *name, const struct manifest *m,
                      const struct err *why)
{
    struct check *c = arg;
    struct err e = *why;
    bool ok = m && rehash(c, m, &e);
    if (!ok && e.code == ERR_CANCELLED) {
        *c->e = e;
        c->stopped = true;
        return false;
    }
    if (!ok)
        c->status = opts_report(&e);
    if (c->models)
        json_array_append_new(c->models, json_pack("{s:s, s:b, s:s*}", "name", name->text, "ok", ok,
                                                   "error", ok ? NULL : e.msg));
    else if (ok)
        printf(_("%s is intact\n"), name->text);
    return true;
}

/* --- packed weights ------------------------------------------------------------------------ */

static void check_pack(struct check *c, const char *path)
{
    struct err e = {0};
    if (packed_file_check(path, &e) || e.code == ERR_UNSUPPORTED || e.code == ERR_NOT_FOUND)
        return;
    c->status = opts_report(&e);
    if (c->packs)
        json_array_append_new(c->packs, json_pack("{s:s, s:s}", "file", path, "error", e.msg));
}

/* A pack that is damaged would make wrong answers of a model that is whole. */
static void check_packs(struct check *c)
{
    char folder[STORE_PATH], path[STORE_PATH];
    DIR *dir = opendir(store_path(c->store, folder, "packs"));
    for (struct dirent *d; dir && !atomic_load(interrupt_flag()) && (d = readdir(dir));)
        if (str_ends(str_of(d->d_name), STR(".pack")) && strlen(d->d_name) < 64)
            check_pack(c, store_path(c->store, path, "packs/%s", d->d_name));
    if (dir)
        closedir(dir);
}

/* --- all of them --------------------------------------------------------------------------- */

static bool check_named(struct check *c, const char *text, struct err *e)
{
    struct name name;
    struct manifest m;
    if (!name_parse(&name, str_of(text), e) || !manifest_read(c->store, &name, &m, e))
        return false;
    check_one(c, &name, &m, &(struct err){0});
    manifest_clear(&m);
    return true;
}

static bool print_json(json_t *models, json_t *packs, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{s:O, s:O}", "models", models, "damaged_packs", packs);
    bool ok = json_write(j, 0, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool run(const char *name, bool json, int *status, struct err *e)
{
    struct store s;
    struct check c = {.store = &s,
                      .models = json ? json_array() : NULL,
                      .packs = json ? json_array() : NULL,
                      .e = e};
    bool ok = store_open(&s, false, e);
    interrupt_begin();
    if (ok && name)
        ok = check_named(&c, name, e);
    else if (ok)
        ok = manifest_each(&s, check_one, &c, e);
    if (ok && !name && !c.stopped)
        check_packs(&c);
    interrupt_end();
    ok = ok && !c.stopped && (!json || print_json(c.models, c.packs, e));
    json_decref(c.models);
    json_decref(c.packs);
    *status = c.status;
    return ok;
}

static int main_verify(int argc, char **argv)
{
    bool json = false, helped = false;
    struct err e = {0};
    int status = 0;
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&cmd_verify, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 1,
                    &helped, &e) ||
        (!helped && !run(args.n ? args.v[0] : NULL, json, &status, &e)))
        return opts_report(&e);
    return status;
}

const struct command cmd_verify = {
    .name = "verify",
    .args = "[NAME[:TAG]]",
    .summary = N_("check the stored bytes of models against their SHA-256"),
    .detail =
        N_("Without a name all models are checked, and with them what is said of each and all "
           "packed weights."),
    .run = main_verify,
};
