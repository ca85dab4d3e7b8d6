/* SPDX-License-Identifier: Apache-2.0 */
/* moat cp: gives a model a second name; its bytes are kept once. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "store/manifest.h"

/* The bytes must be there: a name for nothing would be found out only when it runs. */
static bool has_bytes(const struct store *s, const struct manifest *m, struct err *e)
{
    int fd = blob_open(s, &m->digest, e);
    if (fd < 0)
        return err_at(e, "%s", m->name.text);
    close(fd);
    return true;
}

static bool copy(const struct store *s, const struct name *from, const struct name *to, bool force,
                 struct err *e)
{
    struct manifest m;
    uint64_t freed;
    if (!manifest_read(s, from, &m, e))
        return false;
    bool there = manifest_exists(s, to);
    bool ok = (force || !there ||
               fail(e, ERR_USAGE, "there is a model %s already; --force gives its name away",
                    to->text)) &&
              has_bytes(s, &m, e);
    m.name = *to;
    m.imported = (int64_t)time(NULL);
    m.through = false; /* somebody wants it: no mirror may remove it */
    ok = ok && manifest_write(s, &m, e);
    if (ok && there)
        (void)!blob_sweep(s, &freed, NULL); /* what lost its last name */
    manifest_clear(&m);
    return ok;
}

static bool run(const struct args *args, bool force, struct err *e)
{
    struct store s;
    struct name from, to;
    if (!name_parse(&from, str_of(args->v[0]), e) || !name_parse(&to, str_of(args->v[1]), e))
        return false;
    if (strcmp(from.text, to.text) == 0)
        return fail(e, ERR_USAGE, "%s is the name it has already", to.text);
    struct manifest m;
    if (!store_open(&s, false, e) || !manifest_read(&s, &from, &m, e))
        return false; /* before anything is locked: there may be no store */
    manifest_clear(&m);
    struct os_lock lock;
    if (!store_lock(&s, &lock, e))
        return false;
    bool ok = copy(&s, &from, &to, force, e);
    os_lock_close(&lock);
    if (ok)
        printf(_("%s is %s too\n"), from.text, to.text);
    return ok;
}

static int main_cp(int argc, char **argv)
{
    bool force = false, helped = false;
    struct err e = {0};
    const struct opt table[] = {
        {"force", 'f', OPT_FLAG, &force, NULL,
         N_("also when another model has the new name: it loses it"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[2]){NULL}};
    if (!opts_parse(&cmd_cp, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2, 2,
                    &helped, &e) ||
        (!helped && !run(&args, force, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_cp = {
    .name = "cp",
    .args = "NAME[:TAG] NEW[:TAG]",
    .summary = N_("give a model a second name"),
    .detail = N_("Both names have the same bytes, which are kept once, and the same settings. "
                 "moat rm takes one of them away."),
    .run = main_cp,
};
