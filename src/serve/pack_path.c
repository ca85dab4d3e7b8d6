/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pack_path: see pack_path.h. */
#include "serve/pack_path.h"

#include "engine/packed.h"

bool pack_path(const struct gguf *g, char path[STORE_PATH], bool *kept, struct err *e)
{
    struct store store;
    struct err ignored;
    char name[PACKED_NAME_BYTES];
    *kept = false;
    if (!packed_name(g, NULL, name, e))
        return false;
    if (!store_open(&store, true, &ignored) ||
        !os_mkdirs(store_path(&store, path, "packs"), &ignored))
        return true;
    store_path(&store, path, "packs/%s", name);
    *kept = true;
    return true;
}
