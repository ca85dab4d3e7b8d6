/* SPDX-License-Identifier: Apache-2.0 */
/* cli/open_model: see open_model.h. */
#include "cli/open_model.h"

#include "store/resolve.h"

struct gguf *open_model_with(const char *model, struct settings *s, struct err *e)
{
    struct resolved r;
    bool ok = resolve_model(model, &r, e);
    if (ok && s && r.manifest.settings)
        ok = settings_from_json(s, r.manifest.settings, r.manifest.name.text, e);
    if (!ok) {
        gguf_close(r.gguf);
        r.gguf = NULL;
    }
    resolved_clear(&r);
    return r.gguf;
}

struct gguf *open_model(const char *model, struct err *e)
{
    return open_model_with(model, NULL, e);
}
