/* SPDX-License-Identifier: Apache-2.0 */
/* cli/open_model: see open_model.h. */
#include "cli/open_model.h"

struct gguf *open_model(const char *model, struct err *e)
{
    return gguf_open(model, e);
}
