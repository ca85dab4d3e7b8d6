/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_role: the process of one model: opens its file, plans its memory, and works on the
 * jobs that come over its line until that ends. */
#ifndef MOAT_SERVE_ENGINE_ROLE_H
#define MOAT_SERVE_ENGINE_ROLE_H

#include "serve/config.h"
#include "serve/served.h"

/* Returns the exit status; an error has been logged. Takes the line over. */
int engine_role(const struct served *model, const struct config *config, int line);

#endif
