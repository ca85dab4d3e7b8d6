/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog: see catalog.h. */
#include "store/catalog.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fetch/url.h"
#include "store/upstream.h"

#define FORMAT 1

/* --- one model ------------------------------------------------------------------------------- */

/* A text that is absent is ""; one of another type or with control characters is none. */
static bool get_text(const json_t *j, const char *key, const char **out)
{
    char copy[LIMIT_CATALOG_TEXT];
    const json_t *v = json_object_get(j, key);
    *out = v ? json_string_value(v) : "";
    if (!*out || strlen(*out) >= sizeof copy || strlen(*out) != (v ? json_string_length(v) : 0))
        return false;
    snprintf(copy, sizeof copy, "%s", *out);
    str_make_printable(copy);
    return strcmp(copy, *out) == 0;
}

static bool get_number(const json_t *j, const char *key, uint64_t max, uint64_t *out)
{
    const json_t *v = json_object_get(j, key);
    *out = v && json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
    return !v || (json_is_integer(v) && *out > 0 && *out <= max);
}

static bool get_digest(const json_t *j, const char *key, bool *has, struct digest *d)
{
    const json_t *v = json_object_get(j, key);
    *has = v != NULL;
    return !v || (json_is_string(v) && digest_parse(d, str_of(json_string_value(v)), NULL));
}

/* Strings, each shorter than an address may be. */
static bool get_list(const json_t *j, const char *key, size_t max, const json_t **out)
{
    const json_t *v;
    size_t i;
    *out = json_object_get(j, key);
    if (!*out)
        return true;
    if (!json_is_array(*out) || json_array_size(*out) > max)
        return false;
    json_array_foreach((json_t *)(uintptr_t)*out, i,
                       v) if (!json_is_string(v) || json_string_length(v) >= LIMIT_URL_BYTES ||
                              strlen(json_string_value(v)) != json_string_length(v)) return false;
    return true;
}

static bool get_tree(struct catalog_entry *m, const json_t *j)
{
    bool has;
    struct digest d;
    if (!get_digest(j, "tree", &has, &d))
        return false;
    m->tree = has ? json_string_value(json_object_get(j, "tree")) : NULL;
    return !has || strcmp(m->tree, d.hex) == 0; /* in lower case, without a prefix */
}

static bool parse_entry(struct catalog_entry *m, const json_t *j, const char *where, struct err *e)
{
    uint64_t context = 0;
    const char *key = NULL;
    const char *name = json_string_value(json_object_get(j, "name"));
    if (!name || !name_parse(&m->name, str_of(name), NULL))
        return fail(e, ERR_CORRUPT, "%s: a model in it has no name, or a wrong one: \"%s\"", where,
                    name ? name : "");
#define NEED(ok, word)                                                                             \
    if (!key && !(ok))                                                                             \
    key = (word)
    NEED(get_text(j, "summary", &m->summary), "summary");
    NEED(get_text(j, "parameters", &m->parameters), "parameters");
    NEED(get_text(j, "architecture", &m->architecture), "architecture");
    NEED(get_text(j, "quantisation", &m->quantisation), "quantisation");
    NEED(get_text(j, "licence", &m->licence), "licence");
    NEED(get_number(j, "size", LIMIT_PULL_BYTES, &m->size), "size");
    NEED(get_number(j, "memory", LIMIT_PULL_BYTES, &m->memory), "memory");
    NEED(get_number(j, "context", LIMIT_CONTEXT, &context), "context");
    NEED(get_digest(j, "sha256", &m->has_digest, &m->digest), "sha256");
    NEED(get_digest(j, "template_sha256", &m->has_template, &m->template_digest),
         "template_sha256");
    NEED(get_tree(m, j), "tree");
    NEED(get_list(j, "aliases", LIMIT_CATALOG_ALIASES, &m->aliases), "aliases");
    NEED(get_list(j, "sources", LIMIT_PULL_SOURCES, &m->sources) && json_array_size(m->sources),
         "sources");
#undef NEED
    m->context = (uint32_t)context;
    return !key || fail(e, ERR_CORRUPT, "%s: the key \"%s\" of %s is absent or wrong", where, key,
                        m->name.text);
}

/* --- the document ---------------------------------------------------------------------------- */

static bool add_name(struct catalog *c, const char *text, size_t i, const char *where,
                     struct err *e)
{
    uint32_t old;
    struct name name;
    if (!name_parse(&name, str_of(text), NULL) || strcmp(name.text, text) != 0)
        return fail(e, ERR_CORRUPT, "%s: \"%s\" is no name of a model: NAME:TAG", where, text);
    if (map_get(&c->by_name, str_of(text), &old))
        return fail(e, ERR_CORRUPT, "%s: two models in it are called %s", where, text);
    return map_put(&c->by_name, str_of(text), (uint32_t)i, e);
}

static bool add_names(struct catalog *c, size_t i, const char *where, struct err *e)
{
    const struct catalog_entry *m = &c->v[i];
    bool ok = add_name(c, m->name.text, i, where, e);
    for (size_t k = 0; ok && k < json_array_size(m->aliases); k++)
        ok = add_name(c, json_string_value(json_array_get(m->aliases, k)), i, where, e);
    return ok;
}

static bool parse_models(struct catalog *c, const char *where, struct err *e)
{
    const json_t *models = json_object_get(c->document, "models");
    if (!json_is_array(models))
        return fail(e, ERR_CORRUPT, "%s is no catalogue: it has no list \"models\"", where);
    if (json_array_size(models) > LIMIT_CATALOG_MODELS)
        return fail(e, ERR_LIMIT, "%s has more than %u models", where, LIMIT_CATALOG_MODELS);
    c->v = mem_new(json_array_size(models) + 1, sizeof *c->v, e);
    bool ok = c->v != NULL;
    for (size_t i = 0; ok && i < json_array_size(models); i++) {
        ok =
            parse_entry(&c->v[i], json_array_get(models, i), where, e) && add_names(c, i, where, e);
        c->n += ok;
    }
    return ok;
}

static bool check_format(const struct catalog *c, const char *where, struct err *e)
{
    const json_t *format = json_object_get(c->document, "format");
    if (!json_is_object(c->document) || !json_is_integer(format) || json_integer_value(format) < 1)
        return fail(e, ERR_CORRUPT, "%s is no catalogue: it has no \"format\"", where);
    return json_integer_value(format) <= FORMAT ||
           fail(e, ERR_UNSUPPORTED,
                "%s has format %lld, this program knows %d: it was written for a newer moat", where,
                (long long)json_integer_value(format), FORMAT);
}

bool catalog_parse(struct catalog *c, struct str text, const char *where, struct err *e)
{
    *c = (struct catalog){.document = json_parse(text, where, e)};
    if (!c->document)
        return false;
    bool ok = check_format(c, where, e) && sign_terms_read(&c->terms, c->document, where, e) &&
              parse_models(c, where, e);
    if (ok && !get_text(c->document, "name", &c->title))
        ok = fail(e, ERR_CORRUPT, "%s: its \"name\" is wrong", where);
    if (!ok)
        catalog_clear(c);
    return ok;
}

void catalog_clear(struct catalog *c)
{
    map_clear(&c->by_name);
    mem_free(c->v);
    json_decref(c->document);
    *c = (struct catalog){0};
}

/* --- looking ---------------------------------------------------------------------------------- */

const struct catalog_entry *catalog_find(const struct catalog *c, const struct name *name)
{
    uint32_t i;
    return map_get(&c->by_name, str_of(name->text), &i) ? &c->v[i] : NULL;
}

static bool has_word(const struct catalog_entry *m, const char *word)
{
    const char *const texts[] = {m->name.text, m->summary, m->architecture, m->licence,
                                 m->quantisation};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcasestr(texts[i], word))
            return true;
    for (size_t i = 0; i < json_array_size(m->aliases); i++)
        if (strcasestr(json_string_value(json_array_get(m->aliases, i)), word))
            return true;
    return false;
}

bool catalog_matches(const struct catalog_entry *m, const char *const *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!has_word(m, words[i]))
            return false;
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool check_source(const char *text, bool *plain, struct err *e)
{
    struct upstream_ref ref;
    struct url u;
    *plain = url_is(text);
    if (upstream_is(text))
        return upstream_parse(&ref, text, e) || err_at(e, "%s", text);
    if (!url_parse(&u, text, e))
        return false;
    return !u.has_user ||
           fail(e, ERR_USAGE, "%s: a password in a catalogue is one for everybody", u.shown);
}

bool catalog_check_entry(const struct catalog_entry *m, struct err *e)
{
    bool some_plain = false, plain;
    for (size_t i = 0; i < json_array_size(m->sources); i++) {
        if (!check_source(json_string_value(json_array_get(m->sources, i)), &plain, e))
            return err_at(e, "%s", m->name.text);
        some_plain |= plain;
    }
    if (m->tree && !some_plain)
        return fail(e, ERR_USAGE,
                    "%s has a hash tree, but no source with a plain address, where FILE.leaves "
                    "could lie",
                    m->name.text);
    return (m->size && m->licence[0]) ||
           fail(e, ERR_USAGE, "%s: \"size\" and \"licence\" should be there", m->name.text);
}

static bool raise_version(json_t *document, struct err *e)
{
    json_int_t version = json_integer_value(json_object_get(document, "version"));
    return (version >= 0 && version < INT64_MAX &&
            json_object_set_new(document, "version", json_integer(version + 1)) == 0) ||
           fail(e, ERR_CORRUPT, "the \"version\" of the catalogue cannot be raised");
}

bool catalog_put(json_t *document, json_t *entry, struct err *e)
{
    json_t *models = json_object_get(document, "models");
    const char *name = json_string_value(json_object_get(entry, "name"));
    size_t at = 0;
    if (!json_is_array(models) || !name) {
        json_decref(entry);
        return fail(e, ERR_CORRUPT, "this is no catalogue: it has no list \"models\"");
    }
    for (; at < json_array_size(models); at++) {
        const char *other = json_string_value(json_object_get(json_array_get(models, at), "name"));
        if (other && strcmp(other, name) == 0)
            break;
    }
    int bad = at < json_array_size(models) ? json_array_set_new(models, at, entry)
                                           : json_array_append_new(models, entry);
    return bad ? fail(e, ERR_LIMIT, "not enough memory") : raise_version(document, e);
}
