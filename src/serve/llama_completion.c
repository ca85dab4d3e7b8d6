/* SPDX-License-Identifier: Apache-2.0 */
/* serve/llama_completion: POST /completion and /infill in the words of llama.cpp's server. */
#include <stdio.h>
#include <string.h>

#include "serve/dialects.h"
#include "serve/llama.h"
#include "serve/loop.h"
#include "serve/request.h"
#include "serve/sse.h"

/* --- the answer ----------------------------------------------------------------------------------
 */

json_t *llama_timings(const struct ask_answer *w)
{
    uint32_t n = w->n_prompt - w->n_cached;
    double prompt = w->prompt_s > 0 ? w->prompt_s : 1e-9;
    double decode = w->decode_s > 0 ? w->decode_s : 1e-9;
    double made = w->n_generated ? w->n_generated : 1;
    json_t *j =
        json_pack("{si si sf sf sf si sf sf sf}", "cache_n", (int)w->n_cached, "prompt_n", (int)n,
                  "prompt_ms", w->prompt_s * 1e3, "prompt_per_token_ms",
                  n ? w->prompt_s * 1e3 / n : 0.0, "prompt_per_second", n / prompt, "predicted_n",
                  (int)w->n_generated, "predicted_ms", w->decode_s * 1e3, "predicted_per_token_ms",
                  w->decode_s * 1e3 / made, "predicted_per_second", w->n_generated / decode);
    if (w->n_guessed) {
        json_object_set_new(j, "draft_n", json_integer(w->n_guessed));
        json_object_set_new(j, "draft_n_accepted", json_integer(w->n_right));
    }
    return j;
}

static const char *stop_type(const struct ask_answer *w)
{
    return ask_cut(w) ? "limit" : strcmp(w->finish, "stop") == 0 ? "word" : "eos";
}

/* What stands in the last event of a stream, and in the only object without one. */
static json_t *final_object(const struct ask_answer *w)
{
    const char *text = w->ask->stream ? "" : buf_c(&w->text);
    json_t *j = json_pack("{si ss% s[] sb ss si si sb ss ss so}", "index", (int)w->index, "content",
                          text, w->ask->stream ? 0 : w->text.n, "tokens", "stop", 1, "model",
                          w->ask->x->model, "tokens_predicted", (int)w->n_generated,
                          "tokens_evaluated", (int)w->n_prompt, "truncated", 0, "stop_type",
                          stop_type(w), "stopping_word", w->stop, "timings", llama_timings(w));
    json_object_set_new(j, "tokens_cached", json_integer(w->n_cached));
    if (w->logprobs)
        json_object_set(j, "completion_probabilities", w->logprobs);
    return j;
}

static void begin(struct ask *a)
{
    if (!a->begun)
        sse_start(a->x);
    a->begun = true;
}

static void part(struct ask_answer *w, enum job_part kind, struct str text, const json_t *logprobs)
{
    (void)kind; /* all is content where no template is */
    begin(w->ask);
    json_t *j = json_pack("{si ss% s[] sb}", "index", (int)w->index, "content", text.p, text.n,
                          "tokens", "stop", 0);
    if (logprobs)
        json_object_set(j, "completion_probabilities", (json_t *)(uintptr_t)logprobs);
    sse_event(w->ask->x, j);
}

static void end(struct ask_answer *w)
{
    begin(w->ask);
    sse_event(w->ask->x, final_object(w));
}

static void whole(struct ask *a)
{
    if (a->stream)
        sse_done(a->x, false);
    else
        reply_json(a->x, 200, final_object(&a->v[0]));
}

static void broken(struct ask *a, const struct problem *p)
{
    sse_event(a->x, reply_problem_object(DIALECT_LLAMA, p, a->x->id));
    sse_done(a->x, false);
}

static const struct ask_words words = {part, end, whole, broken};

/* --- the request ---------------------------------------------------------------------------------
 */

/* [[id, bias], ...] or {"id": bias}; a bias may be false, which forbids the token. */
static bool read_bias(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *list = field_any(body, "logit_bias");
    if (!json_is_array(list))
        return request_setting(body, "logit_bias", "logit_bias", job, p);
    json_t *map = json_object(), *given = json_pack("{so}", "logit_bias", map);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i), *id = json_array_get(pair, 0);
        char key[32] = "?";
        if (json_is_integer(id))
            snprintf(key, sizeof key, "%lld", (long long)json_integer_value(id));
        json_object_set(map, key, json_array_get(pair, 1));
    }
    bool ok = request_setting(given, "logit_bias", "logit_bias", job, p);
    json_decref(given);
    return ok;
}

/* n_predict: -1 is no limit. */
static bool read_length(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *n = field_any(body, "n_predict");
    if (json_is_integer(n) && json_integer_value(n) == -1)
        return true;
    return request_setting(body, "n_predict", "max_tokens", job, p);
}

/* A seed below zero asks for a random one. */
static bool read_seed(const json_t *body, json_t *copy)
{
    const json_t *seed = field_any(body, "seed");
    if (json_is_integer(seed) && json_integer_value(seed) < 0)
        json_object_del(copy, "seed");
    return true;
}

static bool read_bound(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *schema = NULL;
    if (!field_object(body, "json_schema", &schema, p) || !request_grammar(body, "grammar", job, p))
        return false;
    return !schema || !json_object_size(schema) || request_schema(job, schema);
}

static bool read_request(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    uint32_t n_probs = 0;
    json_t *copy = json_copy((json_t *)(uintptr_t)body);
    json_object_del(copy, "logit_bias"); /* which has shapes of its own here */
    bool ok =
        read_seed(body, copy) && request_settings(copy, job, p) && request_lora(body, job, p) &&
        request_setting(body, "stop", "stop_sequences", job, p) && read_length(body, job, p) &&
        read_bias(body, job, p) && read_bound(body, job, p) &&
        field_u32(body, "n_probs", 0, 20, &n_probs, p) && field_bool(body, "stream", &a->stream, p);
    json_decref(copy);
    if (ok && n_probs)
        json_object_set_new(job, "logprobs", json_integer(n_probs));
    return ok;
}

static void answer(struct exchange *x, const char *task, const char *param,
                   bool (*own)(const json_t *body, json_t *job, struct problem *p))
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job(task, &p) : NULL;
    bool ok = job && (a = ask_new(x, slot, &words, 1, &p)) && own(x->body, job, &p) &&
              read_request(x->body, a, job, &p);
    if (ok) {
        a->param = param;
        a->schema_param = "json_schema";
        ok = ask_submit(a, 0, json_incref(job), &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}

static bool read_prompt(const json_t *body, json_t *job, struct problem *p)
{
    return field_needed(body, "prompt", p) &&
           request_prompt(json_object_get(body, "prompt"), "prompt", job, p);
}

void llama_completion(struct exchange *x)
{
    answer(x, "text", "prompt", read_prompt);
}

/* Files that the editor has open beside the one that is written. */
static bool add_extra(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *extra = NULL;
    json_t *files = json_array();
    json_object_set_new(job, "files", files);
    if (!field_array(body, "input_extra", &extra, p))
        return false;
    for (size_t i = 0; i < json_array_size(extra); i++) {
        const json_t *one = json_array_get(extra, i), *text = json_object_get(one, "text");
        const json_t *name = json_object_get(one, "filename");
        if (!json_is_string(text)) {
            fail(&p->err, ERR_USAGE, "input_extra[%zu]: needs a \"text\" that is a string", i);
            return problem_of(p, "input_extra");
        }
        json_array_append_new(files, json_pack("{sO sO*}", "text", text, "name", name));
    }
    return true;
}

/* `prompt` is what the answer begins with: it stands after the prefix. */
static bool read_infill(const json_t *body, json_t *job, struct problem *p)
{
    struct str prefix = STR(""), suffix = STR(""), middle = STR("");
    struct buf before;
    if (!field_text(body, "input_prefix", &prefix, p) ||
        !field_text(body, "input_suffix", &suffix, p) || !field_text(body, "prompt", &middle, p))
        return false;
    if (!prefix.n && !suffix.n && !middle.n) {
        fail(&p->err, ERR_USAGE, "input_prefix: is missing, and so is input_suffix");
        return problem_of(p, "input_prefix");
    }
    buf_init(&before, ASK_TEXT);
    bool ok = add_extra(body, job, p);
    buf_str(&before, prefix);
    buf_str(&before, middle);
    json_object_set_new(job, "prompt", json_stringn(buf_c(&before), before.n));
    json_object_set_new(job, "suffix", json_stringn(suffix.p, suffix.n));
    buf_clear(&before);
    return ok;
}

void llama_infill(struct exchange *x)
{
    answer(x, "infill", "input_prefix", read_infill);
}
