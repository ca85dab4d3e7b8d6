/* SPDX-License-Identifier: Apache-2.0 */
/* serve/llama: the small routes of llama.cpp's server: tokens, templates, vectors, properties,
 * slots. */
#include "serve/llama.h"

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

/* The first one that the client may use. */
static const struct engine_slot *first(struct exchange *x, struct problem *p)
{
    const struct engines *es = &x->server->engines;
    for (uint32_t i = 0; i < es->n; i++)
        if (!es->v[i].model->gone)
            return permit_use(x->conn, es->v[i].model, p) ? &es->v[i] : NULL;
    fail(&p->err, ERR_NOT_FOUND, "there is no model here yet; moat pull NAME brings one");
    return NULL;
}

void llama_props(struct exchange *x)
{
    struct problem p = {0};
    const struct engine_slot *s = first(x, &p);
    if (!s) {
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
