/* SPDX-License-Identifier: Apache-2.0 */
/* serve/messages: conversations and tools of a request, in the form that chat templates know. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "serve/request.h"

#define MESSAGES_MAX 16384u

static bool wrong_in(struct problem *p, const char *field, size_t i, const char *what)
{
    fail(&p->err, ERR_USAGE, "%s[%zu]: %s", field, i, err_text(what));
    return problem_of(p, field);
}

static bool wrong(struct problem *p, size_t i, const char *what)
{
    return wrong_in(p, "messages", i, what);
}

/* "developer" is what newer clients call the system. */
static const char *role_of(const json_t *m)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "function"};
    const char *role = json_string_value(json_object_get(m, "role"));
    if (role && strcmp(role, "developer") == 0)
        return "system";
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i]) == 0)
            return roles[i];
    return NULL;
}

/* The names that the APIs have for text. */
static bool is_text(const char *type)
{
    return strcmp(type, "text") == 0 || strcmp(type, "input_text") == 0 ||
           strcmp(type, "output_text") == 0;
}

static bool add_part(const json_t *part, struct buf *text, const char *field, size_t i,
                     struct problem *p)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *words = json_object_get(part, "text");
    if (type && strcmp(type, "refusal") == 0)
        words = json_object_get(part, "refusal");
    else if (!type || !is_text(type)) {
        p->code = "unsupported_content";
        return wrong_in(p, field, i,
                        N_("only parts of type \"text\" can be read; this server has no images, "
                           "audio or files"));
    }
    if (!json_is_string(words))
        return wrong_in(p, field, i,
                        N_("a part of type \"text\" needs a \"text\" that is a string"));
    buf_add(text, json_string_value(words), json_string_length(words));
    return true;
}

json_t *request_content(const json_t *c, const char *field, size_t i, struct problem *p)
{
    struct buf text;
    if (!c || json_is_null(c))
        return json_string("");
    if (json_is_string(c))
        return json_incref((json_t *)(uintptr_t)c);
    if (!json_is_array(c)) {
        wrong_in(p, field, i, N_("content must be a string or an array of parts"));
        return NULL;
    }
    buf_init(&text, LIMIT_HTTP_BODY);
    bool ok = true;
    for (size_t j = 0; ok && j < json_array_size(c); j++)
        ok = add_part(json_array_get(c, j), &text, field, i, p);
    json_t *joined = ok ? json_stringn(buf_c(&text), text.n) : NULL;
    buf_clear(&text);
    return joined;
}

/* Arguments come as the text of a JSON object; templates want the object. */
static json_t *call_of(const json_t *call, size_t i, struct problem *p)
{
    const json_t *f = json_object_get(call, "function"), *name = json_object_get(f, "name");
    const json_t *given = json_object_get(f, "arguments");
    struct err ignored;
    if (!json_is_string(name)) {
        wrong(p, i, N_("a tool call needs a function with a name"));
        return NULL;
    }
    json_t *args = NULL;
    if (json_is_string(given))
        args = json_parse((struct str){json_string_value(given), json_string_length(given)},
                          "arguments", &ignored);
    if (!args)
        args = json_incref((json_t *)(uintptr_t)given);
    json_t *copy = json_pack("{ss s{sO so*}}", "type", "function", "function", "name", name,
                             "arguments", args);
    const json_t *id = json_object_get(call, "id");
    if (json_is_string(id))
        json_object_set(copy, "id", (json_t *)(uintptr_t)id);
    return copy;
}

static bool add_calls(const json_t *m, json_t *copy, size_t i, struct problem *p)
{
    const json_t *calls = field_any(m, "tool_calls");
    if (!calls)
        return true;
    if (!json_is_array(calls))
        return wrong(p, i, N_("tool_calls must be an array"));
    json_t *list = json_array();
    json_object_set_new(copy, "tool_calls", list);
    for (size_t j = 0; j < json_array_size(calls); j++) {
        json_t *call = call_of(json_array_get(calls, j), i, p);
        if (!call)
            return false;
        json_array_append_new(list, call);
    }
    return true;
}

static void copy_texts(const json_t *m, json_t *copy)
{
    static const char *const keys[] = {"name", "tool_call_id", "tool_name", "reasoning_content",
                                       "thinking"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *v = json_object_get(m, keys[i]);
        if (json_is_string(v))
            json_object_set(copy, keys[i], v);
    }
}

static json_t *message_of(const json_t *m, size_t i, struct problem *p)
{
    const char *role = role_of(m);
    if (!json_is_object(m) || !role) {
        wrong(p, i, N_("needs a role: system, developer, user, assistant or tool"));
        return NULL;
    }
    if (json_array_size(json_object_get(m, "images")) > 0) {
        wrong(p, i, N_("this server has no images"));
        return NULL;
    }
    json_t *content = request_content(json_object_get(m, "content"), "messages", i, p);
    json_t *copy = content ? json_pack("{ss so}", "role", role, "content", content) : NULL;
    if (!copy || !add_calls(m, copy, i, p)) {
        json_decref(copy);
        return NULL;
    }
    copy_texts(m, copy);
    return copy;
}

bool request_messages(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *given = NULL;
    if (!field_needed(body, "messages", p) || !field_array(body, "messages", &given, p))
        return false;
    size_t n = json_array_size(given);
    if (n < 1 || n > MESSAGES_MAX) {
        fail(&p->err, ERR_USAGE, "messages: must have 1 to %u elements, not %zu", MESSAGES_MAX, n);
        return problem_of(p, "messages");
    }
    json_t *list = json_array();
    json_object_set_new(job, "messages", list);
    for (size_t i = 0; i < n; i++) {
        json_t *m = message_of(json_array_get(given, i), i, p);
        if (!m) {
            if (p->err.code == ERR_NONE)
                fail(&p->err, ERR_LIMIT, "the server is short of memory");
            return false;
        }
        json_array_append_new(list, m);
    }
    return true;
}

/* --- tools ---------------------------------------------------------------------------------------
 */

static bool check_tool(const json_t *tool, size_t i, struct problem *p)
{
    const char *type = json_string_value(json_object_get(tool, "type"));
    const json_t *f = json_object_get(tool, "function");
    const json_t *schema = field_any(f, "parameters");
    if (type && strcmp(type, "function") == 0 && json_is_string(json_object_get(f, "name")) &&
        (!schema || json_is_object(schema)))
        return true;
    fail(&p->err, ERR_USAGE,
         "tools[%zu]: must be {\"type\": \"function\", \"function\": {\"name\", \"parameters\"}}",
         i);
    return problem_of(p, "tools");
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return word && (strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0);
}

/* The name of {"type": "function", "function": {"name"}}; NULL: it is none. */
static const json_t *named_by(const json_t *choice)
{
    const char *type = json_string_value(json_object_get(choice, "type"));
    const json_t *name = json_object_get(json_object_get(choice, "function"), "name");
    return type && strcmp(type, "function") == 0 && json_is_string(name) ? name : NULL;
}

static bool check_choice(const json_t *choice, size_t n_tools, struct problem *p)
{
    const char *word = json_string_value(choice);
    bool needs = json_is_object(choice) || (word && strcmp(word, "required") == 0);
    if (!named_by(choice) && !is_one_of(word, "auto", "none", "required"))
        fail(&p->err, ERR_USAGE,
             "tool_choice: must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", "
             "\"function\": {\"name\"}}");
    else if (needs && n_tools == 0)
        fail(&p->err, ERR_USAGE, "tool_choice: asks for a call, but there are no \"tools\"");
    else
        return true;
    return problem_of(p, "tool_choice");
}

/* The older names of the API, which would change what is answered. */
static bool refuse_functions(const json_t *body, struct problem *p)
{
    static const char *const old[] = {"functions", "function_call"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        if (!field_any(body, old[i]))
            continue;
        fail(&p->err, ERR_UNSUPPORTED, "%s: is the old form; use \"tools\" and \"tool_choice\"",
             old[i]);
        p->status = 400;
        return problem_of(p, old[i]);
    }
    return true;
}

static bool add_choice(const json_t *body, const json_t *choice, json_t *job, struct problem *p)
{
    bool parallel = true;
    const json_t *name = named_by(choice);
    if (!field_bool(body, "parallel_tool_calls", &parallel, p))
        return false;
    json_object_set_new(job, "parallel_tool_calls", json_boolean(parallel));
    if (name)
        json_object_set(job, "tool_only", (json_t *)(uintptr_t)name);
    else if (choice)
        json_object_set(job, "tool_choice", (json_t *)(uintptr_t)choice);
    return true;
}

bool request_tools(const json_t *body, json_t *job, struct problem *p)
{
    const json_t *tools = NULL, *choice = field_any(body, "tool_choice");
    if (!refuse_functions(body, p) || !field_array(body, "tools", &tools, p))
        return false;
    size_t n = json_array_size(tools);
    if (n > LIMIT_TOOLS) {
        fail(&p->err, ERR_USAGE, "tools: %u are the most", LIMIT_TOOLS);
        return problem_of(p, "tools");
    }
    if (choice && !check_choice(choice, n, p))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!check_tool(json_array_get(tools, i), i, p))
            return false;
    const char *word = json_string_value(choice);
    if (!n || (word && strcmp(word, "none") == 0))
        return true;
    json_object_set(job, "tools", (json_t *)(uintptr_t)tools);
    return add_choice(body, choice, job, p);
}
