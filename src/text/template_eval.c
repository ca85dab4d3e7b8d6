/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_eval: the value of an expression; budget and errors of a rendering. */
#include <string.h>

#include "base/limits.h"
#include "text/template_run.h"

/* ---- errors and budget ---- */

bool oops_limit(struct render *r)
{
    return oops_as(r, ERR_LIMIT, "a text or list of the template is larger than its limit");
}

bool oops_undefined(struct render *r, struct value v)
{
    static const char *const type[] = {
        [V_NONE] = "None",           [V_BOOL] = "bool object", [V_INT] = "int object",
        [V_FLOAT] = "float object",  [V_STR] = "str object",   [V_LIST] = "list object",
        [V_TUPLE] = "tuple object",  [V_DICT] = "dict object", [V_RANGE] = "range object",
        [V_NAMESPACE] = "namespace", [V_LOOP] = "loop"};
    const char *of = v.of < sizeof type / sizeof *type && type[v.of] ? type[v.of] : "object";
    struct str name = {v.s, v.n};
    if (v.flag == UNDEFINED_NAME)
        return oops(r, "\"%.*s\" is undefined", STR_ARG(name));
    if (v.flag == UNDEFINED_ATTRIBUTE)
        return oops(r, "%s has no attribute \"%.*s\"", of, STR_ARG(name));
    if (v.flag == UNDEFINED_ELEMENT)
        return oops(r, "%s has no element %lld", of, (long long)v.i);
    return oops(r, "%.*s", STR_ARG(name));
}

bool spend(struct render *r, size_t steps)
{
    if (steps > r->steps) {
        r->steps = 0;
        return oops_as(r, ERR_LIMIT, "the template needs more than %u steps", LIMIT_TEMPLATE_STEPS);
    }
    r->steps -= steps;
    return true;
}

bool enter(struct render *r)
{
    if (r->nesting == RENDER_NESTING)
        return oops_as(r, ERR_LIMIT, "values or calls are nested too deeply");
    r->nesting++;
    return true;
}

void *take(struct render *r, size_t n, size_t size)
{
    struct err ignored;
    void *p = arena_new(&r->arena, n, size, &ignored);
    if (!p)
        oops_as(r, ERR_LIMIT, "the template needs more than %u MiB of memory", RENDER_MEMORY >> 20);
    return p;
}

/* ---- names ---- */

struct env *env_new(struct render *r, const struct function *f, struct env *parent)
{
    struct env *env = take(r, 1, sizeof *env + f->n_slots * sizeof env->slot[0]);
    if (env)
        env->parent = parent;
    return env;
}

static struct value *slot_at(struct render *r, struct ref ref)
{
    if (ref.up == REF_GLOBAL)
        return &r->globals[ref.slot];
    struct env *env = r->env;
    for (uint32_t up = ref.up; up; up--)
        env = env->parent;
    return &env->slot[ref.slot];
}

bool enter_scope(struct render *r, const struct scope_node *s)
{
    for (uint32_t i = 0; i < s->n_load; i++) {
        const struct load_slot *l = &s->load[i];
        r->env->slot[l->slot] = l->load == LOAD_MISSING ? v_missing() : *slot_at(r, l->from);
    }
    return spend(r, 1 + s->n_load / 4);
}

static struct value undefined_name(struct str name)
{
    return (struct value){
        .kind = V_UNDEFINED, .flag = UNDEFINED_NAME, .n = (uint32_t)name.n, .s = name.p};
}

static bool unpack(struct render *r, const struct node *target, struct value v)
{
    struct iter *it = iter_of(r, v);
    uint32_t n = 0;
    bool more = true;
    struct value one;
    if (!it)
        return false;
    for (const struct node *i = target->first; i; i = i->next, n++) {
        if (!iter_next(r, it, &one, &more))
            return false;
        if (!more)
            return oops(r, "not enough values to unpack: %u for %u names", n, target->n);
        if (!assign(r, i, one))
            return false;
    }
    if (!iter_next(r, it, &one, &more))
        return false;
    return !more || oops(r, "too many values to unpack: more than %u", target->n);
}

bool assign(struct render *r, const struct node *target, struct value v)
{
    if (target->kind == N_TUPLE)
        return unpack(r, target, v);
    if (target->kind == N_NAME) {
        *slot_at(r, target->ref) = v;
        return true;
    }
    struct value ns = *slot_at(r, target->on->ref);
    if (ns.kind != V_NAMESPACE)
        return oops(r, "cannot assign an attribute of \"%.*s\": it is no namespace",
                    STR_ARG(target->on->name));
    return dict_put(r, ns.dict, v_str(target->name), v);
}

/* ---- expressions ---- */

static bool eval_items(struct render *r, const struct node *n, struct value **out)
{
    struct value *v = *out = take(r, n->n, sizeof *v);
    if (!v)
        return false;
    for (const struct node *i = n->first; i; i = i->next)
        if (!eval(r, i, v++))
            return false;
    return true;
}

static bool eval_dict(struct render *r, const struct node *n, struct value *out)
{
    struct dict *d = dict_new(r, n->n / 2);
    if (!d)
        return false;
    *out = (struct value){.kind = V_DICT, .dict = d};
    for (const struct node *i = n->first; i; i = i->next->next) {
        struct value k, v;
        if (!eval(r, i, &k) || !eval(r, i->next, &v) || !dict_put(r, d, k, v))
            return false;
    }
    return true;
}

/* All operands first, so that none of their texts comes between and text_concat works in place. */
static bool eval_concat(struct render *r, const struct node *n, struct value *out)
{
    struct value *v;
    if (!eval_items(r, n, &v))
        return false;
    for (uint32_t i = 0; i < n->n; i++)
        if (!to_text(r, v[i], &v[i]))
            return false;
    *out = n->n ? v_str(as_str(v[0])) : v_str(STR(""));
    for (uint32_t i = 1; i < n->n; i++)
        if (!text_concat(r, as_str(*out), as_str(v[i]), out))
            return false;
    return true;
}

/* a < b <= c: each comparison once, up to the first that is false. */
static bool eval_compare(struct render *r, const struct node *n, struct value *out)
{
    struct value left, right;
    bool yes = true;
    if (!eval(r, n->first, &left))
        return false;
    for (const struct node *i = n->first->next; i && yes; i = i->next, left = right)
        if (!eval(r, i->a, &right) || !do_compare(r, (enum compare)i->op, left, right, &yes))
            return false;
    *out = v_bool(yes);
    return true;
}

static bool eval_slice(struct render *r, const struct slice_node *s, struct value *out)
{
    struct value on, part[3] = {v_none(), v_none(), v_none()};
    if (!eval(r, s->on, &on))
        return false;
    for (int i = 0; i < 3; i++)
        if (s->part[i] && !eval(r, s->part[i], &part[i]))
            return false;
    return get_slice(r, on, part, out);
}

static bool eval_either(struct render *r, const struct node *n, struct value *out)
{
    if (!eval(r, n->a, out))
        return false;
    return v_true(*out) == (n->kind == N_OR) || eval(r, n->b, out);
}

static bool eval_cond(struct render *r, const struct node *n, struct value *out)
{
    struct value test;
    if (!eval(r, n->b, &test))
        return false;
    if (v_true(test))
        return eval(r, n->a, out);
    if (n->c)
        return eval(r, n->c, out);
    *out = v_undefined("the inline if-expression was false and has no else");
    return true;
}

static bool star_args(struct render *r, const struct node *n, struct args *a)
{
    struct value v;
    if (!eval(r, n, &v) || !to_list(r, v, &v))
        return false;
    struct value *all = take(r, a->n + v.n, sizeof *all);
    if (!all)
        return false;
    if (a->n)
        memcpy(all, a->v, a->n * sizeof *all);
    if (v.n)
        memcpy(all + a->n, v.items, v.n * sizeof *all);
    a->v = all;
    a->n += v.n;
    return true;
}

static bool star_star_args(struct render *r, const struct node *n, struct args *a)
{
    struct value v;
    if (!eval(r, n, &v))
        return false;
    if (v.kind != V_DICT)
        return oops(r, "what follows ** must be a dict, not %s", v_type(v));
    struct pair *all = take(r, a->n_named + v.dict->n, sizeof *all);
    if (!all)
        return false;
    if (a->n_named)
        memcpy(all, a->named, a->n_named * sizeof *all);
    for (uint32_t i = 0; i < v.dict->n; i++) {
        struct pair p = v.dict->pair[i];
        if (p.key.kind != V_STR)
            return oops(r, "keywords must be strings");
        for (uint32_t j = 0; j < a->n_named; j++)
            if (str_eq(as_str(all[j].key), as_str(p.key)))
                return oops(r, "keyword argument %.*s is given twice", STR_ARG(as_str(p.key)));
        all[a->n_named + i] = p;
    }
    a->named = all;
    a->n_named += v.dict->n;
    return spend(r, a->n_named);
}

/* The arguments of a call, with room for one more keyword argument. */
static bool eval_args(struct render *r, const struct call_node *c, struct args *a)
{
    *a = (struct args){0};
    if (c->n_args && !(a->v = take(r, c->n_args, sizeof *a->v)))
        return false;
    for (const struct node *i = c->args; i; i = i->next)
        if (!eval(r, i, &a->v[a->n++]))
            return false;
    if (c->n_named && !(a->named = take(r, c->n_named, sizeof *a->named)))
        return false;
    for (const struct keyword *k = c->named; k; k = k->next) {
        struct pair *p = &a->named[a->n_named++];
        p->key = v_str(k->name);
        if (!eval(r, k->value, &p->value))
            return false;
    }
    return (!c->star || star_args(r, c->star, a)) &&
           (!c->star_star || star_star_args(r, c->star_star, a));
}

bool eval_call(struct render *r, const struct node *n, const struct pair *caller, struct value *out)
{
    struct value f;
    struct args a;
    if (!eval(r, n->call->on, &f) || !eval_args(r, n->call, &a))
        return false;
    if (caller) {
        struct pair *all = take(r, a.n_named + 1, sizeof *all);
        if (!all)
            return false;
        if (a.n_named)
            memcpy(all, a.named, a.n_named * sizeof *all);
        all[a.n_named++] = *caller;
        a.named = all;
    }
    r->line = n->line;
    return call_value(r, f, &a, out);
}

/* What a filter or test works on. In a filter block all that stands before it are filters. */
static bool eval_operand(struct render *r, const struct node *on, const struct value *text,
                         struct value *out)
{
    if (on && !text)
        return eval(r, on, out);
    if (!on) {
        *out = *text;
        return true;
    }
    if (!enter(r))
        return false;
    bool ok = eval_filter(r, on, text, out);
    leave(r);
    return ok;
}

bool eval_filter(struct render *r, const struct node *n, const struct value *text,
                 struct value *out)
{
    struct value on;
    struct args a;
    const struct call_node *c = n->call;
    if (!eval_operand(r, c->on, text, &on) || !eval_args(r, c, &a))
        return false;
    r->line = n->line;
    if (!c->builtin)
        return oops(r, "no %s named \"%.*s\"", n->kind == N_FILTER ? "filter" : "test",
                    STR_ARG(c->name));
    return call_builtin(r, c->builtin, on, &a, out);
}

static bool eval_operator(struct render *r, const struct node *n, struct value *out)
{
    struct value a, b;
    if (!eval(r, n->a, &a))
        return false;
    if (n->kind == N_UNARY) {
        r->line = n->line;
        return do_unary(r, (char)n->op, a, out);
    }
    if (n->kind == N_NOT) {
        *out = v_bool(!v_true(a));
        return true;
    }
    if (!eval(r, n->b, &b))
        return false;
    r->line = n->line;
    return n->kind == N_ITEM ? get_item(r, a, b, out) : do_binary(r, (enum binary)n->op, a, b, out);
}

static bool eval_kind(struct render *r, const struct node *n, struct value *out)
{
    struct value v;
    switch ((enum node_kind)n->kind) {
    case N_CONST:
        *out = n->value;
        return true;
    case N_NAME:
        *out = *slot_at(r, n->ref);
        if (out->kind == V_MISSING)
            *out = undefined_name(n->name);
        return true;
    case N_ATTR:
        return eval(r, n->on, &v) && ((r->line = n->line), get_attr(r, v, n->name, out));
    case N_TUPLE:
    case N_LIST:
        *out = v_seq(n->kind == N_TUPLE ? V_TUPLE : V_LIST, NULL, n->n);
        return eval_items(r, n, &out->items);
    case N_DICT:
        return eval_dict(r, n, out);
    case N_CONCAT:
        return eval_concat(r, n, out);
    case N_COMPARE:
        return eval_compare(r, n, out);
    case N_SLICE:
        return eval_slice(r, n->slice, out);
    case N_CALL:
        return eval_call(r, n, NULL, out);
    case N_FILTER:
    case N_TEST:
        return eval_filter(r, n, NULL, out);
    case N_AND:
    case N_OR:
        return eval_either(r, n, out);
    case N_COND:
        return eval_cond(r, n, out);
    default:
        return eval_operator(r, n, out);
    }
}

bool eval(struct render *r, const struct node *n, struct value *out)
{
    if (!spend(r, 1) || !enter(r))
        return false;
    bool ok = eval_kind(r, n, out);
    leave(r);
    return ok;
}
