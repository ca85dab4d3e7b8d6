/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_exec: statements. Output goes to r->out; a body whose text is wanted as a value is
 * run the same way and its text then taken off the end of r->out (capture). */
#include <string.h>

#include "base/limits.h"
#include "text/template_loop.h"
#include "text/template_run.h"

bool capture(struct render *r, const struct node *body, enum flow *flow, struct value *out)
{
    size_t mark = r->out->n;
    *flow = FLOW_ON;
    if (!exec(r, body, flow) || !text_copy(r, str_from(buf_view(r->out), mark), out))
        return false;
    r->out->n = mark;
    return true;
}

static bool emit(struct render *r, struct value v)
{
    if (!write_str(r, v, r->out))
        return false;
    return !r->out->bad || oops_as(r, ERR_LIMIT, "the template writes more than %u MiB",
                                   LIMIT_TEMPLATE_OUTPUT >> 20);
}

static bool exec_if(struct render *r, const struct if_node *b, enum flow *flow)
{
    for (; b; b = b->next) {
        struct value test = v_bool(true);
        if (b->test && !eval(r, b->test, &test))
            return false;
        if (v_true(test))
            return exec(r, b->body, flow);
    }
    return true;
}

static bool exec_for(struct render *r, const struct for_node *f, enum flow *flow)
{
    struct value items;
    return eval(r, f->items, &items) && run_loop(r, NULL, f, r->env, items, flow);
}

static bool exec_set(struct render *r, const struct node *n)
{
    struct value v;
    return eval(r, n->b, &v) && ((r->line = n->line), assign(r, n->a, v));
}

static bool exec_set_block(struct render *r, const struct block_node *b, enum flow *flow)
{
    struct value text;
    if (!enter_scope(r, &b->scope) || !capture(r, b->body, flow, &text))
        return false;
    if (*flow != FLOW_ON)
        return true;
    return (!b->filter || eval_filter(r, b->filter, &text, &text)) && assign(r, b->target, text);
}

static bool exec_filter_block(struct render *r, const struct block_node *b, enum flow *flow)
{
    struct value text;
    if (!enter_scope(r, &b->scope) || !capture(r, b->body, flow, &text))
        return false;
    return *flow != FLOW_ON || (eval_filter(r, b->filter, &text, &text) && emit(r, text));
}

static bool exec_with(struct render *r, const struct block_node *b, enum flow *flow)
{
    if (!enter_scope(r, &b->scope))
        return false;
    const struct node *value = b->values;
    for (const struct node *target = b->target; target; target = target->next) {
        struct value v;
        if (!eval(r, value, &v) || !assign(r, target, v))
            return false;
        value = value->next;
    }
    return exec(r, b->body, flow);
}

static bool macro_value(struct render *r, const struct macro_node *node, struct value *out)
{
    struct macro *m = take(r, 1, sizeof *m);
    if (!m)
        return false;
    *m = (struct macro){node, r->env};
    *out = (struct value){.kind = V_MACRO, .macro = m};
    return true;
}

static bool exec_call_block(struct render *r, const struct block_node *b)
{
    struct pair caller = {.key = v_str(STR("caller"))};
    struct value text;
    if (!macro_value(r, b->body_macro, &caller.value))
        return false;
    return (b->call ? eval_call(r, b->call, &caller, &text)
                    : call_macro(r, caller.value.macro, &(struct args){0}, &text)) &&
           emit(r, text);
}

static bool exec_one(struct render *r, const struct node *n, enum flow *flow)
{
    struct value v;
    switch ((enum node_kind)n->kind) {
    case N_TEXT:
        return emit(r, n->value);
    case N_PRINT:
        return eval(r, n->a, &v) && emit(r, v);
    case N_IF:
        return exec_if(r, n->branch, flow);
    case N_FOR:
        return exec_for(r, n->loop, flow);
    case N_SET:
        return exec_set(r, n);
    case N_SET_BLOCK:
        return exec_set_block(r, n->block, flow);
    case N_MACRO:
        return macro_value(r, n->macro, &r->env->slot[n->macro->ref.slot]);
    case N_CALL_BLOCK:
        return exec_call_block(r, n->block);
    case N_FILTER_BLOCK:
        return exec_filter_block(r, n->block, flow);
    case N_WITH:
        return exec_with(r, n->block, flow);
    default:
        *flow = n->kind == N_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
        return true;
    }
}

bool exec(struct render *r, const struct node *list, enum flow *flow)
{
    if (!enter(r))
        return false;
    bool ok = true;
    for (; ok && list && *flow == FLOW_ON; list = list->next) {
        r->line = list->line;
        ok = spend(r, 1) && exec_one(r, list, flow);
    }
    leave(r);
    return ok;
}
