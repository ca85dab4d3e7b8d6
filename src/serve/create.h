/* SPDX-License-Identifier: Apache-2.0 */
/* serve/create: what moat create and Ollama's /api/create have in common. */
#ifndef MOAT_SERVE_CREATE_H
#define MOAT_SERVE_CREATE_H

#include "store/modelfile.h"

/* Adds to *settings (an object) what the model is to start with: its PARAMETERs, and over them what
 * moat itself calls settings. */
bool create_settings(struct modelfile *m, json_t *settings, struct err *e) MUST_USE;

#endif
