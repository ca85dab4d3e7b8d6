/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai_responses: POST /v1/responses, and what is kept of its answers. */
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/conn.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/openai.h"
#include "serve/request.h"
#include "serve/responses.h"
#include "serve/sse.h"

static struct response *response_new(void)
{
    struct response *r = mem_new(1, sizeof *r, NULL);
    if (r)
        *r = (struct response){
            .echo = json_object(), .input = json_array(), .items = json_array(), .keep = true};
    return r;
}

static void response_free(void *own)
{
    struct response *r = own;
    if (!r)
        return;
    json_decref(r->echo);
    json_decref(r->input);
    json_decref(r->items);
    json_decref(r->open);
    mem_free(r);
}

static struct response *response_of(const struct ask *a)
{
    return a->own;
}

/* --- the end -------------------------------------------------------------------------------------
 */

static void keep(struct ask *a, json_t *response)
{
    const struct response *r = response_of(a);
    struct server *s = a->x->server;
    if (!r->keep)
        return;
    json_array_extend(r->input, r->items);
    json_t *j = json_pack("{sO sO}", "response", response, "items", r->input);
    const char *id = json_string_value(json_object_get(response, "id"));
    if (j && id)
        (void)!response_store_put(&s->responses, s->config.keep_responses, a->x->conn->key_id, id,
                                  j, os_now_ns());
    json_decref(j);
}

static void whole(struct ask *a)
{
    json_t *response = response_finished(a);
    keep(a, response);
    if (!a->stream) {
        reply_json(a->x, 200, response);
        return;
    }
    response_send(a, ask_cut(&a->v[0]) ? "response.incomplete" : "response.completed",
                  json_pack("{so}", "response", response));
    sse_done(a->x, false);
}

static void broken(struct ask *a, const struct problem *p)
{
    bool busy = problem_status(p) == 429;
    json_t *error = json_pack("{ss ss}", "code", busy ? "rate_limit_exceeded" : "server_error",
                              "message", p->err.msg);
    response_send(a, "response.failed",
                  json_pack("{so}", "response", response_object(a, "failed", error)));
    sse_done(a->x, false);
}

static const struct ask_words words = {response_part, response_end, whole, broken};

/* --- the request ---------------------------------------------------------------------------------
 */

static json_t *or_null(const json_t *v)
{
    return v ? json_incref((json_t *)(uintptr_t)v) : json_null();
}

static json_t *or_new(const json_t *v, json_t *otherwise)
{
    if (!v)
        return otherwise;
    json_decref(otherwise);
    return json_incref((json_t *)(uintptr_t)v);
}

/* What is only repeated must be of its type all the same. */
static bool check_echo(const json_t *body, struct problem *p)
{
    static const char *const texts[] = {"user", "safety_identifier", "prompt_cache_key"};
    struct str text = {0};
    uint32_t calls = 0;
    bool parallel = true;
    const json_t *metadata = NULL;
    const char *key;
    json_t *v;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!field_text(body, texts[i], &text, p))
            return false;
    if (!field_u32(body, "max_tool_calls", 0, INT32_MAX, &calls, p) ||
        !field_bool(body, "parallel_tool_calls", &parallel, p) ||
        !field_object(body, "metadata", &metadata, p))
        return false;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, v)
    {
        if (json_is_string(v))
            continue;
        fail(&p->err, ERR_USAGE, "metadata: its values must be strings");
        return problem_of(p, "metadata");
    }
    return true;
}

/* What an answer repeats of its request, under the same names. */
static bool read_echo(const json_t *body, struct ask *a, struct response *r, struct problem *p)
{
    static const char *const same[] = {
        "instructions",      "temperature",          "top_p",
        "max_output_tokens", "previous_response_id", "safety_identifier",
        "prompt_cache_key",  "max_tool_calls"};
    const json_t *effort = json_object_get(field_any(body, "reasoning"), "effort");
    const json_t *format = field_any(field_any(body, "text"), "format");
    if (!check_echo(body, p) || !field_bool(body, "store", &r->keep, p))
        return false;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        json_object_set_new(r->echo, same[i], or_null(field_any(body, same[i])));
    if (field_any(body, "user"))
        json_object_set(r->echo, "user", json_object_get(body, "user"));
    r->keep = r->keep && a->x->server->config.keep_responses > 0;
    json_object_update_new(
        r->echo,
        json_pack("{ss so so so s{so} s{so sn} sb ss ss sb si}", "model", a->x->model, "metadata",
                  or_new(field_any(body, "metadata"), json_object()), "tool_choice",
                  or_new(field_any(body, "tool_choice"), json_string("auto")),
                  "parallel_tool_calls",
                  or_new(field_any(body, "parallel_tool_calls"), json_true()), "text", "format",
                  or_new(format, json_pack("{ss}", "type", "text")), "reasoning", "effort",
                  or_null(effort), "summary", "store", r->keep, "truncation", "disabled",
                  "service_tier", "default", "background", false, "top_logprobs",
                  a->top_logprobs < 0 ? 0 : a->top_logprobs));
    return true;
}

/* NULL: *p. */
static struct response *give_response(struct ask *a, struct problem *p)
{
    a->own = response_new();
    a->own_free = response_free;
    a->parts = true;
    if (!a->own)
        fail(&p->err, ERR_LIMIT, "the server is short of memory");
    return a->own;
}

void openai_responses(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct response *r = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("chat", &p) : NULL;
    bool ok = job && (a = ask_new(x, slot, &words, 1, &p)) && (r = give_response(a, &p)) &&
              responses_prompt(x, r, job, &p) && responses_settings(x->body, a, job, &p) &&
              read_echo(x->body, a, r, &p) && ask_submit(a, 0, json_incref(job), &p);
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

/* --- counting ------------------------------------------------------------------------------------
 */

static void counted(struct ask *a)
{
    reply_json(a->x, 200,
               json_pack("{ss si}", "object", "response.input_tokens", "input_tokens",
                         (int)a->v[0].n_prompt));
}

void openai_responses_count(struct exchange *x)
{
    static const struct ask_words count_words = {.whole = counted};
    struct problem p = {0};
    struct ask *a = NULL;
    struct response *r = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("template", &p) : NULL;
    bool ok = job && (a = ask_new(x, slot, &count_words, 1, &p)) && (r = give_response(a, &p)) &&
              responses_prompt(x, r, job, &p);
    if (ok) {
        a->parts = false;
        a->param = "input";
        json_object_set_new(job, "count", json_true());
        ok = ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

/* --- what is kept --------------------------------------------------------------------------------
 */

static void not_kept(struct exchange *x)
{
    struct err e;
    fail(&e, ERR_NOT_FOUND,
         "there is no response of this id; this server keeps some for a while, in memory "
         "(keep_responses)");
    reply_error(x, &e);
}

void openai_response(struct exchange *x)
{
    json_t *kept = response_store_get(&x->server->responses, x->conn->key_id, x->rest, os_now_ns());
    if (kept)
        reply_json(x, 200, json_incref(json_object_get(kept, "response")));
    else
        not_kept(x);
    json_decref(kept);
}

void openai_response_delete(struct exchange *x)
{
    struct str id = x->rest;
    if (response_store_remove(&x->server->responses, x->conn->key_id, id))
        reply_json(
            x, 200,
            json_pack("{ss% ss sb}", "id", id.p, id.n, "object", "response", "deleted", true));
    else
        not_kept(x);
}
