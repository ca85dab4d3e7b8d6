/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pack_path: where the packed weights of an open model are kept: $MOAT_HOME/packs, one file a
 * model. */
#ifndef MOAT_SERVE_PACK_PATH_H
#define MOAT_SERVE_PACK_PATH_H

#include "gguf/gguf.h"
#include "store/store.h"

/* *kept false: there is no home directory, weights are packed into memory. */
bool pack_path(const struct gguf *g, char path[STORE_PATH], bool *kept, struct err *e) MUST_USE;

#endif
