/* SPDX-License-Identifier: Apache-2.0 */
/* store/copy: a model gets a second name; its bytes are kept once. */
#ifndef MOAT_STORE_COPY_H
#define MOAT_STORE_COPY_H

#include "store/manifest.h"

/* force: another model that has the new name loses it; else that is ERR_USAGE. */
bool copy_model(const struct store *s, const struct name *from, const struct name *to, bool force,
                struct err *e) MUST_USE;

#endif
