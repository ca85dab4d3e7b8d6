/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalogs: the list of catalogues; see catalogs.h. Their copies: catalog_copy.c. */
#include "store/catalogs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"

#define LIST_FILE "catalogs.json"

static void source_clear(struct catalog_source *s)
{
    mem_free(s->origin);
    mem_free(s->key);
    *s = (struct catalog_source){0};
}

void catalogs_clear(struct catalogs *c)
{
    for (size_t i = 0; i < c->n; i++)
        source_clear(&c->v[i]);
    mem_free(c->v);
    *c = (struct catalogs){0};
}

struct catalog_source *catalogs_get(const struct catalogs *c, struct str name)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_is(name, c->v[i].name))
            return &c->v[i];
    return NULL;
}

bool catalogs_add(struct catalogs *c, struct catalog_source *s, struct err *e)
{
    bool ok = true;
    if (catalogs_get(c, str_of(s->name)) || strcmp(s->name, CATALOG_BUILT_IN) == 0)
        ok = fail(e, ERR_USAGE,
                  "there is a catalogue %s already; moat catalog remove %s takes it away", s->name,
                  s->name);
    else if (c->n == LIMIT_CATALOGS)
        ok = fail(e, ERR_LIMIT, "%u catalogues are the most", LIMIT_CATALOGS);
    ok = ok && mem_grow(&c->v, c->n, &c->cap, sizeof *c->v, e);
    if (ok)
        c->v[c->n++] = *s;
    else
        source_clear(s);
    return ok;
}

bool catalogs_remove(struct catalogs *c, const struct store *s, struct str name, struct err *e)
{
    char path[STORE_PATH];
    struct catalog_source *found = catalogs_get(c, name);
    if (!found && str_is(name, CATALOG_BUILT_IN) && !c->no_built_in) {
        c->no_built_in = true;
        return true;
    }
    if (!found)
        return fail(e, ERR_NOT_FOUND, "there is no catalogue %.*s; moat catalog list shows them",
                    STR_ARG(name));
    unlink(store_path(s, path, "catalogs/%s.signed", found->name));
    source_clear(found);
    size_t at = (size_t)(found - c->v);
    memmove(found, found + 1, (c->n - at - 1) * sizeof *found);
    c->n--;
    return true;
}

/* --- the file -------------------------------------------------------------------------------- */

static bool parse_keys(struct catalog_source *s, const json_t *list, struct err *e)
{
    s->key = mem_new(SIGN_SIGNERS, sizeof *s->key, e);
    return s->key && (sign_keys_read(s->key, &s->n_key, list, e) || err_at(e, "%s", s->name));
}

static bool parse_source(struct catalogs *c, const json_t *j, struct err *e)
{
    struct catalog_source s = {0};
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *origin = json_string_value(json_object_get(j, "origin"));
    json_int_t needed = json_integer_value(json_object_get(j, "needed"));
    json_int_t seen = json_integer_value(json_object_get(j, "version"));
    if (!name || !name_part_valid(str_of(name)) || !origin || needed < 0 || needed > SIGN_SIGNERS ||
        seen < 0)
        return fail(e, ERR_CORRUPT, "an entry is no catalogue");
    snprintf(s.name, sizeof s.name, "%s", name);
    s.needed = (uint32_t)needed;
    s.seen = (uint64_t)seen;
    s.origin = mem_new(strlen(origin) + 1, 1, e);
    bool ok = s.origin != NULL;
    if (ok)
        memcpy(s.origin, origin, strlen(origin) + 1);
    if (!ok || !parse_keys(&s, json_object_get(j, "keys"), e)) {
        source_clear(&s);
        return false;
    }
    return catalogs_add(c, &s, e);
}

bool catalogs_read(struct catalogs *c, const struct store *s, struct err *e)
{
    char path[STORE_PATH];
    *c = (struct catalogs){0};
    if (access(store_path(s, path, LIST_FILE), F_OK) != 0)
        return true;
    json_t *j = json_read_file(path, LIMIT_MANIFEST_BYTES, e);
    const json_t *list = json_object_get(j, "catalogs");
    bool ok = j && (json_is_array(list) || fail(e, ERR_CORRUPT, "is no list of catalogues"));
    c->no_built_in = json_is_false(json_object_get(j, CATALOG_BUILT_IN));
    for (size_t i = 0; ok && i < json_array_size(list); i++)
        ok = parse_source(c, json_array_get(list, i), e);
    json_decref(j);
    if (ok)
        return true;
    catalogs_clear(c);
    return err_at(e, "%s", path);
}

static json_t *source_to_json(const struct catalog_source *s)
{
    json_t *keys = json_array();
    char text[SIGN_TEXT];
    for (uint32_t i = 0; i < s->n_key; i++) {
        sign_key_text(&s->key[i], text);
        json_array_append_new(keys, json_string(text));
    }
    return json_pack("{s:s, s:s, s:o, s:i, s:I}", "name", s->name, "origin", s->origin, "keys",
                     keys, "needed", (int)s->needed, "version", (json_int_t)s->seen);
}

bool catalogs_write(const struct catalogs *c, const struct store *s, struct err *e)
{
    char path[STORE_PATH];
    json_t *list = json_array();
    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(list, source_to_json(&c->v[i]));
    json_t *j = json_pack("{s:o, s:b}", "catalogs", list, CATALOG_BUILT_IN, (int)!c->no_built_in);
    bool ok = json_write_file(j, store_path(s, path, LIST_FILE), LIMIT_MANIFEST_BYTES, 0644, e);
    json_decref(j);
    return ok;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool each_built_in(catalogs_each_fn *fn, void *arg, struct err *e)
{
    struct catalog c;
    if (!catalog_parse_built_in(&c, e))
        return false;
    (void)fn(arg, CATALOG_BUILT_IN, &c, NULL);
    catalog_clear(&c);
    return true;
}

bool catalogs_each(const struct store *s, catalogs_each_fn *fn, void *arg, struct err *e)
{
    struct catalogs list;
    if (!catalogs_read(&list, s, e))
        return false;
    bool more = true, built_in = !list.no_built_in;
    for (size_t i = 0; more && i < list.n; i++) {
        struct catalog c;
        struct err why = {0};
        bool ok = catalog_load(&list.v[i], s, (int64_t)time(NULL), &c, &why);
        more = fn(arg, list.v[i].name, ok ? &c : NULL, &why);
        if (ok)
            catalog_clear(&c);
    }
    catalogs_clear(&list);
    return !more || !built_in || each_built_in(fn, arg, e);
}

/* --- one name ----------------------------------------------------------------------------------
 */

struct search {
    const struct name *name;
    struct catalog_hit *hit;
    struct err problem; /* of the first catalogue that could not be used */
    struct near near;
    struct name best;
};

static bool look(void *arg, const char *name, const struct catalog *c, const struct err *why)
{
    struct search *s = arg;
    if (!c) {
        if (!s->problem.code)
            s->problem = *why;
        return true;
    }
    const struct catalog_entry *found = catalog_find(c, s->name);
    if (!found) {
        for (size_t i = 0; i < c->n; i++)
            near_offer(&s->near, c->v[i].name.text);
        if (near_best(&s->near) && !name_parse(&s->best, str_of(near_best(&s->near)), NULL))
            s->best.text[0] = '\0';
        s->near.best = NULL; /* it goes with its catalogue */
        return true;
    }
    s->hit->catalog = *c; /* taken over: the caller's copy is emptied */
    s->hit->entry = found;
    snprintf(s->hit->from, sizeof s->hit->from, "%s", name);
    *(struct catalog *)(uintptr_t)c = (struct catalog){0};
    return false;
}

static bool not_found(const struct search *s, struct err *e)
{
    if (s->problem.code)
        return fail(e, ERR_NOT_FOUND,
                    "no catalogue that can be used knows %s, and one cannot be used: %s",
                    s->name->text, s->problem.msg);
    if (s->best.text[0])
        return fail(e, ERR_NOT_FOUND, "no catalogue knows %s; did you mean %s?", s->name->text,
                    s->best.text);
    return fail(e, ERR_NOT_FOUND, "no catalogue knows %s; moat catalog search shows what there is",
                s->name->text);
}

bool catalogs_find(struct catalog_hit *hit, const struct store *store, const struct name *name,
                   struct err *e)
{
    struct search s = {.name = name, .hit = hit};
    *hit = (struct catalog_hit){0};
    near_init(&s.near, str_of(name->text));
    return catalogs_each(store, look, &s, e) && (hit->entry || not_found(&s, e));
}

void catalog_hit_clear(struct catalog_hit *hit)
{
    catalog_clear(&hit->catalog);
    *hit = (struct catalog_hit){0};
}
