/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai_chat: POST /v1/chat/completions. */
#include <string.h>

#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/openai.h"
#include "serve/request.h"
#include "serve/sse.h"

/* --- the answer ----------------------------------------------------------------------------------
 */

static json_t *logprobs_object(const struct ask *a, const json_t *tokens)
{
    if (a->top_logprobs < 0)
        return json_null();
    return json_pack("{so sn}", "content",
                     tokens ? json_incref((json_t *)(uintptr_t)tokens) : json_array(), "refusal");
}

static void send_chunk(struct ask *a, json_t *choices, bool usage)
{
    char id[48];
    json_t *j = json_pack("{ss ss sI ss so}", "id", openai_id(a->x, "chatcmpl-", id), "object",
                          "chat.completion.chunk", "created", (json_int_t)a->x->created, "model",
                          a->x->model, "choices", choices);
    if (a->include_usage)
        json_object_set_new(j, "usage", usage ? openai_usage(a) : json_null());
    sse_event(a->x, j);
}

static void send_delta(struct ask_answer *w, json_t *delta, const json_t *logprobs,
                       const char *finish)
{
    json_t *choice = json_pack("{si so so ss?}", "index", (int)w->index, "delta", delta, "logprobs",
                               logprobs ? logprobs_object(w->ask, logprobs) : json_null(),
                               "finish_reason", finish);
    send_chunk(w->ask, json_pack("[o]", choice), false);
}

static void begin(struct ask *a)
{
    if (a->begun)
        return;
    a->begun = true;
    sse_start(a->x);
    for (uint32_t i = 0; i < a->n; i++)
        send_delta(&a->v[i], json_pack("{ss ss}", "role", "assistant", "content", ""), NULL, NULL);
}

/* A call as a message has it. */
static json_t *call_object(const json_t *call)
{
    return json_pack("{sO ss s{sO sO}}", "id", json_object_get(call, "id"), "type", "function",
                     "function", "name", json_object_get(call, "name"), "arguments",
                     json_object_get(call, "arguments"));
}

/* What is new of the call in progress. NULL: nothing. */
static json_t *call_delta(const struct ask_answer *w, enum job_part part, struct str text)
{
    json_t *call;
    if (part == JOB_CALL)
        call = call_object(ask_call(w));
    else if (part == JOB_ARGUMENTS)
        call = json_pack("{s{ss%}}", "function", "arguments", text.p, text.n);
    else
        return NULL;
    json_object_set_new(call, "index", json_integer((json_int_t)json_array_size(w->calls) - 1));
    return json_pack("{s[o]}", "tool_calls", call);
}

/* "reasoning_content" is what DeepSeek's API and most others after it call it. */
static void part(struct ask_answer *w, enum job_part part, struct str text, const json_t *logprobs)
{
    json_t *delta;
    begin(w->ask);
    if (part == JOB_CONTENT || part == JOB_REASONING)
        delta = json_pack("{ss%}", part == JOB_CONTENT ? "content" : "reasoning_content", text.p,
                          text.n);
    else
        delta = call_delta(w, part, text);
    if (!delta && logprobs)
        delta = json_object();
    if (delta)
        send_delta(w, delta, logprobs, NULL);
}

static void end(struct ask_answer *w)
{
    begin(w->ask);
    send_delta(w, json_object(), NULL, openai_finish(w));
}

static json_t *message_of(const struct ask_answer *w)
{
    size_t i, n = json_array_size(w->calls);
    json_t *call, *calls = json_array();
    json_t *m = json_pack("{ss sn}", "role", "assistant", "refusal");
    json_object_set_new(m, "content",
                        w->text.n || !n ? json_stringn(buf_c(&w->text), w->text.n) : json_null());
    if (w->reasoning.n)
        json_object_set_new(m, "reasoning_content",
                            json_stringn(buf_c(&w->reasoning), w->reasoning.n));
    json_array_foreach(w->calls, i, call)
    {
        json_array_append_new(calls, call_object(call));
    }
    if (n)
        json_object_set(m, "tool_calls", calls);
    json_decref(calls);
    return m;
}

static json_t *choice_of(const struct ask_answer *w)
{
    return json_pack("{si so so ss}", "index", (int)w->index, "message", message_of(w), "logprobs",
                     logprobs_object(w->ask, w->logprobs), "finish_reason", openai_finish(w));
}

static void whole(struct ask *a)
{
    char id[48];
    if (a->stream) {
        if (a->include_usage)
            send_chunk(a, json_array(), true);
        sse_done(a->x, true);
        return;
    }
    json_t *choices = json_array();
    for (uint32_t i = 0; i < a->n; i++)
        json_array_append_new(choices, choice_of(&a->v[i]));
    reply_json(a->x, 200,
               json_pack("{ss ss sI ss so so}", "id", openai_id(a->x, "chatcmpl-", id), "object",
                         "chat.completion", "created", (json_int_t)a->x->created, "model",
                         a->x->model, "choices", choices, "usage", openai_usage(a)));
}

static const struct ask_words words = {part, end, whole, openai_broken};

/* --- the request ---------------------------------------------------------------------------------
 */

static bool read_format(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *format = NULL, *of;
    struct str type = {0};
    if (!field_object(body, "response_format", &format, p) ||
        (format && !field_text(format, "type", &type, p)))
        return problem_of(p, "response_format");
    if (!format || str_is(type, "text"))
        return true;
    if (str_is(type, "json_object"))
        return request_any_json(job);
    of = json_object_get(json_object_get(format, "json_schema"), "schema");
    if (str_is(type, "json_schema") && json_is_object(of))
        return request_schema(job, of);
    fail(&p->err, ERR_USAGE,
         "response_format: must be {\"type\": \"text\"}, {\"type\": \"json_object\"} or {\"type\": "
         "\"json_schema\", \"json_schema\": {\"name\", \"schema\"}}");
    return problem_of(p, "response_format");
}

static bool read_logprobs(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    bool wanted = false;
    uint32_t top = 0;
    if (!field_bool(body, "logprobs", &wanted, p) ||
        !field_u32(body, "top_logprobs", 0, 20, &top, p))
        return false;
    if (field_any(body, "top_logprobs") && top && !wanted) {
        fail(&p->err, ERR_USAGE, "top_logprobs: only with \"logprobs\": true");
        return problem_of(p, "top_logprobs");
    }
    a->top_logprobs = wanted ? (int)top : -1;
    if (wanted)
        json_object_set_new(job, "logprobs", json_integer(top));
    return true;
}

/* Longest answer: the new name wins over the old. */
static bool read_length(const json_t *body, json_t *job, struct problem *p)
{
    return request_setting(body, "max_completion_tokens", "max_tokens", job, p);
}

static bool read_request(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    const json_t *kwargs = NULL;
    if (!request_messages(body, job, p) || !request_tools(body, job, p) ||
        !openai_settings(body, job, p) || !read_length(body, job, p) ||
        !read_format(body, job, p) || !read_logprobs(body, a, job, p) ||
        !request_effort(body, "reasoning_effort", job, p) ||
        !field_object(body, "chat_template_kwargs", &kwargs, p) || !openai_stream(body, a, p))
        return false;
    if (kwargs)
        json_object_set(job, "template_kwargs", (json_t *)(uintptr_t)kwargs);
    a->param = "messages";
    a->schema_param = "response_format";
    return true;
}

static bool submit(struct ask *a, const json_t *job, struct problem *p)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!ask_submit(a, i, openai_job_of(job, i), p))
            return false;
    return true;
}

void openai_chat(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    uint32_t n = 1;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("chat", &p) : NULL;
    bool ok = job && field_u32(x->body, "n", 1, ASK_WORDS, &n, &p) &&
              (a = ask_new(x, slot, &words, n, &p)) && read_request(x->body, a, job, &p) &&
              submit(a, job, &p);
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}
