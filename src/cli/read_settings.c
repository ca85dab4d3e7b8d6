/* SPDX-License-Identifier: Apache-2.0 */
/* cli/read_settings: see read_settings.h. */
#include "cli/read_settings.h"

#include "base/json.h"
#include "base/limits.h"
#include "run/settings.h"

bool read_settings(const char *path, json_t **out, struct err *e)
{
    struct settings s;
    *out = json_read_file(path, LIMIT_CONFIG_BYTES, e);
    if (!*out)
        return false;
    settings_init(&s);
    bool ok = settings_from_json(&s, *out, path, e);
    settings_clear(&s);
    return ok;
}
