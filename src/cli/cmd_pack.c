/* SPDX-License-Identifier: Apache-2.0 */
/* moat pack: makes the packed weights of models ahead, or keeps nothing but them. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/term.h"
#include "cli/thin_model.h"

enum what { PACK, PACK_ONLY, PACK_RESTORE };

static bool pack_now(const char *model, struct err *e)
{
    struct packs packs;
    struct packed packed = {0};
    struct gguf *g = open_to_look(model, e);
    struct model *m = NULL;
    bool ok = g && packs_init(&packs, g, e) && (m = model_new(g, NULL, e)) &&
              packed_open_threads(&packed, m, g, &packs.params, os_cpu_count(), e);
    if (ok) {
        packs_done(&packs);
        if (packed.notice.code)
            ok = fail(e, packed.notice.code, "%s", packed.notice.msg);
        else
            printf(_("%s is packed\n"), model);
    }
    model_free(m);
    packed_close(&packed);
    gguf_close(g);
    return ok;
}

static bool change(const char *text, enum what what, struct err *e)
{
    struct store s;
    struct name name;
    struct manifest m;
    char size[16];
    if (!name_parse(&name, str_of(text), e) || !store_open(&s, true, e) ||
        !manifest_read(&s, &name, &m, e))
        return false;
    if (what == PACK_ONLY)
        packs_forget(name.text); /* the one that goes with the whole file */
    bool ok = what == PACK_ONLY ? thin_model_make(&s, &m, e) : thin_model_restore(&s, &m, e);
    if (ok)
        printf(what == PACK_ONLY ? _("%s is kept packed only (%s)\n")
                                 : _("%s is whole again (%s)\n"),
               name.text, term_size(m.size, size));
    manifest_clear(&m);
    return ok;
}

static bool run(const struct args *args, enum what what, struct err *e)
{
    if (!isolate_import(false, e))
        return false;
    for (uint32_t i = 0; i < args->n; i++)
        if (!(what == PACK ? pack_now(args->v[i], e) : change(args->v[i], what, e)))
            return false;
    return true;
}

static int main_pack(int argc, char **argv)
{
    bool only = false, restore = false, helped = false;
    struct err e = {0};
    const struct opt table[] = {
        {"only", 0, OPT_FLAG, &only, NULL,
         N_("keep the packed weights and not the file: half of the disk space"), 0, 0, NULL},
        {"restore", 0, OPT_FLAG, &restore, NULL, N_("make the file again, byte for byte"), 0, 0,
         NULL},
        {0},
    };
    struct args args = {mem_new((size_t)argc, sizeof(char *), &e), 0};
    bool ok = args.v && opts_parse(&cmd_pack, (const struct opt *const[]){table, NULL}, argc, argv,
                                   &args, 1, UINT32_MAX, &helped, &e);
    if (ok && only && restore)
        ok = fail(&e, ERR_USAGE, "either --only or --restore, not both");
    ok = ok && (helped || run(&args, only ? PACK_ONLY : restore ? PACK_RESTORE : PACK, &e));
    mem_free(args.v);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_pack = {
    .name = "pack",
    .args = "MODEL...",
    .summary = N_("pack the weights of models for a quick start, or keep only those"),
    .detail = N_("The first start of a model packs its weights and keeps them beside its file, "
                 "which takes as much disk again. With --only the file goes: it can be made from "
                 "them, byte for byte, which is proved first. moat run, serve and verify work as "
                 "before; moat export and push want --restore."),
    .run = main_pack,
};
