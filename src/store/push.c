/* SPDX-License-Identifier: Apache-2.0 */
/* store/push: see push.h. Source: the OCI distribution specification 1.1, "Pushing a blob
 * monolithically" and "Pushing manifests". */
#include "store/push.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "fetch/url.h"
#include "gguf/gguf.h"

#define MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define CONFIG_TYPE   "application/vnd.docker.container.image.v1+json"
#define MODEL_TYPE    "application/vnd.ollama.image.model"

enum { TRIES = 5 };

struct push {
    struct push_request *q;
    struct push_result *r;
    bool asked; /* for a token, once */
};

/* --- one request ------------------------------------------------------------------------------ */

static bool pause_before(const struct push *p, int try, struct err *e)
{
    for (int i = 0; i < 10 << try; i++) {
        if (p->q->stop && atomic_load(p->q->stop))
            return fail(e, ERR_CANCELLED, "stopped");
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

/* One request of the job, with a token where the registry wants one, again where it may help. */
static bool ask(struct push *p, const struct fetch_job *job, int fd, struct document *d,
                struct err *e)
{
    for (int try = 0;; try++) {
        struct fetch_job j = *job;
        struct event last;
        memcpy(j.auth, p->q->how.auth, sizeof j.auth);
        j.n_auth = p->q->how.n_auth;
        bool ok = fetch_call(&j, fd, -1, p->q->stop, p->q->event, p->q->arg, &last, d, e);
        bool again = ok ? d->status >= 500 || d->status == 429 : e->code == ERR_NETWORK;
        if (ok && d->status == 401 && d->challenge[0] && !p->asked) {
            p->asked = true;
            buf_clear(&d->body);
            if (!upstream_take_token(d->challenge, d->outer, p->q->to.base, &p->q->how, p->q->stop,
                                     e))
                return false;
            continue;
        }
        if (!again || try == TRIES)
            return ok;
        buf_clear(&d->body);
        if (!pause_before(p, try, e))
            return false;
    }
}

static struct fetch_job new_job(const struct push *p, const char *method, const char *url)
{
    struct fetch_job j = p->q->how;
    j.document = true;
    j.method = method;
    j.url[0] = url;
    j.n_url = 1;
    return j;
}

/* What a registry says of an error: {"errors": [{"code": .., "message": ..}]}. */
static bool refused(const struct document *d, const char *url, const char *what, struct err *e)
{
    struct url u;
    char text[256] = "";
    json_t *j = json_parse(buf_view(&d->body), url, NULL);
    const json_t *first = json_array_get(json_object_get(j, "errors"), 0);
    const char *message = json_string_value(json_object_get(first, "message"));
    snprintf(text, sizeof text, "%s", message ? message : "");
    str_make_printable(text);
    json_decref(j);
    const char *shown = url_parse(&u, url, NULL) ? u.shown : "";
    enum err_code code = d->status == 401                       ? ERR_UNAUTHORISED
                         : d->status == 403 || d->status == 405 ? ERR_DENIED
                         : d->status == 413 || d->status == 507 ? ERR_LIMIT
                         : d->status == 400 && what[0] == 'b'   ? ERR_CORRUPT
                                                                : ERR_NETWORK;
    return fail(e, code, "%s: it does not take the model (HTTP status %d) %s", shown, d->status,
                text);
}

/* --- blobs ------------------------------------------------------------------------------------ */

struct part {
    const char *text; /* or a file: */
    int fd;
    uint64_t size;
    const struct digest *digest;
};

static bool is_there(struct push *p, const struct digest *d, bool *there, struct err *e)
{
    char url[LIMIT_URL_BYTES];
    struct document got;
    snprintf(url, sizeof url, "%s/v2/%s/blobs/sha256:%s", p->q->to.base, p->q->to.repository,
             d->hex);
    struct fetch_job j = new_job(p, "HEAD", url);
    if (!ask(p, &j, -1, &got, e))
        return err_at(e, "%s", p->q->to.base);
    *there = got.status == 200;
    bool ok = *there || got.status == 404 || refused(&got, url, "blob", e);
    buf_clear(&got.body);
    return ok;
}

/* Where the bytes go: an address of the registry, or a path on it. */
static bool place_of(const struct push *p, const char *location, const struct digest *d,
                     char out[LIMIT_URL_BYTES], struct err *e)
{
    struct url u, base;
    bool path = location[0] == '/';
    int n = snprintf(out, LIMIT_URL_BYTES, "%s%s%cdigest=sha256:%s", path ? p->q->to.base : "",
                     location, strchr(location, '?') ? '&' : '?', d->hex);
    if (location[0] && n < (int)LIMIT_URL_BYTES && url_parse(&u, out, NULL) &&
        url_parse(&base, p->q->to.base, NULL) && (u.tls || !base.tls))
        return true;
    return fail(e, ERR_NETWORK, "%s: it does not say where the bytes are to go", p->q->to.base);
}

static bool begin_upload(struct push *p, const struct digest *d, char out[LIMIT_URL_BYTES],
                         struct err *e)
{
    char url[LIMIT_URL_BYTES];
    struct document got;
    snprintf(url, sizeof url, "%s/v2/%s/blobs/uploads/", p->q->to.base, p->q->to.repository);
    struct fetch_job j = new_job(p, "POST", url);
    if (!ask(p, &j, -1, &got, e))
        return err_at(e, "%s", p->q->to.base);
    bool ok =
        got.status == 202 ? place_of(p, got.location, d, out, e) : refused(&got, url, "upload", e);
    buf_clear(&got.body);
    return ok;
}

static bool send_part(struct push *p, const struct part *part, bool *present, struct err *e)
{
    char url[LIMIT_URL_BYTES];
    struct document got;
    if (!is_there(p, part->digest, present, e))
        return false;
    if (*present)
        return true;
    if (!begin_upload(p, part->digest, url, e))
        return false;
    struct fetch_job j = new_job(p, "PUT", url);
    j.text = part->text;
    j.upload = !part->text;
    j.size = part->size;
    if (!ask(p, &j, part->text ? -1 : part->fd, &got, e))
        return err_at(e, "%s", p->q->to.base);
    bool ok = got.status == 201 || refused(&got, url, "blob", e);
    buf_clear(&got.body);
    return ok;
}

/* --- the manifest ----------------------------------------------------------------------------- */

/* What Ollama wants to know of a model without reading it. */
static json_t *make_config(int fd, const struct manifest *m, struct err *e)
{
    char params[32], digest[DIGEST_HEX + 8];
    struct str family = STR("");
    int copy = dup(fd);
    struct gguf *g = copy >= 0 ? gguf_take_fd(copy, m->name.text, e) : NULL;
    if (!g || !gguf_get_str(g, "general.architecture", &family, e)) {
        gguf_close(g);
        return NULL;
    }
    double n = (double)gguf_n_weights(g);
    snprintf(params, sizeof params, n < 1e9 ? "%.2fM" : "%.1fB", n < 1e9 ? n / 1e6 : n / 1e9);
    snprintf(digest, sizeof digest, "sha256:%s", m->digest.hex);
    json_t *j = json_pack("{s:s, s:s%, s:[s%], s:s, s:s, s:s, s:s, s:{s:s, s:[s]}}", "model_format",
                          "gguf", "model_family", family.p, family.n, "model_families", family.p,
                          family.n, "model_type", params, "file_type",
                          dtype_name(gguf_most_weights(g)), "architecture", "amd64", "os", "linux",
                          "rootfs", "type", "layers", "diff_ids", digest);
    gguf_close(g);
    if (!j)
        fail(e, ERR_LIMIT, "not enough memory");
    return j;
}

static bool send_manifest(struct push *p, const struct digest *config, size_t config_size,
                          struct err *e)
{
    char url[LIMIT_URL_BYTES], model_digest[DIGEST_HEX + 8], config_digest[DIGEST_HEX + 8];
    const struct manifest *m = p->q->m;
    struct document got;
    struct buf text;
    snprintf(model_digest, sizeof model_digest, "sha256:%s", m->digest.hex);
    snprintf(config_digest, sizeof config_digest, "sha256:%s", config->hex);
    json_t *j = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2,
                          "mediaType", MANIFEST_TYPE, "config", "mediaType", CONFIG_TYPE, "digest",
                          config_digest, "size", (json_int_t)config_size, "layers", "mediaType",
                          MODEL_TYPE, "digest", model_digest, "size", (json_int_t)m->size);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "not enough memory");
    snprintf(url, sizeof url, "%s/v2/%s/manifests/%s", p->q->to.base, p->q->to.repository,
             p->q->to.revision);
    struct fetch_job job = new_job(p, "PUT", url);
    job.type = MANIFEST_TYPE;
    job.text = buf_c(&text);
    ok = ok && (ask(p, &job, -1, &got, e) || err_at(e, "%s", p->q->to.base));
    if (ok) {
        ok = got.status == 201 || got.status == 200 || refused(&got, url, "manifest", e);
        buf_clear(&got.body);
    }
    buf_clear(&text);
    json_decref(j);
    return ok;
}

static bool send_all(struct push *p, int fd, struct err *e)
{
    const struct manifest *m = p->q->m;
    struct part model = {.fd = fd, .size = m->size, .digest = &m->digest};
    struct digest digest;
    struct buf text;
    bool there;
    json_t *j = make_config(fd, m, e);
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = j && json_write(j, JSON_COMPACT, &text, e) && digest_of(&digest, buf_view(&text), e);
    struct part config = {.text = buf_c(&text), .size = text.n, .digest = &digest};
    ok = ok && send_part(p, &model, &p->r->present, e) && send_part(p, &config, &there, e) &&
         send_manifest(p, &digest, text.n, e);
    p->r->sent = ok && !p->r->present ? m->size : 0;
    buf_clear(&text);
    json_decref(j);
    return ok;
}

bool push_model(struct push_request *q, struct push_result *r, struct err *e)
{
    struct push p = {.q = q, .r = r};
    *r = (struct push_result){0};
    int fd = blob_open(q->store, &q->m->digest, e);
    if (fd < 0)
        return false;
    bool ok = send_all(&p, fd, e);
    close(fd);
    return ok;
}
