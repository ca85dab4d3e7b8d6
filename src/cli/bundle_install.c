/* SPDX-License-Identifier: Apache-2.0 */
/* moat bundle verify, moat bundle install. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/bundle.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "cli/term.h"

static struct {
    struct bundle_keys keys;
    const char *program;
    bool json, helped;
} o;

/* --- verify ---------------------------------------------------------------------------------- */

static void count_kind(const struct bundle *b, enum bundle_kind kind, uint32_t *n, uint64_t *bytes)
{
    *n = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < b->n_files; i++)
        if (b->file[i].kind == kind) {
            ++*n;
            *bytes += b->file[i].bytes;
        }
}

/* Models and single files by name, the many files of the program in one row. */
static bool print_table(const struct bundle *b, struct err *e)
{
    struct table t;
    char size[16];
    uint32_t n;
    uint64_t bytes;
    table_init(&t, "llr");
    count_kind(b, BUNDLE_PROGRAM, &n, &bytes);
    if (n) {
        table_cell(&t, str_of(bundle_kind_text(BUNDLE_PROGRAM)));
        table_fmt(&t, "moat %s, %s", b->moat, b->arch);
        table_cell(&t, str_of(term_size(bytes, size)));
    }
    for (uint32_t i = 0; i < b->n_files; i++) {
        const struct bundle_file *f = &b->file[i];
        if (f->kind == BUNDLE_PROGRAM)
            continue;
        table_cell(&t, str_of(bundle_kind_text(f->kind)));
        table_cell(&t, str_of(f->kind == BUNDLE_MODEL ? f->name.text : strrchr(f->path, '/') + 1));
        table_cell(&t, str_of(term_size(f->bytes, size)));
    }
    bool ok = table_print(&t, false, e);
    table_clear(&t);
    return ok;
}

static bool print_json(const struct bundle *b, struct err *e)
{
    struct buf out;
    json_t *files = json_array();
    for (uint32_t i = 0; i < b->n_files; i++) {
        const struct bundle_file *f = &b->file[i];
        json_array_append_new(
            files, json_pack("{s:s, s:s, s:I, s:s, s:s*}", "kind", bundle_kind_names[f->kind],
                             "path", f->path, "bytes", (json_int_t)f->bytes, "sha256",
                             f->digest.hex, "name", f->kind == BUNDLE_MODEL ? f->name.text : NULL));
    }
    json_t *j =
        json_pack("{s:b, s:s, s:I, s:s, s:s, s:o}", "ok", 1, "signed_by", b->signers, "version",
                  (json_int_t)b->terms.version, "moat", b->moat, "arch", b->arch, "files", files);
    buf_init(&out, LIMIT_BUNDLE_LIST);
    bool ok = j && json_write(j, 0, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool verify(const char *path, struct err *e)
{
    struct bundle b;
    interrupt_begin();
    bool ok = bundle_open_verified(&b, path, &o.keys, e);
    interrupt_end();
    if (ok && o.json) {
        ok = print_json(&b, e);
    } else if (ok) {
        printf(_("%s is whole and signed by %s.\n"), path, b.signers);
        ok = print_table(&b, e);
    }
    bundle_close(&b);
    return ok;
}

static int main_verify(int argc, char **argv)
{
    static const struct opt table[] = {
        BUNDLE_KEY_OPTIONS(&o.keys),
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0}};
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&bundle_verify_verb, (const struct opt *const[]){table, NULL}, argc, argv,
                    &args, 1, 1, &o.helped, &e) ||
        (!o.helped && !verify(args.v[0], &e)))
        return opts_report(&e);
    return 0;
}

const struct command bundle_verify_verb = {
    .name = "bundle verify",
    .args = "FILE",
    .summary = N_("check a bundle: its signature, and every byte"),
    .detail = N_("FILE is the bundle, or what its parts are called without .001. Nothing is "
                 "written."),
    .run = main_verify,
};

/* --- install --------------------------------------------------------------------------------- */

static void show(void *arg, const struct bundle_file *f, bool was_there)
{
    (void)arg;
    if (f->kind == BUNDLE_PROGRAM) /* one line for all, at the end */
        return;
    const char *name = f->kind == BUNDLE_MODEL ? f->name.text : f->path;
    if (was_there)
        printf(_("%s %s was there already\n"), bundle_kind_text(f->kind), name);
    else
        printf(_("%s %s is installed\n"), bundle_kind_text(f->kind), name);
}

static bool holds_program(const struct bundle *b)
{
    return b->n_files && b->file[0].kind == BUNDLE_PROGRAM;
}

static bool install(const char *path, struct err *e)
{
    struct bundle b;
    struct progress bar;
    struct bundle_target t = {.program = o.program, .note = show};
    interrupt_begin();
    bool ok = bundle_open_verified(&b, path, &o.keys, e);
    if (ok && o.program && !holds_program(&b))
        ok = fail(e, ERR_NOT_FOUND, "%s holds no program; leave --to out", path);
    if (ok) {
        t.progress = bundle_bar(&bar, _("installing"));
        ok = bundle_install(&b, &t, e);
        progress_end(&bar);
    }
    interrupt_end();
    if (ok && o.program)
        printf(_("program: %s/moat/bin/moat\n"), o.program);
    bundle_close(&b);
    return ok;
}

static int main_install(int argc, char **argv)
{
    static const struct opt table[] = {
        BUNDLE_KEY_OPTIONS(&o.keys),
        {"to", 0, OPT_TEXT, &o.program, "DIR",
         N_("install the program too, as DIR/moat/bin/moat; without this only the rest"), 0, 0,
         NULL},
        {0}};
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&bundle_install_verb, (const struct opt *const[]){table, NULL}, argc, argv,
                    &args, 1, 1, &o.helped, &e) ||
        (!o.helped && !install(args.v[0], &e)))
        return opts_report(&e);
    return 0;
}

const struct command bundle_install_verb = {
    .name = "bundle install",
    .args = "FILE",
    .summary = N_("write what a bundle holds, once it is verified"),
    .detail = N_("Models get their names in the store; catalogues, policies, documents and "
                 "licences go into folders of the store. Everything is verified first; what is "
                 "there already is left as it is."),
    .run = main_install,
};
