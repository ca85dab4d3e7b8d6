/* SPDX-License-Identifier: Apache-2.0 */
/* serve/served: see served.h. */
#include "serve/served.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/config.h"
#include "store/admit.h"
#include "store/foreign.h"
#include "store/manifest.h"
#include "store/thin.h"

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The name of a file without its folder and ".gguf". */
static void id_of_path(struct served *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_of(slash ? slash + 1 : path);
    if (str_ends(name, STR(".gguf")) && name.n > 5)
        name.n -= 5;
    if (name.n >= sizeof m->id)
        name.n = str_utf8_floor(name.p, sizeof m->id - 1);
    memcpy(m->id, name.p, name.n);
    m->id[name.n] = '\0';
    str_make_printable(m->id);
}

static bool open_path(struct served *m, const char *path, struct err *e)
{
    id_of_path(m, path);
    if (snprintf(m->path, sizeof m->path, "%s", path) >= (int)sizeof m->path)
        return fail(e, ERR_USAGE, "the path of the model is too long");
    m->fd = open(path, O_RDONLY | O_CLOEXEC);
    return m->fd >= 0 || os_fail_open(path, e);
}

static bool open_stored(struct served *m, const struct name *name, struct err *e)
{
    struct store s;
    struct manifest manifest = {0};
    if (!store_open(&s, false, e) || !manifest_read(&s, name, &manifest, e))
        return false;
    snprintf(m->id, sizeof m->id, "%s", name->text);
    snprintf(m->digest, sizeof m->digest, "sha256:%s", manifest.digest.hex);
    m->fd = thin_or_blob_open(&s, &manifest.digest, e);
    bool ok = m->fd >= 0 && (!manifest.settings ||
                             settings_from_json(&m->settings, manifest.settings, name->text, e));
    m->opening = json_incref(manifest.opening);
    manifest_clear(&manifest);
    return ok;
}

static bool open_foreign(struct served *m, const char *model, struct err *e)
{
    struct foreign f;
    if (!foreign_find(&f, model, e) || !open_path(m, f.path, e))
        return false;
    if (f.has_digest) /* the file's name says nothing */
        snprintf(m->id, sizeof m->id, "%.*s", (int)sizeof m->id - 1, model);
    return true;
}

static bool find_file(struct served *m, const char *model, struct err *e)
{
    struct name name;
    if (foreign_is(model))
        return open_foreign(m, model, e);
    bool path = name_is_path(str_of(model));
    if (!path && !name_parse(&name, str_of(model), e) && !(path = is_file(model)))
        return false;
    if (!path && open_stored(m, &name, e))
        return true;
    if (!path && (m->fd >= 0 || !is_file(model) || e->code != ERR_NOT_FOUND))
        return false;
    return open_path(m, model, e);
}

static bool fill(struct served *m, const char *model, struct err *e)
{
    struct stat st;
    if (!find_file(m, model, e))
        return false;
    if (fstat(m->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(e, ERR_USAGE, "%s: is no regular file", model);
    m->bytes = (uint64_t)st.st_size;
    m->modified = st.st_mtime;
    return true;
}

static void free_one(struct served *m)
{
    if (!m)
        return;
    free_one(m->draft);
    for (uint32_t i = 0; i < m->n_adapters; i++)
        free_one(m->adapters[i]);
    if (m->fd >= 0)
        close(m->fd);
    settings_clear(&m->settings);
    json_decref(m->opening);
    mem_free(m);
}

static struct served *new_one(const char *model, struct err *e)
{
    struct served *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    *m = (struct served){.fd = -1};
    settings_init(&m->settings);
    if (fill(m, model, e))
        return m;
    free_one(m);
    return NULL;
}

static bool add_adapters(struct served *m, const json_t *lora, struct err *e)
{
    for (size_t i = 0; i < json_array_size(lora); i++) {
        const json_t *one = json_array_get(lora, i), *scale = json_object_get(one, "scale");
        const json_t *file = json_is_object(one) ? json_object_get(one, "file") : one;
        if (!(m->adapters[i] = new_one(json_string_value(file), e)))
            return err_at(e, "%s: lora", m->id);
        m->adapter_scale[i] = scale ? (float)json_number_value(scale) : 1;
        m->n_adapters++;
    }
    return true;
}

static bool configure(struct served *m, const json_t *settings_by_name, struct err *e)
{
    const json_t *own = json_object_get(settings_by_name, m->id);
    own = own ? own : json_object_get(settings_by_name, SERVED_EVERY);
    struct config_own of = {.keep_alive = DURATION_UNSET};
    if (own && !config_model(own, m->id, &m->settings, &of, e))
        return false;
    m->keep_alive = of.keep_alive;
    if (!add_adapters(m, of.lora, e))
        return false;
    return !of.draft || (m->draft = new_one(of.draft, e)) || err_at(e, "%s: draft", m->id);
}

bool served_add(struct served_list *l, const char *model, const json_t *settings_by_name,
                struct err *e)
{
    if (l->n == SERVED_MAX)
        return fail(e, ERR_LIMIT, "%d models at once are the most", SERVED_MAX);
    struct served *m = new_one(model, e);
    bool ok = m && configure(m, settings_by_name, e);
    for (uint32_t i = 0; ok && i < l->n; i++)
        if (strcmp(l->v[i]->id, m->id) == 0)
            ok = fail(e, ERR_USAGE, "two models are called \"%s\"; import one under another name",
                      m->id);
    if (ok)
        l->v[l->n++] = m;
    else
        free_one(m);
    return ok;
}

void served_clear(struct served_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        free_one(l->v[i]);
    l->n = 0;
}

void served_put(struct served_list *l, uint32_t i, struct served *m)
{
    must(i <= l->n && i < SERVED_MAX);
    if (i == l->n)
        l->n++;
    else
        free_one(l->v[i]);
    l->v[i] = m;
}

void served_renew(struct served *have, struct served *m)
{
    memcpy(have->digest, m->digest, sizeof have->digest);
    have->bytes = m->bytes;
    have->modified = m->modified;
    have->keep_alive = m->keep_alive;
    have->gone = m->gone;
    free_one(m);
}

json_t *served_to_json(const struct served *m)
{
    return json_pack("{ss ss sI sI sI sb}", "id", m->id, "digest", m->digest, "bytes",
                     (json_int_t)m->bytes, "modified", (json_int_t)m->modified, "keep_alive",
                     (json_int_t)m->keep_alive, "gone", m->gone);
}

struct served *served_from_json(const json_t *j, struct err *e)
{
    const char *id, *digest;
    json_int_t bytes, modified, keep_alive;
    int gone;
    struct served *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    *m = (struct served){.fd = -1, .from_store = true};
    settings_init(&m->settings);
    if (json_unpack((json_t *)(uintptr_t)j, "{ss ss sI sI sI sb}", "id", &id, "digest", &digest,
                    "bytes", &bytes, "modified", &modified, "keep_alive", &keep_alive, "gone",
                    &gone) != 0) {
        free_one(m);
        fail(e, ERR_INTERNAL, "what is said of a model cannot be read");
        return NULL;
    }
    snprintf(m->id, sizeof m->id, "%s", id);
    snprintf(m->digest, sizeof m->digest, "%s", digest);
    m->bytes = (uint64_t)bytes;
    m->modified = (time_t)modified;
    m->keep_alive = keep_alive;
    m->gone = gone;
    return m;
}

struct gguf *served_open(const struct served *m, const struct admission *a, bool draft,
                         struct err *e)
{
    return admit_file(a, m->fd, m->path, m->id, draft ? POLICY_DRAFT : POLICY_MODEL, e);
}

bool served_is(const struct served *m, struct str name)
{
    struct str id = str_of(m->id);
    return str_eq(id, name) ||
           (str_ends(id, STR(":latest")) && str_eq(str_sub(id, 0, id.n - 7), name));
}
