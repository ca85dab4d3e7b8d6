/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engines: see engines.h. */
#include "serve/engines.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "serve/control.h"
#include "serve/line.h"
#include "serve/loading.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/room.h"

const char *engine_state_name(enum engine_state s)
{
    static const char *const names[] = {"unloaded", "loading", "ready", "fallen", "unloading"};
    return names[s];
}

void engine_digest(const struct engine_slot *slot, char out[72])
{
    const json_t *approved = json_object_get(slot->info, "approved");
    const char *hex = json_string_value(json_object_get(approved, "sha256"));
    snprintf(out, 72, "%s%s", hex ? "sha256:" : slot->model->digest, hex ? hex : "");
}

uint64_t engine_policy(const struct engine_slot *slot)
{
    const json_t *approved = json_object_get(slot->info, "approved");
    return (uint64_t)json_integer_value(json_object_get(approved, "policy"));
}

/* --- how long it stays ---------------------------------------------------------------------------
 */

int64_t engine_keep(const struct engine_slot *slot)
{
    int64_t all = slot->server->config.keep_alive;
    if (slot->stale)
        return 0;
    if (slot->keep != DURATION_UNSET)
        return slot->keep;
    if (slot->model->keep_alive != DURATION_UNSET)
        return slot->model->keep_alive;
    if (all != DURATION_UNSET)
        return all;
    return slot->model->at_start ? DURATION_EVER : ENGINES_KEEP_S;
}

bool engine_is_idle(const struct engine_slot *slot)
{
    return slot->n_jobs == 0 && slot->n_waiting == 0;
}

static void on_idle(uv_timer_t *timer)
{
    engines_unload(timer->data);
}

/* A timer even where it ends at once: not within what its last job has set off. */
void engines_idle(struct engine_slot *slot)
{
    int64_t keep = engine_keep(slot);
    slot->used_ns = os_now_ns();
    slot->end_ns = 0;
    if (slot->state != ENGINE_READY || !engine_is_idle(slot))
        return;
    room_settle(&slot->server->engines);
    uv_timer_stop(&slot->timer);
    if (keep == DURATION_EVER)
        return;
    slot->end_ns = slot->used_ns + (uint64_t)keep * 1000000000u;
    uv_timer_start(&slot->timer, on_idle, (uint64_t)keep * 1000, 0);
}

void engines_busy(struct engine_slot *slot)
{
    slot->end_ns = 0;
    if (slot->state == ENGINE_READY)
        uv_timer_stop(&slot->timer);
}

void engines_keep(struct engine_slot *slot, int64_t seconds)
{
    slot->keep = seconds;
    engines_idle(slot);
}

/* --- loading and unloading -----------------------------------------------------------------------
 */

void engines_load(struct engine_slot *slot)
{
    if (slot->state != ENGINE_OFF)
        return;
    slot->state = ENGINE_LOADING;
    slot->progress = -1;
    slot->why = (struct err){0};
    slot->stale = false;
    slot->keep = DURATION_UNSET;
    slot->n_loads++;
    log_event("load", "%s", slot->model->id);
    loop_tell(slot->server, CONTROL_LOAD, slot->index);
}

static void on_late_end(uv_timer_t *timer)
{
    struct engine_slot *slot = timer->data;
    log_event("engine-failed", "%s: does not end", slot->model->id);
    loop_tell(slot->server, CONTROL_KILL_ENGINE, slot->index);
}

/* The supervisor first: the end is no fall then. */
static void end(struct engine_slot *slot)
{
    slot->state = ENGINE_ENDING;
    slot->end_ns = 0;
    loop_tell(slot->server, CONTROL_UNLOAD, slot->index);
    line_shutdown(slot);
    uv_timer_start(&slot->timer, on_late_end, ENGINES_END_MS, ENGINES_END_MS);
}

void engines_unload(struct engine_slot *slot)
{
    if (slot->state != ENGINE_READY || !engine_is_idle(slot))
        return;
    slot->n_unloads++;
    log_event("unload", "%s", slot->model->id);
    end(slot);
}

/* --- what its line tells -------------------------------------------------------------------------
 */

void engines_plan(struct engine_slot *slot, uint64_t least, uint64_t most)
{
    if (slot->state != ENGINE_LOADING)
        return;
    slot->least = least;
    slot->most = most > least ? most : least;
    slot->asked_ns = os_now_ns();
    room_settle(&slot->server->engines);
}

static void forget_info(struct engine_slot *slot)
{
    json_decref(slot->info);
    slot->info = NULL;
}

void engines_said_ready(struct engine_slot *slot, json_t *info)
{
    forget_info(slot);
    slot->info = info;
    json_int_t bytes =
        json_integer_value(json_object_get(json_object_get(info, "memory"), "total"));
    if (bytes > 0 && (uint64_t)bytes < slot->held)
        slot->held = (uint64_t)bytes; /* what it was given and has no use for */
    slot->state = ENGINE_READY;
    slot->loaded_ns = os_now_ns();
    log_event("ready", "%s", slot->model->id);
    loading_done(slot);
    engines_idle(slot);
}

/* The policy does not let it run: that is on record, whoever asked for it. */
static void record_refusal(const struct engine_slot *slot, const struct err *why)
{
    if (audit_line_expected())
        audit_line_note(&slot->server->audit,
                        json_pack("{ss ss ss ss ss}", "act", "model_refused", "phase", "note",
                                  "model", slot->model->id, "digest", slot->model->digest, "why",
                                  why->msg));
}

void engines_said_why(struct engine_slot *slot, const struct err *why)
{
    slot->why = *why;
    if (why->code == ERR_DENIED)
        record_refusal(slot, why);
}

/* It was to be loaded, and will not be. */
static void give_up(struct engine_slot *slot)
{
    struct err e = slot->why;
    if (e.code == ERR_NONE)
        fail(&e, ERR_INTERNAL, "the model's engine has fallen while it was being loaded");
    slot->state = ENGINE_OFF;
    loop_tell(slot->server, CONTROL_UNLOAD, slot->index);
    loading_failed(slot, &e);
}

void engines_ended(struct engine_slot *slot)
{
    enum engine_state was = slot->state;
    if (was == ENGINE_READY || (was == ENGINE_LOADING && slot->model->at_start))
        slot->state = ENGINE_DOWN;
    line_close(slot);
    slot->held = slot->least = slot->asked_ns = slot->end_ns = 0;
    json_decref(slot->stats);
    slot->stats = NULL;
    uv_timer_stop(&slot->timer);
    if (slot->stale)
        forget_info(slot);
    room_settle(&slot->server->engines);
    if (was == ENGINE_LOADING && slot->state != ENGINE_DOWN) {
        give_up(slot);
    } else if (was == ENGINE_ENDING) {
        slot->state = ENGINE_OFF;
        if (slot->n_waiting)
            engines_load(slot);
    }
}

void engines_attach(struct engines *es, uint32_t model, int pid, uv_pipe_t *control)
{
    struct err e = {0};
    if (model >= es->n)
        return;
    struct engine_slot *slot = &es->v[model];
    slot->state = ENGINE_LOADING;
    slot->progress = -1;
    line_close(slot);
    uv_timer_stop(&slot->timer);
    slot->held = slot->least = slot->asked_ns = 0;
    slot->why = (struct err){0};
    if (line_open(slot, control, &e))
        log_event("engine", "%s: process %d", slot->model->id, pid);
    else
        log_event("engine-failed", "%s: %s", slot->model->id, e.msg);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static void init_slot(struct engine_slot *slot, struct server *s, uint32_t i,
                      const struct served *model)
{
    *slot = (struct engine_slot){.server = s, .index = i, .model = model, .keep = DURATION_UNSET};
    for (uint32_t j = 0; j < model->n_adapters; j++)
        slot->lora_scale[j] = model->adapter_scale[j];
    uv_timer_init(&s->loop, &slot->timer);
    uv_timer_init(&s->loop, &slot->patience);
    slot->timer.data = slot->patience.data = slot;
    if (model->at_start)
        engines_load(slot);
}

void engines_init(struct engines *es, struct server *s, struct served_list *models)
{
    es->server = s;
    es->models = models;
    es->n = models->n;
    uv_timer_init(&s->loop, &es->settle);
    es->settle.data = es;
    for (uint32_t i = 0; i < models->n; i++)
        init_slot(&es->v[i], s, i, models->v[i]);
}

void engines_model(struct engines *es, uint32_t i, struct served *m)
{
    must(i <= es->n); /* the supervisor's list and this one are the same */
    struct engine_slot *slot = &es->v[i];
    if (i == es->n) {
        served_put(es->models, i, m);
        init_slot(slot, es->server, i, m);
        es->n++;
        return;
    }
    served_renew(es->models->v[i], m);
    slot->stale = slot->state != ENGINE_OFF;
    if (slot->stale)
        engines_idle(slot);
    else
        forget_info(slot);
}

void engines_close(struct engines *es)
{
    for (uint32_t i = 0; i < es->n; i++) {
        line_close(&es->v[i]);
        json_decref(es->v[i].info);
        json_decref(es->v[i].stats);
        es->v[i].info = es->v[i].stats = NULL;
    }
}

bool engines_ready(const struct engines *es)
{
    for (uint32_t i = 0; i < es->n; i++) {
        const struct engine_slot *slot = &es->v[i];
        if (slot->model->at_start && (slot->state == ENGINE_LOADING || slot->state == ENGINE_DOWN))
            return false;
    }
    return true;
}

/* --- which one -----------------------------------------------------------------------------------
 */

static struct engine_slot *by_name(struct engines *es, struct str name)
{
    for (uint32_t i = 0; i < es->n; i++)
        if (!es->v[i].model->gone && served_is(es->v[i].model, name))
            return &es->v[i];
    return NULL;
}

/* The model of a request that names none. */
static struct engine_slot *only_one(struct engines *es, struct problem *p)
{
    struct engine_slot *found = NULL;
    for (uint32_t i = 0; i < es->n; i++) {
        if (found && !es->v[i].model->gone) {
            fail(&p->err, ERR_USAGE, "model: is missing, and several are served");
            problem_of(p, "model");
            return NULL;
        }
        if (!es->v[i].model->gone)
            found = &es->v[i];
    }
    if (!found)
        fail(&p->err, ERR_NOT_FOUND, "there is no model here yet; moat pull NAME brings one");
    return found;
}

struct engine_slot *engines_named(struct engines *es, const json_t *body, struct problem *p)
{
    const json_t *given = json_object_get(body, "model");
    struct str name = {json_string_value(given), json_string_length(given)};
    if (!given || json_is_null(given))
        return only_one(es, p);
    struct engine_slot *slot = json_is_string(given) ? by_name(es, name) : NULL;
    if (slot)
        return slot;
    p->param = "model";
    if (!json_is_string(given)) {
        fail(&p->err, ERR_USAGE, "model: must be a string");
        return NULL;
    }
    p->code = "model_not_found";
    fail(&p->err, ERR_NOT_FOUND,
         "model \"%.*s\" is not served here; GET /v1/models lists those that are", STR_ARG(name));
    return NULL;
}

struct engine_slot *engines_find(struct engines *es, const json_t *body, struct problem *p)
{
    static const char *const whys[] = {
        [ENGINE_OFF] = N_("the model is not loaded; a request for an answer loads it"),
        [ENGINE_LOADING] = N_("the model is being loaded; try again in a moment"),
        [ENGINE_DOWN] = N_("the model's engine has fallen and is being started again; try again"),
        [ENGINE_ENDING] = N_("the model is being unloaded; try again in a moment")};
    struct engine_slot *slot = engines_named(es, body, p);
    if (!slot || slot->state == ENGINE_READY)
        return slot;
    p->status = 503;
    fail(&p->err, ERR_BUSY, "%s", err_text(whys[slot->state]));
    return NULL;
}
