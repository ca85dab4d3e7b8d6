/* SPDX-License-Identifier: Apache-2.0 */
/* store/pins: see pins.h. */
#include "store/pins.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"

#define PINS_FILE "pins.json"

enum { KEY_BYTES = 3 * NAME_PART + 8 };

static const char *key_of(const char *catalog, const struct name *name, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s/%s", catalog, name->text);
    return out;
}

/* The object with all pins; an absent file has none. */
static json_t *read_all(const struct store *s, struct err *e)
{
    char path[STORE_PATH];
    if (access(store_path(s, path, PINS_FILE), F_OK) != 0)
        return json_pack("{s:{}}", "pins");
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, e);
    if (j && json_is_object(json_object_get(j, "pins")))
        return j;
    if (j)
        fail(e, ERR_CORRUPT, "%s is no list of pins; take it from a backup, or remove it", path);
    json_decref(j);
    return NULL;
}

bool pins_get(const struct store *s, const char *catalog, const struct name *name, bool *found,
              struct digest *d, struct err *e)
{
    char key[KEY_BYTES], path[STORE_PATH];
    json_t *j = read_all(s, e);
    if (!j)
        return false;
    const json_t *pin = json_object_get(json_object_get(j, "pins"), key_of(catalog, name, key));
    *found = pin != NULL;
    bool ok = !pin ||
              digest_parse(d, str_of(json_string_value(json_object_get(pin, "sha256"))), e) ||
              err_at(e, "%s", store_path(s, path, PINS_FILE));
    json_decref(j);
    return ok;
}

static bool write_all(const struct store *s, const json_t *j, struct err *e)
{
    char path[STORE_PATH];
    return json_write_file(j, store_path(s, path, PINS_FILE), LIMIT_JSON_BYTES, 0644, e);
}

bool pins_set(const struct store *s, const char *catalog, const struct name *name,
              const struct digest *d, struct err *e)
{
    char key[KEY_BYTES], now[32] = "";
    time_t at = time(NULL);
    struct tm t;
    json_t *j = read_all(s, e);
    if (!j)
        return false;
    if (gmtime_r(&at, &t))
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &t);
    bool ok = json_object_set_new(json_object_get(j, "pins"), key_of(catalog, name, key),
                                  json_pack("{s:s, s:s}", "sha256", d->hex, "pinned", now)) == 0 ||
              fail(e, ERR_LIMIT, "not enough memory");
    ok = ok && write_all(s, j, e);
    json_decref(j);
    return ok;
}
