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
#include "cli/signed_opts.h"
#include "cli/thin_model.h"
#include "engine/packed_file.h"
#include "store/manifest.h"
#include "store/signed.h"
#include "store/thin.h"

enum { IGNORED = 256 };

static struct {
    struct signed_opts by;
    const char *ignore[IGNORED];
    uint32_t n_ignore;
    bool others, json, helped;
} o;

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

static bool print(json_t *j, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool print_json(json_t *models, json_t *packs, struct err *e)
{
    return print(json_pack("{s:O, s:O}", "models", models, "damaged_packs", packs), e);
}

static bool verify_stored(const char *name, int *status, struct err *e)
{
    struct store s;
    struct check c = {.store = &s,
                      .models = o.json ? json_array() : NULL,
                      .packs = o.json ? json_array() : NULL,
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
    ok = ok && !c.stopped && (!o.json || print_json(c.models, c.packs, e));
    json_decref(c.models);
    json_decref(c.packs);
    *status = c.status;
    return ok;
}

/* --- what its maker has signed -------------------------------------------------------------------
 */

static bool is_stored_name(const char *text, struct name *name)
{
    return access(text, F_OK) != 0 && !name_is_path(str_of(text)) &&
           name_parse(name, str_of(text), NULL);
}

static bool stored_is_signed(const struct oms_list *l, const struct name *name,
                             const struct store_progress *progress, struct err *e)
{
    struct store s;
    struct manifest m;
    if (!store_open(&s, false, e) || !manifest_read(&s, name, &m, e))
        return false;
    int fd = blob_open(&s, &m.digest, e);
    bool ok = fd >= 0 && signed_file(l, fd, name->text, progress, e);
    if (fd >= 0)
        close(fd);
    manifest_clear(&m);
    return ok;
}

/* A stored model, a file or a folder. */
static bool is_signed(const struct oms_list *l, const char *model, struct err *e)
{
    struct name name;
    struct progress bar;
    const struct store_progress progress = {interrupt_progress, &bar};
    progress_start(&bar, model, 0);
    interrupt_begin();
    bool ok = is_stored_name(model, &name)
                  ? stored_is_signed(l, &name, &progress, e)
                  : signed_path(l, model,
                                &(struct signed_terms){.signature = o.by.signature,
                                                       .ignore = o.ignore,
                                                       .n_ignore = o.n_ignore,
                                                       .others = o.others,
                                                       .progress = &progress},
                                e);
    interrupt_end();
    progress_end(&bar);
    return ok;
}

static bool verify_signed(const char *model, struct err *e)
{
    struct oms_list l;
    if (!model)
        return fail(e, ERR_USAGE, "--signature needs a model, a file or a folder to check");
    bool ok = oms_open(&l, o.by.signature, &o.by.trust, e) && is_signed(&l, model, e);
    if (ok && o.json)
        ok = print(json_pack("{s:s, s:b, s:s, s:I}", "name", model, "ok", true, "signer", l.signer,
                             "files", (json_int_t)l.n),
                   e);
    else if (ok)
        printf(_("%s is what was signed by %s\n"), model, l.signer);
    oms_clear(&l);
    return ok;
}

/* --- the command --------------------------------------------------------------------------------
 */

static bool take_ignored(void *out, struct str path, struct err *e)
{
    (void)out;
    if (o.n_ignore == IGNORED)
        return fail(e, ERR_LIMIT, "%d paths are the most", IGNORED);
    o.ignore[o.n_ignore++] = path.p;
    return true;
}

static const struct opt table[] = {
    SIGNED_OPTS(&o.by),
    {"ignore-paths", 0, OPT_CALL, NULL, "PATH",
     N_("leave this path of a folder out; may be given again"), 0, 0, take_ignored},
    {"ignore-unsigned-files", 0, OPT_FLAG, &o.others, NULL,
     N_("let a folder hold files that were not signed"), 0, 0, NULL},
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
    {0}};

static bool run(const char *model, int *status, struct err *e)
{
    return signed_opts_check(&o.by, e) &&
           (o.by.signature ? verify_signed(model, e) : verify_stored(model, status, e));
}

static int main_verify(int argc, char **argv)
{
    struct err e = {0};
    int status = 0;
    struct args args = {.v = (const char *[1]){NULL}};
    memset(&o, 0, sizeof o);
    if (!opts_parse(&cmd_verify, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 1,
                    &o.helped, &e) ||
        (!o.helped && !run(args.n ? args.v[0] : NULL, &status, &e)))
        return opts_report(&e);
    return status;
}

const struct command cmd_verify = {
    .name = "verify",
    .args = "[NAME[:TAG]|FILE|FOLDER]",
    .summary = N_("check the stored bytes of models against their SHA-256, or a signature"),
    .detail =
        N_("Without a name all models are checked, and with them what is said of each and all "
           "packed weights. With --signature a stored model, a file or a folder is compared with "
           "what its maker has signed instead."),
    .run = main_verify,
};
