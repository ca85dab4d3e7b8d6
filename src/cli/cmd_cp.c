/* SPDX-License-Identifier: Apache-2.0 */
/* moat cp: gives a model a second name; its bytes are kept once. */
#include <stdio.h>

#include "cli/commands.h"
#include "store/copy.h"

static bool run(const struct args *args, bool force, struct err *e)
{
    struct store s;
    struct name from, to;
    if (!name_parse(&from, str_of(args->v[0]), e) || !name_parse(&to, str_of(args->v[1]), e))
        return false;
    bool ok = store_open(&s, false, e) && copy_model(&s, &from, &to, force, e);
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
