/* SPDX-License-Identifier: Apache-2.0 */
/* serve/create: see create.h. */
#include "serve/create.h"

#include "run/settings.h"
#include "run/settings_ollama.h"

bool create_settings(struct modelfile *m, json_t *settings, struct err *e)
{
    struct settings check;
    if (!settings_from_ollama(m->parameters, settings, m->ignored, e))
        return false;
    if (!m->settings)
        return true;
    settings_init(&check);
    bool ok =
        settings_from_json(&check, m->settings, "settings", e) &&
        (json_object_update(settings, m->settings) == 0 || fail(e, ERR_LIMIT, "not enough memory"));
    settings_clear(&check);
    return ok;
}
