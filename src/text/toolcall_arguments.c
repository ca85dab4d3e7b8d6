/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_arguments: the arguments of a call as a grammar, by the schema of its tool.
 *
 * As JSON: all that a schema can say. As parameters, each between markers of its own: in the order
 * of the schema. In the notation of Python or Gemma: as JSON is, with other words, texts and keys.
 */
#include <string.h>

#include "base/limits.h"
#include "text/schema_emit.h"
#include "text/toolcall_emit.h"
#include "text/toolcall_private.h"

struct arguments {
    struct toolcall_emit *m;
    json_t *schema; /* of all parameters; owned */
    json_t *object; /* {"type": "object"}; owned */
    uint32_t next;  /* what follows them */
    uint32_t start; /* the result: their first node */
};

struct str toolcall_name(const json_t *f)
{
    const json_t *n = json_object_get(f, "name");
    return (struct str){json_string_value(n), json_string_length(n)};
}

static bool json_arguments(struct schema *s, void *arg)
{
    struct arguments *a = arg;
    struct schema_element both[] = {{a->schema, SCHEMA_IS}, {a->object, SCHEMA_IS}};
    uint32_t rule = schema_rule(s, both, 2);
    a->start = rule ? grammar_add_node(s->g, GRAMMAR_CALL, rule, a->next) : 0;
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
    return toolcall_emit_text(a->m, &t);
}

/* The row's `param` with this key. */
static uint32_t emit_param(struct schema *s, struct arguments *a, const char *key,
                           const json_t *schema, uint32_t next)
{
    const char *param = a->m->f->param, *value = strstr(param, "%v");
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
    uint32_t at = toolcall_emit_marker(a->m, buf_view(&close), next);
    at = emit_value(s, a, schema, text, str_sub(buf_view(&close), line, end - line), at);
    at = at ? toolcall_emit_marker(a->m, buf_view(&open), at) : 0;
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

/* --- other notations ---------------------------------------------------------------------------
 */

static bool is_token(const struct toolcall_emit *m, struct str marker)
{
    uint32_t id;
    return m->find_token && m->find_token(m->arg, marker, &id);
}

/* The texts in which the marker stands. */
static const struct dfa *texts_with(struct schema *s, struct str marker)
{
    struct buf pattern;
    buf_init(&pattern, LIMIT_GRAMMAR_BYTES);
    for (size_t i = 0; i < marker.n; i++) {
        buf_cstr(&pattern, marker.p[i] == '|' ? "\\" : "");
        buf_byte(&pattern, marker.p[i]);
    }
    const struct dfa *d = schema_pattern(s, buf_c(&pattern));
    buf_clear(&pattern);
    return d;
}

/* Texts without the marker at which the parser sees the end of the calls. */
static bool without_end(struct schema *s, const struct toolcall_emit *m, struct schema_set *x)
{
    struct str close = toolcall_closing(m->f);
    const struct dfa *all, *with;
    if (is_token(m, close)) /* text cannot spell it */
        return true;
    if (!(all = schema_texts(s, x)) || !(with = texts_with(s, close)))
        return false;
    x->some = SOME_SET;
    x->dfa = dfa_combine(&s->arena, DFA_MINUS, all, with, s->e);
    return x->dfa != NULL;
}

static uint32_t python_texts(struct schema *s, const struct schema_set *x, uint32_t next)
{
    struct schema_set some = *x;
    if (!without_end(s, s->write_for, &some))
        return 0;
    uint32_t one = schema_emit_quoted(s, &some, '\'', next);
    uint32_t two = one ? schema_emit_quoted(s, &some, '"', next) : 0;
    return two ? grammar_add_split(s->g, one, two) : 0;
}

/* What the parser reads as a key without quotation marks. */
static uint32_t bare_keys(struct schema *s, const struct schema_set *x, uint32_t next)
{
    struct toolcall_text t = {.next = next};
    const struct dfa *all = schema_texts(s, x),
                     *words = schema_pattern(s, "^[A-Za-z_][A-Za-z0-9_.$-]*$");
    t.dfa = all && words ? dfa_combine(&s->arena, DFA_AND, all, words, s->e) : NULL;
    return t.dfa ? toolcall_emit_text(s->write_for, &t) : 0;
}

static uint32_t gemma_texts(struct schema *s, const struct schema_set *x, uint32_t next)
{
    struct toolcall_emit *m = s->write_for;
    struct toolcall_text t = {.stop = {STR("<|\"|>"), toolcall_closing(m->f)}, .n_stop = 2};
    if (x->some != SOME_ALL && !(t.dfa = schema_texts(s, x)))
        return 0;
    t.next = toolcall_emit_marker(m, STR("<|\"|>"), next);
    uint32_t text = toolcall_emit_text(m, &t);
    return text ? toolcall_emit_marker(m, STR("<|\"|>"), text) : 0;
}

static uint32_t gemma_keys(struct schema *s, const struct schema_set *x, uint32_t next)
{
    uint32_t bare = bare_keys(s, x, next), marked = bare ? gemma_texts(s, x, next) : 0;
    return marked ? grammar_add_split(s->g, bare, marked) : 0;
}

static const struct schema_notation python = {.null = {"None", "null"},
                                              .yes = {"True", "true"},
                                              .no = {"False", "false"},
                                              .open = "{",
                                              .is = ":",
                                              .close = "}",
                                              .texts = python_texts},
                                    python_call = {.open = "(",
                                                   .is = "=",
                                                   .close = ")",
                                                   .texts = python_texts,
                                                   .keys = bare_keys,
                                                   .named = true},
                                    gemma = {.null = {"null"},
                                             .yes = {"true"},
                                             .no = {"false"},
                                             .open = "{",
                                             .is = ":",
                                             .close = "}",
                                             .texts = gemma_texts,
                                             .keys = gemma_keys};

/* Of a call in Python's notation every parameter must be a word. */
static bool has_words(struct schema *s, const json_t *schema)
{
    const struct dfa *words = schema_pattern(s, "^[A-Za-z_][A-Za-z0-9_.$-]*$");
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(schema, "properties"), key, v)
    {
        if (words && !dfa_accepts(words, str_of(key)))
            return fail(s->e, ERR_UNSUPPORTED,
                        "the parameter \"%s\" cannot be written in this model's calls, where names "
                        "are of letters, digits and _ - . $; rename it",
                        key);
    }
    return words != NULL;
}

static bool literal_arguments(struct schema *s, void *arg)
{
    struct arguments *a = arg;
    struct schema_element both[] = {{a->schema, SCHEMA_IS}, {a->object, SCHEMA_IS}};
    bool is_gemma = a->m->f->flags & TOOLCALL_GEMMA;
    const struct schema_shape *x = schema_of_all(s, both, 2);
    s->write = is_gemma ? &gemma : &python_call;
    s->write_for = a->m;
    if (!x || (!is_gemma && !has_words(s, a->schema)))
        return false;
    a->start = grammar_add_node(s->g, GRAMMAR_FAIL, 0, 0);
    for (const struct schema_side *i = x->objects; i; i = i->next) {
        uint32_t one = schema_emit_object(s, i, a->next);
        if (!one)
            return false;
        a->start = grammar_add_split(s->g, a->start, one);
    }
    s->write = is_gemma ? &gemma : &python; /* of the values */
    return !s->g->bad;
}

/* --- what a schema cannot keep -----------------------------------------------------------------
 */

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
    struct grammar *g = a->m->g;
    uint32_t nodes = g->n_node, rules = g->n_rule, objects = g->n_object, members = g->n_member;
    uint32_t needs = g->n_need, character = a->m->character, blanks = a->m->blanks;
    bool (*emit)(struct schema *, void *) = a->m->f->shape == TOOLCALL_LITERALS ? literal_arguments
                                            : a->m->f->param                    ? named_arguments
                                                                                : json_arguments;
    if (schema_into(g, a->schema, emit, a, e))
        return true;
    if (g->bad)
        return false;
    g->n_node = nodes; /* nothing refers to the parts */
    g->n_rule = rules;
    g->n_object = objects;
    g->n_member = members;
    g->n_need = needs;
    a->m->character = character;
    a->m->blanks = blanks;
    return false;
}

uint32_t toolcall_emit_arguments(struct toolcall_emit *m, const json_t *f, uint32_t next,
                                 struct buf *notes, struct err *e)
{
    json_t *given = json_object_get(f, "parameters");
    struct arguments a = {.m = m, .next = next};
    struct err why = {0};
    a.schema = json_is_object(given) ? json_incref(given)
                                     : json_pack("{s:s, s:{}}", "type", "object", "properties");
    a.object = json_pack("{s:s}", "type", "object");
    bool ok = a.schema && a.object && try_arguments(&a, &why);
    if (!ok && json_is_true(json_object_get(f, "strict"))) {
        *e = why;
        err_at(e, "tool %.*s", STR_ARG(toolcall_name(f)));
    } else if (!ok) {
        json_decref(a.schema);
        a.schema = loose(given);
        struct err note;
        fail(&note, ERR_UNSUPPORTED, "tool %.*s: %s (only its parameters' names are bound)",
             STR_ARG(toolcall_name(f)), why.msg);
        buf_fmt(notes, "%s\n", note.msg);
        ok = a.schema && try_arguments(&a, e);
    }
    json_decref(a.schema);
    json_decref(a.object);
    return ok ? a.start : 0;
}
