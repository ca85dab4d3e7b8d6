/* SPDX-License-Identifier: Apache-2.0 */
/* serve/llama_lora: the adapters of a model, and the scales at which they work for requests that do
 * not say (a request's own are its field "lora"). Where there are several models, ?model=NAME. */
#include "serve/dialects.h"
#include "serve/fields.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/reply.h"

/* The model that is asked about; NULL: *p. */
static struct engine_slot *named(struct exchange *x, struct problem *p)
{
    struct str name = {0};
    (void)http_query_get(x->conn->http.req.query, "model", &name);
    json_t *which = name.n ? json_pack("{ss%}", "model", name.p, name.n) : NULL;
    struct engine_slot *slot = engines_named(&x->server->engines, which, p);
    json_decref(which);
    return slot && permit_use(x->conn, slot->model, p) ? slot : NULL;
}

static json_t *list_of(const struct engine_slot *slot)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < slot->model->n_adapters; i++) {
        const struct served *a = slot->model->adapters[i];
        json_array_append_new(list, json_pack("{si ss sf}", "id", (int)i, "path",
                                              a->path[0] ? a->path : a->id, "scale",
                                              (double)slot->lora_scale[i]));
    }
    return list;
}

void llama_lora(struct exchange *x)
{
    struct problem p = {0};
    const struct engine_slot *slot = named(x, &p);
    if (slot)
        reply_json(x, 200, list_of(slot));
    else
        reply_problem(x, &p);
}

/* All or none of them: scale [n_adapters], 0 for those that are not named. */
static bool read_scales(const json_t *list, uint32_t n, float *scale, struct problem *p)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *id = json_object_get(one, "id");
        const json_t *number = json_object_get(one, "scale");
        double value = json_number_value(number);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= n ||
            !json_is_number(number) || value < -1000 || value > 1000) {
            fail(&p->err, ERR_USAGE,
                 "lora: element %zu must be {\"id\": 0 to %u, \"scale\": a number}, an adapter of "
                 "the model each (it has %u)",
                 i, n ? n - 1 : 0, n);
            p->status = 400;
            return problem_of(p, "lora");
        }
        scale[json_integer_value(id)] = (float)value;
    }
    return true;
}

void llama_lora_set(struct exchange *x)
{
    struct problem p = {0};
    float scale[LIMIT_ADAPTERS] = {0};
    struct engine_slot *slot = named(x, &p);
    if (!slot || !read_scales(x->body, slot->model->n_adapters, scale, &p)) {
        reply_problem(x, &p);
        return;
    }
    for (uint32_t i = 0; i < slot->model->n_adapters; i++)
        slot->lora_scale[i] = scale[i];
    reply_json(x, 200, json_pack("{sb}", "success", 1));
}
