/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_grammar: what an answer with calls may be, as a grammar.
 *
 * Written from the same rows that the parser reads (toolcall_format.c). Free text may hold anything
 * but the markers of a call; after a marker only a whole call can follow, with a tool's name and
 * arguments that its schema allows. Nothing is switched on later: the mask of free text is one or a
 * few states, which token_mask remembers. */
#include <string.h>

#include "base/limits.h"
#include "text/toolcall_emit.h"
#include "text/toolcall_private.h"

struct maker {
    struct toolcall_emit m;
    const json_t *tools;
    const struct toolcall_choice *choice;
    struct str prompt;
    struct buf *notes;
    uint32_t call, first; /* rules: one call; the first, where it is written differently */
    struct err *e;
};

/* --- tools -------------------------------------------------------------------------------------
 */

static const json_t *function_of(const json_t *tool)
{
    const json_t *f = json_object_get(tool, "function");
    return f ? f : tool;
}

static struct str name_of(const json_t *f)
{
    const json_t *n = json_object_get(f, "name");
    return (struct str){json_string_value(n), json_string_length(n)};
}

static bool is_name(struct str s)
{
    static const char more[] = "_-.:/";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c && strchr(more, c));
        if (!fits)
            return false;
    }
    return s.n > 0 && s.n <= 64;
}

static bool check_tool(const json_t *tools, size_t i, struct err *e)
{
    const json_t *f = function_of(json_array_get(tools, i));
    const json_t *parameters = json_object_get(f, "parameters");
    struct str name = name_of(f);
    if (!is_name(name))
        return fail(e, ERR_USAGE,
                    "tool %zu needs a \"name\" of at most 64 letters, digits and the characters "
                    "_ - . : /",
                    i + 1);
    if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
        return fail(e, ERR_USAGE, "tool %.*s: \"parameters\" must be a JSON Schema, an object",
                    STR_ARG(name));
    for (size_t k = 0; k < i; k++)
        if (str_eq(name, name_of(function_of(json_array_get(tools, k)))))
            return fail(e, ERR_USAGE, "there are two tools with the name %.*s", STR_ARG(name));
    return true;
}

bool toolcall_check_tools(const json_t *tools, struct err *e)
{
    if (!json_is_array(tools))
        return fail(e, ERR_USAGE,
                    "tools must be a JSON array of {\"type\": \"function\", \"function\": {..}}");
    if (json_array_size(tools) > LIMIT_TOOLS)
        return fail(e, ERR_LIMIT, "there are %zu tools, more than the %u allowed",
                    json_array_size(tools), LIMIT_TOOLS);
    for (size_t i = 0; i < json_array_size(tools); i++)
        if (!check_tool(tools, i, e))
            return false;
    return true;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

struct arguments {
    struct maker *k;
    json_t *schema; /* of all parameters; owned */
    json_t *object; /* {"type": "object"}; owned */
    uint32_t next;  /* parameters: what follows them */
    uint32_t start; /* the result: a rule, or the first node of the parameters */
};

static bool json_arguments(struct schema *s, void *arg)
{
    struct arguments *a = arg;
    struct schema_element both[] = {{a->schema, SCHEMA_IS}, {a->object, SCHEMA_IS}};
    a->start = schema_rule(s, both, 2);
    return a->start != 0;
}

static bool is_required(const json_t *schema, const char *key)
{
    size_t i;
    const json_t *v;
    json_array_foreach(json_object_get(schema, "required"), i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), key) == 0)
            return true;
    }
    return false;
}

/* What is said of the parameters together can be kept only in JSON. */
static bool only_named(struct schema *s, const json_t *schema)
{
    static const char *const known[] = {
        "type",    "properties",  "required", "additionalProperties",
        "$defs",   "definitions", "title",    "description",
        "$schema", "default",     "examples", "$comment"};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)schema, key, v)
    {
        size_t i = 0, n = sizeof known / sizeof *known;
        while (i < n && strcmp(known[i], key) != 0)
            i++;
        if (i == n)
            return schema_refuse(s, schema, key);
    }
    return true;
}

/* The marker behind a value, with the key where it stands in it. */
static void closing(const char *p, const char *key, struct buf *out)
{
    for (; *p; p++)
        if (strncmp(p, "%k", 2) == 0) {
            buf_cstr(out, key);
            p++;
        } else {
            buf_byte(out, *p);
        }
}

static uint32_t emit_value(struct schema *s, struct arguments *a, const json_t *schema, bool text,
                           struct str close, uint32_t next)
{
    struct schema_element x = {schema, SCHEMA_IS};
    if (!text) {
        uint32_t rule = schema_rule(s, &x, 1);
        return rule ? grammar_add_node(s->g, GRAMMAR_CALL, rule, next) : 0;
    }
    const struct schema_shape *shape = schema_of_element(s, x);
    if (!shape)
        return 0;
    struct toolcall_text t = {.stop = {str_trim(close)}, .n_stop = 1, .next = next};
    if (shape->texts.some != SOME_ALL && !(t.dfa = schema_texts(s, &shape->texts)))
        return 0;
    return toolcall_emit_text(&a->k->m, &t);
}

/* The row's `param` with this key. */
static uint32_t emit_param(struct schema *s, struct arguments *a, const char *key,
                           const json_t *schema, uint32_t next)
{
    const char *param = a->k->m.f->param, *value = strstr(param, "%v");
    bool text = toolcall_is_text(schema);
    struct buf open, close;
    buf_init(&open, LIMIT_GRAMMAR_BYTES);
    buf_init(&close, LIMIT_GRAMMAR_BYTES);
    closing(value + 2, key, &close);
    for (const char *p = param; p < value; p++) {
        bool flag = strncmp(p, "%t", 2) == 0, name = strncmp(p, "%k", 2) == 0;
        if (flag || name)
            buf_cstr(&open, name ? key : text ? "true" : "false");
        else
            buf_byte(&open, *p);
        p += flag || name;
    }
    size_t line = close.n && close.p[0] == '\n' ? 1 : 0; /* the marker ends at a line break */
    size_t end = line;
    while (end < close.n && close.p[end] != '\n')
        end++;
    uint32_t at = toolcall_emit_marker(&a->k->m, buf_view(&close), next);
    at = emit_value(s, a, schema, text, str_sub(buf_view(&close), line, end - line), at);
    at = at ? toolcall_emit_marker(&a->k->m, buf_view(&open), at) : 0;
    buf_clear(&open);
    buf_clear(&close);
    return at;
}

static bool named_arguments(struct schema *s, void *arg)
{
    struct arguments *a = arg;
    json_t *all = json_object_get(a->schema, "properties"), *v;
    const char *key, **keys = arena_new(&s->arena, json_object_size(all) + 1, sizeof *keys, s->e);
    size_t n = 0;
    if (!keys || !only_named(s, a->schema))
        return false;
    json_object_foreach(all, key, v) keys[n++] = key;
    a->start = a->next;
    while (n-- && !s->g->bad) { /* from the last to the first */
        uint32_t one = emit_param(s, a, keys[n], json_object_get(all, keys[n]), a->start);
        if (!one || !schema_in_time(s))
            return false;
        a->start = is_required(a->schema, keys[n]) ? one : grammar_add_split(s->g, one, a->start);
    }
    return true;
}

/* The names and which are required, but not what they mean. */
static json_t *loose(const json_t *schema)
{
    json_t *out = json_pack("{s:s, s:{}}", "type", "object", "properties");
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(schema, "properties"), key, v)
    {
        json_t *plain = toolcall_is_text(v) ? json_pack("{s:s}", "type", "string") : json_object();
        json_object_set_new(json_object_get(out, "properties"), key, plain);
    }
    return out;
}

static bool try_arguments(struct arguments *a, struct err *e)
{
    struct grammar *g = a->k->m.g;
    uint32_t nodes = g->n_node, rules = g->n_rule, objects = g->n_object, members = g->n_member;
    uint32_t needs = g->n_need, character = a->k->m.character, blanks = a->k->m.blanks;
    if (schema_into(g, a->schema, a->k->m.f->param ? named_arguments : json_arguments, a, e))
        return true;
    if (g->bad)
        return false;
    g->n_node = nodes; /* nothing refers to the parts */
    g->n_rule = rules;
    g->n_object = objects;
    g->n_member = members;
    g->n_need = needs;
    a->k->m.character = character;
    a->k->m.blanks = blanks;
    return false;
}

static bool emit_arguments(struct arguments *a, const json_t *f)
{
    struct maker *k = a->k;
    json_t *given = json_object_get(f, "parameters");
    struct err why = {0};
    a->schema = json_is_object(given) ? json_incref(given)
                                      : json_pack("{s:s, s:{}}", "type", "object", "properties");
    a->object = json_pack("{s:s}", "type", "object");
    bool ok = a->schema && a->object && try_arguments(a, &why);
    if (!ok && json_is_true(json_object_get(f, "strict"))) {
        *k->e = why;
        err_at(k->e, "tool %.*s", STR_ARG(name_of(f)));
    } else if (!ok) {
        json_decref(a->schema);
        a->schema = loose(given);
        struct err note;
        fail(&note, ERR_UNSUPPORTED, "tool %.*s: %s (only its parameters' names are bound)",
             STR_ARG(name_of(f)), why.msg);
        buf_fmt(k->notes, "%s\n", note.msg);
        ok = a->schema && try_arguments(a, k->e);
    }
    json_decref(a->schema);
    json_decref(a->object);
    return ok;
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* The row's `call`, from the end on: `n` bytes of it are still to be written. */
static uint32_t emit_call(struct maker *k, const json_t *f, const char *call, size_t n,
                          uint32_t next)
{
    while (n && !k->m.g->bad) {
        size_t from = n;
        while (from && call[from - 1] != '%' && !(from > 1 && call[from - 2] == '%'))
            from--;
        if (from < n) {
            next = toolcall_emit_marker(&k->m, (struct str){call + from, n - from}, next);
            n = from;
            continue;
        }
        struct arguments a = {.k = k, .next = next};
        char slot = call[n - 1];
        struct str name = name_of(f);
        n -= 2;
        if (slot == 'n') {
            next = grammar_add_text(k->m.g, name, next);
        } else if (slot == 'i') {
            next = toolcall_emit_id(&k->m, next);
            if (k->m.f->flags & TOOLCALL_ID_NAME) {
                next = grammar_add_byte(k->m.g, ':', ':', next);
                next = grammar_add_text(k->m.g, STR("functions."),
                                        grammar_add_text(k->m.g, name, next));
            }
        } else if (slot == 'j' || slot == 'a') {
            if (!emit_arguments(&a, f))
                return 0;
            next = slot == 'a' ? a.start : grammar_add_node(k->m.g, GRAMMAR_CALL, a.start, next);
        } else if (slot == ')' && strstr(call, "%i%)")) { /* an id that may be left out */
            n = (size_t)(strstr(call, "%(") - call);
        }
    }
    return k->m.g->bad ? 0 : next;
}

static const struct str harmony_calls[] = {
    STR(" to=functions.%n<|channel|>commentary <|constrain|>json<|message|>%j"),
    STR("<|channel|>commentary to=functions.%n <|constrain|>json<|message|>%j")};

static uint32_t emit_tool(struct maker *k, const json_t *f, bool first)
{
    uint32_t end = grammar_end(k->m.g);
    const char *call = k->m.f->call;
    if (!call) {
        uint32_t a = emit_call(k, f, harmony_calls[0].p, harmony_calls[0].n, end);
        uint32_t b = a ? emit_call(k, f, harmony_calls[1].p, harmony_calls[1].n, end) : 0;
        return b ? grammar_add_split(k->m.g, b, a) : 0;
    }
    if (first)
        call = strstr(call, "%)") + 2;
    return emit_call(k, f, call, strlen(call), end);
}

/* One of the tools that may be called. */
static uint32_t call_rule(struct maker *k, bool first)
{
    uint32_t start = 0, rule;
    size_t i;
    const json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)k->tools, i, tool)
    {
        const json_t *f = function_of(tool);
        if (k->choice->only && !str_is(name_of(f), k->choice->only))
            continue;
        uint32_t one = emit_tool(k, f, first);
        if (!one)
            return 0;
        start = start ? grammar_add_split(k->m.g, start, one) : one;
    }
    if (!start) {
        fail(k->e, ERR_USAGE, "there is no tool with the name %s",
             k->choice->only ? k->choice->only : "");
        return 0;
    }
    rule = grammar_add_rule(k->m.g, STR(""));
    if (k->m.g->bad)
        return 0;
    k->m.g->rule[rule].start = start;
    k->m.g->rule[rule].border = true;
    return rule;
}

/* A row's text without its signs for what may be left out. */
static uint32_t emit_plain(struct maker *k, const char *text, uint32_t next)
{
    const char *cut = text ? strstr(text, "%|") : NULL;
    if (!text)
        return next;
    if (!cut)
        return toolcall_emit_marker(&k->m, str_of(text), next);
    next = toolcall_emit_marker(&k->m, str_of(cut + 2), next);
    return toolcall_emit_marker(&k->m, (struct str){text, (size_t)(cut - text)}, next);
}

/* All calls of the answer, with the markers around them. */
static uint32_t emit_calls(struct maker *k, uint32_t first)
{
    struct grammar *g = k->m.g;
    uint32_t end = emit_plain(k, k->m.f->end, grammar_end(g));
    uint32_t after = grammar_add_node(g, GRAMMAR_JUMP, 0, end);
    uint32_t one = grammar_add_node(g, GRAMMAR_CALL, first, after);
    if (k->choice->parallel && !(k->m.f->flags & TOOLCALL_ONE)) {
        uint32_t again = grammar_add_node(g, GRAMMAR_CALL, k->call, after);
        again = emit_plain(k, k->m.f->between, again);
        uint32_t either = grammar_add_split(g, end, again);
        if (!g->bad)
            g->node[after].next = either;
    }
    return emit_plain(k, k->m.f->begin, one);
}

/* --- the answer --------------------------------------------------------------------------------
 */

/* What free text may not hold: the markers at which the parser sees a call. */
static void list_stops(const struct toolcall_format *f, struct toolcall_text *x)
{
    const char *call = f->call ? f->call : "";
    if (f->begin) {
        struct str s = toolcall_piece(f->begin);
        s.n -= f->shape == TOOLCALL_OBJECTS && str_ends(s, STR("["));
        x->stop[x->n_stop++] = s;
    }
    if (f->shape == TOOLCALL_PATTERN) {
        if (strncmp(call, "%(", 2) == 0) {
            x->stop[x->n_stop++] = toolcall_piece(call + 2);
            call = strstr(call, "%)") + 2;
        }
        if (toolcall_piece(call).n)
            x->stop[x->n_stop++] = toolcall_piece(call);
    }
    if (f->flags & TOOLCALL_PYTHON)
        x->stop[x->n_stop++] = STR("<|python_tag|>");
    x->drop = f->drop;
    x->not_call = f->flags & TOOLCALL_BARE;
}

/* Blanks and markers without meaning may stand before a call. */
static uint32_t before_calls(struct maker *k, uint32_t calls)
{
    uint32_t loop = grammar_add_node(k->m.g, GRAMMAR_JUMP, 0, 0);
    uint32_t out = toolcall_emit_blanks(&k->m, calls);
    for (int i = 0; i < 4 && k->m.f->drop[i]; i++)
        out = grammar_add_split(k->m.g, out,
                                toolcall_emit_marker(&k->m, str_of(k->m.f->drop[i]), loop));
    if (!k->m.g->bad)
        k->m.g->node[loop].next = out;
    return loop;
}

static uint32_t emit_body(struct maker *k)
{
    struct grammar *g = k->m.g;
    struct toolcall_text x = {.next = 0};
    bool first = k->m.f->flags & TOOLCALL_FIRST;
    uint32_t calls = emit_calls(k, k->call);
    uint32_t opening = first ? emit_calls(k, k->first) : before_calls(k, calls);
    if (k->choice->must == TOOLCALL_REQUIRED)
        return opening;
    list_stops(k->m.f, &x);
    uint32_t end = grammar_end(g);
    x.next = x.not_call ? end : grammar_add_split(g, end, calls);
    uint32_t text = toolcall_emit_text(&k->m, &x);
    if (first)
        text = grammar_add_text(g, STR("all\n"), text);
    return first || x.not_call ? grammar_add_split(g, text, opening) : text;
}

/* The messages of harmony before the call or the answer proper. */
static uint32_t emit_channels(struct maker *k)
{
    static const char *const kinds[] = {"<|channel|>analysis<|message|>",
                                        "<|channel|>commentary<|message|>",
                                        "<|channel|>final<|message|>"};
    static const struct str ends[] = {STR("<|end|>"),    STR("<|start|>"),   STR("<|call|>"),
                                      STR("<|return|>"), STR("<|message|>"), STR("<|channel|>")};
    struct grammar *g = k->m.g;
    struct toolcall_text x = {.n_stop = sizeof ends / sizeof *ends};
    memcpy(x.stop, ends, sizeof ends);
    uint32_t loop = grammar_add_node(g, GRAMMAR_JUMP, 0, 0);
    uint32_t out = grammar_add_node(g, GRAMMAR_CALL, k->call, grammar_end(g));
    bool may_end = k->choice->must == TOOLCALL_AUTO;
    for (int i = 0; i < 2 + may_end; i++) {
        x.next = i == 2 ? grammar_end(g)
                        : toolcall_emit_marker(&k->m, STR("<|end|><|start|>assistant"), loop);
        uint32_t text = toolcall_emit_text(&k->m, &x);
        out = grammar_add_split(g, out, toolcall_emit_marker(&k->m, str_of(kinds[i]), text));
    }
    if (!g->bad)
        g->node[loop].next = out;
    return loop;
}

/* Reasoning before `body`, by how the prompt ends. */
static uint32_t emit_reasoning(struct maker *k, uint32_t body)
{
    const struct toolcall_format *f = k->m.f;
    struct str open = str_of(f->think_open ? f->think_open : "<think>");
    struct str close = str_of(f->think_close ? f->think_close : "</think>");
    struct str prompt = str_trim(k->prompt);
    if (str_ends(prompt, close) || f->flags & TOOLCALL_FIRST)
        return body;
    struct toolcall_text x = {.stop = {close}, .n_stop = 1};
    uint32_t after = toolcall_emit_marker(&k->m, close, toolcall_emit_blanks(&k->m, body));
    bool may_end = k->choice->must == TOOLCALL_AUTO;
    x.next = may_end ? grammar_add_split(k->m.g, after, grammar_end(k->m.g)) : after;
    uint32_t text = toolcall_emit_text(&k->m, &x);
    if (str_ends(prompt, str_trim(open)))
        return text;
    text = toolcall_emit_blanks(&k->m, toolcall_emit_marker(&k->m, open, text));
    return grammar_add_split(k->m.g, body, text);
}

static bool make(struct maker *k)
{
    struct grammar *g = k->m.g;
    const struct toolcall_format *f = k->m.f;
    k->call = call_rule(k, false);
    if (k->call && f->flags & TOOLCALL_FIRST)
        k->first = call_rule(k, true);
    bool ok = k->call && (k->first || !(f->flags & TOOLCALL_FIRST));
    uint32_t start = !ok                             ? 0
                     : f->shape == TOOLCALL_CHANNELS ? emit_channels(k)
                                                     : emit_reasoning(k, emit_body(k));
    uint32_t rule = ok ? grammar_add_rule(g, STR("")) : 0;
    if (ok && !g->bad)
        g->rule[rule].start = start;
    if (!ok && g->bad && k->e->code == ERR_NONE)
        *k->e = g->err;
    return ok && grammar_finish(g, rule, k->e);
}

struct grammar *toolcall_grammar(const struct toolcall_format *f, const json_t *tools,
                                 const struct toolcall_choice *choice, struct str prompt,
                                 grammar_token_fn *find_token, const void *arg, struct buf *notes,
                                 struct err *e)
{
    *e = (struct err){.code = ERR_NONE};
    bool unbound = f->flags & TOOLCALL_UNBOUND || !toolcall_has_calls(f);
    if (!toolcall_check_tools(tools, e))
        return NULL;
    if (unbound && choice->must == TOOLCALL_REQUIRED)
        fail(e, ERR_UNSUPPORTED,
             "a call cannot be required of this model: answers cannot be bound to the syntax of "
             "its calls (%s)",
             f->name);
    if (unbound)
        return NULL;
    struct maker k = {.m = {.g = grammar_new(e), .f = f, .find_token = find_token, .arg = arg},
                      .tools = tools,
                      .choice = choice,
                      .prompt = prompt,
                      .notes = notes,
                      .e = e};
    if (k.m.g && make(&k))
        return k.m.g;
    grammar_free(k.m.g);
    return NULL;
}
