/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ollama_chat: POST /api/chat and /api/generate. */
#include <string.h>

#include "base/json.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/ollama.h"
#include "serve/request.h"
#include "serve/sse.h"

/* --- answers -------------------------------------------------------------------------------------
 */

static bool is_chat(const struct ask *a)
{
    return a->x->route->answer == ollama_chat;
}

static json_t *string_of(struct str s)
{
    return json_stringn(s.p ? s.p : "", s.n);
}

/* Text and thinking where the route has them. */
static json_t *object_with(const struct ask *a, struct str text, struct str thinking, bool done)
{
    json_t *j = ollama_object(a, done), *at = j;
    if (is_chat(a)) {
        at = json_pack("{ss}", "role", "assistant");
        json_object_set_new(j, "message", at);
    }
    json_object_set_new(at, is_chat(a) ? "content" : "response", string_of(text));
    if (thinking.n)
        json_object_set_new(at, "thinking", string_of(thinking));
    return j;
}

/* Arguments are an object here. NULL: the call was cut; it is shown as text. */
static json_t *call_object(const json_t *call)
{
    if (json_is_true(json_object_get(call, "cut")))
        return NULL;
    const json_t *text = json_object_get(call, "arguments");
    struct err ignored;
    json_t *args = json_parse((struct str){json_string_value(text), json_string_length(text)},
                              "arguments", &ignored);
    return args ? json_pack("{s{sO so}}", "function", "name", json_object_get(call, "name"),
                            "arguments", args)
                : NULL;
}

static void add_call(json_t *j, const json_t *call)
{
    json_t *m = json_object_get(j, "message"), *one = call_object(call);
    json_t *list = json_object_get(m, "tool_calls");
    if (!one)
        return;
    if (!list) {
        list = json_array();
        json_object_set_new(m, "tool_calls", list);
    }
    json_array_append_new(list, one);
}

/* A call comes whole; one that was cut comes as the text that it is. */
static void part(struct ask_answer *w, enum job_part part, struct str text, const json_t *logprobs)
{
    bool content = part == JOB_CONTENT || part == JOB_CALL_CUT;
    if (!content && part != JOB_REASONING && part != JOB_CALL_END && !logprobs)
        return;
    json_t *j = object_with(w->ask, content ? text : STR(""),
                            part == JOB_REASONING ? text : STR(""), false);
    if (part == JOB_CALL_END)
        add_call(j, ask_call(w));
    if (!w->ask->begun)
        ndjson_start(w->ask->x);
    w->ask->begun = true;
    if (logprobs)
        json_object_set(j, "logprobs", (json_t *)(uintptr_t)logprobs);
    ndjson_line(w->ask->x, j);
}

static void whole(struct ask *a)
{
    const struct ask_answer *w = &a->v[0];
    size_t i;
    struct buf text;
    buf_init(&text, ASK_TEXT);
    buf_str(&text, buf_view(&w->text));
    buf_str(&text, a->stream ? STR("") : buf_view(&w->cut));
    json_t *call, *j = object_with(a, buf_view(&text), buf_view(&w->reasoning), true);
    buf_clear(&text);
    ollama_add_sums(j, w);
    if (!a->stream) {
        json_array_foreach(w->calls, i, call)
        {
            add_call(j, call);
        }
        if (w->logprobs)
            json_object_set(j, "logprobs", w->logprobs);
        reply_json(a->x, 200, j);
        return;
    }
    if (!a->begun)
        ndjson_start(a->x);
    ndjson_line(a->x, j);
    ndjson_done(a->x);
}

static void broken(struct ask *a, const struct problem *p)
{
    ndjson_line(a->x, reply_problem_object(DIALECT_OLLAMA, p, a->x->id));
    ndjson_done(a->x);
}

static const struct ask_words words = {part, NULL, whole, broken};

/* --- requests ------------------------------------------------------------------------------------
 */

static bool read_think(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *think = field_any(body, "think");
    if (!think)
        return true;
    if (!json_is_boolean(think) && !json_is_string(think)) {
        fail(&p->err, ERR_USAGE, "think: must be true, false or a word");
        return problem_of(p, "think");
    }
    json_object_set_new(job, "template_kwargs",
                        json_pack("{sb}", "enable_thinking", !json_is_false(think)));
    return true;
}

static bool read_chat(const json_t *body, json_t *job, struct problem *p)
{
    return request_messages(body, job, p) && request_tools(body, job, p) &&
           read_think(body, job, p);
}

static void chat_of(json_t *job, struct str system, struct str prompt)
{
    json_t *list = json_array();
    if (system.n)
        json_array_append_new(
            list, json_pack("{ss ss%}", "role", "system", "content", system.p, system.n));
    json_array_append_new(list,
                          json_pack("{ss ss%}", "role", "user", "content", prompt.p, prompt.n));
    json_object_set_new(job, "task", json_string("chat"));
    json_object_set_new(job, "messages", list);
}

static bool read_generate(const json_t *body, json_t *job, struct problem *p)
{
    struct str prompt = STR(""), suffix = {0}, system = {0};
    bool raw = false;
    const json_t *images = NULL;
    if (!field_text(body, "prompt", &prompt, p) || !field_text(body, "suffix", &suffix, p) ||
        !field_text(body, "system", &system, p) || !field_bool(body, "raw", &raw, p) ||
        !field_array(body, "images", &images, p) || !read_think(body, job, p))
        return false;
    if (json_array_size(images)) {
        fail(&p->err, ERR_UNSUPPORTED, "images: this server has no images");
        p->status = 400;
        return problem_of(p, "images");
    }
    json_object_set_new(job, "prompt", json_stringn(prompt.p, prompt.n));
    if (suffix.n) {
        json_object_set_new(job, "task", json_string("infill"));
        json_object_set_new(job, "suffix", json_stringn(suffix.p, suffix.n));
    } else if (!raw) {
        chat_of(job, system, prompt);
    }
    return true;
}

/* Without a prompt Ollama only loads the model, which is there already, or unloads it. */
static void say_loaded(struct exchange *x, struct engine_slot *slot)
{
    struct problem p = {0};
    struct ask *a = ask_new(x, slot, &words, 1, &p);
    if (!a) {
        reply_problem(x, &p);
        return;
    }
    json_t *j = object_with(a, STR(""), STR(""), true);
    json_object_set_new(j, "done_reason", json_string(ollama_unloads(x) ? "unload" : "load"));
    reply_json(x, 200, j);
}

static bool only_loads(const struct exchange *x)
{
    if (!x->body || (x->route->answer != ollama_chat && x->route->answer != ollama_generate))
        return false;
    const char *field = x->route->answer == ollama_chat ? "messages" : "prompt";
    const json_t *v = field_any(x->body, field);
    return !v || (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_string(v) && json_string_length(v) == 0 && !field_any(x->body, "suffix"));
}

bool ollama_unloads(const struct exchange *x)
{
    int64_t keep = DURATION_EVER;
    return only_loads(x) && duration_from_json(field_any(x->body, "keep_alive"), &keep) &&
           keep == 0;
}

static struct engine_slot *slot_of(struct exchange *x, struct problem *p)
{
    if (!field_needed(x->body, "model", p))
        return NULL;
    struct engine_slot *slot = ollama_unloads(x) ? engines_named(&x->server->engines, x->body, p)
                                                 : engines_find(&x->server->engines, x->body, p);
    return slot && ollama_keep(x->body, slot, p) ? slot : NULL;
}

static void answer(struct exchange *x, const char *task,
                   bool (*read)(const json_t *body, json_t *job, struct problem *p))
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct engine_slot *slot = slot_of(x, &p);
    if (slot && only_loads(x)) {
        say_loaded(x, slot);
        return;
    }
    json_t *job = slot ? request_job(task, &p) : NULL;
    bool ok = job && (a = ask_new(x, slot, &words, 1, &p)) && read(x->body, job, &p) &&
              ollama_options(x->body, slot, job, &p);
    if (ok) {
        a->stream = true; /* unless it is told not to */
        a->param = x->route->answer == ollama_chat ? "messages" : "prompt";
        a->schema_param = "format";
        ok =
            field_bool(x->body, "stream", &a->stream, &p) && ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

void ollama_chat(struct exchange *x)
{
    answer(x, "chat", read_chat);
}

void ollama_generate(struct exchange *x)
{
    answer(x, "text", read_generate);
}
