/* SPDX-License-Identifier: Apache-2.0 */
/* serve/health: can the server answer (GET /health), and what has it loaded (GET /ready)? For
 * balancers, monitors, moat ps and moat stop. */
#include <unistd.h>

#include "base/os.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/reply.h"

void health_live(struct exchange *x)
{
    struct problem p = {.status = 503};
    if (!audit_line_ready(&x->server->audit, &p)) {
        reply_problem(x, &p);
        return;
    }
    if (engines_ready(&x->server->engines) && !x->server->draining) {
        reply_json(x, 200, json_pack("{ss}", "status", "ok"));
        return;
    }
    fail(&p.err, ERR_BUSY, "%s",
         err_text(x->server->draining ? N_("the server is about to end")
                                      : N_("the model is being loaded")));
    reply_problem(x, &p);
}

static json_t *number_at(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return v ? json_incref(v) : json_integer(0);
}

/* Seconds until it ends if no work comes; null: it stays, or has work. */
static json_t *idle_left(const struct engine_slot *s)
{
    uint64_t now = os_now_ns();
    if (!s->end_ns)
        return json_null();
    return json_real(s->end_ns > now ? (double)(s->end_ns - now) / 1e9 : 0);
}

static json_t *state_of(const struct engine_slot *s)
{
    json_int_t blocks = json_integer_value(json_object_get(s->stats, "kv_blocks"));
    json_int_t free_blocks = json_integer_value(json_object_get(s->stats, "kv_free"));
    return json_pack("{ss ss sI sI sI sI so so si so}", "model", s->model->id, "state",
                     engine_state_name(s->state), "size_bytes", (json_int_t)s->model->bytes,
                     "memory_bytes", (json_int_t)s->held, "kv_blocks", blocks, "kv_blocks_used",
                     blocks - free_blocks, "running", number_at(s->stats, "n_running"), "waiting",
                     number_at(s->stats, "n_waiting"), "loading", (int)s->n_waiting,
                     "unloads_in_seconds", idle_left(s));
}

/* Like /health, with what is loaded for those who may know. */
void health_ready(struct exchange *x)
{
    struct engines *es = &x->server->engines;
    bool ready = engines_ready(es) && !x->server->draining;
    const char *word = x->server->draining ? "ending" : ready ? "ok" : "loading";
    json_t *j = json_pack("{ss}", "status", word), *list = json_array();
    for (uint32_t i = 0; i < es->n; i++)
        if (!es->v[i].model->gone || es->v[i].state != ENGINE_OFF)
            json_array_append_new(list, state_of(&es->v[i]));
    if (!x->conn->keyed || x->conn->key_id[0])
        json_object_set(j, "models", list);
    if (x->conn->local) /* for moat stop */
        json_object_set_new(j, "pid", json_integer(getppid()));
    json_decref(list);
    reply_json(x, ready ? 200 : 503, j);
}
