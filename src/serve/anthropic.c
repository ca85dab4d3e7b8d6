/* SPDX-License-Identifier: Apache-2.0 */
/* serve/anthropic: POST /v1/messages and /v1/messages/count_tokens, in the words of Anthropic's
 * Messages API. An answer is a list of blocks (thinking, text, tool_use); streamed, each begins,
 * grows and ends before the next. */
#include "serve/anthropic.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/request.h"
#include "serve/sse.h"

static const char *message_id(const struct exchange *x, char out[48])
{
    snprintf(out, 48, "msg_%s", x->id + strlen("req_"));
    return out;
}

static json_t *usage(const struct ask_answer *w)
{
    return json_pack("{si si si si}", "input_tokens", (int)(w->n_prompt - w->n_cached),
                     "cache_read_input_tokens", (int)w->n_cached, "cache_creation_input_tokens", 0,
                     "output_tokens", (int)w->n_generated);
}

static const char *stop_reason(const struct ask_answer *w)
{
    if (strcmp(w->finish, "context") == 0)
        return "model_context_window_exceeded";
    return ask_cut(w)                                     ? "max_tokens"
           : ask_call(w)                                  ? "tool_use"
           : strcmp(w->finish, "stop") == 0 && w->stop[0] ? "stop_sequence"
                                                          : "end_turn";
}

static json_t *stop_sequence(const struct ask_answer *w)
{
    return strcmp(stop_reason(w), "stop_sequence") == 0 ? json_string(w->stop) : json_null();
}

/* --- streamed --------------------------------------------------------------------------------- */

enum block { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_CALL };

/* Of the open block: its kind, and how many there have been before. Kept in the answer's `said`. */
static enum block open_block(const struct ask_answer *w)
{
    return (enum block)(w->said & 3);
}

static int block_index(const struct ask_answer *w)
{
    return (int)(w->said >> 2);
}

static void begin(struct ask_answer *w)
{
    char id[48];
    struct ask *a = w->ask;
    if (a->begun)
        return;
    a->begun = true;
    sse_start(a->x);
    sse_named(a->x, "message_start",
              json_pack("{ss s{ss ss ss ss s[] sn sn s{si si}}}", "type", "message_start",
                        "message", "id", message_id(a->x, id), "type", "message", "role",
                        "assistant", "model", a->x->model, "content", "stop_reason",
                        "stop_sequence", "usage", "input_tokens", (int)w->n_prompt, "output_tokens",
                        0));
}

static void send_delta(struct ask_answer *w, const char *type, const char *key, struct str text)
{
    sse_named(w->ask->x, "content_block_delta",
              json_pack("{ss si s{ss ss%}}", "type", "content_block_delta", "index", block_index(w),
                        "delta", "type", type, key, text.p, text.n));
}

static void end_block(struct ask_answer *w)
{
    if (open_block(w) == BLOCK_NONE)
        return;
    if (open_block(w) == BLOCK_THINKING) /* there is nobody to verify one */
        send_delta(w, "signature_delta", "signature", STR(""));
    sse_named(w->ask->x, "content_block_stop",
              json_pack("{ss si}", "type", "content_block_stop", "index", block_index(w)));
    w->said = ((size_t)block_index(w) + 1) << 2;
}

/* The block that a part belongs to is open; a call begins a new one each. */
static void begin_block(struct ask_answer *w, enum block kind, json_t *block)
{
    begin(w);
    if (open_block(w) == kind && kind != BLOCK_CALL) {
        json_decref(block);
        return;
    }
    end_block(w);
    w->said |= kind;
    sse_named(w->ask->x, "content_block_start",
              json_pack("{ss si so}", "type", "content_block_start", "index", block_index(w),
                        "content_block", block));
}

static json_t *call_block(const json_t *call, json_t *input)
{
    return json_pack("{ss sO sO so}", "type", "tool_use", "id", json_object_get(call, "id"), "name",
                     json_object_get(call, "name"), "input", input);
}

static void part(struct ask_answer *w, enum job_part part, struct str text, const json_t *logprobs)
{
    (void)logprobs;
    if (part == JOB_CONTENT && text.n) {
        begin_block(w, BLOCK_TEXT, json_pack("{ss ss}", "type", "text", "text", ""));
        send_delta(w, "text_delta", "text", text);
    } else if (part == JOB_REASONING && text.n) {
        begin_block(w, BLOCK_THINKING,
                    json_pack("{ss ss ss}", "type", "thinking", "thinking", "", "signature", ""));
        send_delta(w, "thinking_delta", "thinking", text);
    } else if (part == JOB_CALL) {
        begin_block(w, BLOCK_CALL, call_block(ask_call(w), json_object()));
    } else if (part == JOB_ARGUMENTS && open_block(w) == BLOCK_CALL) {
        send_delta(w, "input_json_delta", "partial_json", text);
    }
}

static void end(struct ask_answer *w)
{
    begin(w);
    end_block(w);
    sse_named(w->ask->x, "message_delta",
              json_pack("{ss s{ss so} so}", "type", "message_delta", "delta", "stop_reason",
                        stop_reason(w), "stop_sequence", stop_sequence(w), "usage", usage(w)));
    sse_named(w->ask->x, "message_stop", json_pack("{ss}", "type", "message_stop"));
}

static void broken(struct ask *a, const struct problem *p)
{
    sse_named(a->x, "error", reply_problem_object(DIALECT_ANTHROPIC, p, a->x->id));
    sse_done(a->x, false);
}

/* --- whole ------------------------------------------------------------------------------------ */

/* Arguments that the end of the answer cut are none. */
static json_t *input_of(const json_t *call)
{
    struct err ignored;
    const json_t *text = json_object_get(call, "arguments");
    json_t *input = json_parse((struct str){json_string_value(text), json_string_length(text)},
                               "arguments", &ignored);
    if (json_is_object(input))
        return input;
    json_decref(input);
    return json_object();
}

static json_t *blocks(const struct ask_answer *w)
{
    size_t i;
    json_t *call, *list = json_array();
    if (w->reasoning.n)
        json_array_append_new(list,
                              json_pack("{ss ss% ss}", "type", "thinking", "thinking",
                                        buf_c(&w->reasoning), w->reasoning.n, "signature", ""));
    if (w->text.n)
        json_array_append_new(
            list, json_pack("{ss ss%}", "type", "text", "text", buf_c(&w->text), w->text.n));
    json_array_foreach(w->calls, i, call)
    {
        json_array_append_new(list, call_block(call, input_of(call)));
    }
    return list;
}

static void whole(struct ask *a)
{
    char id[48];
    const struct ask_answer *w = &a->v[0];
    if (a->stream) {
        sse_done(a->x, false);
        return;
    }
    reply_json(a->x, 200,
               json_pack("{ss ss ss ss so ss so so}", "id", message_id(a->x, id), "type", "message",
                         "role", "assistant", "model", a->x->model, "content", blocks(w),
                         "stop_reason", stop_reason(w), "stop_sequence", stop_sequence(w), "usage",
                         usage(w)));
}

static const struct ask_words words = {part, end, whole, broken};

void anthropic_messages(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("chat", &p) : NULL;
    bool ok = job && (a = ask_new(x, slot, &words, 1, &p)) &&
              field_bool(x->body, "stream", &a->stream, &p) &&
              anthropic_settings(x->body, job, &p) && anthropic_prompt(x->body, job, &p);
    if (ok) {
        a->param = "messages";
        a->schema_param = "output_config";
        a->per_prompt = 1;
        ok = ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

/* --- counting --------------------------------------------------------------------------------- */

static void counted(struct ask *a)
{
    reply_json(a->x, 200, json_pack("{si}", "input_tokens", (int)a->v[0].n_prompt));
}

void anthropic_count(struct exchange *x)
{
    static const struct ask_words count_words = {.whole = counted};
    struct problem p = {0};
    struct ask *a = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("template", &p) : NULL;
    bool ok =
        job && (a = ask_new(x, slot, &count_words, 1, &p)) && anthropic_prompt(x->body, job, &p);
    if (ok) {
        json_object_set_new(job, "count", json_true());
        a->param = "messages";
        a->per_prompt = 1;
        ok = ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}
