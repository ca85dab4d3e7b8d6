/* SPDX-License-Identifier: Apache-2.0 */
/* moat doctor: will this machine run models, which, how fast, and what stands in the way? */
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/doctor_show.h"
#include "cli/isolate.h"
#include "cli/open_model.h"
#include "cli/term.h"
#include "ops/remedy.h"
#include "store/manifest.h"

struct options {
    const char *root;
    bool json, measure, measure_disk, fix, undo, yes, dry_run, helped;
    enum remedy only;
    uint64_t swap_bytes;
    struct args models;
};

static bool take_remedy(void *out, struct str value, struct err *e)
{
    enum remedy *r = out;
    *r = remedy_named(value);
    return *r != REMEDY_NONE ||
           fail(e, ERR_USAGE, "--only %.*s: it is swap, huge-pages, files or pool", STR_ARG(value));
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {"no-measure", 0, OPT_NO_FLAG, &o->measure, NULL,
         N_("look only; do not measure memory and disk"), 0, 0, NULL},
        {"no-disk", 0, OPT_NO_FLAG, &o->measure_disk, NULL, N_("do not measure the disk"), 0, 0,
         NULL},
        {"root", 0, OPT_TEXT, &o->root, "DIR",
         N_("examine the machine whose /proc, /sys and /etc are in DIR, with what was measured "
            "there in DIR/measured.json"),
         0, 0, NULL},
        {"fix", 0, OPT_FLAG, &o->fix, NULL,
         N_("set up what is safe: swap file, huge pages, limits, a memory pool (as root)"), 0, 0,
         NULL},
        {"only", 0, OPT_CALL, &o->only, "WHAT",
         N_("--fix this alone: swap, huge-pages, files, pool"), 0, 0, take_remedy},
        {"swap", 0, OPT_SIZE, &o->swap_bytes, "SIZE",
         N_("--fix a swap file of this size, whether one is asked for or not"), 0, 0, NULL},
        {"dry-run", 0, OPT_FLAG, &o->dry_run, NULL, N_("show what --fix would do"), 0, 0, NULL},
        {"yes", 'y', OPT_FLAG, &o->yes, NULL, N_("do not ask before --fix"), 0, 0, NULL},
        {"undo", 0, OPT_FLAG, &o->undo, NULL, N_("take back what --fix did (as root)"), 0, 0, NULL},
        {0},
    };
    o->measure = o->measure_disk = true;
    return opts_parse(&cmd_doctor, (const struct opt *const[]){table, NULL}, argc, argv, &o->models,
                      0, DOCTOR_FILES, &o->helped, e);
}

static bool check(const struct options *o, struct err *e)
{
    if (o->fix && o->undo)
        return fail(e, ERR_USAGE, "--fix and --undo cannot be given together");
    if ((o->only || o->swap_bytes || o->dry_run || o->yes) && !o->fix)
        return fail(e, ERR_USAGE, "--only, --swap, --dry-run and --yes belong to --fix");
    if ((o->fix || o->undo) && (o->json || o->models.n))
        return fail(e, ERR_USAGE, "--fix and --undo take neither --json nor a model");
    if (((o->fix && !o->dry_run) || o->undo) && !o->root && geteuid() != 0)
        return fail(e, ERR_DENIED,
                    "changing the system needs root: run sudo moat doctor with the same options");
    if (o->root && access(o->root, R_OK | X_OK) != 0)
        return fail(e, ERR_NOT_FOUND, "--root %s is no folder that can be read", o->root);
    return true;
}

static void show_note(void *arg, const char *what)
{
    (void)arg;
    if (term_moves(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s ...", what);
}

static void clear_note(void)
{
    if (term_moves(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}

/* The store, by the path the system knows it by; of another machine, that of a service. */
static void find_store(const struct options *o, char dir[PATH_MAX])
{
    struct store s;
    struct err ignored;
    char existing[PATH_MAX];
    snprintf(dir, PATH_MAX, "%s", o->root ? "/var/lib/moat" : "/");
    if (!o->root && store_open(&s, false, &ignored) &&
        disk_existing(s.root, existing, sizeof existing) && !realpath(existing, dir))
        snprintf(dir, PATH_MAX, "/");
}

static bool examine(const struct options *o, struct doctor *d, struct err *e)
{
    char store[PATH_MAX];
    find_store(o, store);
    const struct doctor_params p = {.root = o->root ? o->root : "",
                                    .store = store,
                                    .measure = o->measure && !o->fix,
                                    .measure_disk = o->measure_disk,
                                    .note = show_note};
    bool ok = doctor_examine(d, &p, e);
    clear_note();
    return ok;
}

/* What the models say of themselves: found by a process apart, which reads their files. */
static struct {
    struct name name[DOCTOR_FILES]; /* of those of the store */
    struct forecast file[DOCTOR_FILES];
    uint32_t n;
} looked;

/* One of the store goes into the list; one that cannot be read is left to moat verify. */
static bool add_stored(void *arg, const struct name *name, const struct manifest *m,
                       const struct err *why)
{
    struct err ignored;
    (void)arg, (void)why;
    if (looked.n == DOCTOR_FILES)
        return false;
    looked.name[looked.n] = *name;
    struct gguf *g = m ? open_to_look(name->text, &ignored) : NULL;
    if (g && forecast_file(&looked.file[looked.n], looked.name[looked.n].text, g, &ignored))
        looked.n++;
    gguf_close(g);
    return true;
}

static void read_stored(void)
{
    struct store s;
    struct err ignored;
    if (store_open(&s, false, &ignored))
        (void)!manifest_each(&s, add_stored, NULL, &ignored);
}

static bool look_at_models(void *arg, struct err *e)
{
    const struct options *o = arg;
    if (o->models.n == 0)
        read_stored();
    for (uint32_t i = 0; i < o->models.n; i++) {
        struct gguf *g = open_to_look(o->models.v[i], e);
        bool ok = g && forecast_file(&looked.file[looked.n++], o->models.v[i], g, e);
        gguf_close(g);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_models(const struct options *o, struct doctor *d, struct err *e)
{
    if (o->models.n == 0 && (o->root || o->fix))
        return true;
    if (!isolate_apart(false, look_at_models, (void *)(uintptr_t)o, &looked, sizeof looked, e))
        return false;
    d->n_files = looked.n;
    memcpy(d->files, looked.file, sizeof d->files);
    return true;
}

static void print_line(void *arg, const char *line)
{
    (void)arg;
    printf("%s\n", line);
}

static bool confirm(const struct options *o, struct err *e)
{
    char answer[16] = "";
    if (o->yes)
        return true;
    if (!term_is(STDIN_FILENO))
        return fail(e, ERR_USAGE, "--fix asks first; add --yes where nobody can answer");
    printf("%s", _("Do this? [y/N] "));
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    return fail(e, ERR_CANCELLED, "nothing was changed");
}

static bool fix(const struct options *o, const struct doctor *d, struct err *e)
{
    struct remedy_plan plan;
    struct buf text;
    remedy_plan(&plan, &d->host, &d->verdict, o->only, o->swap_bytes);
    if (plan.n == 0) {
        puts(_("There is nothing to set up."));
        return true;
    }
    buf_init(&text, 1 << 16);
    buf_cstr(&text, _("This is what is done:\n"));
    for (uint32_t i = 0; i < plan.n; i++) {
        buf_cstr(&text, "  ");
        remedy_describe(&plan.step[i], &text);
        buf_byte(&text, '\n');
    }
    fputs(buf_c(&text), stdout);
    buf_clear(&text);
    if (o->dry_run)
        return true;
    if (!confirm(o, e) || !remedy_apply(&plan, o->root ? o->root : "", print_line, NULL, e))
        return false;
    puts(_("moat doctor --undo takes it back."));
    return true;
}

static bool run(const struct options *o, struct err *e)
{
    if (!check(o, e))
        return false;
    if (o->undo)
        return remedy_undo(o->root ? o->root : "", print_line, NULL, e);
    struct doctor *d = mem_new(1, sizeof *d, e);
    bool ok = d && read_models(o, d, e) && examine(o, d, e);
    if (ok && o->fix)
        ok = fix(o, d, e);
    else if (ok)
        ok = o->json ? doctor_print_json(d, e) : doctor_print(d, e);
    mem_free(d);
    return ok;
}

static int main_doctor(int argc, char **argv)
{
    const char *positional[DOCTOR_FILES];
    struct options o = {.models = {.v = positional}};
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .args = "[MODEL...]",
    .summary = N_("say which models this machine runs, how fast, and what is missing"),
    .detail = N_("Reads what the machine is, measures memory and disk for about ten seconds, and "
                 "says which sizes of models run and how fast they write: first the models of the "
                 "store, or the MODEL that is named, then common sizes.\n\n"
                 "--fix sets up what is safe and shows it first; --undo takes it back. The record "
                 "of it is in /var/lib/moat-doctor."),
    .run = main_doctor,
};
