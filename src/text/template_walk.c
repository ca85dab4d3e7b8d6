/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_walk: see template_walk.h. Recursion is bounded by TREE_HEIGHT and
 * LIMIT_TEMPLATE_DEPTH, which the parser has checked. */
#include "text/template_walk.h"

static void walk_call(const struct walker *w, const struct call_node *c)
{
    if (c->on)
        walk_expression(w, c->on);
    for (const struct node *i = c->args; i; i = i->next)
        walk_expression(w, i);
    for (const struct keyword *k = c->named; k; k = k->next)
        walk_expression(w, k->value);
    if (c->star)
        walk_expression(w, c->star);
    if (c->star_star)
        walk_expression(w, c->star_star);
}

void walk_expression(const struct walker *w, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_NAME:
        w->name(w->arg, n->name, NAME_LOAD);
        break;
    case N_ATTR:
        walk_expression(w, n->on);
        break;
    case N_TUPLE:
    case N_LIST:
    case N_DICT:
    case N_CONCAT:
        for (const struct node *i = n->first; i; i = i->next)
            walk_expression(w, i);
        break;
    case N_COMPARE: /* the operators after the first are nodes around their right operand */
        walk_expression(w, n->first);
        for (const struct node *i = n->first->next; i; i = i->next)
            walk_expression(w, i->a);
        break;
    case N_SLICE:
        walk_expression(w, n->slice->on);
        for (int i = 0; i < 3; i++)
            if (n->slice->part[i])
                walk_expression(w, n->slice->part[i]);
        break;
    case N_CALL:
    case N_FILTER:
    case N_TEST:
        walk_call(w, n->call);
        break;
    case N_ITEM:
    case N_UNARY:
    case N_BINARY:
    case N_AND:
    case N_OR:
    case N_NOT:
    case N_COND:
        walk_expression(w, n->a);
        if (n->kind != N_UNARY && n->kind != N_NOT)
            walk_expression(w, n->b);
        if (n->kind == N_COND && n->c)
            walk_expression(w, n->c);
        break;
    default:
        break;
    }
}

void walk_target(const struct walker *w, const struct node *n, enum name_use use)
{
    if (n->kind == N_NAME)
        w->name(w->arg, n->name, use);
    else if (n->kind == N_NSREF)
        w->name(w->arg, n->on->name, NAME_LOAD);
    for (const struct node *i = n->kind == N_TUPLE ? n->first : NULL; i; i = i->next)
        walk_target(w, i, use);
}

static void walk_macro(const struct walker *w, const struct macro_node *m)
{
    for (const struct param *p = m->params; p; p = p->next)
        w->name(w->arg, p->name, NAME_PARAM);
    for (const struct param *p = m->params; p; p = p->next)
        if (p->absent)
            walk_expression(w, p->absent);
    walk_statements(w, m->body);
}

static void walk_block(const struct walker *w, const struct node *n)
{
    const struct block_node *b = n->block;
    if (b->call)
        walk_expression(w, b->call);
    if (b->body_macro)
        walk_macro(w, b->body_macro);
    for (const struct node *i = b->target; i; i = i->next)
        walk_target(w, i, n->kind == N_WITH ? NAME_PARAM : NAME_STORE);
    for (const struct node *i = b->values; i; i = i->next)
        walk_expression(w, i);
    walk_statements(w, b->body);
    if (b->filter)
        walk_expression(w, b->filter);
}

static void walk_statement(const struct walker *w, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_PRINT:
        walk_expression(w, n->a);
        break;
    case N_IF:
        for (const struct if_node *b = n->branch; b; b = b->next) {
            if (b->test)
                walk_expression(w, b->test);
            walk_statements(w, b->body);
        }
        break;
    case N_FOR:
        walk_target(w, n->loop->target, NAME_STORE);
        walk_expression(w, n->loop->items);
        walk_statements(w, n->loop->body);
        walk_statements(w, n->loop->otherwise);
        if (n->loop->test)
            walk_expression(w, n->loop->test);
        break;
    case N_SET:
        walk_target(w, n->a, NAME_STORE);
        walk_expression(w, n->b);
        break;
    case N_MACRO:
        walk_macro(w, n->macro);
        break;
    case N_CALL_BLOCK:
    case N_FILTER_BLOCK:
    case N_SET_BLOCK:
    case N_WITH:
        walk_block(w, n);
        break;
    default:
        break;
    }
}

void walk_statements(const struct walker *w, const struct node *list)
{
    for (; list; list = list->next)
        walk_statement(w, list);
}
