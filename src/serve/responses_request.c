/* SPDX-License-Identifier: Apache-2.0 */
/* serve/responses_request: see responses.h. Items become the messages that chat templates know:
 * what the model thought, said and called in one turn is one message there. */
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "serve/conn.h"
#include "serve/loop.h"
#include "serve/openai.h"
#include "serve/request.h"
#include "serve/responses.h"

#define ITEMS_MAX 16000u

static const json_t *member(const json_t *o, const char *key)
{
    return json_object_get(o, key);
}

static bool is_type(const json_t *o, const char *type)
{
    const char *t = json_string_value(member(o, "type"));
    return t && strcmp(t, type) == 0;
}

static bool refuse(struct problem *p, const char *param, const char *what)
{
    fail(&p->err, ERR_USAGE, "%s: %s", param, err_text(what));
    return problem_of(p, param);
}

/* --- items ------------------------------------------------------------------------------------ */

struct conversation {
    json_t *messages; /* array */
    json_t *turn;     /* borrowed: the model's message that its next item belongs to; NULL: none */
    size_t at;
    struct problem *p;
};

static bool wrong(struct conversation *c, const char *what)
{
    fail(&c->p->err, ERR_USAGE, "input[%zu]: %s", c->at, err_text(what));
    return problem_of(c->p, "input");
}

static bool has_text(const json_t *m, const char *key)
{
    return json_string_length(member(m, key)) > 0;
}

/* A message of the model without what must not come before the next item. */
static json_t *turn_of(struct conversation *c, bool may_have_text)
{
    bool fits = c->turn && (may_have_text || (!has_text(c->turn, "content") &&
                                              !json_array_size(member(c->turn, "tool_calls"))));
    if (!fits) {
        c->turn = json_pack("{ss ss}", "role", "assistant", "content", "");
        json_array_append_new(c->messages, c->turn);
    }
    return c->turn;
}

static bool add_message(struct conversation *c, const json_t *item)
{
    static const char *const roles[] = {"user", "assistant", "system", "developer"};
    const char *role = json_string_value(member(item, "role"));
    size_t i = 0;
    while (i < sizeof roles / sizeof *roles && !(role && strcmp(role, roles[i]) == 0))
        i++;
    if (i == sizeof roles / sizeof *roles)
        return wrong(c, N_("needs a role: user, assistant, system or developer"));
    json_t *content = request_content(member(item, "content"), "input", c->at, c->p);
    if (!content)
        return false;
    if (strcmp(role, "assistant") == 0)
        return json_object_set_new(turn_of(c, false), "content", content) == 0;
    c->turn = NULL;
    return json_array_append_new(c->messages, json_pack("{ss so}", "role",
                                                        strcmp(role, "user") == 0 ? role : "system",
                                                        "content", content)) == 0;
}

/* What was thought: the text itself, or what its maker told of it. One that is encrypted is passed
 * over: nobody but its maker can read it. */
static bool add_reasoning(struct conversation *c, const json_t *item)
{
    const json_t *from =
                     member(item, json_array_size(member(item, "content")) ? "content" : "summary"),
                 *part;
    struct buf text;
    size_t i;
    buf_init(&text, LIMIT_HTTP_BODY);
    json_array_foreach(from, i, part)
    {
        const json_t *t = member(part, "text");
        if (json_is_string(t))
            buf_add(&text, json_string_value(t), json_string_length(t));
    }
    if (text.n)
        json_object_set_new(turn_of(c, false), "reasoning_content",
                            json_stringn(buf_c(&text), text.n));
    buf_clear(&text);
    return true;
}

static bool add_call(struct conversation *c, const json_t *item)
{
    json_t *id = json_object_get(item, "call_id"), *name = json_object_get(item, "name");
    json_t *arguments = json_object_get(item, "arguments");
    if (!json_is_string(id) || !json_is_string(name) || !json_is_string(arguments))
        return wrong(c,
                     N_("a function_call needs \"call_id\", \"name\" and the text \"arguments\""));
    json_t *turn = turn_of(c, true);
    if (!member(turn, "tool_calls"))
        json_object_set_new(turn, "tool_calls", json_array());
    return json_array_append_new(json_object_get(turn, "tool_calls"),
                                 json_pack("{sO ss s{sO sO}}", "id", id, "type", "function",
                                           "function", "name", name, "arguments", arguments)) == 0;
}

static bool add_output(struct conversation *c, const json_t *item)
{
    json_t *id = json_object_get(item, "call_id");
    if (!json_is_string(id) || !member(item, "output"))
        return wrong(c, N_("a function_call_output needs the \"call_id\" of its call, and "
                           "\"output\""));
    json_t *content = request_content(member(item, "output"), "input", c->at, c->p);
    c->turn = NULL;
    return content && json_array_append_new(c->messages,
                                            json_pack("{ss sO so}", "role", "tool", "tool_call_id",
                                                      id, "content", content)) == 0;
}

static bool add_item(struct conversation *c, const json_t *item)
{
    const char *type = json_string_value(member(item, "type"));
    if (!json_is_object(item))
        return wrong(c, N_("must be an object"));
    if ((!type && member(item, "role")) || is_type(item, "message"))
        return add_message(c, item);
    if (is_type(item, "reasoning"))
        return add_reasoning(c, item);
    if (is_type(item, "function_call"))
        return add_call(c, item);
    if (is_type(item, "function_call_output"))
        return add_output(c, item);
    c->p->code = "unsupported_content";
    fail(&c->p->err, ERR_USAGE,
         "input[%zu]: items of type \"%.40s\" cannot be read; this server takes message, "
         "reasoning, function_call and function_call_output",
         c->at, type ? type : "");
    return problem_of(c->p, "input");
}

/* --- what is answered ------------------------------------------------------------------------- */

/* The items of an earlier answer and of what it answered. */
static bool read_previous(struct exchange *x, struct response *r, struct problem *p)
{
    struct str id = {0};
    struct server *s = x->server;
    if (!field_text(x->body, "previous_response_id", &id, p))
        return false;
    if (!id.p)
        return true;
    json_t *kept = response_store_get(&s->responses, x->conn->key_id, id, os_now_ns());
    bool ok = kept && json_array_extend(r->input, json_object_get(kept, "items")) == 0;
    json_decref(kept);
    if (ok)
        return true;
    p->code = "previous_response_not_found";
    fail(&p->err, ERR_NOT_FOUND,
         "previous_response_id: there is no such answer; this server keeps some for a while, in "
         "memory (keep_responses): send the conversation itself as \"input\"");
    return problem_of(p, "previous_response_id");
}

static bool read_input(const json_t *body, struct response *r, size_t *n_before, struct problem *p)
{
    const json_t *input = field_any(body, "input");
    *n_before = json_array_size(r->input);
    if (!input && *n_before)
        return true;
    if (!field_needed(body, "input", p))
        return false;
    if (json_is_string(input))
        return json_array_append_new(r->input, json_pack("{ss ss sO}", "type", "message", "role",
                                                         "user", "content", input)) == 0;
    if (!json_is_array(input))
        return refuse(p, "input", N_("must be a string or an array of items"));
    size_t n = json_array_size(input);
    if (n >= 1 && n + *n_before <= ITEMS_MAX)
        return json_array_extend(r->input, (json_t *)(uintptr_t)input) == 0;
    fail(&p->err, ERR_USAGE, "input: must have 1 to %u elements, not %zu", ITEMS_MAX,
         n + *n_before);
    return problem_of(p, "input");
}

/* Errors count the request's own items. */
static bool read_items(const struct response *r, size_t n_before, json_t *messages,
                       struct problem *p)
{
    struct conversation c = {.messages = messages, .p = p};
    const json_t *item;
    size_t i;
    json_array_foreach(r->input, i, item)
    {
        c.at = i < n_before ? i : i - n_before;
        if (!add_item(&c, item)) {
            if (p->err.code == ERR_NONE)
                fail(&p->err, ERR_LIMIT, "the server is short of memory");
            return false;
        }
    }
    return json_array_size(messages) > 0 || refuse(p, "input", N_("must have a message"));
}

static bool read_conversation(struct exchange *x, struct response *r, json_t *chat,
                              struct problem *p)
{
    json_t *messages = json_array();
    struct str instructions = {0};
    size_t n_before;
    json_object_set_new(chat, "messages", messages);
    if (!field_text(x->body, "instructions", &instructions, p) || !read_previous(x, r, p) ||
        !read_input(x->body, r, &n_before, p))
        return false;
    if (instructions.n)
        json_array_append_new(messages, json_pack("{ss ss%}", "role", "system", "content",
                                                  instructions.p, instructions.n));
    return read_items(r, n_before, messages, p);
}

/* --- tools ------------------------------------------------------------------------------------ */

/* A tool as the answer repeats it. */
static json_t *echo_of_tool(const json_t *tool)
{
    return json_pack("{ss sO sO? sO? sO?}", "type", "function", "name", member(tool, "name"),
                     "description", member(tool, "description"), "parameters",
                     member(tool, "parameters"), "strict", member(tool, "strict"));
}

static bool read_tools(const json_t *body, json_t *chat, json_t *echo, struct problem *p)
{
    const json_t *tools = NULL, *tool;
    json_t *list = json_array(), *echoed = json_array();
    size_t i;
    json_object_set_new(chat, "tools", list);
    json_object_set_new(echo, "tools", echoed);
    if (!field_array(body, "tools", &tools, p))
        return false;
    json_array_foreach(tools, i, tool)
    {
        json_t *schema = (json_t *)(uintptr_t)field_any(tool, "parameters");
        if (!is_type(tool, "function") || !json_is_string(member(tool, "name")) ||
            (schema && !json_is_object(schema)))
            return refuse(p, "tools",
                          N_("tools that a service runs are not here; give functions of your own: "
                             "{\"type\": \"function\", \"name\", \"parameters\"}"));
        json_array_append_new(
            list, json_pack("{ss s{sO* sO* sO* sO*}}", "type", "function", "function", "name",
                            member(tool, "name"), "description", field_any(tool, "description"),
                            "parameters", schema, "strict", field_any(tool, "strict")));
        json_array_append_new(echoed, echo_of_tool(tool));
    }
    return true;
}

/* Only those tools that are named by the choice: {"type": "allowed_tools", "mode", "tools"}. */
static bool allow_tools(const json_t *choice, json_t *chat, struct problem *p)
{
    const json_t *allowed = NULL, *one;
    json_t *names = json_object(), *kept = json_array(), *tool;
    size_t i;
    bool ok = field_array(choice, "tools", &allowed, p);
    json_array_foreach(allowed, i, one)
    {
        const char *name = json_string_value(member(one, "name"));
        if (name && is_type(one, "function"))
            json_object_set_new(names, name, json_true());
    }
    json_array_foreach(json_object_get(chat, "tools"), i, tool)
    {
        const char *name = json_string_value(member(member(tool, "function"), "name"));
        if (name && member(names, name))
            json_array_append(kept, tool);
    }
    json_object_set_new(chat, "tools", kept);
    json_decref(names);
    if (!ok)
        return problem_of(p, "tool_choice");
    json_object_set(chat, "tool_choice", json_object_get(choice, "mode"));
    return true;
}

static bool read_choice(const json_t *body, json_t *chat, struct problem *p)
{
    const json_t *choice = field_any(body, "tool_choice");
    if (is_type(choice, "allowed_tools"))
        return allow_tools(choice, chat, p);
    if (is_type(choice, "function") && json_is_string(member(choice, "name")))
        return json_object_set_new(chat, "tool_choice",
                                   json_pack("{ss s{sO}}", "type", "function", "function", "name",
                                             member(choice, "name"))) == 0;
    if (choice && !json_is_string(choice))
        return refuse(p, "tool_choice",
                      N_("must be \"none\", \"auto\", \"required\", {\"type\": \"function\", "
                         "\"name\"} or {\"type\": \"allowed_tools\", \"mode\", \"tools\"}"));
    if (choice)
        json_object_set(chat, "tool_choice", (json_t *)(uintptr_t)choice);
    return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* What only a service has. */
static bool refuse_service(const json_t *body, struct problem *p)
{
    static const char *const names[] = {"conversation", "prompt", "context_management"};
    bool background = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (field_any(body, names[i]))
            return refuse(p, names[i],
                          N_("is not here; send the conversation itself as \"input\""));
    if (!field_bool(body, "background", &background, p))
        return false;
    return !background ||
           refuse(p, "background", N_("is not here; read the answer as it comes (\"stream\")"));
}

bool responses_prompt(struct exchange *x, struct response *r, json_t *job, struct problem *p)
{
    json_t *chat = json_object();
    const json_t *body = x->body, *reasoning = NULL;
    if (field_any(body, "parallel_tool_calls"))
        json_object_set(chat, "parallel_tool_calls", json_object_get(body, "parallel_tool_calls"));
    bool ok = refuse_service(body, p) && read_conversation(x, r, chat, p) &&
              read_tools(body, chat, r->echo, p) && read_choice(body, chat, p) &&
              field_object(body, "reasoning", &reasoning, p) &&
              (!reasoning || request_effort(reasoning, "effort", job, p)) &&
              request_messages(chat, job, p) && request_tools(chat, job, p);
    json_decref(chat);
    return ok;
}

/* --- how it is answered ----------------------------------------------------------------------- */

static bool read_format(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *text = NULL, *format = NULL;
    if (!field_object(body, "text", &text, p) ||
        (text && !field_object(text, "format", &format, p)))
        return problem_of(p, "text");
    if (!format || is_type(format, "text"))
        return true;
    if (is_type(format, "json_object"))
        return request_any_json(job);
    if (is_type(format, "json_schema") && json_is_object(member(format, "schema")) &&
        json_is_string(member(format, "name")))
        return request_schema(job, member(format, "schema"));
    return refuse(p, "text",
                  N_("its format must be {\"type\": \"text\"}, {\"type\": \"json_object\"} or "
                     "{\"type\": \"json_schema\", \"name\", \"schema\"}"));
}

static bool read_logprobs(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    const json_t *include = NULL, *word;
    uint32_t top = 0;
    bool wanted = false;
    size_t i;
    if (!field_array(body, "include", &include, p) ||
        !field_u32(body, "top_logprobs", 0, 20, &top, p))
        return false;
    json_array_foreach(include, i, word)
    {
        const char *name = json_string_value(word);
        wanted = wanted || (name && strcmp(name, "message.output_text.logprobs") == 0);
    }
    a->top_logprobs = wanted ? (int)top : -1;
    if (wanted)
        json_object_set_new(job, "logprobs", json_integer(top));
    return true;
}

bool responses_settings(const json_t *body, struct ask *a, json_t *job, struct problem *p)
{
    a->param = "input";
    a->schema_param = "text";
    return openai_settings(body, job, p) &&
           request_setting(body, "max_output_tokens", "max_tokens", job, p) &&
           read_format(body, job, p) && read_logprobs(body, a, job, p) &&
           field_bool(body, "stream", &a->stream, p);
}
