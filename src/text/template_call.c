/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_call: calling macros and builtins: Python's rules for binding arguments. */
#include <string.h>

#include "base/limits.h"
#include "text/template_loop.h"
#include "text/template_run.h"

/* Takes the named argument `name` out of a list. */
static bool take_named(struct args *a, struct str name, struct value *out)
{
    for (uint32_t i = 0; i < a->n_named; i++)
        if (str_eq(as_str(a->named[i].key), name)) {
            *out = a->named[i].value;
            a->named[i] = a->named[--a->n_named];
            return true;
        }
    return false;
}

/* A copy of the named arguments that take_named may change. */
static bool copy_named(struct render *r, struct args *a)
{
    if (!a->n_named)
        return true;
    struct pair *p = take(r, a->n_named, sizeof *p);
    if (p)
        memcpy(p, a->named, a->n_named * sizeof *p);
    a->named = p;
    return p != NULL;
}

static bool bind(struct render *r, const struct builtin *b, const struct args *given,
                 struct value v[MAX_PARAMS])
{
    struct args a = *given;
    struct str rest = str_of(b->params), name;
    bool by_position = str_starts(rest, STR("/"));
    uint32_t n = 0;
    if (by_position)
        rest = str_from(rest, 1);
    if (!copy_named(r, &a))
        return false;
    while (rest.n && str_cut(&rest, ' ', &name)) {
        bool named = n >= a.n && !by_position && take_named(&a, name, &v[n]);
        if (!named)
            v[n] = n < a.n ? a.v[n] : v_missing();
        if (v[n].kind == V_MISSING && n < b->required)
            return oops(r, "%s: argument \"%.*s\" is missing", b->name, STR_ARG(name));
        n++;
    }
    if (a.n > n)
        return oops(r, "%s takes at most %u arguments, not %u", b->name, n, a.n);
    if (a.n_named)
        return oops(r, "%s takes no keyword argument \"%.*s\"", b->name,
                    STR_ARG(as_str(a.named[0].key)));
    return true;
}

bool call_builtin(struct render *r, const struct builtin *b, struct value self,
                  const struct args *a, struct value *out)
{
    struct value v[MAX_PARAMS];
    if (!spend(r, 1))
        return false;
    if (!b->params)
        return b->call(r, self, a, out);
    return bind(r, b, a, v) && b->call(r, self, &(struct args){.v = v, .n = MAX_PARAMS}, out);
}

/* The macro's parameters, into the slots of r->env. */
static bool bind_macro(struct render *r, const struct macro_node *m, struct args *a)
{
    struct value *slot = r->env->slot;
    uint32_t n = 0;
    for (const struct param *p = m->params; p; p = p->next, n++) {
        slot[p->slot] = v_missing();
        if (n < a->n)
            slot[p->slot] = a->v[n];
        else
            take_named(a, p->name, &slot[p->slot]);
    }
    if (m->caller != NO_SLOT && !take_named(a, STR("caller"), &slot[m->caller]))
        slot[m->caller] = v_undefined("no caller is defined");
    if (m->kwargs != NO_SLOT) {
        struct dict *d = dict_new(r, a->n_named);
        for (uint32_t i = 0; d && i < a->n_named; i++)
            if (!dict_put(r, d, a->named[i].key, a->named[i].value))
                return false;
        slot[m->kwargs] = (struct value){.kind = V_DICT, .dict = d};
        if (!d)
            return false;
    } else if (a->n_named) {
        return oops(r, "macro \"%.*s\" takes no keyword argument \"%.*s\"", STR_ARG(m->name),
                    STR_ARG(as_str(a->named[0].key)));
    }
    if (m->varargs != NO_SLOT)
        slot[m->varargs] = v_seq(V_TUPLE, a->n > n ? a->v + n : NULL, a->n > n ? a->n - n : 0);
    else if (a->n > n)
        return oops(r, "macro \"%.*s\" takes not more than %u arguments", STR_ARG(m->name), n);
    return true;
}

static bool macro_defaults(struct render *r, const struct macro_node *m)
{
    for (const struct param *p = m->params; p; p = p->next) {
        struct value *v = &r->env->slot[p->slot];
        if (v->kind != V_MISSING)
            continue;
        if (p->absent && !eval(r, p->absent, v))
            return false;
        if (!p->absent)
            *v = v_undefined("a parameter of the macro was not given");
    }
    return true;
}

bool call_macro(struct render *r, const struct macro *m, const struct args *given,
                struct value *out)
{
    const struct macro_node *node = m->node;
    struct args a = *given;
    struct env *before = r->env;
    enum flow flow;
    if (r->calls == LIMIT_TEMPLATE_DEPTH)
        return oops_as(r, ERR_LIMIT, "calls are nested deeper than %u", LIMIT_TEMPLATE_DEPTH);
    if (!copy_named(r, &a) || !(r->env = env_new(r, &node->function, m->env)) ||
        !spend(r, 1 + node->function.n_slots / 8))
        return false;
    r->calls++;
    bool ok = bind_macro(r, node, &a) && enter_scope(r, &node->function.scope) &&
              macro_defaults(r, node) && capture(r, node->body, &flow, out);
    r->calls--;
    r->env = before;
    return ok;
}

static bool call_joiner(struct render *r, struct cycler *c, const struct args *a, struct value *out)
{
    if (a->n || a->n_named)
        return oops(r, "a joiner takes no arguments");
    *out = c->at++ ? c->items : v_str(STR(""));
    c->at = 1;
    return true;
}

bool call_value(struct render *r, struct value f, const struct args *a, struct value *out)
{
    switch ((enum value_kind)f.kind) {
    case V_MACRO:
        return call_macro(r, f.macro, a, out);
    case V_FUNCTION:
        return call_builtin(r, f.function, v_none(), a, out);
    case V_METHOD:
        return call_builtin(r, f.method->builtin, f.method->self, a, out);
    case V_LOOP:
        return loop_call(r, f.loop, a, out);
    case V_JOINER:
        return call_joiner(r, f.cycler, a, out);
    case V_UNDEFINED:
        return oops_undefined(r, f);
    default:
        return oops(r, "%s is not callable", v_type(f));
    }
}

bool arg_int(struct render *r, struct value v, int64_t absent, int64_t *out)
{
    if (v.kind == V_MISSING) {
        *out = absent;
        return true;
    }
    if (v.kind == V_UNDEFINED)
        return oops_undefined(r, v);
    *out = v.i;
    return v_is_int(v) || oops(r, "an argument must be an integer, not %s", v_type(v));
}

bool arg_str(struct render *r, struct value v, struct str *out)
{
    if (v.kind == V_UNDEFINED)
        return oops_undefined(r, v);
    *out = as_str(v);
    return v.kind == V_STR || oops(r, "an argument must be a string, not %s", v_type(v));
}

bool arg_true(struct value v)
{
    return v_true(v);
}
