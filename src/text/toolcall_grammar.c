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

/* How messages with a header are written: each kind of message, then what ends it. */
struct headers {
    const char *call[2];              /* a whole message with a call, in either way */
    const char *before[2];            /* headers of messages that may stand before another one */
    const char *answer[2];            /* of the last one, where it is no call */
    const char *next;                 /* ends a message and begins another one */
    const char *stop[TOOLCALL_STOPS]; /* what text may not hold */
};

static const struct headers harmony = {
    .call = {" to=functions.%n<|channel|>commentary <|constrain|>json<|message|>%j",
             "<|channel|>commentary to=functions.%n <|constrain|>json<|message|>%j"},
    .before = {"<|channel|>analysis<|message|>", "<|channel|>commentary<|message|>"},
    .answer = {"<|channel|>final<|message|>"},
    .next = "<|end|><|start|>assistant",
    .stop = {"<|end|>", "<|start|>", "<|call|>", "<|return|>", "<|message|>", "<|channel|>"}};

static const struct headers atem = {
    .call = {" to=%n<|message|><atem:function_calls>\n<atem:invoke name=\"%n\">\n%a"
             "</atem:invoke>\n</atem:function_calls>"},
    .before = {" to=self<|message|>", " to=user<|message|>"},
    .answer = {" to=user<|message|>", "<|message|>"},
    .next = "<|eom|><|start|>assistant",
    .stop = {"<|eom|>", "<|eot|>", "<|start|>", "<|message|>", "<atem:function_calls>",
             "<atem:invoke name=\""}};

static const struct headers *headers_of(const struct toolcall_format *f)
{
    return f->shape == TOOLCALL_CHANNELS ? &harmony : f->flags & TOOLCALL_HEADERS ? &atem : NULL;
}

struct maker {
    struct toolcall_emit m;
    const json_t *tools;
    const struct toolcall_choice *choice;
    struct str prompt;
    struct buf *notes;
    const struct headers *headers; /* of the messages; NULL: they have none */
    uint32_t call, first;          /* rules: one call; the first, where it is written differently */
    struct err *e;
};

/* --- tools -------------------------------------------------------------------------------------
 */

static const json_t *function_of(const json_t *tool)
{
    const json_t *f = json_object_get(tool, "function");
    return f ? f : tool;
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
    struct str name = toolcall_name(f);
    if (!is_name(name))
        return fail(e, ERR_USAGE,
                    "tool %zu needs a \"name\" of at most 64 letters, digits and the characters "
                    "_ - . : /",
                    i + 1);
    if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
        return fail(e, ERR_USAGE, "tool %.*s: \"parameters\" must be a JSON Schema, an object",
                    STR_ARG(name));
    for (size_t k = 0; k < i; k++)
        if (str_eq(name, toolcall_name(function_of(json_array_get(tools, k)))))
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
        char slot = call[n - 1];
        struct str name = toolcall_name(f);
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
        } else if (slot == 'j' || slot == 'a' || slot == 'l') {
            next = toolcall_emit_arguments(&k->m, f, next, k->notes, k->e);
            if (!next)
                return 0;
        } else if (slot == ')' && strstr(call, "%i%)")) { /* an id that may be left out */
            n = (size_t)(strstr(call, "%(") - call);
        }
    }
    return k->m.g->bad ? 0 : next;
}

static uint32_t emit_tool(struct maker *k, const json_t *f, bool first)
{
    uint32_t end = grammar_end(k->m.g), out = 0;
    const char *call = k->m.f->call;
    for (int i = 0; k->headers && i < 2 && k->headers->call[i]; i++) {
        const char *one = k->headers->call[i];
        uint32_t at = emit_call(k, f, one, strlen(one), end);
        if (!at)
            return 0;
        out = out ? grammar_add_split(k->m.g, out, at) : at;
    }
    if (out)
        return out;
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
        if (k->choice->only && !str_is(toolcall_name(f), k->choice->only))
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
    if (f->begin)
        x->stop[x->n_stop++] = toolcall_opening(f);
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

/* A call, and another message with a call where there may be more than one. */
static uint32_t emit_last(struct maker *k)
{
    struct grammar *g = k->m.g;
    uint32_t end = grammar_end(g), after = grammar_add_node(g, GRAMMAR_JUMP, 0, end);
    if (k->choice->parallel && !(k->m.f->flags & TOOLCALL_ONE)) {
        uint32_t again = grammar_add_node(g, GRAMMAR_CALL, k->call, after);
        again = toolcall_emit_marker(&k->m, str_of(k->headers->next), again);
        uint32_t either = grammar_add_split(g, end, again);
        if (!g->bad)
            g->node[after].next = either;
    }
    return grammar_add_node(g, GRAMMAR_CALL, k->call, after);
}

/* The messages before the call or the answer proper. */
static uint32_t emit_messages(struct maker *k)
{
    const struct headers *h = k->headers;
    struct grammar *g = k->m.g;
    struct toolcall_text x = {.n_stop = 0};
    while (x.n_stop < TOOLCALL_STOPS && h->stop[x.n_stop]) {
        x.stop[x.n_stop] = str_of(h->stop[x.n_stop]);
        x.n_stop++;
    }
    uint32_t loop = grammar_add_node(g, GRAMMAR_JUMP, 0, 0), out = emit_last(k);
    bool may_end = k->choice->must == TOOLCALL_AUTO;
    for (int i = 0; i < 2 + 2 * may_end; i++) {
        const char *header = i < 2 ? h->before[i] : h->answer[i - 2];
        if (!header)
            continue;
        x.next = i < 2 ? toolcall_emit_marker(&k->m, str_of(h->next), loop) : grammar_end(g);
        uint32_t text = toolcall_emit_text(&k->m, &x);
        out = grammar_add_split(g, out, toolcall_emit_marker(&k->m, str_of(header), text));
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
    uint32_t start = !ok ? 0 : k->headers ? emit_messages(k) : emit_reasoning(k, emit_body(k));
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
    if (!toolcall_check_tools(tools, e))
        return NULL;
    if (!toolcall_has_calls(f)) {
        if (choice->must == TOOLCALL_REQUIRED)
            fail(
                e, ERR_UNSUPPORTED,
                "a call cannot be required of this model: its chat template has no syntax for one");
        return NULL;
    }
    struct maker k = {.m = {.g = grammar_new(e), .f = f, .find_token = find_token, .arg = arg},
                      .tools = tools,
                      .choice = choice,
                      .prompt = prompt,
                      .notes = notes,
                      .headers = headers_of(f),
                      .e = e};
    if (k.m.g && make(&k))
        return k.m.g;
    grammar_free(k.m.g);
    return NULL;
}
