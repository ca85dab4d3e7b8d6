/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai: see openai.h; and the list of models. */
#include "serve/openai.h"

#include <stdio.h>
#include <string.h>

#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/request.h"
#include "serve/sse.h"

const char *openai_id(const struct exchange *x, const char *prefix, char out[48])
{
    snprintf(out, 48, "%s%s", prefix, x->id + strlen("req_"));
    return out;
}

const char *openai_finish(const struct ask_answer *w)
{
    return ask_cut(w) ? "length" : ask_call(w) ? "tool_calls" : "stop";
}

json_t *openai_usage(const struct ask *a)
{
    uint32_t n_prompt, n_cached, n_generated;
    ask_usage(a, &n_prompt, &n_cached, &n_generated);
    return json_pack("{si si si s{si}}", "prompt_tokens", (int)n_prompt, "completion_tokens",
                     (int)n_generated, "total_tokens", (int)(n_prompt + n_generated),
                     "prompt_tokens_details", "cached_tokens", (int)n_cached);
}

bool openai_stream(const json_t *body, struct ask *a, struct problem *p)
{
    const json_t *options = NULL;
    if (!field_bool(body, "stream", &a->stream, p) ||
        !field_object(body, "stream_options", &options, p))
        return false;
    if (options && !a->stream) {
        fail(&p->err, ERR_USAGE, "stream_options: only with \"stream\": true");
        return problem_of(p, "stream_options");
    }
    return !options || field_bool(options, "include_usage", &a->include_usage, p);
}

bool openai_settings(const json_t *body, json_t *job, struct problem *p)
{
    return request_settings(body, job, p) && request_lora(body, job, p) &&
           request_setting(body, "stop", "stop_sequences", job, p) &&
           request_grammar(body, "grammar", job, p);
}

json_t *openai_job_of(const json_t *job, uint32_t i)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)job);
    json_object_set_new(copy, "choice", json_integer(i));
    return copy;
}

void openai_broken(struct ask *a, const struct problem *p)
{
    sse_event(a->x, reply_problem_object(DIALECT_OPENAI, p, a->x->id));
    sse_done(a->x, false);
}

/* --- models --------------------------------------------------------------------------------------
 */

static json_t *model_object(const struct engine_slot *slot)
{
    const struct served *m = slot->model;
    return json_pack("{ss ss sI ss sb sI ss*}", "id", m->id, "object", "model", "created",
                     (json_int_t)m->modified, "owned_by", "moat", "loaded",
                     slot->state == ENGINE_READY, "size", (json_int_t)m->bytes, "digest",
                     m->digest[0] ? m->digest : NULL);
}

void openai_models(struct exchange *x)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < x->server->engines.n; i++)
        if (permit_model(x->conn, x->server->engines.v[i].model))
            json_array_append_new(list, model_object(&x->server->engines.v[i]));
    reply_json(x, 200, json_pack("{ss so}", "object", "list", "data", list));
}

void openai_model(struct exchange *x)
{
    struct problem p = {0};
    json_t *name = json_pack("{ss%}", "model", x->rest.p, x->rest.n);
    const struct engine_slot *slot = engines_named(&x->server->engines, name, &p);
    json_decref(name);
    if (slot && permit_use(x->conn, slot->model, &p))
        reply_json(x, 200, model_object(slot));
    else
        reply_problem(x, &p);
}
