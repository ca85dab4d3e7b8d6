/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ollama: see ollama.h; and the routes about models. */
#include "serve/ollama.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/reply.h"
#include "serve/request.h"

#define API_VERSION "0.12.0" /* of the API that is spoken; clients look at it */

const char *ollama_time(time_t t, char out[32])
{
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

static json_int_t number_of(const struct engine_slot *s, const char *key)
{
    return json_integer_value(json_object_get(s->info, key));
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* A whole number that is -1 (or -2) for "no limit" is no setting. */
static bool read_length(const json_t *options, json_t *job, struct problem *p)
{
    const json_t *n = field_any(options, "num_predict");
    if (json_is_integer(n) && json_integer_value(n) < 0 && json_integer_value(n) >= -2)
        return true;
    return request_setting(options, "num_predict", "max_tokens", job, p);
}

/* Clients ask for what they may come to need; more than there is, is what there is. */
static bool read_context(const json_t *options, const struct engine_slot *slot, json_t *job,
                         struct problem *p)
{
    json_int_t there = number_of(slot, "n_ctx");
    const json_t *n = field_any(options, "num_ctx");
    if (json_is_integer(n) && json_integer_value(n) > there)
        return true;
    return request_setting(options, "num_ctx", "context_window", job, p);
}

static bool read_format(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *format = field_any(body, "format");
    struct str word = {json_string_value(format), json_string_length(format)};
    if (!format || (json_is_string(format) && word.n == 0))
        return true;
    if (json_is_object(format))
        return request_schema(job, format);
    if (str_is(word, "json"))
        return request_any_json(job);
    fail(&p->err, ERR_USAGE, "format: must be \"json\" or a JSON Schema");
    return problem_of(p, "format");
}

bool ollama_options(const json_t *body, const struct engine_slot *slot, json_t *job,
                    struct problem *p)
{
    const json_t *options = NULL;
    uint32_t top = 0;
    bool logprobs = false;
    if (!read_format(body, job, p) || !field_object(body, "options", &options, p) ||
        !field_bool(body, "logprobs", &logprobs, p) ||
        !field_u32(body, "top_logprobs", 0, 20, &top, p))
        return false;
    if (logprobs)
        json_object_set_new(job, "logprobs", json_integer(top));
    if (!options)
        return true;
    json_t *copy = json_copy((json_t *)(uintptr_t)options);
    const json_t *seed = json_object_get(options, "seed");
    if (json_is_integer(seed) && json_integer_value(seed) < 0)
        json_object_del(copy, "seed"); /* a random one */
    bool ok = request_settings(copy, job, p) &&
              request_setting(options, "stop", "stop_sequences", job, p) &&
              read_context(options, slot, job, p) && read_length(options, job, p);
    json_decref(copy);
    return ok;
}

bool ollama_keep(const json_t *body, struct engine_slot *slot, struct problem *p)
{
    int64_t keep = DURATION_UNSET;
    const json_t *given = field_any(body, "keep_alive");
    if (!given)
        return true;
    if (!duration_from_json(given, &keep)) {
        fail(&p->err, ERR_USAGE,
             "keep_alive: must be seconds or a time like \"10m\"; negative is for ever");
        return problem_of(p, "keep_alive");
    }
    engines_keep(slot, keep);
    return true;
}

/* --- answers -------------------------------------------------------------------------------------
 */

json_t *ollama_object(const struct ask *a, bool done)
{
    char created[48];
    struct timespec t = {0};
    struct tm tm = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    snprintf(created, sizeof created, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ",
             (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec, t.tv_nsec);
    return json_pack("{ss ss sb}", "model", a->x->model, "created_at", created, "done", done);
}

void ollama_add_sums(json_t *j, const struct ask_answer *w)
{
    json_t *sums = json_pack("{ss sI sI si sI si sI}", "done_reason",
                             ask_cut(w) ? "length" : "stop", "total_duration",
                             (json_int_t)(os_now_ns() - w->ask->x->start_ns), "load_duration",
                             (json_int_t)w->ask->x->load_ns, "prompt_eval_count", (int)w->n_prompt,
                             "prompt_eval_duration", (json_int_t)(w->prompt_s * 1e9), "eval_count",
                             (int)w->n_generated, "eval_duration", (json_int_t)(w->decode_s * 1e9));
    json_object_update(j, sums);
    json_decref(sums);
}

/* --- models --------------------------------------------------------------------------------------
 */

static const char *word_of(const struct engine_slot *s, const char *key)
{
    const char *word = json_string_value(json_object_get(s->info, key));
    return word ? word : "";
}

static json_t *details_of(const struct engine_slot *s)
{
    const char *family = word_of(s, "architecture");
    double n = (double)number_of(s, "n_params");
    char size[32] = "";
    if (n > 0)
        snprintf(size, sizeof size, n < 1e9 ? "%.2fM" : "%.1fB", n < 1e9 ? n / 1e6 : n / 1e9);
    return json_pack("{ss ss ss s[s] ss ss}", "parent_model", "", "format", "gguf", "family",
                     family, "families", family, "parameter_size", size, "quantization_level",
                     word_of(s, "quantization"));
}

static json_t *capabilities_of(const struct engine_slot *s)
{
    static const char *const names[][2] = {{"generates", "completion"},
                                           {"tools", "tools"},
                                           {"thinks", "thinking"},
                                           {"infill", "insert"},
                                           {"embeds", "embedding"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_is_true(json_object_get(s->info, names[i][0])))
            json_array_append_new(list, json_string(names[i][1]));
    return list;
}

static json_t *info_of(const struct engine_slot *s)
{
    const char *family = word_of(s, "architecture");
    char context[64], width[64];
    if (!s->info)
        return json_object();
    snprintf(context, sizeof context, "%.32s.context_length", family);
    snprintf(width, sizeof width, "%.32s.embedding_length", family);
    return json_pack("{ss sI sI sI}", "general.architecture", family, "general.parameter_count",
                     number_of(s, "n_params"), context, number_of(s, "n_ctx_train"), width,
                     number_of(s, "n_embd"));
}

static json_t *summary_of(const struct engine_slot *s)
{
    char modified[32];
    const struct served *m = s->model;
    const char *digest = m->digest[0] ? m->digest + strlen("sha256:") : "";
    return json_pack("{ss ss ss sI ss sb so}", "name", m->id, "model", m->id, "modified_at",
                     ollama_time(m->modified, modified), "size", (json_int_t)m->bytes, "digest",
                     digest, "loaded", s->state == ENGINE_READY, "details", details_of(s));
}

void ollama_tags(struct exchange *x)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < x->server->engines.n; i++)
        if (permit_model(x->conn, x->server->engines.v[i].model))
            json_array_append_new(list, summary_of(&x->server->engines.v[i]));
    reply_json(x, 200, json_pack("{so}", "models", list));
}

/* When it ends if no work comes; the largest time that clients can read where it stays. */
static const char *expiry_of(const struct engine_slot *s, char out[32])
{
    uint64_t now = os_now_ns(), left = s->end_ns > now ? s->end_ns - now : 0;
    int64_t keep = engine_keep(s);
    if (keep == DURATION_EVER)
        return "2262-04-11T23:47:16Z";
    return ollama_time(time(NULL) + (time_t)(s->end_ns ? (int64_t)(left / 1000000000u) : keep),
                       out);
}

void ollama_ps(struct exchange *x)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < x->server->engines.n; i++) {
        const struct engine_slot *s = &x->server->engines.v[i];
        if (s->state != ENGINE_READY || !permit_model(x->conn, s->model))
            continue;
        char expires[32];
        json_t *j = summary_of(s);
        json_object_set_new(j, "expires_at", json_string(expiry_of(s, expires)));
        json_object_set_new(j, "size_vram", json_integer(0));
        if (s->held)
            json_object_set_new(j, "size", json_integer((json_int_t)s->held));
        json_object_set(j, "context_length", json_object_get(s->info, "n_ctx"));
        json_array_append_new(list, j);
    }
    reply_json(x, 200, json_pack("{so}", "models", list));
}

void ollama_show(struct exchange *x)
{
    struct problem p = {0};
    char modified[32];
    struct engine_slot *s =
        field_needed(x->body, "model", &p) ? engines_named(&x->server->engines, x->body, &p) : NULL;
    /* What one has said of itself stays true; one that was never loaded has said nothing, and is
     * not loaded for a list of models that asks for each. */
    if (s && !s->info && s->state != ENGINE_OFF)
        s = engines_find(&x->server->engines, x->body, &p);
    if (!s) {
        reply_problem(x, &p);
        return;
    }
    reply_json(x, 200,
               json_pack("{ss ss ss ss so so so ss}", "modelfile", "", "parameters", "", "license",
                         "", "template", word_of(s, "chat_template"), "details", details_of(s),
                         "model_info", info_of(s), "capabilities", capabilities_of(s),
                         "modified_at", ollama_time(s->model->modified, modified)));
}

void ollama_version(struct exchange *x)
{
    reply_json(x, 200, json_pack("{ss}", "version", API_VERSION));
}

void ollama_root(struct exchange *x)
{
    reply_body(x, 200, "text/plain; charset=utf-8", STR("Ollama is running"));
}
