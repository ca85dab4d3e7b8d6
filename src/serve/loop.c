/* SPDX-License-Identifier: Apache-2.0 */
/* serve/loop: see loop.h. */
#include "serve/loop.h"

#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "serve/control.h"
#include "serve/isolate.h"
#include "serve/loading.h"
#include "serve/log.h"

/* --- listeners ----------------------------------------------------------------------------------
 */

static void on_client(uv_stream_t *stream, int status)
{
    const struct listener_handle *l = stream->data;
    if (status == 0 && !l->server->draining)
        conn_accept(l->server, l);
}

static bool listen_one(struct server *s, struct listener_handle *h, const struct listener *l)
{
    h->server = s;
    h->local = l->local;
    h->tls = l->tls;
    if (l->local)
        uv_pipe_init(&s->loop, &h->io.pipe, 0);
    else
        uv_tcp_init(&s->loop, &h->io.tcp);
    h->io.handle.data = h;
    int status = l->local ? uv_pipe_open(&h->io.pipe, l->fd) : uv_tcp_open(&h->io.tcp, l->fd);
    return status == 0 && uv_listen(&h->io.stream, LISTEN_BACKLOG, on_client) == 0;
}

static bool listen_all(struct server *s, const struct listeners *l)
{
    s->listeners = mem_new(l->n, sizeof *s->listeners, NULL);
    for (uint32_t i = 0; s->listeners && i < l->n; i++) {
        if (!listen_one(s, &s->listeners[i], &l->v[i]))
            return false;
        s->n_listeners++;
    }
    return s->listeners != NULL;
}

/* --- draining ------------------------------------------------------------------------------------
 */

static void on_walk(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Ends the loop once nobody waits for an answer any more. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct server *s = prepare->data;
    if (s->draining && !s->conns)
        uv_stop(&s->loop);
}

static void drain(struct server *s)
{
    if (s->draining)
        return;
    s->draining = true;
    log_event("draining", "%u requests under way", s->stats.n_live);
    for (uint32_t i = 0; i < s->n_listeners; i++)
        uv_close(&s->listeners[i].io.handle, NULL);
    loading_drain(s);
    conn_drain(s);
}

/* --- the supervisor ------------------------------------------------------------------------------
 */

static void take_engine(struct server *s, const struct control *m)
{
    if (uv_pipe_pending_count(&s->control) > 0)
        engines_attach(&s->engines, m->model, (int)m->pid, &s->control);
}

struct tell {
    uv_write_t req;
    struct control m;
};

static void on_told(uv_write_t *req, int status)
{
    (void)status; /* a broken line is noticed by who reads it */
    mem_free(req->data);
}

void loop_tell(struct server *s, enum control_kind kind, uint32_t model)
{
    struct tell *t = mem_new(1, sizeof *t, NULL);
    if (t) {
        *t = (struct tell){.m = {.kind = kind, .model = model}};
        t->req.data = t;
        uv_buf_t b = uv_buf_init((char *)&t->m, sizeof t->m);
        if (uv_write(&t->req, (uv_stream_t *)&s->control, &b, 1, on_told) == 0)
            return;
        mem_free(t);
    }
    log_event("tell-failed", "model %u", model);
}

/* Takes keys and certificate over; connections under way keep the certificate they began with. */
static bool set_access(struct server *s, struct access *a, const struct config *c, struct err *e)
{
    struct tls_server *tls = access_tls(a, c, e);
    if (a->certificate.n && !tls)
        return false;
    if (tls) { /* an address with TLS keeps the one it has */
        tls_server_free(s->tls);
        s->tls = tls;
    }
    keys_clear(&s->keys);
    s->keys = a->keys;
    a->keys = (struct keys){0};
    return ledger_keys(&s->ledger, &s->keys, &a->used, e);
}

static bool take_both(struct server *s, struct config *c, const json_t *j, struct err *e)
{
    struct access a = {0};
    bool ok = config_from_json(c, json_object_get(j, "config"), "reload", e) &&
              access_from_json(&a, json_object_get(j, "access"), e) && set_access(s, &a, c, e);
    access_clear(&a);
    return ok;
}

static void take_config(struct server *s, struct str text)
{
    struct config c;
    struct err e;
    config_init(&c);
    json_t *j = json_parse(text, "reload", &e);
    if (j && take_both(s, &c, j, &e)) {
        struct config old = s->config;
        s->config = c;
        c = old;
        s->pace.bucket.rate = s->config.limit_rate;
        log_event("reloaded", "limits of new requests; %u keys", s->keys.n);
    } else {
        log_event("reload-failed", "%s", e.msg);
    }
    config_clear(&c);
    json_decref(j);
}

static void take_model(struct server *s, uint32_t i, struct str text)
{
    struct err e = {0};
    json_t *j = json_parse(text, "model", &e);
    struct served *m = j ? served_from_json(j, &e) : NULL;
    if (m)
        engines_model(&s->engines, i, m);
    else
        log_event("model-unread", "%s", e.msg);
    json_decref(j);
}

static void take_control(struct server *s, const struct control *m, struct str payload)
{
    switch ((enum control_kind)m->kind) {
    case CONTROL_ENGINE:
        take_engine(s, m);
        break;
    case CONTROL_CONFIG:
        take_config(s, payload);
        break;
    case CONTROL_DRAIN:
        drain(s);
        break;
    case CONTROL_KEEPER:
        if (uv_pipe_pending_count(&s->control) > 0)
            keeper_line_attach(&s->keeper, (int)m->pid, &s->control);
        break;
    case CONTROL_MODEL:
        take_model(s, m->model, payload);
        break;
    case CONTROL_AUDITOR:
        if (uv_pipe_pending_count(&s->control) > 0)
            audit_line_attach(&s->audit, (int)m->pid, &s->control);
        break;
    case CONTROL_KILL_ENGINE:
    case CONTROL_LOAD:
    case CONTROL_UNLOAD:
        break;
    }
}

static void on_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b)
{
    struct server *s = handle->data;
    (void)suggested;
    *b = uv_buf_init(s->read_bytes, sizeof s->read_bytes);
}

static void on_control(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct server *s = stream->data;
    if (n < 0) { /* the supervisor is gone: nobody would restart what falls */
        s->draining = true;
        uv_stop(&s->loop);
        return;
    }
    buf_add(&s->control_in, b->base, (size_t)n);
    struct control m;
    while (s->control_in.n >= sizeof m) {
        memcpy(&m, s->control_in.p, sizeof m);
        if (s->control_in.n - sizeof m < m.bytes)
            break;
        take_control(s, &m, str_sub(buf_view(&s->control_in), sizeof m, m.bytes));
        buf_drop_front(&s->control_in, sizeof m + m.bytes);
    }
}

/* --- the role ------------------------------------------------------------------------------------
 */

static bool start(struct server *s, const struct listeners *l, int control_fd,
                  struct served_list *models, uv_prepare_t *prepare)
{
    keeper_line_init(&s->keeper, s);
    audit_line_init(&s->audit, s);
    pace_init(&s->pace, &s->loop, s->config.limit_rate);
    uv_prepare_init(&s->loop, prepare);
    prepare->data = s;
    uv_prepare_start(prepare, on_prepare);
    uv_pipe_init(&s->loop, &s->control, 1);
    s->control.data = s;
    if (uv_pipe_open(&s->control, control_fd) != 0 ||
        uv_read_start((uv_stream_t *)&s->control, on_control_alloc, on_control) != 0)
        return false;
    engines_init(&s->engines, s, models);
    return listen_all(s, l);
}

/* Of the supervisor's, by whom it was forked: the copy is this process's own. */
static bool give_access(struct server *s, const struct access *access, struct err *e)
{
    struct access own = *access;
    own.keys = (struct keys){0};
    json_t *j = keys_to_json(&access->keys);
    bool ok = j && keys_from_json(&own.keys, j, e) && set_access(s, &own, &s->config, e);
    keys_clear(&own.keys);
    json_decref(j);
    return ok;
}

int front_main(const struct listeners *l, int control_fd, int ledger_fd,
               const struct config *config, const struct access *access, struct served_list *models,
               const struct routes *routes)
{
    struct err e = {0};
    uv_prepare_t prepare;
    struct server *s = mem_new(1, sizeof *s, &e);
    signal(SIGPIPE, SIG_IGN);
    os_allow_files(); /* a connection has a socket, and perhaps a file */
    if (!s || !config_copy(&s->config, config, &e) || uv_loop_init(&s->loop) != 0) {
        log_event("front-failed", "%s", e.msg);
        mem_free(s);
        return err_exit_status(ERR_INTERNAL);
    }
    buf_init(&s->control_in, 2 * CONTROL_MOST);
    s->start_ns = os_now_ns();
    s->routes = routes;
    shed_init(s);
    uv_idle_init(&s->loop, &s->turns);
    s->turns.data = s;
    ledger_init(&s->ledger, &s->loop, ledger_fd);
    bool ok = give_access(s, access, &e);
    ok = ok &&
         (start(s, l, control_fd, models, &prepare) || fail(&e, ERR_INTERNAL, "cannot listen"));
    ok = ok && isolate_front(&s->config, &e);
    if (!ok)
        log_event("front-failed", "%s", e.msg);
    if (ok)
        uv_run(&s->loop, UV_RUN_DEFAULT);
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c);
    }
    ledger_close(&s->ledger);
    engines_close(&s->engines);
    keeper_line_close(&s->keeper);
    audit_line_end(&s->audit);
    uv_walk(&s->loop, on_walk, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    buf_clear(&s->control_in);
    mem_free(s->listeners);
    config_clear(&s->config);
    keys_clear(&s->keys);
    tls_server_free(s->tls);
    tally_clear(&s->tally);
    ledger_clear(&s->ledger);
    stats_clear(&s->stats);
    response_store_clear(&s->responses);
    mem_free(s);
    return ok ? 0 : err_exit_status(ERR_INTERNAL);
}
