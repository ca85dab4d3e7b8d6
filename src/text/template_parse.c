/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_parse: the statement half of the parser. Refuses by name what a chat template has
 * no use for (extends, block, include, import, from, autoescape) and what Jinja does not know. */
#include "text/template_parse.h"

#include <string.h>

#include "base/limits.h"
#include "text/template_run.h"

#define PARSE_MEMORY (24u << 20) /* bytes of the tree of one template */

static struct node *parse_body(struct parser *p, const char *const ends[]);

/* ---- tokens ---- */

bool advance(struct parser *p)
{
    p->cur = p->ahead;
    return lex_next(&p->lex, &p->ahead, p->e);
}

bool is_op(const struct parser *p, uint16_t op)
{
    return p->cur.kind == LEX_OPERATOR && p->cur.op == op;
}

bool is_name(const struct parser *p, const char *name)
{
    return p->cur.kind == LEX_NAME && str_is(p->cur.text, name);
}

bool skip_op(struct parser *p, uint16_t op, bool *skipped)
{
    *skipped = is_op(p, op);
    return !*skipped || advance(p);
}

bool skip_name(struct parser *p, const char *name, bool *skipped)
{
    *skipped = is_name(p, name);
    return !*skipped || advance(p);
}

bool unexpected(struct parser *p, const char *wanted)
{
    static const char *const what[] = {
        [LEX_EOF] = N_("the end of the template"),
        [LEX_DATA] = N_("text"),
        [LEX_PRINT_BEGIN] = "\"{{\"",
        [LEX_PRINT_END] = "\"}}\"",
        [LEX_TAG_BEGIN] = "\"{%\"",
        [LEX_TAG_END] = "\"%}\"",
    };
    if (p->cur.kind < LEX_NAME)
        return fail(p->e, ERR_CORRUPT, "line %u: %s where %s is expected", p->cur.line,
                    err_text(what[p->cur.kind]), err_text(wanted));
    return fail(p->e, ERR_CORRUPT, "line %u: \"%.*s\" where %s is expected", p->cur.line,
                STR_ARG(p->cur.text), err_text(wanted));
}

bool expect_op(struct parser *p, uint16_t op)
{
    char wanted[] = {'"', (char)(op & 0xff), '"', '\0'};
    return is_op(p, op) ? advance(p) : unexpected(p, wanted);
}

bool expect_name(struct parser *p, const char *name)
{
    return is_name(p, name) ? advance(p) : unexpected(p, name);
}

bool any_name(struct parser *p, struct str *name)
{
    *name = p->cur.text;
    return p->cur.kind == LEX_NAME ? advance(p) : unexpected(p, N_("a name"));
}

/* ---- nodes ---- */

void *parse_take(struct parser *p, size_t size)
{
    return arena_new(&p->t->arena, 1, size, p->e);
}

struct node *node_new(struct parser *p, enum node_kind kind, uint32_t line)
{
    struct node *n = parse_take(p, sizeof *n);
    if (n) {
        n->kind = (uint8_t)kind;
        n->line = line;
        n->height = 1;
    }
    return n;
}

bool adopt(struct parser *p, struct node *parent, const struct node *child)
{
    if (child->height >= TREE_HEIGHT)
        return fail(p->e, ERR_LIMIT, "line %u: an expression is longer or nested deeper than %u",
                    child->line, TREE_HEIGHT);
    if (parent->height <= child->height)
        parent->height = (uint16_t)(child->height + 1);
    return true;
}

bool deeper(struct parser *p)
{
    if (p->depth == LIMIT_TEMPLATE_DEPTH)
        return fail(p->e, ERR_LIMIT, "line %u: the template is nested deeper than %u", p->cur.line,
                    LIMIT_TEMPLATE_DEPTH);
    p->depth++;
    return true;
}

/* ---- statements ---- */

/* Parses up to one of the tags in `ends`, which is left as the current token. A body may be empty,
 * so success is told by the return value. */
static bool parse_until(struct parser *p, const char *const ends[], struct node **body)
{
    bool colon;
    if (!skip_op(p, OP(':', 0), &colon))
        return false;
    if (p->cur.kind != LEX_TAG_END)
        return unexpected(p, "\"%}\"");
    if (!advance(p))
        return false;
    *body = parse_body(p, ends);
    return p->e->code == ERR_NONE;
}

static bool parse_to_end(struct parser *p, const char *end, struct node **body)
{
    const char *const ends[] = {end, NULL};
    return parse_until(p, ends, body) && advance(p);
}

/* A body whose {% break %} cannot leave a loop outside of it. */
static bool parse_function_body(struct parser *p, const char *end, struct node **body)
{
    uint32_t loops = p->loops;
    p->loops = 0;
    bool ok = parse_to_end(p, end, body);
    p->loops = loops;
    return ok;
}

static bool parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct if_node **end = &n->branch;
    for (;;) {
        struct if_node *b = *end = parse_take(p, sizeof *b);
        if (!b || !(b->test = parse_tuple(p, TUPLE_NO_COND, NULL)) || !adopt(p, n, b->test) ||
            !parse_until(p, ends, &b->body))
            return false;
        end = &b->next;
        if (is_name(p, "elif")) {
            if (!advance(p))
                return false;
            continue;
        }
        if (is_name(p, "endif"))
            return advance(p);
        return (b = *end = parse_take(p, sizeof *b)) && advance(p) &&
               parse_to_end(p, "endif", &b->body);
    }
}

static bool parse_for_else(struct parser *p, struct for_node *f)
{
    if (is_name(p, "endfor"))
        return advance(p);
    uint32_t loops = p->loops;
    if (f->recursive)
        p->loops = 0;
    bool ok = advance(p) && parse_to_end(p, "endfor", &f->otherwise);
    p->loops = loops;
    return ok;
}

static bool parse_for(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct for_node *f = n->loop = parse_take(p, sizeof *f);
    bool test;
    struct token at_target = p->cur;
    struct lexer lex = p->lex;
    struct token ahead = p->ahead;
    if (!f || !(f->target = parse_target(p, 0, "in")) || !expect_name(p, "in") ||
        !(f->items = parse_tuple(p, TUPLE_NO_COND, "recursive")) || !skip_name(p, "if", &test) ||
        (test && !(f->test = parse_expression(p))) || !skip_name(p, "recursive", &f->recursive))
        return false;
    if (test) { /* the test has a target of its own: parse that text again */
        struct token cur_now = p->cur, ahead_now = p->ahead;
        struct lexer lex_now = p->lex;
        p->cur = at_target;
        p->ahead = ahead;
        p->lex = lex;
        if (!(f->test_target = parse_target(p, 0, "in")))
            return false;
        p->cur = cur_now;
        p->ahead = ahead_now;
        p->lex = lex_now;
    }
    if (f->recursive && !(f->function = parse_take(p, sizeof *f->function)))
        return false;
    p->loops++;
    bool ok = parse_until(p, ends, &f->body);
    p->loops--;
    return ok && parse_for_else(p, f);
}

static bool parse_set(struct parser *p, struct node *n)
{
    bool assigned;
    struct node *target = parse_target(p, TUPLE_NAMESPACE, NULL);
    if (!target || !skip_op(p, OP('=', 0), &assigned))
        return false;
    if (assigned) {
        n->a = target;
        n->b = parse_tuple(p, 0, NULL);
        return n->b && adopt(p, n, n->b);
    }
    n->kind = N_SET_BLOCK;
    struct block_node *b = n->block = parse_take(p, sizeof *b);
    if (!b)
        return false;
    b->target = target;
    if (is_op(p, OP('|', 0)) && !(b->filter = parse_filters(p, NULL, false)))
        return false;
    return parse_to_end(p, "endset", &b->body);
}

static bool parse_param(struct parser *p, struct macro_node *m, struct param ***end)
{
    struct param *one = parse_take(p, sizeof *one);
    bool assigned;
    if (!one || !any_name(p, &one->name) || !skip_op(p, OP('=', 0), &assigned))
        return false;
    for (const struct param *other = m->params; other; other = other->next)
        if (str_eq(other->name, one->name))
            return fail(p->e, ERR_CORRUPT, "line %u: parameter %.*s is repeated", p->cur.line,
                        STR_ARG(one->name));
        else if (other->absent && !assigned)
            return fail(p->e, ERR_CORRUPT,
                        "line %u: parameter %.*s needs a default, as those before", p->cur.line,
                        STR_ARG(one->name));
    if (++m->n_params > MAX_KEYWORDS)
        return fail(p->e, ERR_LIMIT, "line %u: a macro has more than %u parameters", p->cur.line,
                    MAX_KEYWORDS);
    **end = one;
    *end = &one->next;
    return !assigned || (one->absent = parse_expression(p));
}

static bool parse_params(struct parser *p, struct macro_node *m)
{
    struct param **end = &m->params;
    if (!expect_op(p, OP('(', 0)))
        return false;
    while (!is_op(p, OP(')', 0)))
        if ((m->n_params && !expect_op(p, OP(',', 0))) || !parse_param(p, m, &end))
            return false;
    return advance(p);
}

static bool parse_macro(struct parser *p, struct node *n)
{
    struct macro_node *m = n->macro = parse_take(p, sizeof *m);
    return m && any_name(p, &m->name) && parse_params(p, m) &&
           parse_function_body(p, "endmacro", &m->body);
}

static bool parse_call_block(struct parser *p, struct node *n)
{
    struct block_node *b = n->block = parse_take(p, sizeof *b);
    if (!b || !(b->body_macro = parse_take(p, sizeof *b->body_macro)) ||
        (is_op(p, OP('(', 0)) && !parse_params(p, b->body_macro)) ||
        !(b->call = parse_expression(p)) || !adopt(p, n, b->call))
        return false;
    if (b->call->kind != N_CALL)
        return fail(p->e, ERR_CORRUPT, "line %u: {%% call %%} needs a call of a macro", n->line);
    return parse_function_body(p, "endcall", &b->body_macro->body);
}

static bool parse_generation(struct parser *p, struct node *n)
{
    struct block_node *b = n->block = parse_take(p, sizeof *b);
    return b && (b->body_macro = parse_take(p, sizeof *b->body_macro)) &&
           parse_function_body(p, "endgeneration", &b->body_macro->body);
}

static bool parse_filter_block(struct parser *p, struct node *n)
{
    struct block_node *b = n->block = parse_take(p, sizeof *b);
    return b && (b->filter = parse_filters(p, NULL, true)) && adopt(p, n, b->filter) &&
           parse_to_end(p, "endfilter", &b->body);
}

static bool parse_with(struct parser *p, struct node *n)
{
    struct block_node *b = n->block = parse_take(p, sizeof *b);
    if (!b)
        return false;
    struct node **target = &b->target, **value = &b->values;
    while (p->cur.kind != LEX_TAG_END) {
        if (b->target && !expect_op(p, OP(',', 0)))
            return false;
        if (!(*target = parse_target(p, 0, NULL)) || !expect_op(p, OP('=', 0)) ||
            !(*value = parse_expression(p)) || !adopt(p, n, *value))
            return false;
        target = &(*target)->next;
        value = &(*value)->next;
    }
    return parse_to_end(p, "endwith", &b->body);
}

static bool parse_print(struct parser *p, struct node *n)
{
    struct node *list = node_new(p, N_TUPLE, n->line), **end = list ? &list->first : NULL;
    for (bool first = true; end && p->cur.kind != LEX_TAG_END; first = false) {
        if ((!first && !expect_op(p, OP(',', 0))) || !(*end = parse_expression(p)) ||
            !adopt(p, list, *end))
            return false;
        end = &(*end)->next;
        list->n++;
    }
    /* printing several values is printing their texts joined */
    if (!list)
        return false;
    list->kind = N_CONCAT;
    n->a = list;
    return adopt(p, n, list);
}

static bool parse_jump(struct parser *p, struct node *n)
{
    if (p->loops == 0)
        return fail(p->e, ERR_CORRUPT, "line %u: %s outside of a loop", n->line,
                    n->kind == N_BREAK ? "break" : "continue");
    return true;
}

static const struct statement {
    const char *name;
    enum node_kind kind;
    bool (*parse)(struct parser *p, struct node *n);
} statements[] = {
    {"if", N_IF, parse_if},
    {"for", N_FOR, parse_for},
    {"set", N_SET, parse_set},
    {"macro", N_MACRO, parse_macro},
    {"call", N_CALL_BLOCK, parse_call_block},
    {"generation", N_CALL_BLOCK, parse_generation},
    {"filter", N_FILTER_BLOCK, parse_filter_block},
    {"with", N_WITH, parse_with},
    {"print", N_PRINT, parse_print},
    {"break", N_BREAK, parse_jump},
    {"continue", N_CONTINUE, parse_jump},
};

static bool refused(struct parser *p, struct token tag)
{
    static const char *const names[] = {"extends", "block", "include",
                                        "import",  "from",  "autoescape"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(tag.text, names[i]))
            return fail(p->e, ERR_UNSUPPORTED, "line %u: {%% %s %%} is not supported", tag.line,
                        names[i]);
    return fail(p->e, ERR_CORRUPT, "line %u: unknown tag \"%.*s\"", tag.line, STR_ARG(tag.text));
}

static struct node *parse_statement(struct parser *p)
{
    struct token tag = p->cur;
    if (tag.kind != LEX_NAME) {
        unexpected(p, N_("the name of a tag"));
        return NULL;
    }
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const struct statement *s = &statements[i];
        if (!str_is(tag.text, s->name))
            continue;
        struct node *n = node_new(p, s->kind, tag.line);
        if (!n || !deeper(p) || !advance(p) || !s->parse(p, n))
            return NULL;
        p->depth--;
        if (p->cur.kind == LEX_TAG_END)
            return advance(p) ? n : NULL;
        unexpected(p, "\"%}\"");
        return NULL;
    }
    refused(p, tag);
    return NULL;
}

static struct node *parse_text(struct parser *p)
{
    struct node *n = node_new(p, N_TEXT, p->cur.line);
    if (n)
        n->value = v_str(p->cur.text);
    return n && advance(p) ? n : NULL;
}

static struct node *parse_output(struct parser *p)
{
    struct node *n = node_new(p, N_PRINT, p->cur.line);
    if (!n || !advance(p) || !(n->a = parse_tuple(p, 0, NULL)) || !adopt(p, n, n->a))
        return NULL;
    if (p->cur.kind != LEX_PRINT_END) {
        unexpected(p, "\"}}\"");
        return NULL;
    }
    return advance(p) ? n : NULL;
}

static bool at_end(const struct parser *p, const char *const ends[])
{
    for (; ends && *ends; ends++)
        if (is_name(p, *ends))
            return true;
    return false;
}

/* The statements up to a tag in `ends` or, where that is NULL, the end of the template. */
static struct node *parse_body(struct parser *p, const char *const ends[])
{
    struct node *first = NULL, **end = &first;
    while (p->cur.kind != LEX_EOF) {
        if (p->cur.kind == LEX_DATA)
            *end = parse_text(p);
        else if (p->cur.kind == LEX_PRINT_BEGIN)
            *end = parse_output(p);
        else if (!advance(p)) /* "{%" */
            return NULL;
        else if (at_end(p, ends))
            return first;
        else
            *end = parse_statement(p);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    }
    if (ends)
        unexpected(p, ends[0]);
    return first;
}

bool parse_source(struct template *t, struct str source, struct err *e)
{
    struct err mine = {.code = ERR_NONE};
    struct parser p = {.t = t, .e = &mine};
    t->arena.max = PARSE_MEMORY;
    lex_init(&p.lex, source);
    if (advance(&p) && advance(&p))
        t->body = parse_body(&p, NULL);
    if (mine.code == ERR_NONE)
        return true;
    *e = mine;
    return false;
}
