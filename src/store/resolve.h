/* SPDX-License-Identifier: Apache-2.0 */
/* store/resolve: what the user calls a model -> an open file.
 *
 * A path to a GGUF file (it holds a slash, ends in .gguf, or is no stored name but a file that is
 * there) runs in place, and so does what another program keeps here (store/foreign). Everything
 * else is NAME[:TAG] of the store. */
#ifndef MOAT_STORE_RESOLVE_H
#define MOAT_STORE_RESOLVE_H

#include "gguf/gguf.h"
#include "store/manifest.h"

struct resolved {
    struct gguf *gguf;
    bool stored;              /* then the manifest is filled */
    struct manifest manifest; /* its digest and the rest */
};

bool resolve_model(const char *model, struct resolved *r, struct err *e) MUST_USE;
void resolved_clear(struct resolved *r); /* leaves the gguf, which the caller has taken */

#endif
