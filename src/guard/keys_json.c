/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys_json: keys as JSON, and their file; see keys.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "guard/keys.h"

/* --- writing -------------------------------------------------------------------------------------
 */

static void hash_to_hex(const struct hash *h, char out[2 * HASH_BYTES + 1])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", h->b[i]);
}

static void set_number(json_t *j, const char *name, int64_t v)
{
    if (v)
        json_object_set_new(j, name, json_integer((json_int_t)v));
}

static void set_text(json_t *j, const char *name, const char *v)
{
    if (v[0])
        json_object_set_new(j, name, json_string(v));
}

json_t *key_terms_json(const struct key_terms *t)
{
    json_t *j = json_object(), *scopes = json_array(), *models = t->n_models ? json_array() : NULL;
    for (unsigned i = 0; i < KEY_SCOPES; i++)
        if (t->scopes & 1u << i)
            json_array_append_new(scopes, json_string(key_scope_name(i)));
    for (uint32_t i = 0; i < t->n_models; i++)
        json_array_append_new(models, json_string(t->models[i]));
    json_object_set_new(j, "scopes", scopes);
    if (models)
        json_object_set_new(j, "models", models);
    set_text(j, "tenant", t->tenant);
    set_text(j, "subject", t->subject);
    set_number(j, "expires", t->expires);
    set_number(j, "requests_per_minute", t->requests);
    set_number(j, "tokens_per_minute", t->tokens);
    set_number(j, "concurrent", t->concurrent);
    return j;
}

static json_t *key_json(const struct key *k)
{
    char hex[2 * HASH_BYTES + 1];
    hash_to_hex(&k->hash, hex);
    json_t *j = json_pack("{ss ss ss* sI}", "id", k->id, "name", k->name, "sha256",
                          k->has_text ? hex : NULL, "created", (json_int_t)k->created);
    json_t *terms = key_terms_json(&k->terms);
    json_object_update(j, terms);
    json_decref(terms);
    return j;
}

json_t *keys_to_json(const struct keys *k)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < k->n; i++)
        json_array_append_new(list, key_json(&k->v[i]));
    return json_pack("{so}", "keys", list);
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool hash_from_hex(const char *text, struct hash *h)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * HASH_BYTES; i++) {
        const char *at = text[i] ? strchr(hex, text[i]) : NULL;
        if (!at)
            return false;
        h->b[i / 2] = (uint8_t)(h->b[i / 2] << 4 | (at - hex));
    }
    return text[2 * HASH_BYTES] == '\0';
}

static bool take_text(const json_t *v, char *out, size_t cap)
{
    const char *text = json_string_value(v);
    char copy[KEY_SUBJECT];
    size_t n = json_string_length(v);
    if (!text || n == 0 || n >= cap || n >= sizeof copy || strlen(text) != n)
        return false;
    memcpy(copy, text, n + 1);
    memcpy(out, text, n + 1);
    str_make_printable(copy);
    return strcmp(copy, out) == 0;
}

static bool take_u32(const json_t *v, uint32_t *out)
{
    json_int_t n = json_integer_value(v);
    *out = (uint32_t)n;
    return json_is_integer(v) && n > 0 && n <= UINT32_MAX;
}

static bool take_time(const json_t *v, int64_t *out)
{
    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= 0;
}

static bool take_scopes(const json_t *v, struct key_terms *t)
{
    t->scopes = 0;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!key_scope_add(&t->scopes, str_of(json_string_value(json_array_get(v, i))), NULL))
            return false;
    return t->scopes != 0;
}

static bool take_models(const json_t *v, struct key_terms *t)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!key_model_add(t, str_of(json_string_value(json_array_get(v, i))), NULL))
            return false;
    return t->n_models > 0;
}

/* Of files written before there were scopes. */
static bool take_role(const json_t *v, struct key_terms *t)
{
    t->scopes |= KEY_OPERATOR;
    return json_is_string(v) && strcmp(json_string_value(v), "operator") == 0;
}

static bool take_member(struct key *k, const char *name, const json_t *v)
{
    struct key_terms *t = &k->terms;
    if (strcmp(name, "id") == 0)
        return take_text(v, k->id, sizeof k->id) && key_id_valid(k->id);
    if (strcmp(name, "name") == 0)
        return take_text(v, k->name, sizeof k->name);
    if (strcmp(name, "created") == 0)
        return take_time(v, &k->created);
    if (strcmp(name, "sha256") == 0)
        return k->has_text = json_is_string(v) && hash_from_hex(json_string_value(v), &k->hash);
    if (strcmp(name, "scopes") == 0)
        return take_scopes(v, t);
    if (strcmp(name, "role") == 0)
        return take_role(v, t);
    if (strcmp(name, "models") == 0)
        return take_models(v, t);
    if (strcmp(name, "tenant") == 0)
        return take_text(v, t->tenant, sizeof t->tenant);
    if (strcmp(name, "subject") == 0)
        return take_text(v, t->subject, sizeof t->subject);
    if (strcmp(name, "expires") == 0)
        return take_time(v, &t->expires);
    if (strcmp(name, "requests_per_minute") == 0)
        return take_u32(v, &t->requests);
    if (strcmp(name, "tokens_per_minute") == 0)
        return take_u32(v, &t->tokens);
    return strcmp(name, "concurrent") == 0 && take_u32(v, &t->concurrent);
}

static bool take_key(const struct keys *k, const json_t *j, struct key *key)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)j, name, v)
    {
        if (!take_member(key, name, v))
            return false;
    }
    return key->id[0] && key->name[0] && (key->has_text || key->terms.subject[0]) &&
           !keys_find(k, str_of(key->id)) && !keys_find(k, str_of(key->name)) &&
           !keys_by_subject(k, str_of(key->terms.subject));
}

static bool read_one(struct keys *k, const json_t *j, struct err *e)
{
    struct key key = {.terms.scopes = KEY_USUAL};
    if (!take_key(k, j, &key))
        return fail(e, ERR_CORRUPT,
                    "entry %u is no key; take the file from a backup, or remove it and make new "
                    "keys with moat key add",
                    k->n);
    if (!keys_grow(k, e))
        return false;
    k->v[k->n++] = key;
    return true;
}

bool keys_from_json(struct keys *k, const json_t *j, struct err *e)
{
    const json_t *list = json_object_get(j, "keys");
    if (!json_is_array(list))
        return fail(e, ERR_CORRUPT, "is no list of keys");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_one(k, json_array_get(list, i), e)) {
            keys_clear(k);
            return false;
        }
    return true;
}

/* --- the file ------------------------------------------------------------------------------------
 */

bool keys_read(struct keys *k, const char *path, struct err *e)
{
    struct os_map m;
    *k = (struct keys){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    if (!os_map_open_own(&m, path, e))
        return false;
    struct str text = {(const char *)m.p, m.n};
    json_t *j = m.n <= LIMIT_KEYS_BYTES
                    ? json_parse(text, path, e)
                    : (fail(e, ERR_LIMIT, "%s: is larger than a list of keys can be", path), NULL);
    bool ok = j && (keys_from_json(k, j, e) || err_at(e, "%s", path));
    json_decref(j);
    os_map_close(&m);
    return ok;
}

bool keys_write(const struct keys *k, const char *path, struct err *e)
{
    json_t *j = keys_to_json(k);
    bool ok = json_write_file(j, path, LIMIT_KEYS_BYTES, 0600, e);
    json_decref(j);
    return ok;
}
