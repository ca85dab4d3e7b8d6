/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_docs: see keeper_docs.h. */
#include "serve/keeper_docs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "fetch/url.h"
#include "store/upstream.h"

#define LAYER_TYPE "application/vnd.ollama.image.model"

enum { POINTER_BYTES = 134 }; /* of a git-lfs pointer, roughly: clients only show it */

static void iso(int64_t at, char out[32])
{
    time_t when = (time_t)at;
    struct tm t;
    out[0] = '\0';
    if (gmtime_r(&when, &t))
        strftime(out, 32, "%Y-%m-%dT%H:%M:%S.000Z", &t);
}

static void digest_text(const struct digest *d, char out[DIGEST_HEX + 8])
{
    snprintf(out, DIGEST_HEX + 8, "sha256:%s", d->hex);
}

/* --- ours ----------------------------------------------------------------------------------------
 */

json_t *docs_model(const struct manifest *m, const char *root)
{
    char digest[DIGEST_HEX + 8];
    bool named = upstream_is(m->source) || url_is(m->source); /* a path is nobody's business */
    digest_text(&m->digest, digest);
    return json_pack("{ss ss ss sI ss* ss*}", "name", m->name.model, "tag", m->name.tag, "digest",
                     digest, "size", (json_int_t)m->size, "source", named ? m->source : NULL,
                     "root", *root ? root : NULL);
}

json_t *docs_list(const struct shelf *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(list, docs_model(&s->v[i], ""));
    return json_pack("{so}", "models", list);
}

/* --- Hugging Face --------------------------------------------------------------------------------
 */

/* What git would call a file: 40 digits that change with it. */
static const char *object_id(const struct hub_file *f, char out[HUB_COMMIT + 1])
{
    snprintf(out, HUB_COMMIT + 1, "%.*s", HUB_COMMIT, f->digest.hex);
    return out;
}

static json_t *sibling(const struct hub_file *f)
{
    char id[HUB_COMMIT + 1];
    json_int_t size = (json_int_t)f->size;
    return json_pack("{ss sI ss s{ss sI si}}", "rfilename", f->path, "size", size, "blobId",
                     object_id(f, id), "lfs", "sha256", f->digest.hex, "size", size, "pointerSize",
                     POINTER_BYTES);
}

json_t *docs_hf_info(const char *repository, const struct hub_repository *r)
{
    char changed[32];
    json_t *siblings = json_array();
    const char *slash = strchr(repository, '/');
    iso(r->changed, changed);
    for (size_t i = 0; i < r->n; i++)
        json_array_append_new(siblings, sibling(&r->v[i]));
    return json_pack(
        "{ss ss ss% ss ss sb sb sb s[s] si si ss so}", "id", repository, "modelId", repository,
        "author", repository, slash ? (size_t)(slash - repository) : strlen(repository), "sha",
        r->commit, "lastModified", changed, "private", 0, "gated", 0, "disabled", 0, "tags", "gguf",
        "downloads", 0, "likes", 0, "library_name", "gguf", "siblings", siblings);
}

json_t *docs_hf_tree(const struct hub_repository *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct hub_file *f = &r->v[i];
        char id[HUB_COMMIT + 1];
        json_int_t size = (json_int_t)f->size;
        object_id(f, id);
        json_array_append_new(list,
                              json_pack("{ss ss sI ss s{ss sI si}}", "type", "file", "oid", id,
                                        "size", size, "path", f->path, "lfs", "oid", f->digest.hex,
                                        "size", size, "pointerSize", POINTER_BYTES));
    }
    return list;
}

/* --- OCI, Ollama ---------------------------------------------------------------------------------
 */

json_t *docs_v2_catalog(const struct shelf *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        if (i == 0 || strcmp(s->v[i].name.model, s->v[i - 1].name.model) != 0)
            json_array_append_new(list, json_sprintf(HUB_LIBRARY "%s", s->v[i].name.model));
    return json_pack("{so}", "repositories", list);
}

json_t *docs_v2_tags(const char *repository, const struct shelf *s, const char *model)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name.model, model) == 0)
            json_array_append_new(list, json_string(s->v[i].name.tag));
    return json_pack("{ss so}", "name", repository, "tags", list);
}

static bool write_doc(json_t *j, struct buf *out, struct err *e)
{
    bool ok = j ? json_write(j, JSON_COMPACT, out, e) : fail(e, ERR_LIMIT, "memory is short");
    json_decref(j);
    return ok;
}

bool docs_v2_config(const struct manifest *m, struct buf *out, struct err *e)
{
    char digest[DIGEST_HEX + 8];
    digest_text(&m->digest, digest);
    return write_doc(json_pack("{ss ss ss s{ss s[s]}}", "model_format", "gguf", "architecture",
                               "amd64", "os", "linux", "rootfs", "type", "layers", "diff_ids",
                               digest),
                     out, e);
}

static json_t *manifest_json(const struct manifest *m, const struct buf *config,
                             const struct digest *d)
{
    char layer[DIGEST_HEX + 8], digest[DIGEST_HEX + 8], title[2 * NAME_PART + 16];
    digest_text(&m->digest, layer);
    digest_text(d, digest);
    snprintf(title, sizeof title, "%s-%s.gguf", m->name.model, m->name.tag);
    return json_pack("{si ss s{ss ss sI} s[{ss ss sI s{ss}}]}", "schemaVersion", 2, "mediaType",
                     DOCS_MANIFEST_TYPE, "config", "mediaType", DOCS_CONFIG_TYPE, "digest", digest,
                     "size", (json_int_t)config->n, "layers", "mediaType", LAYER_TYPE, "digest",
                     layer, "size", (json_int_t)m->size, "annotations",
                     "org.opencontainers.image.title", title);
}

bool docs_v2_manifest(const struct manifest *m, struct buf *out, struct err *e)
{
    struct buf config;
    struct digest d;
    buf_init(&config, LIMIT_MANIFEST_BYTES);
    bool ok = docs_v2_config(m, &config, e) && digest_of(&d, buf_view(&config), e) &&
              write_doc(manifest_json(m, &config, &d), out, e);
    buf_clear(&config);
    return ok;
}
