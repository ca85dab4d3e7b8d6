/* SPDX-License-Identifier: Apache-2.0 */
/* cli/packs: see packs.h. */
#include "cli/packs.h"

#include <unistd.h>

#include "cli/open_model.h"
#include "cli/opts.h"

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    struct packs *p = arg;
    if (!p->started)
        progress_start(&p->progress, _("packing weights"), total);
    p->started = true;
    progress_update(&p->progress, done);
}

bool packs_init(struct packs *p, const struct gguf *g, struct err *e)
{
    *p = (struct packs){0};
    if (!pack_choose(&p->choice, g, e))
        return false;
    p->params = p->choice.params;
    p->params.progress = show_progress;
    p->params.progress_arg = p;
    return true;
}

void packs_done(struct packs *p)
{
    if (p->started)
        progress_end(&p->progress);
}

void packs_forget(const char *model)
{
    struct packs p;
    struct err ignored;
    struct gguf *g = open_to_look(model, &ignored);
    if (g && packs_init(&p, g, &ignored) && p.params.path && !p.params.required)
        unlink(p.params.path);
    gguf_close(g);
}

bool packs_open_lab(struct lab *l, struct gguf *g, const struct lab_params *p, struct err *e)
{
    struct packs packs;
    struct lab_params with = *p;
    *l = (struct lab){0};
    if (!packs_init(&packs, g, e)) {
        lora_files_close(&with.adapters);
        gguf_close(g);
        return false;
    }
    with.pack = &packs.params;
    bool ok = lab_open(l, g, &with, e);
    packs_done(&packs);
    return ok;
}
