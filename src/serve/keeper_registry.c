/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_registry: the paths of a registry (OCI distribution, Ollama); see keeper_private.h.
 *
 * A model's manifest and configuration are made here, from its digest and size alone, so both are
 * the same whether the file is here already or still upstream. */
#include <string.h>

#include "base/limits.h"
#include "serve/keeper_docs.h"
#include "serve/keeper_private.h"

/* "library/NAME" and "NAME" are the same; others hold nothing of ours. */
static const char *name_of(const struct want *w)
{
    size_t n = sizeof HUB_LIBRARY - 1;
    return strncmp(w->repository, HUB_LIBRARY, n) == 0 ? w->repository + n : w->repository;
}

/* A model of upstream as the manifest it will have here. */
static struct manifest as_manifest(const struct listing *l)
{
    struct manifest m = {.digest = l->v[0].digest, .size = l->v[0].size};
    const char *slash = strrchr(l->repository, '/');
    struct str name = str_of(slash ? slash + 1 : l->repository), tag = str_of(l->revision);
    memcpy(m.name.model, name.p, name.n < NAME_PART ? name.n : NAME_PART);
    memcpy(m.name.tag, tag.p, tag.n < NAME_PART ? tag.n : NAME_PART);
    m.name.model[str_utf8_floor(m.name.model, strlen(m.name.model))] = '\0';
    return m;
}

static bool is_text(const struct buf *text, const struct digest *d)
{
    struct digest got;
    return digest_of(&got, buf_view(text), NULL) && strcmp(got.hex, d->hex) == 0;
}

static bool send_doc(const struct asked *a, const struct buf *text, const char *type, struct err *e)
{
    struct digest d;
    return digest_of(&d, buf_view(text), e) &&
           send_text(a, text, type,
                     json_pack("{so}", "Docker-Content-Digest", json_sprintf("sha256:%s", d.hex)),
                     e);
}

/* --- texts by their digest -----------------------------------------------------------------------
 */

struct text_search {
    const struct want *w;
    bool manifest; /* or a configuration */
    struct buf *text;
};

static bool makes_text(struct text_search *q, const struct manifest *m)
{
    buf_reset(q->text);
    return (q->manifest ? docs_v2_manifest(m, q->text, NULL) : docs_v2_config(m, q->text, NULL)) &&
           is_text(q->text, &q->w->digest);
}

static bool match_text(void *arg, const struct listing *l)
{
    struct text_search *q = arg;
    struct manifest m;
    if (l->kind != LISTING_REGISTRY || l->n != 1 || strcmp(l->repository, q->w->repository) != 0)
        return false;
    m = as_manifest(l);
    return makes_text(q, &m);
}

/* The text with this digest that belongs to a tag of the model. */
static bool find_text(const struct asked *a, bool manifest, struct buf *text, struct err *e)
{
    const struct shelf *s = &a->k->shelf;
    struct text_search q = {a->w, manifest, text};
    struct listing l;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name.model, name_of(a->w)) == 0 && makes_text(&q, &s->v[i]))
            return true;
    bool found = listing_find(&l, &s->store, match_text, &q);
    listing_clear(&l);
    return found || no_model(a, e);
}

/* --- manifests -----------------------------------------------------------------------------------
 */

static bool named_text(struct asked *a, struct buf *text, bool *waits, struct err *e)
{
    struct listing l = {0};
    const struct manifest *m = shelf_named(&a->k->shelf, name_of(a->w), a->w->revision);
    if (m)
        return docs_v2_manifest(m, text, e);
    bool there = need_listing(a, LISTING_REGISTRY, &l, waits, e) && l.n == 1;
    bool ok = false;
    if (there) {
        struct manifest made = as_manifest(&l);
        ok = docs_v2_manifest(&made, text, e);
    } else if (!*waits && e->code == ERR_NONE) {
        no_model(a, e);
    }
    listing_clear(&l);
    return ok;
}

static bool answer_manifest(struct asked *a, struct err *e)
{
    struct buf text;
    bool waits = false;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    a->word = "MANIFEST_UNKNOWN";
    bool ok = a->w->by_digest ? find_text(a, true, &text, e) : named_text(a, &text, &waits, e);
    ok = ok && send_doc(a, &text, DOCS_MANIFEST_TYPE, e);
    buf_clear(&text);
    return ok || waits;
}

/* --- blobs ---------------------------------------------------------------------------------------
 */

static bool match_blob(void *arg, const struct listing *l)
{
    const struct want *w = arg;
    return l->kind == LISTING_REGISTRY && strcmp(l->repository, w->repository) == 0 &&
           listing_digest(l, &w->digest);
}

/* A layer that upstream has, as a manifest that was asked for before says. */
static bool answer_layer(const struct asked *a, bool *known, struct err *e)
{
    struct listing l;
    *known = a->k->config->upstream_registry[0] &&
             listing_find(&l, &a->k->shelf.store, match_blob, (void *)(uintptr_t)a->w);
    if (!*known)
        return false;
    const struct listing_file *f = listing_digest(&l, &a->w->digest);
    bool ok = a->w->head ? send_head(a, f, NULL) : need_pull(a, &l, f, e);
    listing_clear(&l);
    return ok;
}

static bool answer_blob(struct asked *a, struct err *e)
{
    struct buf text;
    bool known = false;
    const struct manifest *m = shelf_digest(&a->k->shelf, &a->w->digest);
    a->word = "BLOB_UNKNOWN";
    if (m)
        return send_blob(
            a, m,
            json_pack("{so}", "Docker-Content-Digest", json_sprintf("sha256:%s", m->digest.hex)),
            e);
    if (answer_layer(a, &known, e) || known)
        return e->code == ERR_NONE;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = find_text(a, false, &text, e) && send_doc(a, &text, DOCS_CONFIG_TYPE, e);
    buf_clear(&text);
    return ok;
}

bool answer_registry(struct asked *a, struct err *e)
{
    const struct shelf *s = &a->k->shelf;
    switch (a->w->kind) {
    case WANT_V2_CATALOG:
        return send_json(a, docs_v2_catalog(s), e);
    case WANT_V2_TAGS:
        return send_json(a, docs_v2_tags(a->w->repository, s, name_of(a->w)), e);
    case WANT_V2_MANIFEST:
        return answer_manifest(a, e);
    case WANT_V2_BLOB:
        return answer_blob(a, e);
    default:
        return send_json(a, json_object(), e);
    }
}
