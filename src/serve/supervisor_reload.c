/* SPDX-License-Identifier: Apache-2.0 */
/* serve/supervisor_reload: the configuration and the keys once more (SIGHUP, or moat key changed
 * them), for this process and for the front. What is broken changes nothing. */
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/os.h"
#include "serve/control.h"
#include "serve/log.h"
#include "serve/supervisor_private.h"

static bool send_config(struct supervisor *s, struct err *e)
{
    struct buf text;
    buf_init(&text, CONTROL_MOST);
    json_t *j = json_pack("{so so}", "config", config_to_json(s->p->config), "access",
                          access_to_json(s->p->access));
    bool ok =
        j && json_write(j, JSON_COMPACT, &text, e) && s->line >= 0 &&
        control_send(s->line, &(struct control){.kind = CONTROL_CONFIG}, buf_view(&text), -1, e);
    json_decref(j);
    buf_clear(&text);
    return ok;
}

/* Whatever else is broken: a key that was revoked must not live on. */
static void reload_keys(struct supervisor *s)
{
    struct err e = {0};
    supervisor_record(s, "keys", NULL, NULL);
    if (!access_load_keys(s->p->access, &e) || !send_config(s, &e))
        log_event("reload-failed", "%s", e.msg);
}

/* moat key has changed the keys: nobody need tell us. */
void supervisor_watch_keys(struct supervisor *s)
{
    uint64_t now = os_now_ns();
    if (now < s->keys_due_ns)
        return;
    s->keys_due_ns = now + SUPERVISOR_KEYS_MS * 1000000ull;
    if (access_keys_changed(s->p->access))
        reload_keys(s);
}

static void tell_model(void *arg, uint32_t i)
{
    struct supervisor *s = arg;
    struct control m = {.kind = CONTROL_MODEL, .model = i};
    struct buf text;
    struct err e = {0};
    json_t *j = served_to_json(s->p->models->v[i]);
    buf_init(&text, CONTROL_MOST);
    /* Without a front: the next one is born with the list. */
    if (s->line >= 0 && (!j || !json_write(j, JSON_COMPACT, &text, &e) ||
                         !control_send(s->line, &m, buf_view(&text), -1, &e)))
        log_event("tell-failed", "%s: %s", s->p->models->v[i]->id, e.msg);
    json_decref(j);
    buf_clear(&text);
}

/* moat pull has brought a model, or moat rm taken one away. */
void supervisor_watch_store(struct supervisor *s)
{
    uint64_t now = os_now_ns();
    if (now < s->store_due_ns || s->draining)
        return;
    s->store_due_ns = now + SUPERVISOR_STORE_MS * 1000000ull;
    served_store_look(&s->p->store, s->p->models, tell_model, s);
}

/* It has the configuration it was started with: another is for another keeper. What it was fetching
 * goes on with the next request. */
static void replace_keeper(struct supervisor *s, const struct config *old)
{
    const struct config *c = s->p->config;
    if (s->keeper.pid && (c->quota != old->quota || strcmp(c->upstream_hf, old->upstream_hf) != 0 ||
                          strcmp(c->upstream_registry, old->upstream_registry) != 0))
        kill(s->keeper.pid, SIGTERM);
}

void supervisor_reload(struct supervisor *s)
{
    struct config fresh;
    struct access access = {0};
    struct err e = {0};
    config_init(&fresh);
    if (!s->p->reload(&fresh, s->p->reload_arg, &e) || !access_load(&access, &fresh, &e)) {
        log_event("reload-failed", "%s", e.msg);
        supervisor_record(s, "reload", NULL, err_name(e.code));
        config_clear(&fresh);
        reload_keys(s);
        return;
    }
    struct config old = *s->p->config;
    supervisor_record(s, "reload", NULL, NULL);
    *s->p->config = fresh;
    replace_keeper(s, &old);
    config_clear(&old);
    access_clear(s->p->access);
    *s->p->access = access;
    if (!send_config(s, &e))
        log_event("reload-failed", "%s", e.msg);
}
