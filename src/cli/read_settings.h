/* SPDX-License-Identifier: Apache-2.0 */
/* cli/read_settings: settings from a file that are to be kept with a model (import, pull). */
#ifndef MOAT_CLI_READ_SETTINGS_H
#define MOAT_CLI_READ_SETTINGS_H

#include <jansson.h>

#include "base/err.h"

/* They must be good before they are kept. */
bool read_settings(const char *path, json_t **out, struct err *e) MUST_USE;

#endif
