/* SPDX-License-Identifier: Apache-2.0 */
/* serve/known: see known.h.
 *
 * A shape is the names of an object's fields. NAME{..} is an object, or an array of objects, whose
 * fields are looked at likewise; what is in another field is not. @settings stands for the keys of
 * run/settings, @ollama for what Ollama calls options. */
#include "serve/known.h"

#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "run/settings.h"
#include "run/settings_ollama.h"
#include "serve/dialects.h"
#include "serve/log.h"
#include "serve/loop.h"

/* --- the shapes ----------------------------------------------------------------------------------
 */

#define CONTENT "content{type text refusal cache_control image_url input_audio file} "
#define MESSAGES                                                                                   \
    "messages{role " CONTENT "name refusal annotations audio images tool_call_id tool_name "       \
    "reasoning_content reasoning thinking "                                                        \
    "tool_calls{id type index function{name arguments index}}} "
#define FUNCTION "function{name description parameters strict}"
#define TOOLS                                                                                      \
    "tools{type " FUNCTION "} tool_choice{type function{name}} parallel_tool_calls functions "     \
    "function_call "
#define SERVICE                                                                                    \
    "user metadata store service_tier safety_identifier prompt_cache_key prompt_cache_retention "
#define OPENAI                                                                                     \
    "model stream stream_options{include_usage include_obfuscation} stop grammar lora{id scale} "  \
    "@settings "
#define OLLAMA                                                                                     \
    "model stream think format options{@settings @ollama} keep_alive logprobs top_logprobs "
#define LLAMA                                                                                      \
    "model stream stop grammar json_schema n_predict n_probs cache_prompt lora{id scale} "         \
    "@settings "

#define ITEMS                                                                                      \
    "input{type id role status phase "                                                             \
    "content{type text refusal annotations logprobs image_url file_id file_data detail} "          \
    "summary{type text} encrypted_content call_id name arguments "                                 \
    "output{type text image_url file_id file_data detail}} "
#define RESPONSES                                                                                  \
    "model instructions previous_response_id " ITEMS                                               \
    "tools{type name description parameters strict} "                                              \
    "tool_choice{type name mode tools{type name}} parallel_tool_calls "                            \
    "reasoning{effort summary generate_summary} "                                                  \
    "text{format{type name description schema strict}} "                                           \
    "conversation prompt context_management background truncation "

#define BLOCKS                                                                                     \
    "content{type text thinking signature data id name input tool_use_id is_error cache_control "  \
    "citations source content{type text source cache_control}} "
#define ANTHROPIC                                                                                  \
    "model system{type text cache_control citations} messages{role " BLOCKS "} "                   \
    "tools{type name description input_schema cache_control strict} "                              \
    "tool_choice{type name disable_parallel_tool_use} thinking{type budget_tokens display} "       \
    "output_config{format{type schema}} cache_control "

#define EMBED "input dimensions "

static const struct known {
    route_fn *answer;
    const char *shape;
} known[] = {
    {openai_chat, OPENAI MESSAGES TOOLS SERVICE
     "n logprobs top_logprobs max_completion_tokens reasoning_effort chat_template_kwargs "
     "response_format{type json_schema{name description schema strict}}"},
    {openai_completion, OPENAI SERVICE "prompt suffix n best_of echo logprobs"},
    {openai_embeddings, "model encoding_format user " EMBED},
    {openai_responses, RESPONSES OPENAI SERVICE "max_output_tokens include top_logprobs "
                                                "max_tool_calls"},
    {openai_responses_count, RESPONSES},

    {rerank_documents, "model query documents{text} top_n return_documents raw_scores"},

    {anthropic_messages, ANTHROPIC "stream metadata service_tier @settings"},
    {anthropic_count, ANTHROPIC},

    {llama_completion, LLAMA "prompt"},
    {llama_infill, LLAMA "prompt input_prefix input_suffix input_extra{filename text}"},
    {llama_tokenize, "model content add_special parse_special with_pieces"},
    {llama_detokenize, "model tokens"},
    {llama_apply_template, "model " MESSAGES TOOLS},
    {llama_embedding, "model content input"},

    {ollama_chat, OLLAMA MESSAGES TOOLS},
    {ollama_generate, OLLAMA "prompt suffix system raw images"},
    {ollama_embed, "model truncate options{@settings @ollama} keep_alive " EMBED},
    {ollama_embeddings, "model prompt options{@settings @ollama} keep_alive"},
    {ollama_show, "model name verbose system template options"},
    {ollama_pull, "model name insecure stream"},
    {ollama_push, "model name insecure stream"},
    {ollama_copy, "source destination"},
    {ollama_delete, "model name"},
};

/* The next name of a shape, and what stands in braces behind it; false at the end. */
static bool shape_next(struct str *rest, struct str *name, struct str *below)
{
    size_t i = 0, depth = 0;
    *rest = str_trim(*rest);
    while (i < rest->n && rest->p[i] != ' ' && rest->p[i] != '{')
        i++;
    *name = str_sub(*rest, 0, i);
    *below = (struct str){0};
    *rest = str_from(*rest, i);
    if (rest->n && rest->p[0] == '{') {
        i = 0;
        do {
            depth += rest->p[i] == '{';
            depth -= rest->p[i] == '}';
            i++;
        } while (depth);
        *below = str_sub(*rest, 1, i - 2);
        *rest = str_from(*rest, i);
    }
    return name->n > 0;
}

static bool stands_for(struct str name, struct str field)
{
    const struct setting *s = str_is(name, "@settings") ? settings_find(field) : NULL;
    if (s)
        return str_is(field, s->key);
    return str_is(name, "@ollama") && settings_ollama_has(field);
}

/* Is it a field of this shape? below: what is to be looked into, or empty. */
static bool shape_has(struct str shape, struct str field, struct str *below)
{
    struct str name;
    while (shape_next(&shape, &name, below))
        if (str_eq(name, field) || stands_for(name, field))
            return true;
    return false;
}

/* --- walking a request ---------------------------------------------------------------------------
 */

struct walk {
    struct exchange *x;
    struct problem *p; /* strict: what to say; else NULL */
    char path[KNOWN_PATH];
    uint32_t n;
};

/* Names are the client's: only those that look like some are shown. */
static void add_name(struct walk *w, const char *name)
{
    size_t at = strlen(w->path);
    snprintf(w->path + at, sizeof w->path - at, "%s%.40s", at ? "." : "", name);
    for (char *c = w->path + at; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '_' || *c == '-' || *c == '.'))
            *c = '?';
}

static bool logged(struct known_log *l, const char *route, const char *path)
{
    uint32_t hash = 2166136261u; /* FNV-1a: a collision only costs a line of the log */
    for (const char *c = route; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (const char *c = path; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (uint32_t i = 0; i < l->n_logged; i++)
        if (l->hash[i] == hash)
            return true;
    if (l->n_logged == KNOWN_LOGGED)
        return true;
    l->hash[l->n_logged++] = hash;
    return false;
}

/* A name of this shape that is close to the one that was given. */
static const char *closest(struct str shape, const char *given, char (*names)[48], size_t most)
{
    struct near n;
    struct str name, below;
    near_init(&n, str_of(given));
    for (size_t i = 0; i < most && shape_next(&shape, &name, &below); i++) {
        snprintf(names[i], sizeof names[i], "%.*s", STR_ARG(name));
        if (names[i][0] != '@')
            near_offer(&n, names[i]);
        for (uint32_t j = 0; str_is(name, "@settings") && j < settings_count; j++)
            near_offer(&n, settings_table[j].key);
    }
    return near_best(&n);
}

static void refuse(struct walk *w, struct str shape, const char *given)
{
    char names[64][48];
    const char *best = closest(shape, given, names, sizeof names / sizeof *names);
    memcpy(w->x->field, w->path, sizeof w->path);
    problem_of(w->p, w->x->field);
    w->p->code = "unknown_field";
    if (best)
        fail(&w->p->err, ERR_USAGE, "%s: is not known here; did you mean \"%s\"?", w->path, best);
    else
        fail(&w->p->err, ERR_USAGE, "%s: is not known here, and this server is strict", w->path);
}

static void found(struct walk *w, struct str shape, const char *given)
{
    struct known_log *l = &w->x->server->unknown;
    l->n[w->x->route->dialect]++;
    w->n++;
    if (w->p)
        refuse(w, shape, given);
    else if (!logged(l, w->x->route->path, w->path))
        log_event("unknown-field", "%s: %s", w->x->route->path, w->path);
}

static bool enough(const struct walk *w)
{
    return w->n >= (w->p ? 1 : KNOWN_MOST);
}

static void walk_object(struct walk *w, const json_t *o, struct str shape);

static void walk_value(struct walk *w, const json_t *v, struct str shape)
{
    size_t i, at = strlen(w->path);
    const json_t *one;
    walk_object(w, v, shape);
    json_array_foreach(v, i, one)
    {
        if (enough(w))
            return;
        snprintf(w->path + at, sizeof w->path - at, "[%zu]", i);
        walk_object(w, one, shape);
        w->path[at] = '\0';
    }
}

/* As deep as the shape. */
static void walk_object(struct walk *w, const json_t *o, struct str shape)
{
    size_t at = strlen(w->path);
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, name, v)
    {
        struct str below;
        if (enough(w))
            return;
        bool has = shape_has(shape, str_of(name), &below);
        if (has && !below.n)
            continue;
        add_name(w, name);
        if (has)
            walk_value(w, v, below);
        else
            found(w, shape, name);
        w->path[at] = '\0';
    }
}

bool known_check(struct exchange *x, struct problem *p)
{
    struct walk w = {.x = x, .p = x->server->config.strict ? p : NULL};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].answer == x->route->answer)
            walk_object(&w, x->body, str_of(known[i].shape));
    x->n_unknown = w.n;
    return !w.p || !w.n;
}
