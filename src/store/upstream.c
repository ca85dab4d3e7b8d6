/* SPDX-License-Identifier: Apache-2.0 */
/* store/upstream: asking hubs and registries; see upstream.h. */
#include "store/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fetch/role.h"
#include "fetch/url.h"

#define MANIFEST_TYPES                                                                             \
    "application/vnd.oci.image.manifest.v1+json, "                                                 \
    "application/vnd.docker.distribution.manifest.v2+json"

enum { TRIES = 3 };

struct asking {
    struct fetch_job *how;
    const atomic_bool *stop;
    bool outer; /* somebody on the internet names the address */
};

/* One small file; 404 and the like are answers. */
static bool get(const struct asking *a, const char *url, const char *accept, struct document *d,
                struct err *e)
{
    struct fetch_job q = *a->how;
    struct event last;
    q.document = true;
    q.outer = a->outer;
    q.url[0] = url;
    q.n_url = 1;
    q.accept = accept;
    for (int i = 1;; i++) {
        if (fetch_call(&q, -1, -1, a->stop, NULL, NULL, &last, d, e) &&
            (d->status < 500 || i == TRIES))
            return true;
        if (i == TRIES || (e->code && e->code != ERR_NETWORK))
            return err_at(e, "%s", url);
        buf_clear(&d->body);
    }
}

static bool add_auth(struct fetch_job *how, const char *url, const char *token, struct err *e)
{
    struct url u;
    if (!url_parse(&u, url, e))
        return false;
    for (uint32_t i = 0; i < how->n_auth; i++)
        if (strcmp(how->auth[i].origin, u.origin) == 0)
            return true; /* the user's own goes first */
    if (how->n_auth == FETCH_AUTHS || strlen(token) >= LIMIT_URL_BYTES)
        return fail(e, ERR_LIMIT, "more than %d tokens", FETCH_AUTHS);
    struct fetch_auth *auth = &how->auth[how->n_auth++];
    snprintf(auth->origin, sizeof auth->origin, "%s", u.origin);
    snprintf(auth->bearer, sizeof auth->bearer, "%s", token);
    return true;
}

static bool check_status(const struct document *d, const char *url, struct err *e)
{
    struct url u;
    if (d->status == 200)
        return true;
    const char *shown = url_parse(&u, url, NULL) ? u.shown : "";
    if (d->status == 404)
        return fail(e, ERR_NOT_FOUND, "%s: there is no such model (HTTP status %d); check its name",
                    shown, d->status);
    if (d->status == 401 || d->status == 403)
        return fail(e, d->status == 401 ? ERR_UNAUTHORISED : ERR_DENIED,
                    "%s: it does not let us have the model (HTTP status %d); a token goes into "
                    "--token-file FILE",
                    shown, d->status);
    return fail(e, ERR_NETWORK, "%s: it answers with HTTP status %d", shown, d->status);
}

/* --- Hugging Face, ModelScope -------------------------------------------------------------- */

static bool add_hf_token(const struct upstream_ref *r, struct fetch_job *how, struct err *e)
{
    const char *token = getenv("HF_TOKEN");
    return !token || !*token || add_auth(how, r->base, token, e);
}

bool upstream_hf_info(const struct upstream_ref *r, struct fetch_job *how, const atomic_bool *stop,
                      json_t **j, struct err *e)
{
    const struct asking a = {how, stop, false};
    char url[LIMIT_URL_BYTES];
    struct document d;
    *j = NULL;
    snprintf(url, sizeof url, "%s/api/models/%s/revision/%s?blobs=true", r->base, r->repository,
             r->revision);
    if (!add_hf_token(r, how, e) || !get(&a, url, "application/json", &d, e))
        return false;
    if (check_status(&d, url, e))
        *j = json_parse(buf_view(&d.body), url, e);
    buf_clear(&d.body);
    return *j != NULL;
}

/* The address serves the file; beside it lies the pointer with its SHA-256, where it is a large
 * one. */
static bool address_hf(struct upstream *u, const struct asking *a, struct err *e)
{
    const struct upstream_ref *r = &u->ref;
    snprintf(u->url, sizeof u->url, "%s/%s/resolve/%s/%s", r->base, r->repository, r->revision,
             r->path);
    return add_hf_token(r, a->how, e);
}

static bool resolve_hf(struct upstream *u, const struct asking *a, struct err *e)
{
    const struct upstream_ref *r = &u->ref;
    char url[LIMIT_URL_BYTES];
    struct document d;
    if (!address_hf(u, a, e))
        return false;
    snprintf(url, sizeof url, "%s/%s/raw/%s/%s", r->base, r->repository, r->revision, r->path);
    if (!get(a, url, NULL, &d, e))
        return e->code == ERR_LIMIT; /* the file itself: it has no pointer */
    bool ok = check_status(&d, url, e);
    u->has_digest = ok && upstream_read_pointer(buf_view(&d.body), &u->digest);
    buf_clear(&d.body);
    return ok;
}

static void address_ms(struct upstream *u)
{
    const struct upstream_ref *r = &u->ref;
    snprintf(u->url, sizeof u->url, "%s/models/%s/resolve/%s/%s", r->base, r->repository,
             r->revision, r->path);
}

static bool resolve_ms(struct upstream *u, const struct asking *a, const char *text, struct err *e)
{
    const struct upstream_ref *r = &u->ref;
    char url[LIMIT_URL_BYTES], path[1024];
    struct document d;
    address_ms(u);
    snprintf(url, sizeof url, "%s/api/v1/models/%s/repo/files?Revision=%s&Recursive=true", r->base,
             r->repository, r->revision);
    if (!get(a, url, "application/json", &d, e))
        return false;
    bool ok = check_status(&d, url, e);
    json_t *j = ok ? json_parse(buf_view(&d.body), url, e) : NULL;
    /* the path as it was written, without the repository before it */
    const char *at = strchr(text, '/');
    at = at ? strchr(at + 1, '/') : NULL;
    snprintf(path, sizeof path, "%s", at ? at + 1 : "");
    char *mark = strrchr(path, '@');
    if (mark && !strchr(mark, '/'))
        *mark = '\0';
    u->has_digest = j && upstream_read_files(j, path, &u->digest);
    json_decref(j);
    buf_clear(&d.body);
    return ok && j;
}

/* --- registries ---------------------------------------------------------------------------- */

/* A token for everybody: what the user gave goes to the registry itself only, so it is sent to the
 * place that gives tokens only where that is the same. */
static bool get_token(const struct asking *a, const char *challenge, bool outer, const char *base,
                      struct err *e)
{
    const struct asking there = {a->how, a->stop, outer};
    char url[LIMIT_URL_BYTES];
    struct document d;
    struct url realm, registry;
    if (!upstream_read_challenge(challenge, url) || !url_parse(&realm, url, NULL) ||
        !url_parse(&registry, base, NULL) || (registry.tls && !realm.tls))
        return fail(e, ERR_UNAUTHORISED,
                    "%s: it wants to know who we are, in a way that moat does not know", base);
    if (!get(&there, url, "application/json", &d, e))
        return false;
    json_t *j = check_status(&d, url, e) ? json_parse(buf_view(&d.body), realm.shown, e) : NULL;
    const char *token = json_string_value(json_object_get(j, "token"));
    if (!token)
        token = json_string_value(json_object_get(j, "access_token"));
    uint32_t before = a->how->n_auth;
    bool ok = j && (token ? add_auth(a->how, base, token, e)
                          : fail(e, ERR_UNAUTHORISED, "%s: it gives no token", realm.shown));
    if (ok && a->how->n_auth > before)
        a->how->auth[before].found = true;
    json_decref(j);
    buf_clear(&d.body);
    return ok;
}

static uint64_t layer_size(const json_t *j, const struct digest *d)
{
    const json_t *layer;
    struct digest of;
    size_t i;
    json_array_foreach(json_object_get(j, "layers"), i, layer)
    {
        const char *text = json_string_value(json_object_get(layer, "digest"));
        json_int_t size = json_integer_value(json_object_get(layer, "size"));
        if (digest_parse(&of, str_of(text), NULL) && strcmp(of.hex, d->hex) == 0 && size > 0)
            return (uint64_t)size;
    }
    return 0;
}

static bool resolve_registry(struct upstream *u, const struct asking *a, struct err *e)
{
    const struct upstream_ref *r = &u->ref;
    char url[LIMIT_URL_BYTES];
    struct document d;
    snprintf(url, sizeof url, "%s/v2/%s/manifests/%s", r->base, r->repository, r->revision);
    if (!get(a, url, MANIFEST_TYPES, &d, e))
        return false;
    if (d.status == 401 && d.challenge[0]) {
        buf_clear(&d.body);
        if (!get_token(a, d.challenge, d.outer, r->base, e) || !get(a, url, MANIFEST_TYPES, &d, e))
            return false;
    }
    json_t *j = check_status(&d, url, e) ? json_parse(buf_view(&d.body), url, e) : NULL;
    u->has_digest = j && upstream_read_manifest(j, &u->digest, e);
    u->size = u->has_digest ? layer_size(j, &u->digest) : 0;
    if (u->has_digest)
        snprintf(u->url, sizeof u->url, "%s/v2/%s/blobs/sha256:%s", r->base, r->repository,
                 u->digest.hex);
    json_decref(j);
    buf_clear(&d.body);
    return u->has_digest;
}

/* --- a mirror of our own ------------------------------------------------------------------- */

static bool resolve_moat(struct upstream *u, const struct asking *a, struct err *e)
{
    const struct upstream_ref *r = &u->ref;
    char url[LIMIT_URL_BYTES];
    struct document d;
    snprintf(url, sizeof url, "%s/models/%s/%s.json", r->base, r->repository, r->revision);
    if (!get(a, url, "application/json", &d, e))
        return false;
    json_t *j = check_status(&d, url, e) ? json_parse(buf_view(&d.body), url, e) : NULL;
    u->has_digest = j && upstream_read_mirror(j, &u->digest, u->root, e);
    snprintf(u->url, sizeof u->url, "%s/blobs/sha256-%s", r->base, u->digest.hex);
    json_decref(j);
    buf_clear(&d.body);
    return u->has_digest;
}

bool upstream_resolve(struct upstream *u, const char *text, struct fetch_job *how,
                      const atomic_bool *stop, struct err *e)
{
    struct asking a = {how, stop, false};
    *u = (struct upstream){0};
    if (!upstream_parse(&u->ref, text, e))
        return err_at(e, "%s", text);
    if (u->ref.kind == UPSTREAM_HF)
        return resolve_hf(u, &a, e);
    if (u->ref.kind == UPSTREAM_MS)
        return resolve_ms(u, &a, text, e);
    if (u->ref.kind == UPSTREAM_MOAT)
        return resolve_moat(u, &a, e);
    return resolve_registry(u, &a, e);
}

bool upstream_renew(const char *text, struct fetch_job *how, const atomic_bool *stop, struct err *e)
{
    struct upstream u;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < how->n_auth; i++)
        if (!how->auth[i].found)
            how->auth[kept++] = how->auth[i];
    how->n_auth = kept;
    return upstream_resolve(&u, text, how, stop, e);
}

bool upstream_resolve_known(struct upstream *u, const char *text, const struct digest *known,
                            struct fetch_job *how, const atomic_bool *stop, struct err *e)
{
    struct asking a = {how, stop, false};
    *u = (struct upstream){.has_digest = true, .digest = *known};
    if (!upstream_parse(&u->ref, text, e))
        return err_at(e, "%s", text);
    if (u->ref.kind == UPSTREAM_HF)
        return address_hf(u, &a, e);
    if (u->ref.kind != UPSTREAM_MS)
        return upstream_resolve(u, text, how, stop, e);
    address_ms(u);
    return true;
}

bool upstream_get(const char *url, struct fetch_job *how, const atomic_bool *stop, struct buf *out,
                  struct err *e)
{
    struct asking a = {how, stop, false};
    struct document d;
    struct url u;
    if (!url_parse(&u, url, e) || !get(&a, url, NULL, &d, e))
        return false;
    bool ok = d.status == 200;
    if (ok)
        buf_str(out, buf_view(&d.body));
    else
        fail(e,
             d.status == 404                      ? ERR_NOT_FOUND
             : d.status == 401 || d.status == 403 ? ERR_DENIED
                                                  : ERR_NETWORK,
             "%s: it answers with HTTP status %d", u.shown, d.status);
    buf_clear(&d.body);
    return ok && buf_ok(out, u.shown, e);
}

bool upstream_take_token(const char *challenge, bool outer, const char *base, struct fetch_job *how,
                         const atomic_bool *stop, struct err *e)
{
    struct asking a = {how, stop, false};
    return get_token(&a, challenge, outer, base, e);
}
