/* SPDX-License-Identifier: Apache-2.0 */
/* serve/llama: the small routes of llama.cpp's server: tokens, templates, the state of things. */
#include "serve/llama.h"

#include <unistd.h>

#include "base/os.h"
#include "serve/dialects.h"
#include "serve/embeddings.h"
#include "serve/line.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/reply.h"
#include "serve/request.h"

/* --- one job, whose result is the answer ---------------------------------------------------------
 */

static void whole_result(struct ask *a)
{
    reply_json(a->x, 200, json_incref(a->v[0].result));
}

static const struct ask_words result_words = {NULL, NULL, whole_result, NULL};

static void answer(struct exchange *x, const char *task, const char *param,
                   bool (*read)(const json_t *body, json_t *job, struct problem *p))
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job(task, &p) : NULL;
    bool ok = job && read(x->body, job, &p) && (a = ask_new(x, slot, &result_words, 1, &p));
    if (ok) {
        a->param = param;
        ok = ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

static bool copy_bool(const json_t *body, const char *name, bool otherwise, json_t *job,
                      struct problem *p)
{
    bool v = otherwise;
    return field_bool(body, name, &v, p) && json_object_set_new(job, name, json_boolean(v)) == 0;
}

static bool no_pieces(const json_t *body, struct problem *p)
{
    bool wanted = false;
    if (!field_bool(body, "with_pieces", &wanted, p))
        return false;
    if (!wanted)
        return true;
    fail(&p->err, ERR_UNSUPPORTED, "with_pieces: ask /detokenize for the text of a token");
    p->status = 400;
    return problem_of(p, "with_pieces");
}

static bool read_tokenize(const json_t *body, json_t *job, struct problem *p)
{
    struct str text = {0};
    if (!field_needed(body, "content", p) || !field_text(body, "content", &text, p))
        return false;
    json_object_set_new(job, "prompt", json_stringn(text.p, text.n));
    return copy_bool(body, "add_special", false, job, p) &&
           copy_bool(body, "parse_special", true, job, p) && no_pieces(body, p);
}

void llama_tokenize(struct exchange *x)
{
    answer(x, "tokenize", "content", read_tokenize);
}

static bool read_detokenize(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *tokens = NULL;
    if (!field_needed(body, "tokens", p) || !field_array(body, "tokens", &tokens, p))
        return false;
    if (json_array_size(tokens))
        return request_prompt(tokens, "tokens", job, p);
    json_object_set_new(job, "prompt", json_array());
    return true;
}

void llama_detokenize(struct exchange *x)
{
    answer(x, "detokenize", "tokens", read_detokenize);
}

static bool read_template(const json_t *body, json_t *job, struct problem *p)
{
    return request_messages(body, job, p) && request_tools(body, job, p);
}

void llama_apply_template(struct exchange *x)
{
    answer(x, "template", "messages", read_template);
}

/* --- vectors -------------------------------------------------------------------------------------
 */

static void whole_vectors(struct ask *a)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < a->n; i++)
        json_array_append_new(
            list, json_pack("{si s[o]}", "index", (int)i, "embedding", embeddings_vector(a, i, 0)));
    reply_json(a->x, 200, list);
}

static const struct ask_words vector_words = {NULL, NULL, whole_vectors, NULL};

void llama_embedding(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    const char *field = field_any(x->body, "input") ? "input" : "content";
    if (!field_needed(x->body, field, &p) ||
        !embeddings_ask(x, json_object_get(x->body, field), field, &vector_words, &a, &p))
        reply_problem(x, &p);
}

/* --- the state of things -------------------------------------------------------------------------
 */

static struct engine_slot *first(struct exchange *x)
{
    return &x->server->engines.v[0];
}

void llama_health(struct exchange *x)
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

/* Of loading, from 0 to 1; null: it is not being loaded, or has not said. */
static json_t *progress_of(const struct engine_slot *s)
{
    bool told = s->state == ENGINE_LOADING && s->progress >= 0;
    return told ? json_real(s->progress) : json_null();
}

static json_t *state_of(const struct engine_slot *s)
{
    json_int_t blocks = json_integer_value(json_object_get(s->stats, "kv_blocks"));
    json_int_t free_blocks = json_integer_value(json_object_get(s->stats, "kv_free"));
    return json_pack("{ss ss so sI sI sI sI so so si so}", "model", s->model->id, "state",
                     engine_state_name(s->state), "progress", progress_of(s), "size_bytes",
                     (json_int_t)s->model->bytes, "memory_bytes", (json_int_t)s->held, "kv_blocks",
                     blocks, "kv_blocks_used", blocks - free_blocks, "running",
                     number_at(s->stats, "n_running"), "waiting", number_at(s->stats, "n_waiting"),
                     "loading", (int)s->n_waiting, "unloads_in_seconds", idle_left(s));
}

/* Like /health, with what is loaded for those who may know. */
void llama_ready(struct exchange *x)
{
    struct engines *es = &x->server->engines;
    bool ready = engines_ready(es) && !x->server->draining;
    const char *word = x->server->draining ? "ending" : ready ? "ok" : "loading";
    json_t *j = json_pack("{ss}", "status", word), *list = json_array();
    for (uint32_t i = 0; i < es->n; i++)
        json_array_append_new(list, state_of(&es->v[i]));
    if (!x->conn->keyed || x->conn->key_id[0])
        json_object_set(j, "models", list);
    if (x->conn->local) /* for moat stop */
        json_object_set_new(j, "pid", json_integer(getppid()));
    json_decref(list);
    reply_json(x, ready ? 200 : 503, j);
}

void llama_props(struct exchange *x)
{
    const struct engine_slot *s = first(x);
    struct problem p = {0};
    if (!permit_use(x->conn, s->model, &p)) {
        reply_problem(x, &p);
        return;
    }
    json_t *n_ctx = json_object_get(s->info, "n_ctx");
    json_t *n_parallel = json_object_get(s->info, "n_parallel");
    reply_json(x, 200,
               json_pack("{s{sO?} sO? ss ss sO? sO? sO? ss}", "default_generation_settings",
                         "n_ctx", n_ctx, "total_slots", n_parallel, "model_alias", s->model->id,
                         "model_path", s->model->path, "chat_template",
                         json_object_get(s->info, "chat_template"), "bos_token",
                         json_object_get(s->info, "bos"), "eos_token",
                         json_object_get(s->info, "eos"), "build_info", "moat " MOAT_VERSION));
}

/* A row for each answer that can be in the making; what is asked and answered there is nobody's
 * business. */
static void whole_slots(struct ask *a)
{
    const json_t *slots = json_object_get(a->v[0].result, "slots");
    json_int_t n = json_integer_value(json_object_get(a->slot->info, "n_parallel")), busy = 0;
    json_t *list = json_array(), *n_ctx = json_object_get(a->slot->info, "n_ctx");
    struct str strict;
    for (json_int_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(slots, (size_t)i);
        bool works = json_integer_value(json_object_get(s, "id")) != 0; /* a job's */
        json_array_append_new(list,
                              json_pack("{sI sO? sO? sb}", "id", i, "n_ctx", n_ctx, "n_past",
                                        json_object_get(s, "n_tokens"), "is_processing", works));
        busy += works;
    }
    if (http_query_get(a->x->conn->http.req.query, "fail_on_no_slot", &strict) && busy >= n) {
        struct problem p = {.status = 503};
        json_decref(list);
        fail(&p.err, ERR_BUSY, "no slot is free");
        reply_problem(a->x, &p);
        return;
    }
    reply_json(a->x, 200, list);
}

static const struct ask_words slots_words = {NULL, NULL, whole_slots, NULL};

void llama_slots(struct exchange *x)
{
    struct problem p = {0};
    struct engine_slot *slot = engines_find(&x->server->engines, NULL, &p);
    struct ask *a = slot ? ask_new(x, slot, &slots_words, 1, &p) : NULL;
    if (!a || !line_ask_stats(slot, &a->v[0], &p))
        reply_problem(x, &p);
}
