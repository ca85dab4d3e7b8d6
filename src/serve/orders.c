/* SPDX-License-Identifier: Apache-2.0 */
/* serve/orders: see orders.h. */
#include "serve/orders.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "fetch/url.h"
#include "serve/keeper_answer.h"
#include "serve/log.h"
#include "serve/pack_path.h"
#include "serve/packet.h"
#include "serve/upstream_job.h"
#include "store/copy.h"
#include "store/pull.h"
#include "store/resolve.h"
#include "store/upstream.h"

enum { ORDER_TEXT = 512 };

struct order {
    const struct config *config;
    const struct store *store;
    char model[ORDER_TEXT]; /* or the source, or the digest */
    char other[ORDER_TEXT]; /* the destination */
    bool insecure;
};

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

static bool do_pull(void *arg, int out, struct err *e)
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

static bool do_copy(void *arg, int out, struct err *e)
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
    char path[STORE_PATH];
    struct resolved r = {0};
    bool kept = false;
    struct err ignored;
    if (resolve_model(model, &r, &ignored) && pack_path(r.gguf, path, &kept, &ignored) && kept)
        unlink(path);
    gguf_close(r.gguf);
    resolved_clear(&r);
}

static bool do_delete(void *arg, int out, struct err *e)
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

static bool do_find(void *arg, int out, struct err *e)
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

/* --- taking them ---------------------------------------------------------------------------------
 */

static const struct {
    const char *word, *field, *other;
    errand_fn *fn;
    bool shared; /* whoever wants the same joins */
} kinds[] = {{"pull", "model", NULL, do_pull, true},
             {"copy", "source", "destination", do_copy, false},
             {"delete", "model", NULL, do_delete, false},
             {"find", "digest", NULL, do_find, false}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static bool read_text(const json_t *order, const char *field, char out[ORDER_TEXT], struct err *e)
{
    const json_t *v = json_object_get(order, field);
    size_t n = json_string_length(v);
    if (n == 0 || n >= ORDER_TEXT || strlen(json_string_value(v)) != n)
        return fail(e, ERR_USAGE, "%s: must be a name of 1 to %d bytes", field, ORDER_TEXT - 1);
    memcpy(out, json_string_value(v), n + 1);
    return true;
}

static bool take(struct keeper *k, json_int_t id, const json_t *order, struct err *e)
{
    const char *word = json_string_value(json_object_get(order, "do"));
    struct order o = {.config = k->config,
                      .store = &k->shelf.store,
                      .insecure = json_is_true(json_object_get(order, "insecure"))};
    char key[ERRAND_KEY];
    size_t i = 0;
    while (i < N_KINDS && (!word || strcmp(kinds[i].word, word) != 0))
        i++;
    if (i == N_KINDS)
        return fail(e, ERR_INTERNAL, "the front asks for what nobody knows");
    if (!read_text(order, kinds[i].field, o.model, e) ||
        (kinds[i].other && !read_text(order, kinds[i].other, o.other, e)))
        return false;
    struct hash h;
    struct str whole = str_of(o.model);
    if (!hash_of(&whole, 1, &h, e))
        return false;
    int n = snprintf(key, sizeof key, "order %s ", word);
    for (size_t b = 0; kinds[i].shared && b < HASH_BYTES; b++)
        n += snprintf(key + n, sizeof key - (size_t)n, "%02x", h.b[b]);
    if (!kinds[i].shared)
        snprintf(key + n, sizeof key - (size_t)n, "%lld", (long long)id);
    struct errand *w = errand_find(&k->errands, key);
    if (!w)
        w = errand_start(&k->errands, key, kinds[i].fn, &o, k->line, e);
    if (!w)
        return false;
    w->is_order = true;
    return errand_join(w, id, NULL, e);
}

void orders_take(struct keeper *k, json_int_t id, const json_t *order)
{
    struct err e = {0};
    if (!take(k, id, order, &e))
        keeper_refuse(k, id, &e, NULL);
}

void orders_cancel(struct keeper *k, json_int_t id)
{
    for (uint32_t i = 0; i < k->errands.n; i++) {
        struct errand *w = k->errands.v[i];
        if (!w->is_order || !errand_leave(w, id))
            continue;
        if (w->n_askers == 0)
            errand_remove(&k->errands, w);
        return;
    }
}

/* --- telling -------------------------------------------------------------------------------------
 */

static void send_said(struct keeper *k, json_t *j)
{
    struct err e;
    if (!packet_send(k->line, j, -1, true, &e))
        log_event("keeper-line", "%s", e.msg);
    json_decref(j);
}

void orders_progress(struct keeper *k, const struct errand *w, const json_t *said)
{
    for (size_t i = 0; i < w->n_askers; i++)
        send_said(
            k, json_pack("{sI sO}", "id", w->asker[i].id, "progress", (json_t *)(uintptr_t)said));
}

void orders_end(struct keeper *k, const struct errand *w)
{
    for (size_t i = 0; i < w->n_askers; i++) {
        if (w->err.code == ERR_NONE)
            send_said(k, json_pack("{sI}", "id", w->asker[i].id));
        else
            keeper_refuse(k, w->asker[i].id, &w->err, NULL);
    }
}
