/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings_text: settings from command-line text.
 *
 * Text becomes the JSON value it stands for, so both ways share one check of type and range. What
 * stands for none (letters where a number is due) stays a text, which that check names. */
#include <string.h>

#include "base/json.h"
#include "run/settings_private.h"

/* The JSON number the text stands for, or the text itself: then the check of types says no. */
static json_t *number_of(struct str text, enum setting_kind kind)
{
    uint64_t whole;
    double real;
    bool minus = text.n && text.p[0] == '-';
    if (kind != SETTING_F32 && str_to_u64(str_from(text, minus), &whole) && whole <= INT64_MAX)
        return json_integer(minus ? -(json_int_t)whole : (json_int_t)whole);
    if (str_to_f64(text, &real))
        return json_real(real);
    return json_stringn(text.p, text.n);
}

/* The option alone says yes. */
static json_t *flag_of(struct str text)
{
    if (text.n == 0 || str_is(text, "true"))
        return json_true();
    return str_is(text, "false") ? json_false() : json_stringn(text.p, text.n);
}

static json_t *list_of(struct str text)
{
    json_t *list = text.n && text.p[0] == '[' ? json_parse(text, "", NULL) : NULL;
    return list ? list : json_stringn(text.p, text.n);
}

static json_t *names_of(struct str text)
{
    json_t *list = json_array();
    struct str name = {text.p, 0};
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != ';' && text.p[i] != ',') {
            name.n++;
            continue;
        }
        struct str trimmed = str_trim(name);
        if (trimmed.n)
            json_array_append_new(list, json_stringn(trimmed.p, trimmed.n));
        name = str_from(text, i + 1);
        name.n = 0;
    }
    return list;
}

static json_t *bias_of(struct str text)
{
    const char *equals = text.n ? memchr(text.p, '=', text.n) : NULL;
    struct str id = str_sub(text, 0, equals ? (size_t)(equals - text.p) : text.n);
    struct str rest = str_from(text, id.n + (equals != NULL));
    json_t *object = json_object();
    json_t *bias = str_is(rest, "false") ? json_false() : number_of(rest, SETTING_F32);
    json_object_setn_new(object, id.p, id.n, bias);
    return object;
}

bool settings_set(struct settings *s, const struct setting *def, struct str text, struct err *e)
{
    if (!str_utf8_valid(text) || (text.n && memchr(text.p, '\0', text.n)))
        return fail(e, ERR_USAGE, "%s: the value is not UTF-8 text", def->key);
    json_t *value = NULL;
    switch (def->kind) {
    case SETTING_U32:
    case SETTING_U64:
    case SETTING_F32:
        value = number_of(text, def->kind);
        break;
    case SETTING_FLAG:
        value = flag_of(text);
        break;
    case SETTING_CHOICE:
        value = json_stringn(text.p, text.n);
        break;
    case SETTING_STRINGS:
        value = list_of(text);
        break;
    case SETTING_ORDER:
        value = names_of(text);
        break;
    case SETTING_BIAS:
        value = bias_of(text);
        break;
    }
    if (!value)
        return fail(e, ERR_LIMIT, "%s: not enough memory", def->key);
    bool ok = setting_set_value(s, def, value, true, e);
    json_decref(value);
    return ok;
}
