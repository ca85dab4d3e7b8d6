/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings_ollama: the options of Ollama's models -> moat's settings.
 *
 * Most have the same name. Values may be JSON values or, as a Modelfile has them, texts. */
#ifndef MOAT_RUN_SETTINGS_OLLAMA_H
#define MOAT_RUN_SETTINGS_OLLAMA_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/* Adds to *settings (an object) what these options mean. Options about the machine (num_gpu,
 * num_thread and the like) go into the array `ignored`: moat decides that at the start. ERR_USAGE
 * for an unknown name or a value out of range. */
bool settings_from_ollama(const json_t *options, json_t *settings, json_t *ignored,
                          struct err *e) MUST_USE;

/* Is it one of the options that moat's settings do not have under the same name? */
bool settings_ollama_has(struct str name);

#endif
