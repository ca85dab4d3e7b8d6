/* SPDX-License-Identifier: Apache-2.0 */
/* store/manifest: see manifest.h. */
#include "store/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/near.h"

static const char *path_of(const struct store *s, const struct name *n, char out[STORE_PATH])
{
    return store_path(s, out, "manifests/%s/%s.json", n->model, n->tag);
}

void manifest_clear(struct manifest *m)
{
    mem_free(m->source);
    json_decref(m->settings);
    json_decref(m->opening);
    json_decref(m->licence);
    *m = (struct manifest){0};
}

/* --- one manifest -------------------------------------------------------------------------- */

/* "2026-01-15T09:30:00Z"; anything else is no time. */
static bool parse_time(const char *text, int64_t *out)
{
    struct tm t = {0};
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &t) : NULL;
    *out = end && *end == '\0' ? (int64_t)timegm(&t) : -1;
    return *out >= 0;
}

/* Of everything but the check sum itself. */
static bool check_sum(const json_t *j, struct digest *d, struct err *e)
{
    struct buf text;
    json_t *rest = json_copy((json_t *)(uintptr_t)j);
    json_object_del(rest, "check");
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = json_write(rest, JSON_COMPACT | JSON_SORT_KEYS, &text, e) &&
              digest_of(d, buf_view(&text), e);
    buf_clear(&text);
    json_decref(rest);
    return ok;
}

static bool check_manifest(const struct store *s, const json_t *j, struct err *e)
{
    struct digest d;
    const json_t *check = json_object_get(j, "check");
    if (!check && s->format < 2)
        return true;
    const char *hex = json_string_value(check);
    return check_sum(j, &d, e) &&
           ((hex && strcmp(hex, d.hex) == 0) ||
            fail(e, ERR_CORRUPT, "its check sum is wrong: give the model its name again"));
}

/* [{"role": "...", "content": "..."}, ...] */
static bool is_opening(const json_t *j)
{
    for (size_t i = 0; i < json_array_size(j); i++) {
        const json_t *m = json_array_get(j, i);
        if (!json_is_string(json_object_get(m, "role")) ||
            !json_is_string(json_object_get(m, "content")))
            return false;
    }
    return json_is_array(j);
}

static json_t *share(const json_t *j)
{
    return j ? json_incref((json_t *)(uintptr_t)j) : NULL;
}

static bool parse(const json_t *j, struct manifest *m, struct err *e)
{
    const json_t *size = json_object_get(j, "size"), *settings = json_object_get(j, "settings");
    const json_t *source = json_object_get(j, "source"), *opening = json_object_get(j, "opening");
    const json_t *licence = json_object_get(j, "licence");
    if (!digest_parse(&m->digest, str_of(json_string_value(json_object_get(j, "digest"))), NULL) ||
        !json_is_integer(size) || json_integer_value(size) < 0 || !json_is_string(source) ||
        !parse_time(json_string_value(json_object_get(j, "imported")), &m->imported) ||
        (settings && !json_is_object(settings)) || (opening && !is_opening(opening)) ||
        (licence && !json_is_string(licence)))
        return fail(e, ERR_CORRUPT, "not a manifest of this store");
    struct str text = {json_string_value(source), json_string_length(source)};
    m->source = mem_new(text.n + 1, 1, e);
    if (!m->source)
        return false;
    memcpy(m->source, text.p, text.n);
    m->size = (uint64_t)json_integer_value(size);
    m->through = json_is_true(json_object_get(j, "through"));
    m->settings = share(settings);
    m->opening = share(opening);
    m->licence = share(licence);
    return true;
}

static bool read_at(const struct store *s, const struct name *name, struct manifest *m,
                    struct err *e)
{
    char path[STORE_PATH];
    *m = (struct manifest){.name = *name};
    json_t *j = json_read_file(path_of(s, name, path), LIMIT_MANIFEST_BYTES, e);
    if (!j) {
        if (e && e->code == ERR_USAGE) /* bad JSON here is not the user's mistake */
            e->code = ERR_CORRUPT;
        return false;
    }
    bool ok = (check_manifest(s, j, e) && parse(j, m, e)) || err_at(e, "%s", path);
    json_decref(j);
    if (!ok)
        manifest_clear(m);
    return ok;
}

bool manifest_exists(const struct store *s, const struct name *name)
{
    char path[STORE_PATH];
    return access(path_of(s, name, path), F_OK) == 0;
}

int64_t manifest_used(const struct store *s, const struct name *name)
{
    char path[STORE_PATH];
    struct stat st;
    return stat(path_of(s, name, path), &st) == 0
               ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec
               : 0;
}

void manifest_use(const struct store *s, const struct name *name)
{
    char path[STORE_PATH];
    (void)utimensat(AT_FDCWD, path_of(s, name, path), NULL, 0); /* else it counts as unused */
}

static json_t *to_json(const struct manifest *m, struct err *e)
{
    char digest[DIGEST_HEX + 8], imported[32] = "";
    time_t at = (time_t)m->imported;
    struct tm t;
    struct digest check;
    if (gmtime_r(&at, &t))
        strftime(imported, sizeof imported, "%Y-%m-%dT%H:%M:%SZ", &t);
    snprintf(digest, sizeof digest, "sha256:%s", m->digest.hex);
    json_t *j = json_pack("{s:s, s:I, s:s, s:s, s:O*, s:O*, s:O*, s:o*}", "digest", digest, "size",
                          (json_int_t)m->size, "source", m->source, "imported", imported,
                          "settings", m->settings, "opening", m->opening, "licence", m->licence,
                          "through", m->through ? json_true() : NULL);
    if (!j) {
        fail(e, ERR_LIMIT, "%s: not enough memory", m->name.text);
    } else if (check_sum(j, &check, e)) {
        json_object_set_new(j, "check", json_string(check.hex));
        return j;
    }
    json_decref(j);
    return NULL;
}

bool manifest_write(const struct store *s, const struct manifest *m, struct err *e)
{
    char path[STORE_PATH];
    struct buf text;
    struct os_atomic_file f = {.fd = -1};
    json_t *j = to_json(m, e);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = j && json_write(j, JSON_INDENT(2), &text, e);
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, m->name.text, e) &&
         os_mkdirs(store_path(s, path, "manifests/%s", m->name.model), e) &&
         os_atomic_open(&f, path_of(s, &m->name, path), e) &&
         os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

struct rewriting {
    const struct store *s;
    bool ok;
    struct err *e;
};

/* One that cannot be read stays as it is: it will be named when it is used. */
static bool rewrite(void *arg, const struct name *name, const struct manifest *m,
                    const struct err *why)
{
    struct rewriting *r = arg;
    (void)name;
    (void)why;
    r->ok = !m || manifest_write(r->s, m, r->e);
    return r->ok;
}

bool manifest_upgrade(const struct store *s, struct err *e)
{
    struct rewriting r = {s, true, e};
    return manifest_each(s, rewrite, &r, e) && r.ok;
}

/* Files of writers that died; the store is locked, so no other is at work. */
static void remove_left_over(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (str_find(str_of(d->d_name), STR(".json.tmp-")) != SIZE_MAX ||
            str_find(str_of(d->d_name), STR(".signed.tmp-")) != SIZE_MAX)
            unlinkat(dirfd(dir), d->d_name, 0);
    if (dir)
        closedir(dir);
}

void manifest_sweep(const struct store *s)
{
    char path[STORE_PATH], model[STORE_PATH];
    DIR *dir = opendir(store_path(s, path, "manifests"));
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (name_part_valid(str_of(d->d_name)))
            remove_left_over(store_path(s, model, "manifests/%s", d->d_name));
    if (dir)
        closedir(dir);
    remove_left_over(store_path(s, path, "catalogs"));
    remove_left_over(s->root);
}

bool manifest_remove(const struct store *s, const struct name *name, struct err *e)
{
    char path[STORE_PATH];
    if (unlink(path_of(s, name, path)) != 0 && errno != ENOENT)
        return fail(e, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    remove_left_over(store_path(s, path, "manifests/%s", name->model));
    rmdir(path); /* when it was the last tag */
    return true;
}

/* --- all of them --------------------------------------------------------------------------- */

struct names {
    struct name *v; /* owned */
    size_t n, cap;
};

static int by_text(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return strcmp(x->text, y->text);
}

/* Files "TAG.json" of one directory, as names; anything else there is passed over. */
static bool add_tags(const struct store *s, struct str model, struct names *list, struct err *e)
{
    char path[STORE_PATH], text[2 * NAME_PART + 2];
    DIR *dir = opendir(store_path(s, path, "manifests/%.*s", (int)model.n, model.p));
    bool ok = true;
    for (struct dirent *d; ok && dir && (d = readdir(dir));) {
        struct str tag = str_of(d->d_name);
        if (!str_ends(tag, STR(".json")))
            continue;
        tag.n -= 5;
        if (!name_part_valid(tag))
            continue;
        snprintf(text, sizeof text, "%.*s:%.*s", STR_ARG(model), STR_ARG(tag));
        ok = mem_grow(&list->v, list->n, &list->cap, sizeof *list->v, e) &&
             name_parse(&list->v[list->n], str_of(text), e);
        list->n += ok;
    }
    if (dir)
        closedir(dir);
    return ok;
}

static bool all_names(const struct store *s, struct names *list, struct err *e)
{
    char path[STORE_PATH];
    DIR *dir = opendir(store_path(s, path, "manifests"));
    if (!dir && errno != ENOENT)
        return fail(e, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    bool ok = true;
    for (struct dirent *d; ok && dir && (d = readdir(dir));)
        if (name_part_valid(str_of(d->d_name)))
            ok = add_tags(s, str_of(d->d_name), list, e);
    if (dir)
        closedir(dir);
    if (ok && list->n)
        qsort(list->v, list->n, sizeof *list->v, by_text);
    return ok;
}

bool manifest_each(const struct store *s, manifest_each_fn *fn, void *arg, struct err *e)
{
    struct names list = {0};
    bool ok = all_names(s, &list, e), more = ok;
    for (size_t i = 0; more && i < list.n; i++) {
        struct manifest m;
        struct err why = {0};
        bool read = read_at(s, &list.v[i], &m, &why);
        if (read || why.code != ERR_NOT_FOUND) /* gone in the meantime: not listed */
            more = fn(arg, &list.v[i], read ? &m : NULL, &why);
        if (read)
            manifest_clear(&m);
    }
    mem_free(list.v);
    return ok;
}

/* A folder's time changes with what is in it: a manifest appears by being renamed. */
static uint64_t stamp_of(const char *path)
{
    struct stat st;
    uint64_t parts[3];
    if (stat(path, &st) != 0)
        return 0;
    parts[0] = (uint64_t)st.st_ino;
    parts[1] = (uint64_t)st.st_mtim.tv_sec;
    parts[2] = (uint64_t)st.st_mtim.tv_nsec;
    return map_hash((struct str){(const char *)parts, sizeof parts}) | 1;
}

uint64_t manifest_stamp(const struct store *s)
{
    char path[STORE_PATH], model[STORE_PATH];
    uint64_t sum = stamp_of(store_path(s, path, "manifests"));
    DIR *dir = sum ? opendir(path) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (name_part_valid(str_of(d->d_name)))
            sum += stamp_of(store_path(s, model, "manifests/%s", d->d_name));
    if (dir)
        closedir(dir);
    return sum;
}

/* What the user may have meant: the tags of that model, or a name like it. */
static bool not_found(const struct store *s, const struct name *name, struct err *e)
{
    struct names list = {0};
    struct near near;
    const char *other = NULL;
    near_init(&near, str_of(name->text));
    if (!all_names(s, &list, NULL))
        list.n = 0;
    for (size_t i = 0; i < list.n; i++) {
        near_offer(&near, list.v[i].text);
        if (strcmp(list.v[i].model, name->model) == 0)
            other = list.v[i].text;
    }
    const char *best = near_best(&near) ? near_best(&near) : other;
    if (best)
        fail(e, ERR_NOT_FOUND, "there is no model %s; did you mean %s?", name->text, best);
    else
        fail(e, ERR_NOT_FOUND,
             "there is no model %s; moat list shows what there is, moat import FILE --name %s adds "
             "one",
             name->text, name->text);
    mem_free(list.v);
    return false;
}

bool manifest_read(const struct store *s, const struct name *name, struct manifest *m,
                   struct err *e)
{
    if (manifest_exists(s, name))
        return read_at(s, name, m, e);
    *m = (struct manifest){0};
    return not_found(s, name, e);
}
