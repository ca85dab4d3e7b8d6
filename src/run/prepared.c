/* SPDX-License-Identifier: Apache-2.0 */
/* run/prepared: see prepared.h. */
#include "run/prepared.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/embedding.h"
#include "run/agent_lines.h"
#include "run/infill.h"

/* A job being read. */
struct reading {
    struct loaded *l;
    struct prepared *p;
    const json_t *job;
};

static bool at_field(struct reading *r, const char *field)
{
    size_t n = strlen(field);
    if (!r->p->error.field[0] && n < sizeof r->p->error.field)
        memcpy(r->p->error.field, field, n + 1);
    return false;
}

static bool text_of(struct reading *r, const char *key, bool needed, struct str *out, struct err *e)
{
    const json_t *v = json_object_get(r->job, key);
    *out = (struct str){json_string_value(v), json_string_length(v)};
    if (json_is_string(v))
        return true;
    *out = STR("");
    return (!v && !needed) || fail(e, ERR_USAGE, "%s: must be a text", key) || at_field(r, key);
}

static bool number_of(struct reading *r, const char *key, int64_t lo, int64_t hi, int64_t *out,
                      struct err *e)
{
    const json_t *v = json_object_get(r->job, key);
    if (!v)
        return true;
    *out = json_integer_value(v);
    if (json_is_integer(v) && *out >= lo && *out <= hi)
        return true;
    fail(e, ERR_USAGE, "%s: must be a whole number from %lld to %lld", key, (long long)lo,
         (long long)hi);
    return at_field(r, key);
}

/* --- settings -------------------------------------------------------------------------------- */

/* What is fixed when a model is loaded is never ignored in a request, but refused. */
static bool may_set(const char *key, struct err *e)
{
    const struct setting *s = settings_find(str_of(key));
    if (s && s->at_load && strcmp(key, "context_window") != 0)
        return fail(e, ERR_UNSUPPORTED,
                    "%s: is fixed when the model is loaded; set it in the server's configuration",
                    key);
    if (strcmp(key, "context_shift") == 0)
        return fail(e, ERR_UNSUPPORTED,
                    "%s: a server does not drop what a client has sent; send fewer messages", key);
    return true;
}

/* A request may use less of the context than there is. */
static bool check_window(struct reading *r, struct err *e)
{
    uint32_t window = r->p->settings.context_window, n_ctx = loaded_context(r->l);
    r->p->settings.context_shift = false;
    if (window <= n_ctx)
        return true;
    return fail(e, ERR_LIMIT,
                "context_window: %u tokens are more than the %u that the server holds for a "
                "request",
                window, n_ctx) ||
           at_field(r, "context_window");
}

static bool read_settings(struct reading *r, struct err *e)
{
    json_t *given = json_object_get(r->job, "settings");
    const char *key;
    json_t *value;
    if (given && !json_is_object(given))
        return fail(e, ERR_USAGE, "%s: must be an object", "settings") || at_field(r, "settings");
    json_object_foreach(given, key, value)
    {
        if (!may_set(key, e))
            return at_field(r, key);
        json_t *one = json_pack("{sO}", key, value);
        bool ok = one && settings_from_json(&r->p->settings, one, "settings", e);
        json_decref(one);
        if (!ok)
            return at_field(r, key);
    }
    return check_window(r, e);
}

static bool no_adapter(struct reading *r, size_t i, struct err *e)
{
    fail(e, ERR_USAGE,
         "lora: element %zu must be {\"id\": 0 to %u, \"scale\": a number}, an adapter of the "
         "model each (it has %u)",
         i, r->l->adapters.n ? r->l->adapters.n - 1 : 0, r->l->adapters.n);
    return at_field(r, "lora");
}

/* Scales of the model's adapters: as it was loaded, or those that are named and no others. */
static bool read_adapters(struct reading *r, struct err *e)
{
    const json_t *given = json_object_get(r->job, "lora");
    for (uint32_t i = 0; i < r->l->adapters.n; i++)
        r->p->adapters[i] = given ? 0 : r->l->adapters.v[i].scale;
    if (given && !json_is_array(given))
        return fail(e, ERR_USAGE, "%s: must be a list", "lora") || at_field(r, "lora");
    for (size_t i = 0; i < json_array_size(given); i++) {
        const json_t *one = json_array_get(given, i), *id = json_object_get(one, "id");
        const json_t *scale = json_object_get(one, "scale");
        double value = json_number_value(scale);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= r->l->adapters.n || !json_is_number(scale) || value < -1000 ||
            value > 1000)
            return no_adapter(r, i, e);
        r->p->adapters[json_integer_value(id)] = (float)value;
    }
    return true;
}

static bool read_how(struct reading *r, uint64_t arrived_ns, struct err *e)
{
    struct prepared *p = r->p;
    struct str tenant;
    int64_t logprobs = -1, priority = 0, choice = 0, deadline_ms = 0;
    if (!read_settings(r, e) || !number_of(r, "logprobs", 0, JOB_LOGPROBS, &logprobs, e) ||
        !number_of(r, "priority", -10, 10, &priority, e) ||
        !number_of(r, "choice", 0, UINT16_MAX, &choice, e) ||
        !number_of(r, "deadline_ms", 0, UINT32_MAX, &deadline_ms, e) ||
        !text_of(r, "tenant", false, &tenant, e) || !read_adapters(r, e))
        return false;
    if (tenant.n >= PREPARED_TENANT)
        return fail(e, ERR_LIMIT, "%s: has %zu bytes; %u are the most", "tenant", tenant.n,
                    PREPARED_TENANT - 1) ||
               at_field(r, "tenant");
    memcpy(p->tenant, tenant.p, tenant.n);
    p->n_logprobs = (int)logprobs;
    p->priority = (int)priority;
    p->stream = !json_is_false(json_object_get(r->job, "stream"));
    p->settings.seed += p->settings.seed_set ? (uint64_t)choice : 0;
    p->deadline_ns = deadline_ms ? arrived_ns + (uint64_t)deadline_ms * 1000000u : 0;
    return true;
}

/* --- what the answer must be ----------------------------------------------------------------- */

static bool find_token(const void *arg, struct str text, uint32_t *id)
{
    return vocab_find(arg, text, id);
}

static bool read_schema(struct reading *r, const json_t *schema, struct err *e)
{
    const struct schema_options options = {0};
    struct buf text;
    buf_init(&text, LIMIT_GRAMMAR_BYTES);
    bool ok = json_write(schema, JSON_COMPACT, &text, e) &&
              (r->p->grammar = grammar_from_schema(buf_view(&text), &options, e)) != NULL;
    buf_clear(&text);
    return ok || at_field(r, "schema");
}

/* The tree of the vocabulary is made here, so that the thread that computes finds it. */
static bool use_grammar(struct reading *r, struct err *e)
{
    r->p->settings.grammar = r->p->grammar;
    return !r->p->grammar || loaded_masks(r->l, e) != NULL;
}

static bool read_bound(struct reading *r, struct err *e)
{
    const json_t *schema = json_object_get(r->job, "schema");
    struct str grammar;
    if (!text_of(r, "grammar", false, &grammar, e))
        return false;
    if (schema && grammar.n)
        return fail(e, ERR_USAGE, "give either a schema or a grammar, not both") ||
               at_field(r, "schema");
    if (schema && !read_schema(r, schema, e))
        return false;
    if (grammar.n && !(r->p->grammar = grammar_from_gbnf(grammar, find_token, r->l->vocab, e)))
        return at_field(r, "grammar");
    return use_grammar(r, e);
}

/* --- prompts --------------------------------------------------------------------------------- */

static bool render(struct reading *r, struct buf *out, struct err *e)
{
    json_t *messages = json_object_get(r->job, "messages");
    const json_t *tools = json_object_get(r->job, "tools");
    const json_t *kwargs = json_object_get(r->job, "template_kwargs");
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return fail(e, ERR_USAGE, "messages: must be a list of messages") ||
               at_field(r, "messages");
    if (!r->l->chat)
        return fail(e, ERR_UNSUPPORTED,
                    "the model has no chat template; give it a prompt to go on with instead") ||
               at_field(r, "messages");
    if (!agent_lines_drop(messages, e))
        return false;
    return chat_render(r->l->chat, messages, json_is_array(tools) ? tools : NULL,
                       json_is_object(kwargs) ? kwargs : NULL, true, out, e) ||
           at_field(r, "messages");
}

static bool too_long(struct reading *r, const char *field, struct err *e)
{
    if (e->code == ERR_LIMIT) {
        r->p->error.n_prompt = (uint32_t)r->p->prompt.n;
        r->p->error.n_ctx = loaded_window(r->l, &r->p->settings);
    }
    return at_field(r, field);
}

static bool check_prompt(const struct reading *r, struct err *e)
{
    return loaded_check_prompt(r->l, &r->p->settings, &r->p->prompt, e);
}

static bool take_text(struct reading *r, struct str text, const char *field, struct err *e)
{
    return (loaded_tokenize(r->l, text, &r->p->prompt, e) && check_prompt(r, e)) ||
           too_long(r, field, e);
}

static bool read_choice(struct reading *r, struct toolcall_choice *c, struct err *e)
{
    struct str word, only;
    if (!text_of(r, "tool_choice", false, &word, e) || !text_of(r, "tool_only", false, &only, e))
        return false;
    c->must = only.n || str_is(word, "required") ? TOOLCALL_REQUIRED : TOOLCALL_AUTO;
    c->only = only.n ? only.p : NULL; /* jansson ends its texts with a NUL */
    c->parallel = !json_is_false(json_object_get(r->job, "parallel_tool_calls"));
    return true;
}

/* Calls of the request's tools are bound by what the tools take, where the syntax of the model's
 * calls can be. */
static bool bind_tools(struct reading *r, struct str prompt, struct err *e)
{
    const struct toolcall_format *f = chat_format(r->l->chat);
    const json_t *tools = json_object_get(r->job, "tools");
    struct toolcall_choice choice;
    struct buf notes; /* of schemas that are kept in part: the request does not ask for more */
    if (json_array_size(tools) == 0)
        return true;
    if (!toolcall_has_calls(f))
        return fail(e, ERR_UNSUPPORTED,
                    "the chat template of this model takes no tools; try one whose template does");
    if (r->p->grammar)
        return fail(e, ERR_UNSUPPORTED,
                    "an answer that may call tools cannot be bound by a schema or grammar too; "
                    "leave one of them out");
    if (!toolcall_check_tools(tools, e) || !read_choice(r, &choice, e))
        return false;
    buf_init(&notes, LIMIT_GRAMMAR_BYTES);
    r->p->grammar =
        toolcall_grammar(f, tools, &choice, prompt, chat_marker, r->l->vocab, &notes, e);
    buf_clear(&notes);
    return (r->p->grammar || e->code == ERR_NONE) && use_grammar(r, e);
}

/* An answer that a schema or grammar of the request binds is content, all of it. */
static bool take_apart(struct reading *r, struct str prompt, struct err *e)
{
    const struct toolcall_format *f = chat_format(r->l->chat);
    const json_t *tools = json_object_get(r->job, "tools");
    bool bound = r->p->grammar != NULL;
    if (bound && json_array_size(tools) == 0)
        return true;
    r->p->settings.special = toolcall_has_calls(f);
    r->p->parts = parts_new(f, json_is_array(tools) ? tools : NULL, prompt, bound, e);
    return r->p->parts != NULL;
}

static bool read_chat(struct reading *r, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
    bool ok = render(r, &text, e);
    if (ok)
        ok = (bind_tools(r, buf_view(&text), e) || at_field(r, "tools")) &&
             take_apart(r, buf_view(&text), e) && take_text(r, buf_view(&text), "messages", e);
    buf_clear(&text);
    return ok;
}

static bool read_ids(struct reading *r, const json_t *list, struct err *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_int_t id = json_integer_value(json_array_get(list, i));
        if (!json_is_integer(json_array_get(list, i)) || id < 0 || id >= LIMIT_VOCAB)
            return fail(e, ERR_USAGE, "prompt: element %zu is no token id", i);
        if (!tokens_push(&r->p->prompt, (uint32_t)id, e))
            return false;
    }
    return true;
}

static bool read_prompt(struct reading *r, struct err *e)
{
    const json_t *prompt = json_object_get(r->job, "prompt");
    struct str text;
    if (json_is_array(prompt))
        return (read_ids(r, prompt, e) && check_prompt(r, e)) || too_long(r, "prompt", e);
    return text_of(r, "prompt", true, &text, e) && take_text(r, text, "prompt", e);
}

static bool read_infill(struct reading *r, struct err *e)
{
    struct infill in = {.files = json_object_get(r->job, "files")};
    if (!infill_can(r->l->vocab))
        return fail(e, ERR_UNSUPPORTED,
                    "the model cannot fill in: its vocabulary has no tokens for that");
    if (!text_of(r, "prompt", true, &in.before, e) || !text_of(r, "suffix", false, &in.behind, e) ||
        !text_of(r, "file", false, &in.name, e) ||
        !text_of(r, "repository", false, &in.repository, e))
        return false;
    return (infill_prompt(r->l->vocab, &in, &r->p->prompt, e) && check_prompt(r, e)) ||
           too_long(r, "prompt", e);
}

/* --- tasks ----------------------------------------------------------------------------------- */

static bool answer(struct reading *r, bool (*prompt)(struct reading *r, struct err *e),
                   struct err *e)
{
    if (r->l->embeds)
        return fail(e, ERR_UNSUPPORTED, "the model makes vectors of texts, not answers");
    r->p->task = PREPARED_ANSWER;
    return read_bound(r, e) && prompt(r, e);
}

static bool task_chat(struct reading *r, struct err *e)
{
    return answer(r, read_chat, e);
}

static bool task_text(struct reading *r, struct err *e)
{
    return answer(r, read_prompt, e);
}

static bool task_infill(struct reading *r, struct err *e)
{
    return answer(r, read_infill, e);
}

/* Ids are taken as they are: whoever sends them has put the special tokens there too. */
static bool read_text(struct reading *r, struct err *e)
{
    const json_t *prompt = json_object_get(r->job, "prompt");
    struct str text;
    if (json_is_array(prompt))
        return read_ids(r, prompt, e) && loaded_check_ids(r->l, &r->p->prompt, e);
    return text_of(r, "prompt", true, &text, e) &&
           tokenize(r->l->vocab, text, true, false, &r->p->prompt, e);
}

static bool fits_pass(struct reading *r, struct err *e)
{
    const struct tokens *t = &r->p->prompt;
    uint32_t longest = embedding_longest(r->l->f);
    if (t->n > 0 && t->n <= longest)
        return true;
    if (t->n == 0)
        return fail(e, ERR_USAGE, "there is nothing to embed: a text is empty") ||
               at_field(r, "prompt");
    r->p->error.n_prompt = (uint32_t)t->n;
    r->p->error.n_ctx = longest;
    return fail(e, ERR_LIMIT,
                "a text has %zu tokens, more than the %u that fit; make it shorter, or cut it into "
                "parts",
                t->n, longest) ||
           at_field(r, "prompt");
}

static bool task_embed(struct reading *r, struct err *e)
{
    enum pooling pooling = r->l->model->h.pooling;
    if (!r->l->embeds)
        return fail(e, ERR_UNSUPPORTED, "the model makes answers, not vectors of texts");
    if (pooling == POOLING_NONE || pooling == POOLING_RANK)
        return fail(e, ERR_UNSUPPORTED,
                    "the model gives no vector of a text (its pooling_type is none or rank); moat "
                    "embed shows what it gives");
    r->p->task = PREPARED_EMBED;
    return read_text(r, e) ? fits_pass(r, e) : at_field(r, "prompt");
}

/* How well a text answers the prompt. */
static bool task_rank(struct reading *r, struct err *e)
{
    struct str question, passage;
    if (!r->l->embeds || r->l->model->h.pooling != POOLING_RANK)
        return fail(e, ERR_UNSUPPORTED, "the model does not rank texts");
    r->p->task = PREPARED_EMBED;
    if (!embedding_check(r->l->model, POOLING_RANK, e) ||
        !text_of(r, "prompt", true, &question, e) || !text_of(r, "passage", true, &passage, e))
        return false;
    return pair_tokenize(&r->l->pair, r->l->vocab, question, passage, &r->p->prompt, &r->p->n_first,
                         e)
               ? fits_pass(r, e)
               : at_field(r, "prompt");
}

static bool give(struct reading *r, json_t *result, struct err *e)
{
    r->p->result = result;
    return result || fail(e, ERR_LIMIT, "out of memory");
}

static bool task_tokenize(struct reading *r, struct err *e)
{
    struct tokens *t = &r->p->prompt;
    struct str text;
    bool special = json_is_true(json_object_get(r->job, "add_special"));
    bool parse = !json_is_false(json_object_get(r->job, "parse_special"));
    if (!text_of(r, "prompt", true, &text, e) || !tokenize(r->l->vocab, text, special, parse, t, e))
        return at_field(r, "prompt");
    json_t *list = json_array();
    for (size_t i = 0; list && i < t->n; i++)
        json_array_append_new(list, json_integer(t->id[i]));
    return give(r, json_pack("{so}", "tokens", list), e);
}

static bool task_detokenize(struct reading *r, struct err *e)
{
    const json_t *list = json_object_get(r->job, "prompt");
    const struct vocab *v = r->l->vocab;
    struct detok d;
    struct buf text;
    if (!json_is_array(list) || !read_ids(r, list, e))
        return (e->code != ERR_NONE ? false : fail(e, ERR_USAGE, "prompt: must be token ids")) ||
               at_field(r, "prompt");
    buf_init(&text, LIMIT_JSON_BYTES);
    detok_init(&d, v, true);
    bool ok = true;
    for (size_t i = 0; ok && i < r->p->prompt.n; i++) {
        uint32_t id = r->p->prompt.id[i];
        ok = id < v->n_tokens || fail(e, ERR_USAGE, "prompt: %u is not in the vocabulary", id);
        if (ok)
            detok_push(&d, id, &text);
    }
    detok_flush(&d, &text);
    ok = ok && buf_ok(&text, "text", e) &&
         give(r, json_pack("{so}", "content", json_stringn(buf_c(&text), text.n)), e);
    buf_clear(&text);
    return ok || at_field(r, "prompt");
}

/* The prompt, or how many tokens it has. */
static bool task_template(struct reading *r, struct err *e)
{
    struct buf text;
    bool count = json_is_true(json_object_get(r->job, "count"));
    buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
    bool ok = render(r, &text, e) &&
              (!count || loaded_tokenize(r->l, buf_view(&text), &r->p->prompt, e)) &&
              give(r,
                   count ? json_pack("{sI}", "n_prompt", (json_int_t)r->p->prompt.n)
                         : json_pack("{so}", "prompt", json_stringn(buf_c(&text), text.n)),
                   e);
    buf_clear(&text);
    return ok;
}

static bool run_task(struct reading *r, struct err *e)
{
    static const struct {
        const char *name;
        bool (*run)(struct reading *r, struct err *e);
    } tasks[] = {{"chat", task_chat},
                 {"text", task_text},
                 {"infill", task_infill},
                 {"embed", task_embed},
                 {"rank", task_rank},
                 {"tokenize", task_tokenize},
                 {"detokenize", task_detokenize},
                 {"template", task_template}};
    struct str name;
    if (!text_of(r, "task", true, &name, e))
        return false;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (str_is(name, tasks[i].name))
            return tasks[i].run(r, e);
    return fail(e, ERR_USAGE, "task: \"%.*s\" is none", STR_ARG(name)) || at_field(r, "task");
}

struct prepared *prepared_new(struct loaded *l, const struct settings *base, uint64_t id,
                              struct str job, uint64_t arrived_ns, struct err *e)
{
    struct prepared *p = mem_new(1, sizeof *p, e);
    if (!p)
        return NULL;
    *p = (struct prepared){
        .id = id, .task = PREPARED_DONE, .n_logprobs = -1, .arrived_ns = arrived_ns};
    struct reading r = {.l = l, .p = p};
    struct err *why = &p->error.err;
    json_t *j = json_parse(job, "job", why);
    r.job = j;
    bool ok = j && (json_is_object(j) || fail(why, ERR_USAGE, "%s: must be an object", "job"));
    ok = ok && settings_copy(&p->settings, base, why) && read_how(&r, arrived_ns, why) &&
         run_task(&r, why);
    if (ok)
        p->error = (struct job_error){0};
    else
        p->task = PREPARED_DONE;
    json_decref(j);
    return p;
}

void prepared_free(struct prepared *p)
{
    if (!p)
        return;
    completion_clear(&p->completion);
    settings_clear(&p->settings);
    parts_free(p->parts);
    grammar_free(p->grammar);
    tokens_clear(&p->prompt);
    json_decref(p->result);
    mem_free(p);
}
