/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pack_path: see pack_path.h. */
#include "serve/pack_path.h"

#include "store/thin.h"

/* The pack beside a thin file; which model it is, its place in the store says. */
static bool choose_thin(struct pack_choice *c, const struct gguf *g, struct err *e)
{
    struct store store;
    struct os_file_id id;
    struct digest d;
    if (!store_open(&store, false, e) || !gguf_file_id(g, 0, &id, e))
        return false;
    if (!thin_find(&store, &id, &d))
        return fail(e, ERR_CORRUPT,
                    "this file has no weights of its own, and does not lie in the store that has "
                    "them");
    digest_to_hash(&d, &c->digest);
    thin_path(&store, &d, "pack", c->path);
    c->params = (struct packed_params){.path = c->path, .digest = &c->digest, .required = true};
    c->kept = true;
    return true;
}

bool pack_choose(struct pack_choice *c, const struct gguf *g, struct err *e)
{
    struct store store;
    struct err ignored;
    char name[PACKED_NAME_BYTES];
    *c = (struct pack_choice){0};
    if (g->thin)
        return choose_thin(c, g, e);
    if (!packed_name(g, NULL, name, e))
        return false;
    if (!store_open(&store, true, &ignored) ||
        !os_mkdirs(store_path(&store, c->path, "packs"), &ignored))
        return true;
    store_path(&store, c->path, "packs/%s", name);
    c->params.path = c->path;
    c->kept = true;
    return true;
}
