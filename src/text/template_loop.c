/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_loop: see template_loop.h. */
#include "text/template_loop.h"

#include "base/limits.h"

struct loop {
    const struct for_node *f;
    struct env *env; /* where the loop stands: a recursive call starts from there */
    struct value items;
    struct iter *it;
    int64_t index0, length; /* length -1: not known yet */
    uint32_t depth0;
    struct value after, current, before; /* after: taken from `it` already; V_MISSING: none */
    struct value changed;                /* arguments of the last loop.changed() */
};

static bool peek(struct render *r, struct loop *l)
{
    bool more;
    if (l->after.kind != V_MISSING)
        return true;
    if (!iter_next(r, l->it, &l->after, &more))
        return false;
    if (!more)
        l->after = v_missing();
    return true;
}

static bool next_item(struct render *r, struct loop *l, bool *more)
{
    if (!peek(r, l))
        return false;
    *more = l->after.kind != V_MISSING;
    if (!*more)
        return true;
    l->index0++;
    l->before = l->current;
    l->current = l->after;
    l->after = v_missing();
    return true;
}

/* A generator is walked to its end to count it. */
static bool loop_length(struct render *r, struct loop *l, int64_t *out)
{
    if (l->length < 0 && l->items.kind != V_ITER) {
        if (!v_len(r, l->items, &l->length))
            return false;
    } else if (l->length < 0) {
        struct value rest, again;
        if (!to_list(r, l->items, &rest) || !iter_value(r, rest, &again))
            return false;
        l->it = again.iter;
        l->length = rest.n + l->index0 + 1 + (l->after.kind != V_MISSING);
    }
    *out = l->length;
    return true;
}

bool loop_attr(struct render *r, struct loop *l, struct str name, struct value *out, bool *found)
{
    *found = true;
    if (str_is(name, "index"))
        *out = v_int(l->index0 + 1);
    else if (str_is(name, "index0"))
        *out = v_int(l->index0);
    else if (str_is(name, "first"))
        *out = v_bool(l->index0 == 0);
    else if (str_is(name, "depth"))
        *out = v_int((int64_t)l->depth0 + 1);
    else if (str_is(name, "depth0"))
        *out = v_int(l->depth0);
    else if (str_is(name, "previtem"))
        *out = l->index0 ? l->before : v_undefined("there is no previous item");
    else if (str_is(name, "last") || str_is(name, "nextitem")) {
        if (!peek(r, l))
            return false;
        bool none = l->after.kind == V_MISSING;
        *out = name.n == 4 ? v_bool(none) : none ? v_undefined("there is no next item") : l->after;
    } else if (str_is(name, "length") || str_starts(name, STR("revindex"))) {
        int64_t n;
        if (!loop_length(r, l, &n))
            return false;
        *found = name.n == 6 || name.n == 8 || str_is(name, "revindex0");
        *out = v_int(name.n == 6 ? n : n - l->index0 - (name.n == 9));
    } else {
        *found = false;
    }
    return true;
}

bool loop_repr(struct render *r, struct loop *l, struct buf *out)
{
    int64_t n;
    if (!loop_length(r, l, &n))
        return false;
    buf_fmt(out, "<LoopContext %lld/%lld>", (long long)l->index0 + 1, (long long)n);
    return true;
}

bool loop_cycle(struct render *r, struct value self, const struct args *a, struct value *out)
{
    if (!a->n || a->n_named)
        return oops(r, "loop.cycle needs values to cycle through");
    *out = a->v[self.loop->index0 % a->n];
    return true;
}

bool loop_changed(struct render *r, struct value self, const struct args *a, struct value *out)
{
    struct value now = v_seq(V_TUPLE, a->v, a->n);
    bool same = false;
    if (self.loop->changed.kind != V_MISSING && !v_equal(r, self.loop->changed, now, &same))
        return false;
    self.loop->changed = now;
    *out = v_bool(!same);
    return true;
}

static bool run_body(struct render *r, struct loop *l, bool *completed, enum flow *flow)
{
    const struct for_node *f = l->f;
    enum flow own = FLOW_ON;
    bool more = true;
    while (own != FLOW_BREAK) {
        if (!next_item(r, l, &more))
            return false;
        if (!more)
            break;
        if (f->uses_loop)
            r->env->slot[f->loop.slot] = (struct value){.kind = V_LOOP, .loop = l};
        if (!assign(r, f->target, l->current) || !enter_scope(r, &f->body_scope))
            return false;
        own = FLOW_ON;
        if (!exec(r, f->body, &own))
            return false;
        *completed |= own == FLOW_ON;
    }
    /* Jinja's oddity: else also runs when no round came to its end */
    if (*completed || !f->otherwise)
        return true;
    return enter_scope(r, &f->else_scope) && exec(r, f->otherwise, flow);
}

bool run_loop(struct render *r, struct loop *parent, const struct for_node *f, struct env *env,
              struct value items, enum flow *flow)
{
    struct env *before = r->env;
    struct loop *l = take(r, 1, sizeof *l);
    bool completed = false;
    if (!l)
        return false;
    *l = (struct loop){.f = f, .env = env, .items = items, .index0 = -1, .length = -1};
    l->depth0 = parent ? parent->depth0 + 1 : 0;
    if (f->test && !iter_tested(r, f, items, env, &l->items))
        return false;
    if (!(l->it = iter_of(r, l->items)))
        return false;
    if (f->recursive && !(r->env = env_new(r, f->function, env)))
        return false;
    bool ok = run_body(r, l, &completed, flow);
    r->env = before;
    return ok;
}

bool loop_call(struct render *r, struct loop *l, const struct args *a, struct value *out)
{
    if (!l->f->recursive)
        return oops(r, "only a recursive loop can be called");
    if (a->n != 1 || a->n_named)
        return oops(r, "loop() needs one argument");
    if (r->calls == LIMIT_TEMPLATE_DEPTH)
        return oops_as(r, ERR_LIMIT, "calls are nested deeper than %u", LIMIT_TEMPLATE_DEPTH);
    size_t mark = r->out->n;
    enum flow flow = FLOW_ON;
    r->calls++;
    bool ok = run_loop(r, l, l->f, l->env, a->v[0], &flow) &&
              text_copy(r, str_from(buf_view(r->out), mark), out);
    r->calls--;
    if (ok)
        r->out->n = mark;
    return ok;
}
