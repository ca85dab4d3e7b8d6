/* SPDX-License-Identifier: Apache-2.0 */
/* serve/orders_make: what an operator's orders do, each in an errand's process; see orders.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fetch/url.h"
#include "serve/create.h"
#include "serve/log.h"
#include "serve/orders.h"
#include "serve/pack_path.h"
#include "serve/upstream_job.h"
#include "serve/witness_book.h"
#include "store/copy.h"
#include "store/derive.h"
#include "store/pull.h"
#include "store/push.h"
#include "store/resolve.h"
#include "store/upstream.h"

enum { PUT_CHUNK = 1 << 20 };

/* --- pull ----------------------------------------------------------------------------------------
 */

struct pulling {
    int out;
    struct pull_request q;
    struct upstream u;
    char digest[DIGEST_HEX + 8], status[32];
};

static void tell(const struct pulling *p, const char *status, uint64_t done, uint64_t total)
{
    errand_tell(p->out, json_pack("{ss ss* sI sI}", "status", status, "digest",
                                  p->digest[0] ? p->digest : NULL, "total", (json_int_t)total,
                                  "completed", (json_int_t)done));
}

static bool on_event(void *arg, const struct event *v)
{
    const struct pulling *p = arg;
    if (v->kind == EVENT_PROGRESS && v->total)
        tell(p, p->status, v->done, v->total);
    return true;
}

static bool on_checking(void *arg, uint64_t done, uint64_t total)
{
    const struct pulling *p = arg;
    if (done == total)
        errand_tell(p->out, json_pack("{ss}", "status", "verifying sha256 digest"));
    return true;
}

static bool on_waiting(void *arg)
{
    (void)arg;
    return true;
}

/* "HOST/NAME:TAG" without TLS, where the client says that it may be. */
static void full_name(const struct order *o, char out[ORDER_TEXT + 32])
{
    struct str host, rest = str_of(o->model);
    bool has_host = str_cut(&rest, '/', &host) && rest.n &&
                    (str_find(host, STR(".")) != SIZE_MAX || str_find(host, STR(":")) != SIZE_MAX);
    if (upstream_is(o->model))
        snprintf(out, ORDER_TEXT + 32, "%s", o->model);
    else
        snprintf(out, ORDER_TEXT + 32, "ollama:%s%s", has_host && o->insecure ? "http://" : "",
                 o->model);
}

static bool pull(struct pulling *p, const struct order *o, struct err *e)
{
    char text[ORDER_TEXT + 32];
    struct pull_result r;
    struct url u;
    full_name(o, text);
    upstream_job(&p->q.job, o->config);
    if (!upstream_parse(&p->u.ref, text, e)) /* before anything is said */
        return err_at(e, "%s", text);
    errand_tell(p->out, json_pack("{ss}", "status", "pulling manifest"));
    if (!upstream_resolve(&p->u, text, &p->q.job, NULL, e) || !url_parse(&u, p->u.url, e) ||
        !upstream_name(&p->u.ref, u.file, &p->q.name, e))
        return false;
    snprintf(p->digest, sizeof p->digest, p->u.has_digest ? "sha256:%s" : "", p->u.digest.hex);
    snprintf(p->status, sizeof p->status, "pulling %.12s", p->u.digest.hex);
    p->q.job.url[p->q.job.n_url++] = p->u.url;
    if (p->u.root[0])
        p->q.job.root = p->u.root;
    p->q.expected = p->u.has_digest ? &p->u.digest : NULL;
    p->q.source = p->q.renew = text;
    p->q.watch = (struct pull_watch){
        .event = on_event, .checking = {on_checking, p}, .waiting = on_waiting, .arg = p};
    if (!pull_model(&p->q, &r, e))
        return false;
    tell(p, p->status, r.size, r.size);
    errand_tell(p->out, json_pack("{ss}", "status", "writing manifest"));
    log_event("pulled", "%s: %llu bytes", p->q.name.text, (unsigned long long)r.size);
    return true;
}

bool order_pull(void *arg, int out, struct err *e)
{
    struct pulling *p = mem_new(1, sizeof *p, e);
    if (!p)
        return false;
    p->out = out;
    bool ok = pull(p, arg, e);
    mem_free(p);
    return ok;
}

/* --- the short ones ------------------------------------------------------------------------------
 */

bool order_copy(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    struct name from, to;
    (void)out;
    if (!name_parse(&from, str_of(o->model), e) || !name_parse(&to, str_of(o->other), e) ||
        !copy_model(o->store, &from, &to, true, e))
        return false;
    log_event("copied", "%s to %s", from.text, to.text);
    return true;
}

/* The packed weights go with the model. */
static void forget_pack(const char *model)
{
    struct pack_choice pack;
    struct resolved r = {0};
    struct err ignored;
    if (resolve_model(model, &r, &ignored) && pack_choose(&pack, r.gguf, &ignored) && pack.kept &&
        !pack.params.required)
        unlink(pack.path);
    gguf_close(r.gguf);
    resolved_clear(&r);
}

bool order_delete(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    struct name name;
    struct os_lock lock;
    struct manifest m;
    uint64_t freed = 0;
    (void)out;
    if (!name_parse(&name, str_of(o->model), e) ||
        (!manifest_exists(o->store, &name) && !manifest_read(o->store, &name, &m, e)))
        return false;
    forget_pack(name.text);
    if (!store_lock(o->store, &lock, e))
        return false;
    bool ok = manifest_remove(o->store, &name, e) && blob_sweep(o->store, &freed, e);
    os_lock_close(&lock);
    if (ok)
        log_event("deleted", "%s: %llu bytes freed", name.text, (unsigned long long)freed);
    return ok;
}

bool order_find(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    struct digest d;
    (void)out;
    if (!digest_parse(&d, str_of(o->model), e))
        return false;
    int fd = blob_open(o->store, &d, NULL);
    if (fd < 0)
        return fail(e, ERR_NOT_FOUND, "there is no such blob here");
    close(fd);
    return true;
}

/* --- create --------------------------------------------------------------------------------------
 */

/* An upload has served its purpose. */
static bool forget(const struct name *name, struct err *e)
{
    struct store s;
    struct os_lock lock;
    if (!store_open(&s, false, e) || !store_lock(&s, &lock, e))
        return false;
    bool ok = manifest_remove(&s, name, e);
    os_lock_close(&lock);
    return ok;
}

static bool create(const struct modelfile *m, const struct name *name, const json_t *settings,
                   int out, struct err *e)
{
    struct derivation d = {
        .name = *name, .settings = settings, .opening = m->opening, .licence = m->licence};
    if (!name_parse(&d.base, str_of(m->from), e) || !derive_model(&d, e))
        return false;
    errand_tell(out, json_pack("{so}", "status",
                               json_sprintf("using existing layer sha256:%s", d.digest.hex)));
    errand_tell(out, json_pack("{ss}", "status", "writing manifest"));
    log_event("created", "%s from %s", name->text, d.base.text);
    return strcmp(d.base.model, ORDER_UPLOAD) != 0 || forget(&d.base, e);
}

bool order_create(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    struct modelfile m;
    struct name name;
    json_t *settings = json_object();
    bool ok = o->text ? name_parse(&name, str_of(o->model), e) &&
                            modelfile_parse(&m, str_of(o->text), "body", e)
                      : fail(e, ERR_USAGE, "it does not say what the model is made from");
    if (ok) {
        ok = create_settings(&m, settings, e) && create(&m, &name, settings, out, e);
        modelfile_clear(&m);
    }
    json_decref(settings);
    return ok;
}

/* --- put -----------------------------------------------------------------------------------------
 */

static bool receive(struct blob_writer *w, const struct order *o, struct err *e)
{
    char *chunk = mem_new(PUT_CHUNK, 1, e);
    ssize_t n = 1;
    bool ok = chunk != NULL;
    while (ok && n > 0) {
        n = read(o->fd, chunk, PUT_CHUNK);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            ok = fail(e, ERR_IO, "the line to the front is broken: %s", strerror(errno));
        else if (n > 0)
            ok = blob_write(w, chunk, (size_t)n, e);
    }
    mem_free(chunk);
    if (ok && o->size && w->n != o->size)
        return fail(e, ERR_USAGE, "the body ended after %llu of %llu bytes",
                    (unsigned long long)w->n, (unsigned long long)o->size);
    return ok;
}

static bool place_put(void *arg, const struct digest *d, struct err *e)
{
    return blob_commit(arg, d, e);
}

static bool keep_put(struct blob_writer *w, const struct order *o, struct err *e)
{
    struct digest want, got;
    char architecture[PUBLISH_ARCHITECTURE], source[] = "upload over the API";
    struct publication p = {.store = o->store, .place = place_put, .arg = w};
    if (!digest_parse(&want, str_of(o->model), e) || !receive(w, o, e) || !blob_digest(w, &got, e))
        return false;
    if (strcmp(want.hex, got.hex) != 0)
        return fail(e, ERR_CORRUPT, "the SHA-256 of what came is %s, not %s", got.hex, want.hex);
    char text[2 * NAME_PART];
    snprintf(text, sizeof text, ORDER_UPLOAD ":%s", got.hex);
    p.m.digest = got;
    p.m.size = w->n;
    p.m.source = source;
    return name_parse(&p.m.name, str_of(text), e) &&
           publish_check(w->file.fd, text, NULL, architecture, e) && publish_model(&p, e);
}

bool order_put(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    struct blob_writer w;
    (void)out;
    close(o->other_fd); /* so that its end is seen here */
    bool ok = blob_begin(&w, o->store, o->size, e) && keep_put(&w, o, e);
    blob_abort(&w);
    return ok;
}

/* --- push ----------------------------------------------------------------------------------------
 */

struct pushing {
    int out;
    struct push_request q;
    char digest[DIGEST_HEX + 8], status[32];
};

static bool on_pushed(void *arg, const struct event *v)
{
    const struct pushing *p = arg;
    if (v->kind == EVENT_PROGRESS && v->total)
        errand_tell(p->out,
                    json_pack("{ss ss sI sI}", "status", p->status, "digest", p->digest, "total",
                              (json_int_t)v->total, "completed", (json_int_t)v->done));
    return true;
}

static bool push(struct pushing *p, const struct order *o, struct manifest *m, struct err *e)
{
    char text[ORDER_TEXT + 32];
    struct push_result r;
    struct name name;
    full_name(o, text);
    upstream_job(&p->q.how, o->config);
    if (!upstream_parse(&p->q.to, text, e))
        return err_at(e, "%s", text);
    errand_tell(p->out, json_pack("{ss}", "status", "retrieving manifest"));
    if (p->q.to.kind != UPSTREAM_OLLAMA && p->q.to.kind != UPSTREAM_OCI)
        return fail(e, ERR_UNSUPPORTED,
                    "%s: moat pushes to registries only: oci:HOST/REPOSITORY[:TAG]", text);
    if (!upstream_name(&p->q.to, "", &name, e) || !manifest_read(o->store, &name, m, e))
        return false;
    snprintf(p->digest, sizeof p->digest, "sha256:%s", m->digest.hex);
    snprintf(p->status, sizeof p->status, "pushing %.12s", m->digest.hex);
    p->q.store = o->store;
    p->q.m = m;
    p->q.event = on_pushed;
    p->q.arg = p;
    if (!push_model(&p->q, &r, e))
        return false;
    errand_tell(p->out, json_pack("{ss}", "status", "pushing manifest"));
    log_event("pushed", "%s to %s", name.text, text);
    return true;
}

bool order_push(void *arg, int out, struct err *e)
{
    struct manifest m = {0};
    struct pushing *p = mem_new(1, sizeof *p, e);
    if (!p)
        return false;
    p->out = out;
    bool ok = push(p, arg, &m, e);
    manifest_clear(&m);
    mem_free(p);
    return ok;
}

/* --- witness -------------------------------------------------------------------------------------
 */

bool order_witness(void *arg, int out, struct err *e)
{
    const struct order *o = arg;
    (void)out;
    return witness_book_take(o->store, o->model, str_of(o->text), e);
}
