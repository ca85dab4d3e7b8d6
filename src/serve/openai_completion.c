/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai_completion: POST /v1/completions: prompts that are continued as they stand, or, with
 * a suffix, filled in between. */
#include <string.h>

#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/openai.h"
#include "serve/request.h"
#include "serve/sse.h"

#define DEFAULT_TOKENS 16
#define PROMPTS_MAX    128u

/* --- the answer ----------------------------------------------------------------------------------
 */

static void add_token(json_t *out, const json_t *token, json_int_t *at)
{
    json_t *top = json_object();
    const char *text = json_string_value(json_object_get(token, "token"));
    json_t *list = json_object_get(token, "top_logprobs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *t = json_array_get(list, i);
        json_object_set(top, json_string_value(json_object_get(t, "token")),
                        json_object_get(t, "logprob"));
    }
    json_array_append_new(json_object_get(out, "tokens"), json_string(text ? text : ""));
    json_array_append(json_object_get(out, "token_logprobs"), json_object_get(token, "logprob"));
    json_array_append_new(json_object_get(out, "top_logprobs"), top);
    json_array_append_new(json_object_get(out, "text_offset"), json_integer(*at));
    *at += (json_int_t)strlen(text ? text : "");
}

/* The older shape of logprobs: parallel arrays. */
static json_t *logprobs_object(const struct ask *a, const json_t *tokens, size_t said)
{
    json_int_t at = (json_int_t)said;
    if (a->top_logprobs < 0)
        return json_null();
    json_t *j =
        json_pack("{s[] s[] s[] s[]}", "tokens", "token_logprobs", "top_logprobs", "text_offset");
    for (size_t i = 0; i < json_array_size(tokens); i++)
        add_token(j, json_array_get(tokens, i), &at);
    return j;
}

static json_t *object_of(const struct ask *a, json_t *choices)
{
    char id[48];
    return json_pack("{ss ss sI ss so}", "id", openai_id(a->x, "cmpl-", id), "object",
                     "text_completion", "created", (json_int_t)a->x->created, "model", a->x->model,
                     "choices", choices);
}

static json_t *choice_of(const struct ask_answer *w, struct str text, const json_t *logprobs,
                         const char *finish)
{
    return json_pack("{si ss% so ss?}", "index", (int)w->index, "text", text.p ? text.p : "",
                     text.n, "logprobs", logprobs_object(w->ask, logprobs, w->said),
                     "finish_reason", finish);
}

static void send_chunk(struct ask *a, json_t *choices, bool usage)
{
    json_t *j = object_of(a, choices);
    if (!a->begun)
        sse_start(a->x);
    a->begun = true;
    if (a->include_usage)
        json_object_set_new(j, "usage", usage ? openai_usage(a) : json_null());
    sse_event(a->x, j);
}

static void part(struct ask_answer *w, enum job_part kind, struct str text, const json_t *logprobs)
{
    (void)kind; /* all is content where no template is */
    send_chunk(w->ask, json_pack("[o]", choice_of(w, text, logprobs, NULL)), false);
    w->said += text.n;
}

static void end(struct ask_answer *w)
{
    send_chunk(w->ask, json_pack("[o]", choice_of(w, STR(""), NULL, openai_finish(w))), false);
}

/* The prompt that answer w is for, where it is to be repeated before it. */
static struct str echo_of(const struct ask_answer *w)
{
    const json_t *prompt = json_object_get(w->ask->x->body, "prompt");
    if (json_is_array(prompt))
        prompt = json_array_get(prompt, w->index / w->ask->per_prompt);
    return w->ask->echo ? (struct str){json_string_value(prompt), json_string_length(prompt)}
                        : (struct str){0};
}

static json_t *whole_choice(const struct ask_answer *w)
{
    struct buf text;
    buf_init(&text, 2u * ASK_TEXT);
    buf_str(&text, echo_of(w));
    buf_str(&text, buf_view(&w->text));
    json_t *j = choice_of(w, buf_view(&text), w->logprobs, openai_finish(w));
    buf_clear(&text);
    return j;
}

static void whole(struct ask *a)
{
    if (a->stream) {
        if (a->include_usage)
            send_chunk(a, json_array(), true);
        sse_done(a->x, true);
        return;
    }
    json_t *choices = json_array();
    for (uint32_t i = 0; i < a->n; i++)
        json_array_append_new(choices, whole_choice(&a->v[i]));
    json_t *j = object_of(a, choices);
    json_object_set_new(j, "usage", openai_usage(a));
    reply_json(a->x, 200, j);
}

static const struct ask_words words = {part, end, whole, openai_broken};

/* --- the request ---------------------------------------------------------------------------------
 */

static bool read_logprobs(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    uint32_t top = 0;
    if (!field_u32(body, "logprobs", 0, 20, &top, p))
        return false;
    if (!field_any(body, "logprobs"))
        return true;
    a->top_logprobs = (int)top;
    json_object_set_new(job, "logprobs", json_integer(top));
    return true;
}

static bool refuse_echo(const struct ask *a, const json_t *body, bool suffix, struct problem *p)
{
    if (!a->echo || (!a->stream && !suffix && a->top_logprobs < 0 &&
                     !request_is_ids(json_object_get(body, "prompt"))))
        return true;
    fail(&p->err, ERR_UNSUPPORTED, "echo: not together with stream, suffix, logprobs or token ids");
    p->status = 400;
    return problem_of(p, "echo");
}

/* best_of 1 is what there is: answers are not weighed against each other. */
static bool refuse_best_of(const json_t *body, struct problem *p)
{
    uint32_t best_of = 1;
    return field_u32(body, "best_of", 0, 1, &best_of, p);
}

static bool read_request(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    struct str suffix = {0};
    if (!openai_settings(body, job, p) || !read_logprobs(body, a, job, p) ||
        !openai_stream(body, a, p) || !field_bool(body, "echo", &a->echo, p) ||
        !field_text(body, "suffix", &suffix, p) || !refuse_echo(a, body, suffix.p != NULL, p) ||
        !refuse_best_of(body, p))
        return false;
    request_default(job, "max_tokens", json_integer(DEFAULT_TOKENS));
    if (suffix.n) {
        json_object_set_new(job, "task", json_string("infill"));
        json_object_set_new(job, "suffix", json_stringn(suffix.p, suffix.n));
    }
    a->param = "prompt";
    return true;
}

/* Several prompts, rather than one of text or of token ids? */
static bool is_list(const json_t *prompt)
{
    return json_is_array(prompt) && !request_is_ids(prompt);
}

static bool submit(struct ask *a, const json_t *job, const json_t *prompt, struct problem *p)
{
    for (uint32_t i = 0; i < a->n; i++) {
        json_t *one = openai_job_of(job, i % a->per_prompt);
        const json_t *text = is_list(prompt) ? json_array_get(prompt, i / a->per_prompt) : prompt;
        if (!request_prompt(text, "prompt", one, p)) {
            json_decref(one);
            return false;
        }
        if (json_object_get(job, "suffix") && !json_is_string(text)) {
            json_decref(one);
            fail(&p->err, ERR_USAGE, "prompt: must be a string where there is a suffix");
            return problem_of(p, "prompt");
        }
        if (!ask_submit(a, i, one, p))
            return false;
    }
    return true;
}

static bool count_prompts(const json_t *prompt, uint32_t *n, struct problem *p)
{
    *n = is_list(prompt) ? (uint32_t)json_array_size(prompt) : 1;
    if (*n >= 1 && *n <= PROMPTS_MAX)
        return true;
    fail(&p->err, ERR_USAGE, "prompt: must have 1 to %u elements", PROMPTS_MAX);
    return problem_of(p, "prompt");
}

void openai_completion(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    uint32_t n = 1, prompts = 1;
    const json_t *prompt = json_object_get(x->body, "prompt");
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, &p);
    json_t *job = slot ? request_job("text", &p) : NULL;
    bool ok = job && field_needed(x->body, "prompt", &p) && count_prompts(prompt, &prompts, &p) &&
              field_u32(x->body, "n", 1, 128 / prompts, &n, &p) &&
              (a = ask_new(x, slot, &words, n * prompts, &p)) && read_request(x->body, a, job, &p);
    if (ok) {
        a->per_prompt = n;
        ok = submit(a, job, prompt, &p);
    }
    json_decref(job);
    if (!ok)
        reply_problem(x, &p);
}
