/* SPDX-License-Identifier: Apache-2.0 */
/* serve/responses_items: see responses.h. What an engine says, as items; each begins, grows and
 * ends before the next, in events that are numbered. A client that does not stream gets the same
 * items at the end. */
#include <string.h>
#include <time.h>

#include "serve/openai.h"
#include "serve/responses.h"
#include "serve/sse.h"

static struct response *response_of(const struct ask *a)
{
    return a->own;
}

/* --- the response as an object -------------------------------------------------------------------
 */

static json_t *usage(const struct ask_answer *w)
{
    return json_pack("{si s{si si} si s{si} si}", "input_tokens", (int)w->n_prompt,
                     "input_tokens_details", "cached_tokens", (int)w->n_cached,
                     "cache_write_tokens", 0, "output_tokens", (int)w->n_generated,
                     "output_tokens_details", "reasoning_tokens", (int)w->n_reasoning,
                     "total_tokens", (int)(w->n_prompt + w->n_generated));
}

json_t *response_object(struct ask *a, const char *status, json_t *error)
{
    char id[48];
    const struct response *r = response_of(a);
    json_t *j = json_copy(r->echo);
    json_object_update_new(j, json_pack("{ss ss sI ss so sn sO sn}", "id",
                                        openai_id(a->x, "resp_", id), "object", "response",
                                        "created_at", (json_int_t)a->x->created, "status", status,
                                        "error", error ? error : json_null(), "incomplete_details",
                                        "output", r->items, "completed_at"));
    return j;
}

json_t *response_finished(struct ask *a)
{
    const struct ask_answer *w = &a->v[0];
    bool cut = ask_cut(w);
    json_t *j = response_object(a, cut ? "incomplete" : "completed", NULL);
    json_object_set_new(j, "usage", usage(w));
    if (cut)
        json_object_set_new(j, "incomplete_details",
                            json_pack("{ss}", "reason", "max_output_tokens"));
    else
        json_object_set_new(j, "completed_at", json_integer((json_int_t)time(NULL)));
    return j;
}

/* --- events --------------------------------------------------------------------------------------
 */

void response_send(struct ask *a, const char *type, json_t *members)
{
    if (!a->stream) {
        json_decref(members);
        return;
    }
    json_object_update_new(members, json_pack("{ss si}", "type", type, "sequence_number",
                                              (int)response_of(a)->n_events++));
    sse_named(a->x, type, members);
}

static void begin(struct ask *a)
{
    if (a->begun || !a->stream)
        return;
    a->begun = true;
    sse_start(a->x);
    response_send(a, "response.created",
                  json_pack("{so}", "response", response_object(a, "in_progress", NULL)));
    response_send(a, "response.in_progress",
                  json_pack("{so}", "response", response_object(a, "in_progress", NULL)));
}

/* An event about the item that is growing: takes what is said of it. */
static void send_of_item(struct ask *a, const char *type, json_t *members)
{
    const struct response *r = response_of(a);
    json_object_update_new(members, json_pack("{sO si}", "item_id", json_object_get(r->open, "id"),
                                              "output_index", (int)json_array_size(r->items)));
    response_send(a, type, members);
}

/* Likewise about its only part. */
static void send_of_part(struct ask *a, const char *type, json_t *members)
{
    json_object_set_new(members, "content_index", json_integer(0));
    send_of_item(a, type, members);
}

static void send_item(struct ask *a, const char *type)
{
    const struct response *r = response_of(a);
    response_send(
        a, type,
        json_pack("{sO si}", "item", r->open, "output_index", (int)json_array_size(r->items)));
}

/* --- items ---------------------------------------------------------------------------------------
 */

static bool is_open(const struct response *r, const char *type)
{
    const char *t = json_string_value(json_object_get(r->open, "type"));
    return t && strcmp(t, type) == 0;
}

/* What of an answer's text has gathered for the item, as its part. */
static json_t *part_of(const struct ask_answer *w, bool message)
{
    if (!message)
        return json_pack("{ss ss%}", "type", "reasoning_text", "text", buf_c(&w->text), w->text.n);
    return json_pack("{ss ss% s[] so}", "type", "output_text", "text", buf_c(&w->text), w->text.n,
                     "annotations", "logprobs",
                     w->logprobs ? json_incref(w->logprobs) : json_array());
}

static void end_text(struct ask_answer *w, bool message)
{
    struct response *r = response_of(w->ask);
    json_t *part = part_of(w, message);
    json_t *said = json_pack("{ss%}", "text", buf_c(&w->text), w->text.n);
    if (message)
        json_object_set(said, "logprobs", json_object_get(part, "logprobs"));
    send_of_part(w->ask, message ? "response.output_text.done" : "response.reasoning_text.done",
                 said);
    send_of_part(w->ask, "response.content_part.done", json_pack("{sO}", "part", part));
    json_object_set_new(r->open, "content", json_pack("[o]", part));
}

static void end_call(struct ask_answer *w)
{
    struct response *r = response_of(w->ask);
    json_t *arguments = json_stringn(buf_c(&w->arguments), w->arguments.n);
    json_object_set(r->open, "arguments", arguments);
    send_of_item(
        w->ask, "response.function_call_arguments.done",
        json_pack("{so sO}", "arguments", arguments, "name", json_object_get(r->open, "name")));
}

static void end_item(struct ask_answer *w, bool cut)
{
    struct response *r = response_of(w->ask);
    if (!r->open)
        return;
    if (is_open(r, "function_call"))
        end_call(w);
    else
        end_text(w, is_open(r, "message"));
    json_object_set_new(r->open, "status", json_string(cut ? "incomplete" : "completed"));
    send_item(w->ask, "response.output_item.done");
    json_array_append_new(r->items, r->open);
    r->open = NULL;
    buf_reset(&w->text);
    json_decref(w->logprobs);
    w->logprobs = NULL;
}

/* Takes an item, which gets the next id. */
static void begin_item(struct ask_answer *w, const char *prefix, json_t *item)
{
    char id[48];
    struct response *r = response_of(w->ask);
    begin(w->ask);
    end_item(w, false);
    openai_id(w->ask->x, prefix, id);
    json_object_update_new(item, json_pack("{so ss}", "id",
                                           json_sprintf("%s_%zu", id, json_array_size(r->items)),
                                           "status", "in_progress"));
    r->open = item;
    send_item(w->ask, "response.output_item.added");
}

static void begin_text(struct ask_answer *w, bool message)
{
    if (is_open(response_of(w->ask), message ? "message" : "reasoning"))
        return;
    begin_item(w, message ? "msg_" : "rs_",
               message ? json_pack("{ss ss s[]}", "type", "message", "role", "assistant", "content")
                       : json_pack("{ss s[] s[]}", "type", "reasoning", "summary", "content"));
    send_of_part(w->ask, "response.content_part.added",
                 json_pack("{so}", "part", part_of(w, message)));
}

static void add_text(struct ask_answer *w, bool message, struct str text, const json_t *logprobs)
{
    json_t *delta = json_pack("{ss%}", "delta", text.p ? text.p : "", text.n);
    begin_text(w, message);
    buf_str(&w->text, text);
    if (message) {
        json_t *told = logprobs ? json_incref((json_t *)(uintptr_t)logprobs) : json_array();
        if (!w->logprobs)
            w->logprobs = json_array();
        json_array_extend(w->logprobs, told);
        json_object_set_new(delta, "logprobs", told);
    }
    send_of_part(w->ask, message ? "response.output_text.delta" : "response.reasoning_text.delta",
                 delta);
}

static void add_arguments(struct ask_answer *w, struct str text)
{
    if (text.n && is_open(response_of(w->ask), "function_call"))
        send_of_item(w->ask, "response.function_call_arguments.delta",
                     json_pack("{ss%}", "delta", text.p, text.n));
}

void response_part(struct ask_answer *w, enum job_part part, struct str text,
                   const json_t *logprobs)
{
    const json_t *call = ask_call(w);
    begin(w->ask);
    if (part == JOB_CONTENT && (text.n || logprobs))
        add_text(w, true, text, logprobs);
    else if (part == JOB_REASONING && text.n)
        add_text(w, false, text, NULL);
    else if (part == JOB_CALL)
        begin_item(w, "fc_",
                   json_pack("{ss sO sO ss}", "type", "function_call", "call_id",
                             json_object_get(call, "id"), "name", json_object_get(call, "name"),
                             "arguments", ""));
    else if (part == JOB_ARGUMENTS)
        add_arguments(w, text);
    else if (part == JOB_CALL_END || part == JOB_CALL_CUT)
        end_item(w, part == JOB_CALL_CUT);
}

void response_end(struct ask_answer *w)
{
    struct response *r = response_of(w->ask);
    begin(w->ask);
    if (!r->open && !json_array_size(r->items))
        begin_text(w, true); /* there is always something to read */
    end_item(w, ask_cut(w));
}
