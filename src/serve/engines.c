/* SPDX-License-Identifier: Apache-2.0 */
/* serve/engines: see engines.h. */
#include "serve/engines.h"

#include <string.h>

#include "base/os.h"
#include "serve/line.h"
#include "serve/log.h"
#include "serve/loop.h"

bool engines_init(struct engines *es, struct server *s, const struct served_list *models)
{
    es->n = models->n;
    for (uint32_t i = 0; i < models->n; i++)
        es->v[i] = (struct engine_slot){
            .server = s, .index = i, .model = models->v[i], .state = ENGINE_LOADING};
    return true;
}

void engines_close(struct engines *es)
{
    for (uint32_t i = 0; i < es->n; i++) {
        line_close(&es->v[i]);
        json_decref(es->v[i].info);
        es->v[i].info = NULL;
    }
}

void engines_attach(struct engines *es, uint32_t model, int pid, uv_pipe_t *control)
{
    struct err e = {0};
    if (model >= es->n)
        return;
    struct engine_slot *slot = &es->v[model];
    line_close(slot);
    slot->state = ENGINE_LOADING;
    if (line_open(slot, control, &e))
        log_event("engine", "%s: process %d", slot->model->id, pid);
    else
        log_event("engine-failed", "%s: %s", slot->model->id, e.msg);
}

bool engines_ready(const struct engines *es)
{
    for (uint32_t i = 0; i < es->n; i++)
        if (es->v[i].state != ENGINE_READY)
            return false;
    return true;
}

/* --- which one -----------------------------------------------------------------------------------
 */

static struct engine_slot *by_name(struct engines *es, struct str name)
{
    for (uint32_t i = 0; i < es->n; i++)
        if (served_is(es->v[i].model, name))
            return &es->v[i];
    return NULL;
}

static struct engine_slot *named(struct engines *es, const json_t *body, struct problem *p)
{
    const json_t *given = json_object_get(body, "model");
    struct str name = {json_string_value(given), json_string_length(given)};
    if (!given || json_is_null(given)) {
        if (es->n == 1)
            return &es->v[0];
        fail(&p->err, ERR_USAGE, "model: is missing, and several are served");
        problem_of(p, "model");
        return NULL;
    }
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
    struct engine_slot *slot = named(es, body, p);
    if (!slot || slot->state == ENGINE_READY)
        return slot;
    p->status = 503;
    fail(&p->err, ERR_BUSY, "%s",
         err_text(slot->state == ENGINE_LOADING
                      ? N_("the model is being loaded; try again in a moment")
                      : N_("the model's engine has fallen and is being started again; try again")));
    return NULL;
}
