/* SPDX-License-Identifier: Apache-2.0 */
/* serve/fields: see fields.h. */
#include "serve/fields.h"

#include <string.h>

const json_t *field_any(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_null(v) ? NULL : v;
}

bool field_needed(const json_t *o, const char *name, struct problem *p)
{
    if (field_any(o, name))
        return true;
    fail(&p->err, ERR_USAGE, "%s: is missing", name);
    return problem_of(p, name);
}

bool field_text(const json_t *o, const char *name, struct str *out, struct problem *p)
{
    const json_t *v = field_any(o, name);
    if (v && !json_is_string(v)) {
        fail(&p->err, ERR_USAGE, "%s: must be a string", name);
        return problem_of(p, name);
    }
    if (v)
        *out = (struct str){json_string_value(v), json_string_length(v)};
    return true;
}

bool field_bool(const json_t *o, const char *name, bool *out, struct problem *p)
{
    const json_t *v = field_any(o, name);
    if (v && !json_is_boolean(v)) {
        fail(&p->err, ERR_USAGE, "%s: must be true or false", name);
        return problem_of(p, name);
    }
    if (v)
        *out = json_is_true(v);
    return true;
}

bool field_u32(const json_t *o, const char *name, uint32_t min, uint32_t max, uint32_t *out,
               struct problem *p)
{
    const json_t *v = field_any(o, name);
    if (v && (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)) {
        fail(&p->err, ERR_USAGE, "%s: must be a whole number from %u to %u", name, min, max);
        return problem_of(p, name);
    }
    if (v)
        *out = (uint32_t)json_integer_value(v);
    return true;
}

bool field_array(const json_t *o, const char *name, const json_t **out, struct problem *p)
{
    const json_t *v = field_any(o, name);
    if (v && !json_is_array(v)) {
        fail(&p->err, ERR_USAGE, "%s: must be an array", name);
        return problem_of(p, name);
    }
    if (v)
        *out = v;
    return true;
}

bool field_object(const json_t *o, const char *name, const json_t **out, struct problem *p)
{
    const json_t *v = field_any(o, name);
    if (v && !json_is_object(v)) {
        fail(&p->err, ERR_USAGE, "%s: must be an object", name);
        return problem_of(p, name);
    }
    if (v)
        *out = v;
    return true;
}

bool field_setting(const json_t *o, const char *name, const char *key, struct settings *s,
                   struct problem *p)
{
    const json_t *v = field_any(o, name);
    const struct setting *def = settings_find(str_of(key));
    must(def);
    if (!v || settings_set_json(s, def, v, &p->err))
        return true;
    if (strcmp(name, key) != 0)
        err_at(&p->err, "%s", name);
    return problem_of(p, name);
}
