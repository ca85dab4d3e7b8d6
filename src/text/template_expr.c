/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_expr: the expression half of the parser: recursive descent in Jinja's order of
 * precedence, from "a if b else c" down to names and literals. Chains of operators of one level are
 * loops; what recurses (an expression in brackets or after "else", a sign, "not") counts as depth.
 */
#include <stdlib.h>
#include <string.h>

#include "text/template_parse.h"
#include "text/template_run.h"

static struct node *parse_or(struct parser *p);
static struct node *parse_primary(struct parser *p, int how);
static struct node *parse_postfix(struct parser *p, struct node *n);

static struct node *pair_new(struct parser *p, enum node_kind kind, uint32_t line, struct node *a,
                             struct node *b)
{
    struct node *n = b ? node_new(p, kind, line) : NULL;
    if (!n || !adopt(p, n, a) || !adopt(p, n, b))
        return NULL;
    n->a = a;
    n->b = b;
    return n;
}

/* Appends child to a list node. */
static bool append(struct parser *p, struct node *list, struct node ***end, struct node *child)
{
    if (!child || !adopt(p, list, child))
        return false;
    **end = child;
    *end = &child->next;
    list->n++;
    return true;
}

/* ---- literals and names ---- */

static struct node *const_new(struct parser *p, struct value v, uint32_t line)
{
    struct node *n = node_new(p, N_CONST, line);
    if (n)
        n->value = v;
    return n;
}

static struct node *parse_string(struct parser *p)
{
    uint32_t line = p->cur.line;
    struct buf joined;
    struct str s;
    buf_init(&joined, UINT32_MAX / 2);
    struct node *n = NULL;
    bool ok = true;
    if (p->ahead.kind != LEX_STRING) {
        ok = lex_unescape(p->cur.text, line, &p->t->arena, &s, p->e) && advance(p);
    } else { /* "a" "b" is "ab" */
        while (ok && p->cur.kind == LEX_STRING) {
            ok = lex_unescape(p->cur.text, p->cur.line, &p->t->arena, &s, p->e) && advance(p);
            if (ok)
                buf_str(&joined, s);
        }
        s.n = joined.n;
        ok = ok && buf_ok(&joined, "string", p->e) &&
             (s.p = arena_copy(&p->t->arena, buf_view(&joined), p->e));
    }
    if (ok)
        n = const_new(p, v_str(s), line);
    buf_clear(&joined);
    return n;
}

static struct node *parse_number(struct parser *p)
{
    char digits[64];
    size_t n = 0;
    struct value v = {0};
    bool good = true;
    for (size_t i = 0; i < p->cur.text.n; i++)
        if (p->cur.text.p[i] != '_' && n < sizeof digits - 1)
            digits[n++] = p->cur.text.p[i];
        else
            good = good && p->cur.text.p[i] == '_';
    digits[n] = '\0';
    if (p->cur.kind == LEX_FLOAT) {
        double f;
        good = good && str_to_f64((struct str){digits, n}, &f);
        v = v_float(good ? f : 0);
    } else {
        char kind = (char)(digits[1] | 32), *end = NULL;
        int base = digits[0] != '0' ? 10
                   : kind == 'x'    ? 16
                   : kind == 'o'    ? 8
                   : kind == 'b'    ? 2
                                    : 10;
        unsigned long long u = strtoull(digits + (base == 10 ? 0 : 2), &end, base);
        good = good && u <= INT64_MAX;
        v = v_int((int64_t)u);
    }
    if (!good) {
        fail(p->e, ERR_UNSUPPORTED, "line %u: the number %.*s is too large", p->cur.line,
             STR_ARG(p->cur.text));
        return NULL;
    }
    uint32_t line = p->cur.line;
    return advance(p) ? const_new(p, v, line) : NULL;
}

static struct node *parse_name(struct parser *p, int how)
{
    struct token t = p->cur;
    if (!advance(p))
        return NULL;
    bool yes = str_is(t.text, "true") || str_is(t.text, "True");
    if (yes || str_is(t.text, "false") || str_is(t.text, "False"))
        return const_new(p, v_bool(yes), t.line);
    if (str_is(t.text, "none") || str_is(t.text, "None"))
        return const_new(p, v_none(), t.line);
    struct node *name = node_new(p, N_NAME, t.line);
    if (!name)
        return NULL;
    name->name = t.text;
    if (!(how & TUPLE_NAMESPACE) || !is_op(p, OP('.', 0)))
        return name;
    struct node *ns = node_new(p, N_NSREF, t.line);
    if (!ns || !advance(p) || !any_name(p, &ns->name))
        return NULL;
    ns->on = name;
    return ns;
}

static struct node *parse_list(struct parser *p)
{
    struct node *list = node_new(p, N_LIST, p->cur.line);
    if (!list || !advance(p))
        return NULL;
    struct node **end = &list->first;
    while (!is_op(p, OP(']', 0))) {
        if (list->n && !expect_op(p, OP(',', 0)))
            return NULL;
        if (is_op(p, OP(']', 0)))
            break;
        if (!append(p, list, &end, parse_expression(p)))
            return NULL;
    }
    return advance(p) ? list : NULL;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *dict = node_new(p, N_DICT, p->cur.line);
    if (!dict || !advance(p))
        return NULL;
    struct node **end = &dict->first;
    while (!is_op(p, OP('}', 0))) {
        if (dict->n && !expect_op(p, OP(',', 0)))
            return NULL;
        if (is_op(p, OP('}', 0)))
            break;
        if (!append(p, dict, &end, parse_expression(p)) || !expect_op(p, OP(':', 0)) ||
            !append(p, dict, &end, parse_expression(p)))
            return NULL;
    }
    return advance(p) ? dict : NULL;
}

static struct node *parse_bracket(struct parser *p)
{
    if (is_op(p, OP('[', 0)))
        return parse_list(p);
    if (is_op(p, OP('{', 0)))
        return parse_dict(p);
    struct node *n = advance(p) ? parse_tuple(p, TUPLE_PARENTHESES, NULL) : NULL;
    return n && expect_op(p, OP(')', 0)) ? n : NULL;
}

static struct node *parse_primary(struct parser *p, int how)
{
    switch (p->cur.kind) {
    case LEX_NAME:
        return parse_name(p, how);
    case LEX_STRING:
        return parse_string(p);
    case LEX_INTEGER:
    case LEX_FLOAT:
        return parse_number(p);
    default:
        if (is_op(p, OP('(', 0)) || is_op(p, OP('[', 0)) || is_op(p, OP('{', 0)))
            return parse_bracket(p);
        unexpected(p, N_("an expression"));
        return NULL;
    }
}

/* ---- what follows an expression: .name [item] (call) |filter is test ---- */

static bool add_keyword(struct parser *p, struct node *n, struct keyword ***end)
{
    struct keyword *k = parse_take(p, sizeof *k);
    struct call_node *call = n->call;
    if (!k)
        return false;
    k->name = p->cur.text;
    for (const struct keyword *other = call->named; other; other = other->next)
        if (str_eq(other->name, k->name))
            return fail(p->e, ERR_CORRUPT, "line %u: keyword argument %.*s is repeated",
                        p->cur.line, STR_ARG(k->name));
    if (++call->n_named > MAX_KEYWORDS)
        return fail(p->e, ERR_LIMIT, "line %u: a call has more than %u keyword arguments",
                    p->cur.line, MAX_KEYWORDS);
    if (!advance(p) || !advance(p) || !(k->value = parse_expression(p)) || !adopt(p, n, k->value))
        return false;
    **end = k;
    *end = &k->next;
    return true;
}

static bool parse_argument(struct parser *p, struct node *n, struct node ***end,
                           struct keyword ***named_end)
{
    struct call_node *call = n->call;
    bool star = is_op(p, OP('*', 0)), star_star = is_op(p, OP('*', '*'));
    struct node *arg;
    if (p->cur.kind == LEX_NAME && p->ahead.kind == LEX_OPERATOR && p->ahead.op == OP('=', 0)) {
        if (call->star_star)
            return unexpected(p, "\")\"");
        return add_keyword(p, n, named_end);
    }
    if (call->star_star || (call->star && !star_star) || (call->named && !star && !star_star))
        return unexpected(p, N_("a keyword argument"));
    if (((star || star_star) && !advance(p)) || !(arg = parse_expression(p)) || !adopt(p, n, arg))
        return false;
    if (star)
        call->star = arg;
    else if (star_star)
        call->star_star = arg;
    else {
        **end = arg;
        *end = &arg->next;
        call->n_args++;
    }
    return true;
}

static bool parse_arguments(struct parser *p, struct node *n)
{
    struct node **end = &n->call->args;
    struct keyword **named_end = &n->call->named;
    if (!expect_op(p, OP('(', 0)))
        return false;
    for (bool first = true; !is_op(p, OP(')', 0)); first = false) {
        if (!first && !expect_op(p, OP(',', 0)))
            return false;
        if (is_op(p, OP(')', 0)) && !first)
            break;
        if (!parse_argument(p, n, &end, &named_end))
            return false;
    }
    return advance(p);
}

static struct node *call_new(struct parser *p, enum node_kind kind, struct node *on)
{
    struct node *n = node_new(p, kind, p->cur.line);
    if (!n || !(n->call = parse_take(p, sizeof *n->call)) || (on && !adopt(p, n, on)))
        return NULL;
    n->call->on = on;
    return n;
}

/* The name of a filter or test, which may hold dots. */
static bool dotted_name(struct parser *p, struct str *name)
{
    struct str part;
    if (!any_name(p, name))
        return false;
    for (bool dot = true; dot;) {
        if (!skip_op(p, OP('.', 0), &dot) || (dot && !any_name(p, &part)))
            return false;
        if (dot)
            name->n = (size_t)(part.p + part.n - name->p);
    }
    return true;
}

struct node *parse_filters(struct parser *p, struct node *on, bool inline_name)
{
    while (inline_name || is_op(p, OP('|', 0))) {
        struct node *n = NULL;
        if ((!inline_name && !advance(p)) || !(n = call_new(p, N_FILTER, on)) ||
            !dotted_name(p, &n->call->name))
            return NULL;
        n->call->builtin = find_filter(n->call->name);
        if (is_op(p, OP('(', 0)) && !parse_arguments(p, n))
            return NULL;
        inline_name = false;
        on = n;
    }
    return on;
}

static bool test_argument(struct parser *p, struct node *n)
{
    bool starts = p->cur.kind == LEX_NAME || p->cur.kind == LEX_STRING ||
                  p->cur.kind == LEX_INTEGER || p->cur.kind == LEX_FLOAT || is_op(p, OP('[', 0)) ||
                  is_op(p, OP('{', 0));
    if (!starts || is_name(p, "else") || is_name(p, "or") || is_name(p, "and"))
        return true;
    if (is_name(p, "is"))
        return fail(p->e, ERR_CORRUPT, "line %u: tests cannot be chained with \"is\"", p->cur.line);
    struct node *arg = parse_primary(p, 0);
    if (!arg || !(arg = parse_postfix(p, arg)) || !adopt(p, n, arg))
        return false;
    n->call->args = arg;
    n->call->n_args = 1;
    return true;
}

static struct node *parse_test(struct parser *p, struct node *on)
{
    bool negated;
    if (!advance(p) || !skip_name(p, "not", &negated))
        return NULL;
    struct node *n = call_new(p, N_TEST, on);
    if (!n || !dotted_name(p, &n->call->name))
        return NULL;
    n->call->builtin = find_test(n->call->name);
    if (!(is_op(p, OP('(', 0)) ? parse_arguments(p, n) : test_argument(p, n)))
        return NULL;
    if (!negated)
        return n;
    struct node *not = node_new(p, N_NOT, n->line);
    if (!not || !adopt(p, not, n))
        return NULL;
    not ->a = n;
    return not ;
}

/* One or more of a, a:b, a:b:c between brackets. */
static struct node *parse_slice(struct parser *p, struct node *on, struct node *first)
{
    struct node *n = node_new(p, N_SLICE, p->cur.line);
    if (!n || !(n->slice = parse_take(p, sizeof *n->slice)) || !adopt(p, n, on))
        return NULL;
    n->slice->on = on;
    n->slice->part[0] = first;
    for (int i = 1; i < 3 && is_op(p, OP(':', 0)); i++) {
        if (!advance(p))
            return NULL;
        if (!is_op(p, OP(':', 0)) && !is_op(p, OP(']', 0)) &&
            !(n->slice->part[i] = parse_expression(p)))
            return NULL;
    }
    for (int i = 0; i < 3; i++)
        if (n->slice->part[i] && !adopt(p, n, n->slice->part[i]))
            return NULL;
    return expect_op(p, OP(']', 0)) ? n : NULL;
}

static struct node *parse_subscript(struct parser *p, struct node *on)
{
    uint32_t line = p->cur.line;
    if (!advance(p))
        return NULL;
    if (is_op(p, OP(':', 0)))
        return parse_slice(p, on, NULL);
    struct node *tuple = node_new(p, N_TUPLE, line), *arg = NULL;
    if (!tuple)
        return NULL;
    struct node **end = &tuple->first;
    while (!is_op(p, OP(']', 0))) {
        if (tuple->n && !expect_op(p, OP(',', 0)))
            return NULL;
        arg = parse_expression(p);
        if (arg && !tuple->n && is_op(p, OP(':', 0)))
            return parse_slice(p, on, arg);
        if (!append(p, tuple, &end, arg))
            return NULL;
    }
    if (!advance(p))
        return NULL;
    return pair_new(p, N_ITEM, line, on, tuple->n == 1 ? tuple->first : tuple);
}

static struct node *parse_dot(struct parser *p, struct node *on)
{
    uint32_t line = p->cur.line;
    if (!advance(p))
        return NULL;
    if (p->cur.kind == LEX_INTEGER)
        return pair_new(p, N_ITEM, line, on, parse_number(p));
    struct node *n = node_new(p, N_ATTR, line);
    if (!n || !adopt(p, n, on) || !any_name(p, &n->name))
        return NULL;
    n->on = on;
    return n;
}

static struct node *parse_call(struct parser *p, struct node *on)
{
    struct node *n = call_new(p, N_CALL, on);
    return n && parse_arguments(p, n) ? n : NULL;
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
    for (;;) {
        if (!n)
            return NULL;
        if (is_op(p, OP('.', 0))) {
            n = parse_dot(p, n);
        } else if (is_op(p, OP('[', 0))) {
            n = parse_subscript(p, n);
        } else if (is_op(p, OP('(', 0))) {
            n = parse_call(p, n);
        } else {
            return n;
        }
    }
}

/* ---- operators, tightest first ---- */

static struct node *parse_unary(struct parser *p, bool with_filter)
{
    struct node *n;
    if (is_op(p, OP('-', 0)) || is_op(p, OP('+', 0))) {
        n = node_new(p, N_UNARY, p->cur.line);
        if (!n || !deeper(p))
            return NULL;
        n->op = (uint8_t)p->cur.op;
        if (!advance(p) || !(n->a = parse_unary(p, false)) || !adopt(p, n, n->a))
            return NULL;
        p->depth--;
    } else {
        n = parse_primary(p, 0);
    }
    n = parse_postfix(p, n);
    while (n && with_filter) {
        if (is_op(p, OP('|', 0)))
            n = parse_filters(p, n, false);
        else if (is_name(p, "is"))
            n = parse_test(p, n);
        else if (is_op(p, OP('(', 0)))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

struct operator
{
    uint16_t token;
    enum binary op;
};
static const struct operator power[] = {{OP('*', '*'), B_POW}, {0, 0}};
static const struct operator product[] = {{OP('*', 0), B_MUL},
                                          {OP('/', 0), B_DIV},
                                          {OP('/', '/'), B_FLOORDIV},
                                          {OP('%', 0), B_MOD},
                                          {0, 0}};
static const struct operator sum[] = {{OP('+', 0), B_ADD}, {OP('-', 0), B_SUB}, {0, 0}};

static const struct operator* find_operator(const struct parser *p, const struct operator* table)
{
    for (; table->token; table++)
        if (is_op(p, table->token))
            return table;
    return NULL;
}

static struct node *parse_operand(struct parser *p, const struct operator* table);

static struct node *parse_binary(struct parser *p, const struct operator* table)
{
    uint32_t line = p->cur.line;
    struct node *n = parse_operand(p, table);
    for (const struct operator* o; n && (o = find_operator(p, table)); line = p->cur.line) {
        if (!advance(p))
            return NULL;
        n = pair_new(p, N_BINARY, line, n, parse_operand(p, table));
        if (n)
            n->op = (uint8_t)o->op;
    }
    return n;
}

static struct node *parse_concat(struct parser *p)
{
    uint32_t line = p->cur.line;
    struct node *n = parse_binary(p, product);
    if (!n || !is_op(p, OP('~', 0)))
        return n;
    struct node *list = node_new(p, N_CONCAT, line);
    if (!list)
        return NULL;
    struct node **end = &list->first;
    bool ok = append(p, list, &end, n);
    while (ok && is_op(p, OP('~', 0)))
        ok = advance(p) && append(p, list, &end, parse_binary(p, product));
    return ok ? list : NULL;
}

static struct node *parse_operand(struct parser *p, const struct operator* table)
{
    return table == sum       ? parse_concat(p)
           : table == product ? parse_binary(p, power)
                              : parse_unary(p, true);
}

/* The comparison that stands here, and how many tokens it has. */
static int find_compare(const struct parser *p, enum compare *op)
{
    static const struct {
        uint16_t token;
        enum compare op;
    } table[] = {{OP('=', '='), C_EQ}, {OP('!', '='), C_NE}, {OP('<', 0), C_LT},
                 {OP('<', '='), C_LE}, {OP('>', 0), C_GT},   {OP('>', '='), C_GE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (is_op(p, table[i].token)) {
            *op = table[i].op;
            return 1;
        }
    bool is_not = is_name(p, "not") && p->ahead.kind == LEX_NAME && str_is(p->ahead.text, "in");
    *op = is_not ? C_NOT_IN : C_IN;
    return is_not ? 2 : is_name(p, "in");
}

static struct node *parse_compare(struct parser *p)
{
    uint32_t line = p->cur.line;
    struct node *n = parse_binary(p, sum), *list = NULL, **end = NULL;
    enum compare op;
    for (int tokens; n && (tokens = find_compare(p, &op));) {
        if (!list) {
            if (!(list = node_new(p, N_COMPARE, line)))
                return NULL;
            end = &list->first;
            if (!append(p, list, &end, n))
                return NULL;
        }
        if (!advance(p) || (tokens == 2 && !advance(p)))
            return NULL;
        /* the operator is kept in a node around its right operand */
        struct node *right = parse_binary(p, sum),
                    *with = right ? node_new(p, N_COMPARE, line) : NULL;
        if (!with || !adopt(p, with, right))
            return NULL;
        with->op = (uint8_t)op;
        with->a = right;
        if (!append(p, list, &end, with))
            return NULL;
    }
    return n && list ? list : n;
}

static struct node *parse_not(struct parser *p)
{
    if (!is_name(p, "not"))
        return parse_compare(p);
    struct node *n = node_new(p, N_NOT, p->cur.line);
    if (!n || !deeper(p) || !advance(p) || !(n->a = parse_not(p)) || !adopt(p, n, n->a))
        return NULL;
    p->depth--;
    return n;
}

static struct node *parse_and(struct parser *p)
{
    struct node *n = parse_not(p);
    while (n && is_name(p, "and")) {
        uint32_t line = p->cur.line;
        n = advance(p) ? pair_new(p, N_AND, line, n, parse_not(p)) : NULL;
    }
    return n;
}

static struct node *parse_or(struct parser *p)
{
    struct node *n = parse_and(p);
    while (n && is_name(p, "or")) {
        uint32_t line = p->cur.line;
        n = advance(p) ? pair_new(p, N_OR, line, n, parse_and(p)) : NULL;
    }
    return n;
}

struct node *parse_expression(struct parser *p)
{
    if (!deeper(p))
        return NULL;
    struct node *n = parse_or(p);
    while (n && is_name(p, "if")) {
        struct node *cond = node_new(p, N_COND, p->cur.line);
        bool otherwise;
        if (!cond || !advance(p) || !(cond->b = parse_or(p)) || !skip_name(p, "else", &otherwise) ||
            (otherwise && !(cond->c = parse_expression(p))))
            return NULL;
        cond->a = n;
        if (!adopt(p, cond, n) || !adopt(p, cond, cond->b) || (cond->c && !adopt(p, cond, cond->c)))
            return NULL;
        n = cond;
    }
    p->depth--;
    return n;
}

static bool tuple_ends(const struct parser *p, const char *end)
{
    return p->cur.kind == LEX_PRINT_END || p->cur.kind == LEX_TAG_END || is_op(p, OP(')', 0)) ||
           (end && is_name(p, end));
}

struct node *parse_tuple(struct parser *p, int how, const char *end)
{
    struct node *tuple = node_new(p, N_TUPLE, p->cur.line), **last;
    if (!tuple)
        return NULL;
    last = &tuple->first;
    bool comma = false;
    while (!tuple_ends(p, end)) {
        struct node *one = how & TUPLE_SIMPLE    ? parse_primary(p, how)
                           : how & TUPLE_NO_COND ? parse_or(p)
                                                 : parse_expression(p);
        bool more;
        if (!append(p, tuple, &last, one) || !skip_op(p, OP(',', 0), &more))
            return NULL;
        comma |= more;
        if (!more)
            break;
    }
    if (!comma && tuple->n)
        return tuple->first;
    if (!comma && !(how & TUPLE_PARENTHESES)) {
        unexpected(p, N_("an expression"));
        return NULL;
    }
    return tuple;
}

static bool can_assign(const struct node *n)
{
    bool ok = n->kind == N_NAME || n->kind == N_NSREF || n->kind == N_TUPLE;
    for (const struct node *i = n->kind == N_TUPLE ? n->first : NULL; i && ok; i = i->next)
        ok = can_assign(i);
    return ok;
}

struct node *parse_target(struct parser *p, int how, const char *end)
{
    uint32_t line = p->cur.line;
    struct node *n = parse_tuple(p, how | TUPLE_SIMPLE, end);
    if (n && !can_assign(n)) {
        fail(p->e, ERR_CORRUPT, "line %u: this cannot be assigned to", line);
        return NULL;
    }
    return n;
}
