/* SPDX-License-Identifier: Apache-2.0 */
/* moat rm: takes names out of the store, and the files nobody names any more. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/packs.h"
#include "cli/term.h"
#include "store/manifest.h"

/* All names are there, or none is touched. */
static bool check_all(const struct store *s, const struct args *args, struct name *names,
                      struct err *e)
{
    for (uint32_t i = 0; i < args->n; i++) {
        struct manifest m;
        if (!name_parse(&names[i], str_of(args->v[i]), e))
            return false;
        if (manifest_exists(s, &names[i])) /* a damaged one may be removed too */
            continue;
        if (!manifest_read(s, &names[i], &m, e))
            return false;
        manifest_clear(&m); /* it came just now */
    }
    return true;
}

static bool remove_all(const struct store *s, const struct args *args, const struct name *names,
                       struct err *e)
{
    uint64_t freed = 0;
    char size[16];
    for (uint32_t i = 0; i < args->n; i++) {
        packs_forget(names[i].text);
        if (!manifest_remove(s, &names[i], e))
            return false;
    }
    if (!blob_sweep(s, &freed, e))
        return false;
    for (uint32_t i = 0; i < args->n; i++)
        printf(_("removed %s\n"), names[i].text);
    printf(_("%s freed\n"), term_size(freed, size));
    return true;
}

static bool run(const struct args *args, struct err *e)
{
    struct store s;
    struct name *names = mem_new(args->n, sizeof *names, e);
    bool ok = names && store_open(&s, false, e) && check_all(&s, args, names, e);
    struct os_lock lock = {.fd = -1};
    ok = ok && store_lock(&s, &lock, e) && remove_all(&s, args, names, e);
    os_lock_close(&lock);
    mem_free(names);
    return ok;
}

static int main_rm(int argc, char **argv)
{
    static const struct opt table[] = {{0}};
    struct err e = {0};
    bool helped = false;
    struct args args = {mem_new((size_t)argc, sizeof(char *), &e), 0};
    bool ok = args.v &&
              opts_parse(&cmd_rm, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                         UINT32_MAX, &helped, &e) &&
              (helped || run(&args, &e));
    mem_free(args.v);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_rm = {
    .name = "rm",
    .args = "NAME[:TAG]...",
    .summary = N_("remove models"),
    .detail = N_("A file that has another name left stays. What runs from a removed file runs on "
                 "until it ends."),
    .run = main_rm,
};
