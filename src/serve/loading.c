/* SPDX-License-Identifier: Apache-2.0 */
/* serve/loading: see loading.h. */
#include "serve/loading.h"

#include "base/mem.h"
#include "base/os.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/ollama.h"
#include "serve/reply.h"
#include "serve/room.h"

#define LOOK_MS 200u /* how late the end of somebody's patience may be noticed */

struct waiting {
    struct exchange *x;
    struct engine_slot *slot;
    uint64_t since_ns;
    struct waiting *next;
};

/* --- the list ------------------------------------------------------------------------------------
 */

static void leave(struct waiting *w)
{
    struct waiting **at = &w->slot->waiting;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (--w->slot->n_waiting == 0)
        uv_timer_stop(&w->slot->patience);
    w->x->work = NULL;
    w->x->gone = NULL;
    w->x->load_ns = os_now_ns() - w->since_ns;
    mem_free(w);
}

static void gone(struct exchange *x)
{
    leave(x->work);
}

static void refuse_one(struct engine_slot *slot, const struct problem *p)
{
    struct exchange *x = slot->waiting->x;
    leave(slot->waiting);
    reply_problem(x, p);
}

static void refuse_all(struct engine_slot *slot, const struct problem *p)
{
    while (slot->waiting)
        refuse_one(slot, p);
}

static void explain(struct engine_slot *slot, struct problem *p)
{
    *p = (struct problem){.status = 503, .code = "model_loading", .retry_s = 10};
    if (slot->asked_ns)
        room_explain(slot, &p->err);
    else
        fail(&p->err, ERR_BUSY,
             "the model is still being loaded after %u s (load_seconds); try again later",
             slot->server->config.load_seconds);
}

static void on_look(uv_timer_t *timer)
{
    struct engine_slot *slot = timer->data;
    struct problem p;
    uint64_t most = slot->server->config.load_seconds * 1000000000ull;
    while (slot->waiting && os_now_ns() - slot->waiting->since_ns > most) {
        explain(slot, &p);
        refuse_one(slot, &p);
    }
}

static bool wait(struct exchange *x, struct engine_slot *slot, struct problem *p)
{
    struct waiting **last = &slot->waiting, *w;
    const struct config *c = &x->server->config;
    if (slot->n_waiting >= c->parallel + c->queue) {
        p->code = "overloaded";
        p->retry_s = 5;
        return fail(&p->err, ERR_BUSY,
                    "%u requests wait for the model to be loaded and no more may; try again",
                    slot->n_waiting);
    }
    if (!(w = mem_new(1, sizeof *w, &p->err)))
        return false;
    *w = (struct waiting){.x = x, .slot = slot, .since_ns = os_now_ns()};
    while (*last)
        last = &(*last)->next;
    *last = w;
    if (slot->n_waiting++ == 0)
        uv_timer_start(&slot->patience, on_look, LOOK_MS, LOOK_MS);
    x->work = w;
    x->gone = gone;
    x->model = slot->model->id;
    return true;
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* What posts something and does not change the store asks an engine. */
static bool asks_engine(const struct exchange *x)
{
    const struct routes *all = x->server->routes;
    return x->body && all == &route_models && x->route < all->v + all->n_open &&
           x->route->answer != ollama_show && !ollama_unloads(x);
}

static void ending(struct problem *p)
{
    *p = (struct problem){.status = 503};
    fail(&p->err, ERR_BUSY, "the server is about to end");
}

bool loading_hold(struct exchange *x)
{
    struct problem p = {0};
    struct engine_slot *slot =
        asks_engine(x) ? engines_named(&x->server->engines, x->body, &p) : NULL;
    if (!slot || slot->state == ENGINE_READY)
        return false; /* where there is no such model, its function says so */
    p = (struct problem){0};
    if (x->server->draining)
        ending(&p);
    else if (wait(x, slot, &p))
        engines_load(slot);
    if (p.err.code != ERR_NONE)
        reply_problem(x, &p);
    return true;
}

void loading_done(struct engine_slot *slot)
{
    while (slot->waiting && slot->state == ENGINE_READY) {
        struct exchange *x = slot->waiting->x;
        leave(slot->waiting);
        x->route->answer(x);
    }
}

void loading_failed(struct engine_slot *slot, const struct err *why)
{
    struct problem p = {.err = *why, .code = "model_load_failed"};
    p.status = why->code == ERR_LIMIT ? 507 : why->code == ERR_NOT_FOUND ? 404 : 500;
    refuse_all(slot, &p);
}

void loading_drain(struct server *s)
{
    struct problem p;
    ending(&p);
    for (uint32_t i = 0; i < s->engines.n; i++)
        refuse_all(&s->engines.v[i], &p);
}
