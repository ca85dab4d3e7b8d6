/* SPDX-License-Identifier: Apache-2.0 */
/* serve/request: see request.h. Prompts, settings and bounds; messages are in serve/messages. */
#include "serve/request.h"

#include "base/limits.h"

json_t *request_job(const char *task, struct problem *p)
{
    json_t *job = json_pack("{ss s{}}", "task", task, "settings");
    if (!job)
        fail(&p->err, ERR_LIMIT, "the server is short of memory");
    return job;
}

/* --- settings ------------------------------------------------------------------------------------
 */

bool request_setting(const json_t *body, const char *field, const char *key, json_t *job,
                     struct problem *p)
{
    struct settings scratch;
    const json_t *v = field_any(body, field);
    if (!v)
        return true;
    settings_init(&scratch);
    bool ok = field_setting(body, field, key, &scratch, p);
    settings_clear(&scratch);
    if (ok)
        json_object_set(json_object_get(job, "settings"), key, (json_t *)(uintptr_t)v);
    return ok;
}

bool request_settings(const json_t *body, json_t *job, struct problem *p)
{
    for (uint32_t i = 0; i < settings_count; i++)
        if (!request_setting(body, settings_table[i].key, settings_table[i].key, job, p))
            return false;
    return true;
}

bool request_lora(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *list = NULL;
    if (!field_array(body, "lora", &list, p))
        return false;
    return !list || json_object_set(job, "lora", (json_t *)(uintptr_t)list) == 0;
}

void request_default(json_t *job, const char *key, json_t *value)
{
    json_t *settings = json_object_get(job, "settings");
    if (json_object_get(settings, key))
        json_decref(value);
    else
        json_object_set_new(settings, key, value);
}

/* --- reasoning -----------------------------------------------------------------------------------
 */

/* Templates know three levels, or only whether to think at all. */
static const struct effort {
    const char *name, *level;
} efforts[] = {{"none", NULL},   {"minimal", "low"}, {"low", "low"}, {"medium", "medium"},
               {"high", "high"}, {"xhigh", "high"},  {"max", "high"}};

bool request_effort(const json_t *o, const char *field, json_t *job, struct problem *p)
{
    struct str word = {0};
    if (!field_text(o, field, &word, p))
        return false;
    for (size_t i = 0; word.p && i < sizeof efforts / sizeof *efforts; i++) {
        if (!str_is(word, efforts[i].name))
            continue;
        json_object_set_new(job, "template_kwargs",
                            json_pack("{sb ss*}", "enable_thinking", efforts[i].level != NULL,
                                      "reasoning_effort", efforts[i].level));
        return true;
    }
    if (!word.p)
        return true;
    fail(&p->err, ERR_USAGE, "%s: must be none, minimal, low, medium, high, xhigh or max", field);
    return problem_of(p, field);
}

/* --- bounds --------------------------------------------------------------------------------------
 */

bool request_any_json(json_t *job)
{
    return json_object_set_new(job, "schema", json_pack("{ss}", "type", "object")) == 0;
}

bool request_schema(json_t *job, const json_t *schema)
{
    return json_object_set(job, "schema", (json_t *)(uintptr_t)schema) == 0;
}

bool request_grammar(const json_t *body, const char *field, json_t *job, struct problem *p)
{
    struct str text = {0};
    if (!field_text(body, field, &text, p))
        return false;
    if (text.n > LIMIT_GRAMMAR_BYTES) {
        fail(&p->err, ERR_LIMIT, "%s: has %zu bytes; %u are the most", field, text.n,
             LIMIT_GRAMMAR_BYTES);
        return problem_of(p, field);
    }
    if (text.n)
        json_object_set_new(job, "grammar", json_stringn(text.p, text.n));
    return true;
}

bool request_bound(const json_t *job)
{
    return json_object_get(job, "schema") || json_object_get(job, "grammar");
}

/* --- prompts -------------------------------------------------------------------------------------
 */

bool request_is_ids(const json_t *a)
{
    return json_is_array(a) && json_array_size(a) > 0 && json_is_integer(json_array_get(a, 0));
}

static bool check_ids(const json_t *ids, const char *field, struct problem *p)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= LIMIT_VOCAB) {
            fail(&p->err, ERR_USAGE, "%s: element %zu is no token id", field, i);
            return problem_of(p, field);
        }
    }
    return true;
}

bool request_prompt(const json_t *prompt, const char *field, json_t *job, struct problem *p)
{
    if (!json_is_string(prompt) && !request_is_ids(prompt)) {
        fail(&p->err, ERR_USAGE, "%s: must be a string or an array of token ids", field);
        return problem_of(p, field);
    }
    if (!json_is_string(prompt) && !check_ids(prompt, field, p))
        return false;
    json_object_set(job, "prompt", (json_t *)(uintptr_t)prompt);
    return true;
}
