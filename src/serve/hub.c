/* SPDX-License-Identifier: Apache-2.0 */
/* serve/hub: see hub.h. */
#include "serve/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

/* The index of the n-th slash, or SIZE_MAX. */
static size_t slash(struct str s, int n)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/' && --n == 0)
            return i;
    return SIZE_MAX;
}

bool hub_source_read(struct hub_source *s, const char *source)
{
    struct str text = str_of(source);
    size_t at, mark;
    if (!str_starts(text, STR("hf:")))
        return false;
    text = str_from(text, 3);
    at = slash(text, 2);
    if (at == SIZE_MAX)
        return false;
    *s = (struct hub_source){str_sub(text, 0, at), str_from(text, at + 1), STR("main")};
    mark = str_find(s->file, STR("@"));
    if (mark != SIZE_MAX && str_find(str_from(s->file, mark), STR("/")) == SIZE_MAX) {
        s->revision = str_from(s->file, mark + 1);
        s->file.n = mark;
    }
    return s->file.n > 0 && s->file.n < WANT_TEXT;
}

static bool is_commit(struct str revision)
{
    size_t i = 0;
    while (i < revision.n && ((revision.p[i] >= '0' && revision.p[i] <= '9') ||
                              (revision.p[i] >= 'a' && revision.p[i] <= 'f')))
        i++;
    return revision.n == HUB_COMMIT && i == HUB_COMMIT;
}

/* Where a model stands: as TAG.gguf of library/NAME, or where it came from. */
static bool place_in(const struct manifest *m, struct str repository, struct hub_source *out)
{
    struct str name = str_from(repository, sizeof HUB_LIBRARY - 1);
    if (str_starts(repository, STR(HUB_LIBRARY)) && str_is(name, m->name.model)) {
        *out = (struct hub_source){repository, STR(""), STR("main")};
        return true;
    }
    return hub_source_read(out, m->source) && str_eq(out->repository, repository);
}

static void fill(struct hub_file *f, const struct manifest *m)
{
    f->digest = m->digest;
    f->size = m->size;
    f->imported = m->imported;
}

static bool add(struct hub_repository *r, const struct manifest *m, struct str file, struct err *e)
{
    char path[WANT_TEXT];
    if (file.n)
        snprintf(path, sizeof path, "%.*s", (int)file.n, file.p);
    else
        snprintf(path, sizeof path, "%s.gguf", m->name.tag);
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].path, path) == 0) { /* the newest copy counts */
            if (r->v[i].imported < m->imported)
                fill(&r->v[i], m);
            return true;
        }
    if (!mem_grow(&r->v, r->n, &r->cap, sizeof *r->v, e))
        return false;
    fill(&r->v[r->n], m);
    snprintf(r->v[r->n].path, WANT_TEXT, "%s", path);
    r->n++;
    return true;
}

static bool make_commit(struct hub_repository *r, struct str repository, struct err *e)
{
    struct hash_stream s;
    struct hash h;
    bool ok =
        hash_begin(&s, e) && hash_add(&s, repository.p, repository.n, e) && hash_add(&s, "", 1, e);
    for (size_t i = 0; ok && i < r->n; i++) {
        const struct hub_file *f = &r->v[i];
        r->changed = r->changed > f->imported ? r->changed : f->imported;
        ok = hash_add(&s, f->path, strlen(f->path) + 1, e) &&
             hash_add(&s, f->digest.hex, DIGEST_HEX, e);
    }
    if (!hash_end(&s, &h, ok ? e : NULL) || !ok)
        return false;
    for (size_t i = 0; i < HUB_COMMIT / 2; i++)
        snprintf(r->commit + 2 * i, 3, "%02x", h.b[i]);
    return true;
}

static bool collect(struct hub_repository *r, const struct shelf *s, struct str repository,
                    struct str revision, struct err *e)
{
    struct hub_source at;
    bool ok = true;
    *r = (struct hub_repository){0};
    for (size_t i = 0; ok && i < s->n; i++)
        if (place_in(&s->v[i], repository, &at) && str_eq(at.revision, revision))
            ok = add(r, &s->v[i], at.file, e);
    ok = ok && (r->n == 0 || make_commit(r, repository, e));
    if (!ok)
        hub_clear(r);
    return ok;
}

/* A commit is asked for by clients that have just learnt it for a revision with a name. */
static bool collect_commit(struct hub_repository *r, const struct shelf *s, struct str repository,
                           struct str commit, struct err *e)
{
    struct hub_source at;
    for (size_t i = 0; i < s->n; i++) {
        if (!place_in(&s->v[i], repository, &at))
            continue;
        if (!collect(r, s, repository, at.revision, e))
            return false;
        if (str_is(commit, r->commit))
            return true;
        hub_clear(r);
    }
    return true;
}

bool hub_find(struct hub_repository *r, const struct shelf *s, const char *repository,
              const char *revision, struct err *e)
{
    struct str name = str_of(strcmp(revision, "HEAD") == 0 ? "main" : revision);
    if (!collect(r, s, str_of(repository), name, e))
        return false;
    return r->n || !is_commit(name) || collect_commit(r, s, str_of(repository), name, e);
}

void hub_clear(struct hub_repository *r)
{
    mem_free(r->v);
    *r = (struct hub_repository){0};
}

const struct hub_file *hub_file(const struct hub_repository *r, const char *path)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].path, path) == 0)
            return &r->v[i];
    return NULL;
}
