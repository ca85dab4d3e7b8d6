/* SPDX-License-Identifier: Apache-2.0 */
/* run/approval: by what a model runs, as answers and records say it. */
#ifndef MOAT_RUN_APPROVAL_H
#define MOAT_RUN_APPROVAL_H

#include <jansson.h>

#include "gguf/gguf.h"

/* {"sha256": of the file, "policy": its version}, the caller's; NULL where there is no policy. */
json_t *approval_json(const struct gguf_approval *a);

#endif
