/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engine_process: the process of one model: opens its file and its packed weights, and works
 * on the jobs that come over its line (run/engine_role) until that ends. */
#ifndef MOAT_SERVE_ENGINE_PROCESS_H
#define MOAT_SERVE_ENGINE_PROCESS_H

#include "serve/config.h"
#include "serve/served.h"

/* Returns the exit status; an error has been logged. */
int engine_process(const struct served *model, const struct config *config, int line);

#endif
