/* SPDX-License-Identifier: Apache-2.0 */
/* serve/anthropic_request: see anthropic.h. Conversations become those that chat templates know:
 * the results of tools are messages of their own, calls stand beside the text. */
#include <string.h>

#include "base/limits.h"
#include "serve/anthropic.h"
#include "serve/request.h"

static bool refuse(struct problem *p, const char *param, const char *what)
{
    fail(&p->err, ERR_USAGE, "%s: %s", param, err_text(what));
    return problem_of(p, param);
}

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static bool is_type(const json_t *block, const char *type)
{
    const char *t = text_of(block, "type");
    return t && strcmp(t, type) == 0;
}

/* --- contents --------------------------------------------------------------------------------- */

/* What the blocks of one message come to. */
struct content {
    struct buf text, thinking;
    json_t *calls;   /* array */
    json_t *results; /* array of messages */
    size_t message, block;
};

static bool wrong(const struct content *c, const char *what, struct problem *p)
{
    fail(&p->err, ERR_USAGE, "messages[%zu].content[%zu]: %s", c->message, c->block,
         err_text(what));
    return problem_of(p, "messages");
}

static bool add_text(struct content *c, const json_t *block, const char *key, struct buf *out,
                     struct problem *p)
{
    const json_t *text = json_object_get(block, key);
    if (!json_is_string(text))
        return wrong(c, N_("a block of this type needs its text"), p);
    buf_add(out, json_string_value(text), json_string_length(text));
    return true;
}

static bool unreadable(const struct content *c, const json_t *block, struct problem *p)
{
    const char *type = text_of(block, "type");
    p->code = "unsupported_content";
    fail(&p->err, ERR_USAGE,
         "messages[%zu].content[%zu]: blocks of type \"%.40s\" cannot be read; this server takes "
         "text, thinking, "
         "tool_use and tool_result",
         c->message, c->block, type ? type : "");
    return problem_of(p, "messages");
}

static bool add_call(struct content *c, const json_t *block, struct problem *p)
{
    const json_t *id = json_object_get(block, "id"), *name = json_object_get(block, "name");
    const json_t *input = json_object_get(block, "input");
    if (!json_is_string(id) || !json_is_string(name) || !json_is_object(input))
        return wrong(c, N_("a tool_use needs \"id\", \"name\" and an object \"input\""), p);
    json_array_append_new(c->calls, json_pack("{sO ss s{sO sO}}", "id", id, "type", "function",
                                              "function", "name", name, "arguments", input));
    return true;
}

/* The content of a result: a text, or blocks of text. */
static bool add_result(struct content *c, const json_t *block, struct problem *p)
{
    const json_t *id = json_object_get(block, "tool_use_id"), *part;
    const json_t *content = json_object_get(block, "content");
    struct buf text;
    size_t i;
    if (!json_is_string(id))
        return wrong(c, N_("a tool_result needs the \"tool_use_id\" of its call"), p);
    buf_init(&text, LIMIT_HTTP_BODY);
    bool ok = true;
    if (json_is_string(content))
        buf_add(&text, json_string_value(content), json_string_length(content));
    json_array_foreach(content, i, part)
    {
        ok = ok &&
             (is_type(part, "text") ? add_text(c, part, "text", &text, p) : unreadable(c, part, p));
    }
    if (ok)
        json_array_append_new(c->results, json_pack("{ss sO ss%}", "role", "tool", "tool_call_id",
                                                    id, "content", buf_c(&text), text.n));
    buf_clear(&text);
    return ok;
}

static bool add_block(struct content *c, const json_t *block, struct problem *p)
{
    if (is_type(block, "text"))
        return add_text(c, block, "text", &c->text, p);
    if (is_type(block, "thinking"))
        return add_text(c, block, "thinking", &c->thinking, p);
    if (is_type(block, "redacted_thinking"))
        return true; /* nobody but its maker can read it */
    if (is_type(block, "tool_use"))
        return add_call(c, block, p);
    return is_type(block, "tool_result") ? add_result(c, block, p) : unreadable(c, block, p);
}

static bool add_content(struct content *c, const json_t *content, struct problem *p)
{
    const json_t *block;
    if (json_is_string(content)) {
        buf_add(&c->text, json_string_value(content), json_string_length(content));
        return true;
    }
    if (!json_is_array(content))
        return wrong(c, N_("content must be a string or an array of blocks"), p);
    json_array_foreach(content, c->block, block)
    {
        if (!add_block(c, block, p))
            return false;
    }
    return true;
}

/* --- messages --------------------------------------------------------------------------------- */

/* Results come before what the user says with them. */
static bool add_message(const struct content *c, const char *role, json_t *list)
{
    bool said = c->text.n || c->thinking.n || json_array_size(c->calls);
    json_array_extend(list, c->results);
    if (!said && json_array_size(c->results))
        return true;
    json_t *m = json_pack("{ss ss%}", "role", role, "content", buf_c(&c->text), c->text.n);
    if (c->thinking.n)
        json_object_set_new(m, "reasoning_content",
                            json_stringn(buf_c(&c->thinking), c->thinking.n));
    if (json_array_size(c->calls))
        json_object_set(m, "tool_calls", c->calls);
    return json_array_append_new(list, m) == 0;
}

static bool read_message(const json_t *m, size_t i, json_t *list, struct problem *p)
{
    const char *role = text_of(m, "role");
    struct content c = {.calls = json_array(), .results = json_array(), .message = i};
    buf_init(&c.text, LIMIT_HTTP_BODY);
    buf_init(&c.thinking, LIMIT_HTTP_BODY);
    bool ok = (role && (strcmp(role, "user") == 0 || strcmp(role, "assistant") == 0 ||
                        strcmp(role, "system") == 0)) ||
              wrong(&c, N_("needs a role: user or assistant"), p);
    ok = ok && add_content(&c, json_object_get(m, "content"), p) &&
         (add_message(&c, role, list) || fail(&p->err, ERR_LIMIT, "the server is short of memory"));
    json_decref(c.calls);
    json_decref(c.results);
    buf_clear(&c.text);
    buf_clear(&c.thinking);
    return ok;
}

/* A text, or blocks of text. */
static bool read_system(const json_t *body, json_t *list, struct problem *p)
{
    const json_t *system = field_any(body, "system"), *block;
    struct content c = {0};
    if (!system)
        return true;
    if (!json_is_string(system) && !json_is_array(system))
        return refuse(p, "system", N_("must be a text or an array of blocks of text"));
    json_array_foreach(system, c.block, block)
    {
        if (!is_type(block, "text"))
            return refuse(p, "system", N_("must be a text or an array of blocks of text"));
    }
    buf_init(&c.text, LIMIT_HTTP_BODY);
    bool ok = add_content(&c, system, p);
    if (ok && c.text.n)
        json_array_append_new(
            list, json_pack("{ss ss%}", "role", "system", "content", buf_c(&c.text), c.text.n));
    buf_clear(&c.text);
    return ok;
}

static bool read_messages(const json_t *body, json_t *openai, struct problem *p)
{
    const json_t *given = NULL, *m;
    size_t i;
    if (!field_needed(body, "messages", p) || !field_array(body, "messages", &given, p))
        return false;
    json_t *list = json_array();
    json_object_set_new(openai, "messages", list);
    if (!read_system(body, list, p))
        return false;
    json_array_foreach(given, i, m)
    {
        if (!read_message(m, i, list, p))
            return false;
    }
    return json_array_size(given) > 0 || refuse(p, "messages", N_("must have a message"));
}

/* --- tools ------------------------------------------------------------------------------------ */

/* Tools with a type of their own are run by the service. */
static bool read_tools(const json_t *body, json_t *openai, struct problem *p)
{
    const json_t *tools = NULL, *tool;
    size_t i;
    if (!field_array(body, "tools", &tools, p))
        return false;
    json_t *list = json_array();
    json_object_set_new(openai, "tools", list);
    json_array_foreach(tools, i, tool)
    {
        const json_t *name = json_object_get(tool, "name");
        const json_t *schema = json_object_get(tool, "input_schema");
        const json_t *about = json_object_get(tool, "description");
        if (text_of(tool, "type") && !is_type(tool, "custom"))
            return refuse(p, "tools",
                          N_("tools that the service runs are not here; give those of "
                             "your own, with \"name\" and \"input_schema\""));
        if (!json_is_string(name) || !json_is_object(schema))
            return refuse(p, "tools", N_("each needs a \"name\" and an object \"input_schema\""));
        json_array_append_new(list,
                              json_pack("{ss s{sO sO* sO}}", "type", "function", "function", "name",
                                        name, "description", about, "parameters", schema));
    }
    return true;
}

static bool read_choice(const json_t *body, json_t *openai, struct problem *p)
{
    const json_t *choice = NULL;
    bool alone = false;
    if (!field_object(body, "tool_choice", &choice, p))
        return false;
    if (!choice)
        return true;
    if (!field_bool(choice, "disable_parallel_tool_use", &alone, p))
        return false;
    const json_t *name = json_object_get(choice, "name");
    json_t *as = is_type(choice, "auto")   ? json_string("auto")
                 : is_type(choice, "any")  ? json_string("required")
                 : is_type(choice, "none") ? json_string("none")
                 : is_type(choice, "tool") && json_is_string(name)
                     ? json_pack("{ss s{sO}}", "type", "function", "function", "name", name)
                     : NULL;
    if (!as)
        return refuse(p, "tool_choice",
                      N_("its \"type\" must be auto, any, none, or tool with a \"name\""));
    json_object_set_new(openai, "tool_choice", as);
    json_object_set_new(openai, "parallel_tool_calls", json_boolean(!alone));
    return true;
}

static bool read_thinking(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *thinking = NULL;
    if (!field_object(body, "thinking", &thinking, p))
        return false;
    if (thinking)
        json_object_set_new(job, "template_kwargs",
                            json_pack("{sb}", "enable_thinking", !is_type(thinking, "disabled")));
    return true;
}

bool anthropic_prompt(const json_t *body, json_t *job, struct problem *p)
{
    json_t *openai = json_object();
    bool ok = read_messages(body, openai, p) && read_tools(body, openai, p) &&
              read_choice(body, openai, p) && read_thinking(body, job, p) &&
              request_messages(openai, job, p) && request_tools(openai, job, p);
    json_decref(openai);
    return ok;
}

/* --- settings --------------------------------------------------------------------------------- */

static bool read_format(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *config = NULL, *format = NULL;
    if (!field_object(body, "output_config", &config, p) ||
        (config && !field_object(config, "format", &format, p)))
        return problem_of(p, "output_config");
    if (!format)
        return true;
    const json_t *schema = json_object_get(format, "schema");
    if (!is_type(format, "json_schema") || !json_is_object(schema))
        return refuse(p, "output_config",
                      N_("its format must be {\"type\": \"json_schema\", \"schema\": {..}}"));
    return request_schema(job, schema);
}

/* The names of the samplers are the API's own here; the others may be given too. */
bool anthropic_settings(const json_t *body, json_t *job, struct problem *p)
{
    return field_needed(body, "max_tokens", p) && request_settings(body, job, p) &&
           read_format(body, job, p);
}
