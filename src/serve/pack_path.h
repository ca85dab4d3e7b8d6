/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pack_path: where the packed weights of a model are kept: $MOAT_HOME/packs, one file a
 * model, or $MOAT_HOME/thin where they are all that is kept. */
#ifndef MOAT_SERVE_PACK_PATH_H
#define MOAT_SERVE_PACK_PATH_H

#include "engine/packed.h"
#include "store/store.h"

struct pack_choice {
    char path[STORE_PATH];
    struct hash digest;
    bool kept;                   /* false: there is no place, weights are packed into memory */
    struct packed_params params; /* path, digest, required; points into this struct */
};

bool pack_choose(struct pack_choice *c, const struct gguf *g, struct err *e) MUST_USE;

#endif
