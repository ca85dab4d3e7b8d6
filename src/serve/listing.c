/* SPDX-License-Identifier: Apache-2.0 */
/* serve/listing: see listing.h. */
#include "serve/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "serve/upstream_job.h"
#include "store/upstream.h"

#define FOLDER "mirror"

enum { LISTING_FILES = 4096, LISTING_SCAN = 4096 };

static const char *const kind_names[] = {"hf", "registry"};

void listing_clear(struct listing *l)
{
    mem_free(l->v);
    *l = (struct listing){0};
}

const struct listing_file *listing_path(const struct listing *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].path, path) == 0)
            return &l->v[i];
    return NULL;
}

const struct listing_file *listing_digest(const struct listing *l, const struct digest *d)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].digest.hex, d->hex) == 0)
            return &l->v[i];
    return NULL;
}

static void copy(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text ? text : "");
}

/* A file that has no digest, or a name that no path could have, is left out. */
static bool add_file(struct listing *l, const char *path, json_int_t size, const char *sum,
                     struct err *e)
{
    struct digest d;
    if (!path || !sum || size <= 0 || strlen(path) >= WANT_TEXT ||
        !digest_parse(&d, str_of(sum), NULL) || l->n == LISTING_FILES)
        return true;
    if (!mem_grow(&l->v, l->n, &l->cap, sizeof *l->v, e))
        return false;
    struct listing_file *f = &l->v[l->n++];
    copy(f->path, sizeof f->path, path);
    f->size = (uint64_t)size;
    f->digest = d;
    return true;
}

/* --- kept ----------------------------------------------------------------------------------------
 */

static bool path_of(const struct store *s, enum listing_kind kind, const char *repository,
                    const char *revision, char out[STORE_PATH])
{
    struct hash h;
    char hex[2 * HASH_BYTES + 1];
    const struct str parts[] = {
        str_of(kind_names[kind]), {"", 1}, str_of(repository), {"", 1}, str_of(revision)};
    if (!hash_of(parts, sizeof parts / sizeof *parts, &h, NULL))
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", h.b[i]);
    store_path(s, out, FOLDER "/%.32s.json", hex);
    return true;
}

static bool from_json(struct listing *l, const json_t *j)
{
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const json_t *f;
    size_t i;
    l->kind =
        kind && strcmp(kind, kind_names[LISTING_REGISTRY]) == 0 ? LISTING_REGISTRY : LISTING_HF;
    copy(l->repository, WANT_TEXT, json_string_value(json_object_get(j, "repository")));
    copy(l->revision, WANT_TEXT, json_string_value(json_object_get(j, "revision")));
    copy(l->commit, sizeof l->commit, json_string_value(json_object_get(j, "commit")));
    json_array_foreach(json_object_get(j, "files"), i, f)
    {
        if (!add_file(l, json_string_value(json_object_get(f, "path")),
                      json_integer_value(json_object_get(f, "size")),
                      json_string_value(json_object_get(f, "sha256")), NULL))
            return false;
    }
    return true;
}

static json_t *to_json(const struct listing *l)
{
    json_t *files = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(files,
                              json_pack("{ss sI ss}", "path", l->v[i].path, "size",
                                        (json_int_t)l->v[i].size, "sha256", l->v[i].digest.hex));
    return json_pack("{ss ss ss ss so}", "kind", kind_names[l->kind], "repository", l->repository,
                     "revision", l->revision, "commit", l->commit, "files", files);
}

/* One that is damaged is none: it is fetched again. */
static bool read_at(struct listing *l, const char *path)
{
    json_t *j = json_read_file(path, LIMIT_HTTP_DOCUMENT, NULL);
    *l = (struct listing){0};
    bool ok = j && from_json(l, j);
    json_decref(j);
    if (!ok)
        listing_clear(l);
    return ok;
}

static bool keep(const struct store *s, const struct listing *l, struct err *e)
{
    char path[STORE_PATH];
    struct buf text;
    struct os_atomic_file f = {.fd = -1};
    buf_init(&text, LIMIT_HTTP_DOCUMENT);
    json_t *j = to_json(l);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "memory is short");
    ok = ok && os_mkdirs(store_path(s, path, FOLDER), e) &&
         path_of(s, l->kind, l->repository, l->revision, path) && os_atomic_open(&f, path, e) &&
         os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    json_decref(j);
    buf_clear(&text);
    return ok;
}

/* --- finding -------------------------------------------------------------------------------------
 */

bool listing_find(struct listing *l, const struct store *s, listing_match_fn *is_it, void *arg)
{
    char folder[STORE_PATH], path[STORE_PATH];
    DIR *dir = opendir(store_path(s, folder, FOLDER));
    bool found = false;
    int most = LISTING_SCAN;
    *l = (struct listing){0};
    for (struct dirent *d; dir && !found && most-- > 0 && (d = readdir(dir));) {
        if (!str_ends(str_of(d->d_name), STR(".json")) || strlen(d->d_name) > 64)
            continue;
        if (read_at(l, store_path(s, path, FOLDER "/%s", d->d_name)))
            found = is_it(arg, l);
        if (!found)
            listing_clear(l);
    }
    if (dir)
        closedir(dir);
    return found;
}

struct commit_of {
    const char *repository, *commit;
};

static bool has_commit(void *arg, const struct listing *l)
{
    const struct commit_of *q = arg;
    return strcmp(l->repository, q->repository) == 0 && strcmp(l->commit, q->commit) == 0;
}

bool listing_read(struct listing *l, const struct store *s, enum listing_kind kind,
                  const char *repository, const char *revision, bool *fresh)
{
    char path[STORE_PATH];
    struct stat st;
    *l = (struct listing){0};
    *fresh = false;
    if (path_of(s, kind, repository, revision, path) && stat(path, &st) == 0 && read_at(l, path)) {
        *fresh = time(NULL) - st.st_mtime < LISTING_FRESH_S || strcmp(l->commit, revision) == 0;
        return true;
    }
    *fresh = kind == LISTING_HF && strlen(revision) == HUB_COMMIT &&
             listing_find(l, s, has_commit, &(struct commit_of){repository, revision});
    return *fresh;
}

bool listing_repository(const struct listing *l, struct hub_repository *r, struct err *e)
{
    *r = (struct hub_repository){0};
    r->v = mem_new(l->n + 1, sizeof *r->v, e);
    if (!r->v)
        return false;
    copy(r->commit, sizeof r->commit, l->commit);
    for (size_t i = 0; i < l->n; i++) {
        struct hub_file *f = &r->v[r->n++];
        f->digest = l->v[i].digest;
        f->size = l->v[i].size;
        copy(f->path, sizeof f->path, l->v[i].path);
    }
    return true;
}

/* --- asking upstream -----------------------------------------------------------------------------
 */

bool listing_read_hf(struct listing *l, const json_t *j, struct err *e)
{
    const json_t *f;
    size_t i;
    const char *commit = json_string_value(json_object_get(j, "sha"));
    if (!commit || strlen(commit) != HUB_COMMIT)
        return fail(e, ERR_UNSUPPORTED, "what upstream says of this repository has no commit");
    copy(l->commit, sizeof l->commit, commit);
    json_array_foreach(json_object_get(j, "siblings"), i, f)
    {
        const char *path = json_string_value(json_object_get(f, "rfilename"));
        const json_t *lfs = json_object_get(f, "lfs");
        if (path && str_ends(str_of(path), STR(".gguf")) &&
            !add_file(l, path, json_integer_value(json_object_get(lfs, "size")),
                      json_string_value(json_object_get(lfs, "sha256")), e))
            return false;
    }
    return true;
}

bool listing_source(const struct listing *l, const struct listing_file *f, const struct config *c,
                    char *out, size_t cap, struct err *e)
{
    int n = l->kind == LISTING_HF
                ? snprintf(out, cap, "hf:%s/%s@%s", l->repository, f ? f->path : "x.gguf",
                           l->commit[0] ? l->commit : l->revision)
                : snprintf(out, cap, "ollama:%s/%s:%s", c->upstream_registry, l->repository,
                           l->revision);
    return (n > 0 && (size_t)n < cap) || fail(e, ERR_LIMIT, "the name is too long");
}

static bool ask_hf(struct listing *l, const char *source, struct fetch_job *how, struct err *e)
{
    struct upstream_ref r;
    json_t *j = NULL;
    bool ok = upstream_parse(&r, source, e) && upstream_hf_info(&r, how, NULL, &j, e) &&
              listing_read_hf(l, j, e);
    json_decref(j);
    return ok;
}

static bool ask_registry(struct listing *l, const char *source, struct fetch_job *how,
                         struct err *e)
{
    struct upstream u;
    return upstream_resolve(&u, source, how, NULL, e) &&
           add_file(l, "", (json_int_t)u.size, u.digest.hex, e);
}

static bool ask(struct listing *l, const struct config *c, struct err *e)
{
    struct fetch_job *how = mem_new(1, sizeof *how, e);
    char source[3 * WANT_TEXT];
    bool ok = how && listing_source(l, NULL, c, source, sizeof source, e);
    if (ok) {
        upstream_job(how, c);
        ok = l->kind == LISTING_HF ? ask_hf(l, source, how, e) : ask_registry(l, source, how, e);
    }
    mem_free(how);
    return ok;
}

/* Upstream is away: what it said last counts for another while. */
static bool keep_older(const struct listing_job *q, const struct err *e)
{
    char path[STORE_PATH];
    return e->code == ERR_NETWORK && path_of(q->store, q->kind, q->repository, q->revision, path) &&
           utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

bool listing_fetch(void *arg, int out, struct err *e)
{
    const struct listing_job *q = arg;
    struct listing l = {.kind = q->kind};
    (void)out;
    copy(l.repository, WANT_TEXT, q->repository);
    copy(l.revision, WANT_TEXT, q->revision);
    bool ok = ask(&l, q->config, e) ? keep(q->store, &l, e) : keep_older(q, e);
    listing_clear(&l);
    return ok;
}
