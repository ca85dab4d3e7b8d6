/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_iter: see template_iter.h. */
#include "text/template_iter.h"

#include <string.h>

#include "text/template_run.h"

enum iter_kind { IT_EMPTY, IT_SEQ, IT_CHARS, IT_RANGE, IT_DICT, IT_LAZY, IT_LATER, IT_TESTED };

struct iter {
    enum iter_kind kind;
    bool started;
    struct value src;
    size_t at;
    struct iter *from; /* IT_LAZY, IT_TESTED: where items come from; NULL before the start */
    int lazy;
    struct args args;
    const struct builtin *apply; /* filter or test; NULL: none */
    bool (*call)(struct render *r, struct value self, const struct args *a, struct value *out);
    struct value path, absent; /* of an attribute; V_MISSING: none */
    const struct for_node *f;
    struct env *env;
};

bool is_iterable(struct value v)
{
    switch ((enum value_kind)v.kind) {
    case V_UNDEFINED:
    case V_STR:
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
    case V_VIEW:
    case V_RANGE:
    case V_ITER:
    case V_LOOP:
        return true;
    default:
        return false;
    }
}

struct iter *iter_of(struct render *r, struct value v)
{
    if (v.kind == V_ITER)
        return v.iter;
    struct iter *it = take(r, 1, sizeof *it);
    if (!it)
        return NULL;
    it->src = v;
    switch ((enum value_kind)v.kind) {
    case V_UNDEFINED:
        it->kind = IT_EMPTY;
        return it;
    case V_STR:
        it->kind = IT_CHARS;
        return it;
    case V_LIST:
    case V_TUPLE:
        it->kind = IT_SEQ;
        return it;
    case V_DICT:
        it->src.flag = VIEW_KEYS;
        it->kind = IT_DICT;
        return it;
    case V_VIEW:
        it->kind = IT_DICT;
        return it;
    case V_RANGE:
        it->kind = IT_RANGE;
        return it;
    default:
        oops(r, "%s is not iterable", v_type(v));
        return NULL;
    }
}

static struct iter *generator(struct render *r, enum iter_kind kind, struct value src,
                              struct value *out)
{
    struct iter *it = take(r, 1, sizeof *it);
    if (!it)
        return NULL;
    it->kind = kind;
    it->src = src;
    *out = (struct value){.kind = V_ITER, .iter = it};
    return it;
}

bool iter_value(struct render *r, struct value list, struct value *out)
{
    return generator(r, IT_SEQ, list, out) != NULL;
}

bool iter_lazy(struct render *r, int lazy, struct value src, const struct args *a,
               struct value *out)
{
    struct iter *it = generator(r, IT_LAZY, src, out);
    if (!it)
        return false;
    it->lazy = lazy;
    it->args = *a;
    return true;
}

bool iter_later(struct render *r,
                bool (*call)(struct render *r, struct value self, const struct args *a,
                             struct value *out),
                struct value src, const struct args *bound, struct value *out)
{
    struct iter *it = generator(r, IT_LATER, src, out);
    struct value *v = it ? take(r, MAX_PARAMS, sizeof *v) : NULL;
    if (!v)
        return false;
    memcpy(v, bound->v, MAX_PARAMS * sizeof *v);
    it->call = call;
    it->args = (struct args){.v = v, .n = MAX_PARAMS};
    return true;
}

bool iter_tested(struct render *r, const struct for_node *f, struct value src, struct env *env,
                 struct value *out)
{
    struct iter *from = iter_of(r, src), *it = from ? generator(r, IT_TESTED, src, out) : NULL;
    if (!it)
        return false;
    it->from = from;
    it->f = f;
    it->env = env;
    return true;
}

/* The first argument names a filter or test, the rest are its arguments. */
static bool take_name(struct render *r, struct iter *it, uint32_t at)
{
    if (it->args.n <= at)
        return true;
    struct value name = it->args.v[at];
    bool filter = it->lazy == LAZY_MAP;
    if (name.kind == V_STR)
        it->apply = filter ? find_filter(as_str(name)) : find_test(as_str(name));
    it->args.v += at + 1;
    it->args.n -= at + 1;
    if (it->apply)
        return true;
    if (name.kind == V_STR)
        return oops(r, "no %s named \"%.*s\"", filter ? "filter" : "test", STR_ARG(as_str(name)));
    return oops(r, "the name of a %s must be a string", filter ? "filter" : "test");
}

static bool map_attribute(struct render *r, struct iter *it)
{
    for (uint32_t i = 0; i < it->args.n_named; i++) {
        const struct pair *p = &it->args.named[i];
        if (str_is(as_str(p->key), "attribute"))
            it->path = p->value;
        else if (str_is(as_str(p->key), "default"))
            it->absent = p->value;
        else
            return oops(r, "map has no argument %.*s", STR_ARG(as_str(p->key)));
    }
    return it->path.kind != V_MISSING || oops(r, "map needs the name of a filter");
}

static bool start_lazy(struct render *r, struct iter *it)
{
    it->started = true;
    if (!v_true(it->src)) {
        it->kind = IT_EMPTY;
        return true;
    }
    bool ok;
    if (it->lazy == LAZY_MAP) {
        ok = it->args.n ? take_name(r, it, 0) : map_attribute(r, it);
    } else if (it->lazy & LAZY_ATTR) {
        if (!it->args.n)
            return oops(r, "the name of an attribute is missing");
        it->path = it->args.v[0];
        ok = take_name(r, it, 1);
    } else {
        ok = take_name(r, it, 0);
    }
    return ok && (it->from = iter_of(r, it->src));
}

static bool lazy_item(struct render *r, struct iter *it, struct value *item, bool *chosen)
{
    struct value v = *item;
    const struct value *absent = it->absent.kind > V_NONE ? &it->absent : NULL;
    if (it->path.kind != V_MISSING && !get_path(r, v, it->path, absent, &v))
        return false;
    if (it->apply && !call_builtin(r, it->apply, v, &it->args, &v))
        return false;
    *chosen = it->lazy == LAZY_MAP || v_true(v) == !(it->lazy & LAZY_REJECT);
    if (it->lazy == LAZY_MAP)
        *item = v;
    return true;
}

static bool next_lazy(struct render *r, struct iter *it, struct value *out, bool *more)
{
    *more = false;
    if (!it->started && !start_lazy(r, it))
        return false;
    if (it->kind == IT_EMPTY)
        return true;
    bool chosen = false;
    while (!chosen) {
        if (!iter_next(r, it->from, out, more))
            return false;
        if (!*more)
            return true;
        if (!lazy_item(r, it, out, &chosen))
            return false;
    }
    return true;
}

static bool next_tested(struct render *r, struct iter *it, struct value *out, bool *more)
{
    if (!it->started && !enter_scope(r, &it->f->test_scope))
        return false;
    it->started = true;
    struct value test = v_bool(false);
    while (!v_true(test)) {
        if (!iter_next(r, it->from, out, more))
            return false;
        if (!*more)
            return true;
        if (!assign(r, it->f->test_target, *out) || !eval(r, it->f->test, &test))
            return false;
    }
    /* several names: what they were given goes on as a tuple */
    return it->f->test_target->kind != N_TUPLE || eval(r, it->f->test_target, out);
}

static bool start_later(struct render *r, struct iter *it)
{
    struct value made;
    it->kind = IT_EMPTY; /* a generator that has failed is spent */
    if (!it->call(r, it->src, &it->args, &made))
        return false;
    it->kind = made.kind == V_VIEW ? IT_DICT : IT_SEQ;
    it->src = made;
    return true;
}

static bool next_nested(struct render *r, struct iter *it, struct value *out, bool *more)
{
    struct env *before = r->env;
    if (!enter(r))
        return false;
    if (it->kind == IT_TESTED)
        r->env = it->env;
    bool ok = it->kind == IT_TESTED  ? next_tested(r, it, out, more)
              : it->kind == IT_LATER ? start_later(r, it) && iter_next(r, it, out, more)
                                     : next_lazy(r, it, out, more);
    r->env = before;
    leave(r);
    return ok;
}

static bool dict_item(struct render *r, const struct iter *it, struct value *out)
{
    const struct pair *p = &it->src.dict->pair[it->at];
    if (it->src.flag != VIEW_ITEMS) {
        *out = it->src.flag == VIEW_KEYS ? p->key : p->value;
        return true;
    }
    struct value *kv = take(r, 2, sizeof *kv);
    if (!kv)
        return false;
    kv[0] = p->key;
    kv[1] = p->value;
    *out = v_seq(V_TUPLE, kv, 2);
    return true;
}

bool iter_next(struct render *r, struct iter *it, struct value *out, bool *more)
{
    if (!spend(r, 1))
        return false;
    switch (it->kind) {
    case IT_SEQ:
        if ((*more = it->at < it->src.n))
            *out = it->src.items[it->at++];
        return true;
    case IT_CHARS:
        *more = it->at < it->src.n;
        if (*more) {
            size_t start = it->at;
            str_utf8_next(as_str(it->src), &it->at);
            *out = v_str(str_sub(as_str(it->src), start, it->at - start));
        }
        return true;
    case IT_RANGE:
        *more = (int64_t)it->at < it->src.range->n;
        if (*more)
            *out = v_int(it->src.range->start + (int64_t)it->at++ * it->src.range->step);
        return true;
    case IT_DICT:
        *more = it->at < it->src.dict->n;
        if (!*more)
            return true;
        if (!dict_item(r, it, out))
            return false;
        it->at++;
        return true;
    case IT_LAZY:
    case IT_LATER:
    case IT_TESTED:
        return next_nested(r, it, out, more);
    default:
        *more = false;
        return true;
    }
}

bool to_list(struct render *r, struct value v, struct value *out)
{
    if (v.kind == V_LIST || v.kind == V_TUPLE) {
        *out = v_seq(V_LIST, v.items, v.n);
        return true;
    }
    struct iter *it = iter_of(r, v);
    struct value *items = NULL;
    uint32_t n = 0, cap = 0;
    bool more = true;
    if (!it)
        return false;
    for (;;) {
        struct value one;
        if (!iter_next(r, it, &one, &more))
            return false;
        if (!more)
            break;
        if (n == cap) {
            struct value *wider = take(r, cap ? cap * 2 : 8, sizeof *wider);
            if (!wider)
                return false;
            if (n)
                memcpy(wider, items, n * sizeof *items);
            items = wider;
            cap = cap ? cap * 2 : 8;
        }
        items[n++] = one;
    }
    *out = v_seq(V_LIST, items, n);
    return true;
}
