/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_scope: gives every name of a template its slot, before anything runs.
 *
 * The rules are those of Jinja's compiler, oddities included. A scope (the template, the body of a
 * loop, macro, with, set block, filter block) is first read as a whole, inner scopes left out:
 *   - a name that is read and that no outer scope has, is a global;
 *   - a name that is assigned starts as the outer scope's variable of that name, if it has one;
 *     else as missing or, if it was read before or is assigned under an "if", as the global;
 *   - an assignment never reaches an outer scope.
 * Then its names are bound and the inner scopes, which see all of it, are done the same way. */
#include <string.h>

#include "base/map.h"
#include "text/template_walk.h"

enum symbol_load { SYMBOL_PARAM, SYMBOL_GLOBAL, SYMBOL_OUTER, SYMBOL_MISSING };
struct symbol {
    struct str name;
    enum symbol_load load;
    bool stored;
    struct ref outer; /* SYMBOL_OUTER */
    struct ref ref;   /* up is 0 for a slot */
};

struct scope {
    const struct scope *parent;
    struct function *fn;
    struct map index;
    struct symbol *sym; /* owned */
    size_t n, cap;
};

struct resolver {
    struct template *t;
    struct map globals;
    size_t cap_globals;
    struct err *e;
    bool failed;
    struct scope *scope; /* being read */
    uint32_t branch;     /* "if" around what is being read */
    bool soft;           /* an unknown filter is an error only when it is reached */
    bool in_loop;
};

static bool bind_statements(struct resolver *r, struct scope *s, struct node *list);
static bool bind_expression(struct resolver *r, struct scope *s, struct node *n);

/* ---- symbols ---- */

static struct symbol *own_symbol(const struct scope *s, struct str name)
{
    uint32_t at;
    return map_get(&s->index, name, &at) ? &s->sym[at] : NULL;
}

static const struct symbol *find_symbol(const struct scope *s, struct str name,
                                        const struct scope **where)
{
    for (; s; s = s->parent) {
        const struct symbol *sym = own_symbol(s, name);
        *where = s;
        if (sym)
            return sym;
    }
    return NULL;
}

static struct symbol *define(struct resolver *r, struct scope *s, struct str name)
{
    if (!mem_grow(&s->sym, s->n, &s->cap, sizeof *s->sym, r->e) ||
        !map_put(&s->index, name, (uint32_t)s->n, r->e)) {
        r->failed = true;
        return NULL;
    }
    s->sym[s->n] = (struct symbol){.name = name};
    return &s->sym[s->n++];
}

/* How code of function `from` reaches a symbol of scope `where`. */
static struct ref ref_from(const struct function *from, const struct scope *where,
                           const struct symbol *sym)
{
    struct ref ref = sym->ref;
    if (ref.up != REF_GLOBAL)
        ref.up = from->level - where->fn->level;
    return ref;
}

static void read_load(struct resolver *r, struct str name)
{
    const struct scope *where;
    if (!find_symbol(r->scope, name, &where)) {
        struct symbol *sym = define(r, r->scope, name);
        if (sym)
            sym->load = SYMBOL_GLOBAL;
    }
}

static void read_store(struct resolver *r, struct str name)
{
    struct scope *s = r->scope;
    struct symbol *own = own_symbol(s, name);
    if (!own && (own = define(r, s, name))) {
        const struct scope *where;
        const struct symbol *outer = find_symbol(s->parent, name, &where);
        own->load = outer ? SYMBOL_OUTER : r->branch ? SYMBOL_GLOBAL : SYMBOL_MISSING;
        if (outer)
            own->outer = ref_from(s->fn, where, outer);
    }
    if (own)
        own->stored = true;
}

static void read_param(struct resolver *r, struct scope *s, struct str name)
{
    struct symbol *own = own_symbol(s, name);
    if (!own)
        own = define(r, s, name);
    if (own) {
        own->load = SYMBOL_PARAM;
        own->stored = true;
    }
}

static void read_name(void *arg, struct str name, enum name_use use)
{
    struct resolver *r = arg;
    if (use == NAME_LOAD)
        read_load(r, name);
    else if (use == NAME_STORE)
        read_store(r, name);
    else
        read_param(r, r->scope, name);
}

/* ---- reading a scope ---- */

static void read_statements(struct resolver *r, const struct walker *w, const struct node *list);

static void read_statement(struct resolver *r, const struct walker *w, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_PRINT:
        walk_expression(w, n->a);
        break;
    case N_IF:
        for (const struct if_node *b = n->branch; b; b = b->next) {
            if (b->test)
                walk_expression(w, b->test);
            r->branch++;
            read_statements(r, w, b->body);
            r->branch--;
        }
        break;
    case N_FOR:
        walk_expression(w, n->loop->items);
        break;
    case N_SET:
        walk_expression(w, n->b);
        walk_target(w, n->a, NAME_STORE);
        break;
    case N_MACRO:
        read_store(r, n->macro->name);
        break;
    case N_CALL_BLOCK:
        if (n->block->call)
            walk_expression(w, n->block->call);
        break;
    case N_FILTER_BLOCK:
        walk_expression(w, n->block->filter);
        break;
    case N_SET_BLOCK:
        walk_target(w, n->block->target, NAME_STORE);
        break;
    case N_WITH:
        for (const struct node *i = n->block->values; i; i = i->next)
            walk_expression(w, i);
        break;
    default:
        break;
    }
}

static void read_statements(struct resolver *r, const struct walker *w, const struct node *list)
{
    for (; list; list = list->next)
        read_statement(r, w, list);
}

static void read_body(struct resolver *r, struct scope *s, const struct node *list)
{
    struct walker w = {read_name, r};
    struct scope *before = r->scope;
    uint32_t branch = r->branch;
    r->scope = s;
    r->branch = 0;
    read_statements(r, &w, list);
    r->scope = before;
    r->branch = branch;
}

static void read_part(struct resolver *r, struct scope *s, const struct node *target,
                      const struct node *expression)
{
    struct walker w = {read_name, r};
    struct scope *before = r->scope;
    r->scope = s;
    for (; target; target = target->next)
        walk_target(&w, target, NAME_PARAM);
    if (expression)
        walk_expression(&w, expression);
    r->scope = before;
}

static bool global(struct resolver *r, struct str name, struct ref *out)
{
    struct template *t = r->t;
    *out = (struct ref){.up = REF_GLOBAL};
    if (map_get(&r->globals, name, &out->slot))
        return true;
    out->slot = t->n_globals;
    if (!mem_grow(&t->global, t->n_globals, &r->cap_globals, sizeof *t->global, r->e) ||
        !map_put(&r->globals, name, t->n_globals, r->e))
        return false;
    t->global[t->n_globals++] = name;
    return true;
}

/* The scope is read: its symbols get their slots, `node` how these start. */
static bool settle(struct resolver *r, struct scope *s, struct scope_node *node)
{
    if (r->failed)
        return false;
    if (!(node->load = arena_new(&r->t->arena, s->n, sizeof *node->load, r->e)))
        return false;
    for (size_t i = 0; i < s->n; i++) {
        struct symbol *sym = &s->sym[i];
        struct load_slot *load = &node->load[node->n_load];
        if (sym->load == SYMBOL_GLOBAL && !global(r, sym->name, &load->from))
            return false;
        if (sym->load == SYMBOL_GLOBAL && !sym->stored) {
            sym->ref = load->from;
            continue;
        }
        sym->ref = (struct ref){0, s->fn->n_slots++};
        load->slot = sym->ref.slot;
        load->load = sym->load == SYMBOL_MISSING ? LOAD_MISSING : LOAD_FROM;
        if (sym->load == SYMBOL_OUTER)
            load->from = sym->outer;
        node->n_load += sym->load != SYMBOL_PARAM;
    }
    return true;
}

static struct scope scope_in(const struct scope *parent, struct function *fn)
{
    return (struct scope){.parent = parent, .fn = fn};
}

static void scope_clear(struct scope *s)
{
    map_clear(&s->index);
    mem_free(s->sym);
}

/* ---- binding ---- */

static void bind_name(struct scope *s, struct node *n)
{
    const struct scope *where;
    const struct symbol *sym = find_symbol(s, n->name, &where);
    must(sym); /* reading the scope has seen every name that binding sees */
    n->ref = ref_from(s->fn, where, sym);
}

static bool bind_list(struct resolver *r, struct scope *s, struct node *list)
{
    for (; list; list = list->next)
        if (!bind_expression(r, s, list))
            return false;
    return true;
}

static bool bind_call(struct resolver *r, struct scope *s, struct node *n)
{
    struct call_node *c = n->call;
    if (n->kind != N_CALL && !c->builtin && !r->soft)
        return fail(r->e, ERR_UNSUPPORTED, "line %u: no %s named \"%.*s\"", n->line,
                    n->kind == N_FILTER ? "filter" : "test", STR_ARG(c->name));
    for (struct keyword *k = c->named; k; k = k->next)
        if (!bind_expression(r, s, k->value))
            return false;
    return bind_list(r, s, c->args) && (!c->on || bind_expression(r, s, c->on)) &&
           (!c->star || bind_expression(r, s, c->star)) &&
           (!c->star_star || bind_expression(r, s, c->star_star));
}

static bool bind_cond(struct resolver *r, struct scope *s, struct node *n)
{
    bool soft = r->soft;
    r->soft = true;
    bool ok = bind_expression(r, s, n->a) && bind_expression(r, s, n->b) &&
              (!n->c || bind_expression(r, s, n->c));
    r->soft = soft;
    return ok;
}

static bool bind_compare(struct resolver *r, struct scope *s, struct node *n)
{
    if (!bind_expression(r, s, n->first))
        return false;
    for (struct node *i = n->first->next; i; i = i->next)
        if (!bind_expression(r, s, i->a))
            return false;
    return true;
}

static bool bind_slice(struct resolver *r, struct scope *s, struct slice_node *n)
{
    for (int i = 0; i < 3; i++)
        if (n->part[i] && !bind_expression(r, s, n->part[i]))
            return false;
    return bind_expression(r, s, n->on);
}

static bool bind_expression(struct resolver *r, struct scope *s, struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_NAME:
        bind_name(s, n);
        return true;
    case N_ATTR:
    case N_NSREF:
        return bind_expression(r, s, n->on);
    case N_TUPLE:
    case N_LIST:
    case N_DICT:
    case N_CONCAT:
        return bind_list(r, s, n->first);
    case N_COMPARE:
        return bind_compare(r, s, n);
    case N_SLICE:
        return bind_slice(r, s, n->slice);
    case N_CALL:
    case N_FILTER:
    case N_TEST:
        return bind_call(r, s, n);
    case N_UNARY:
    case N_NOT:
        return bind_expression(r, s, n->a);
    case N_ITEM:
    case N_BINARY:
    case N_AND:
    case N_OR:
        return bind_expression(r, s, n->a) && bind_expression(r, s, n->b);
    case N_COND:
        return bind_cond(r, s, n);
    default:
        return true;
    }
}

static bool bind_inner(struct resolver *r, struct scope *s, struct node *body)
{
    bool soft = r->soft;
    r->soft = false;
    bool ok = bind_statements(r, s, body);
    r->soft = soft;
    return ok;
}

static uint32_t slot_of(const struct scope *s, struct str name)
{
    return own_symbol(s, name)->ref.slot;
}

/* Which of a few names a body reads before it has assigned them, inner scopes included. */
struct undeclared {
    struct str name[3];
    bool assigned[3], read[3];
};

static void see_undeclared(void *arg, struct str name, enum name_use use)
{
    struct undeclared *u = arg;
    for (int i = 0; i < 3; i++) {
        if (!str_eq(name, u->name[i]))
            continue;
        if (use != NAME_LOAD)
            u->assigned[i] = true;
        else if (!u->assigned[i])
            u->read[i] = true;
    }
}

static bool has_param(const struct macro_node *m, struct str name)
{
    const struct param *p = m->params;
    while (p && !str_eq(p->name, name))
        p = p->next;
    return p != NULL;
}

/* caller, kwargs and varargs are parameters of a macro that mentions them. */
static void special_params(struct resolver *r, struct scope *s, struct macro_node *m, bool used[3])
{
    struct undeclared u = {.name = {STR("caller"), STR("kwargs"), STR("varargs")}};
    walk_statements(&(struct walker){see_undeclared, &u}, m->body);
    for (int i = 0; i < 3; i++) {
        used[i] = u.read[i] && !has_param(m, u.name[i]);
        if (used[i])
            read_param(r, s, u.name[i]);
    }
}

static bool bind_macro(struct resolver *r, struct scope *outer, struct macro_node *m)
{
    m->function = (struct function){.parent = outer->fn, .level = outer->fn->level + 1};
    struct scope s = scope_in(outer, &m->function);
    bool used[3];
    for (struct param *p = m->params; p; p = p->next)
        read_param(r, &s, p->name);
    for (struct param *p = m->params; p; p = p->next)
        read_part(r, &s, NULL, p->absent);
    read_body(r, &s, m->body);
    special_params(r, &s, m, used);
    bool ok = settle(r, &s, &m->function.scope), soft = r->soft;
    r->soft = false;
    for (struct param *p = m->params; ok && p; p = p->next) {
        p->slot = slot_of(&s, p->name);
        ok = !p->absent || bind_expression(r, &s, p->absent);
    }
    m->caller = ok && used[0] ? slot_of(&s, STR("caller")) : NO_SLOT;
    m->kwargs = ok && used[1] ? slot_of(&s, STR("kwargs")) : NO_SLOT;
    m->varargs = ok && used[2] ? slot_of(&s, STR("varargs")) : NO_SLOT;
    ok = ok && bind_statements(r, &s, m->body);
    r->soft = soft;
    scope_clear(&s);
    return ok;
}

static void see_loop_store(void *arg, struct str name, enum name_use use)
{
    bool *stored = arg;
    *stored |= use == NAME_STORE && str_is(name, "loop");
}

static bool bind_test(struct resolver *r, struct scope *outer, struct for_node *f)
{
    struct scope s = scope_in(outer, outer->fn);
    read_part(r, &s, f->test_target, f->test);
    bool ok = settle(r, &s, &f->test_scope) && bind_expression(r, &s, f->test_target) &&
              bind_expression(r, &s, f->test);
    scope_clear(&s);
    return ok;
}

static bool bind_else(struct resolver *r, struct scope *outer, struct for_node *f,
                      struct function *fn)
{
    struct scope s = scope_in(outer, fn);
    read_body(r, &s, f->otherwise);
    bool ok = settle(r, &s, &f->else_scope) && bind_inner(r, &s, f->otherwise);
    scope_clear(&s);
    return ok;
}

static bool bind_loop(struct resolver *r, struct scope *outer, struct for_node *f)
{
    struct undeclared u = {.name = {STR("loop"), STR(""), STR("")}};
    walk_statements(&(struct walker){see_undeclared, &u}, f->body);
    f->uses_loop = f->recursive || u.read[0];
    if (f->recursive)
        *f->function = (struct function){.parent = outer->fn, .level = outer->fn->level + 1};
    struct function *fn = f->recursive ? f->function : outer->fn;
    bool soft = r->soft;
    r->soft = false;
    bool ok = !f->test || bind_test(r, outer, f);
    struct scope s = scope_in(outer, fn);
    if (f->uses_loop)
        read_param(r, &s, STR("loop"));
    read_part(r, &s, f->target, NULL);
    read_body(r, &s, f->body);
    ok = ok && settle(r, &s, &f->body_scope) && bind_expression(r, &s, f->target);
    if (ok && f->uses_loop)
        f->loop.slot = slot_of(&s, STR("loop"));
    ok = ok && bind_statements(r, &s, f->body) && bind_else(r, outer, f, fn);
    scope_clear(&s);
    r->soft = soft;
    return ok;
}

static bool bind_for(struct resolver *r, struct scope *s, struct node *n)
{
    bool in_loop = r->in_loop, stored = false;
    if (!in_loop) {
        struct node *next = n->next;
        n->next = NULL;
        walk_statements(&(struct walker){see_loop_store, &stored}, n);
        n->next = next;
    }
    if (stored)
        return fail(r->e, ERR_CORRUPT, "line %u: the loop assigns to its variable \"loop\"",
                    n->line);
    r->in_loop = true;
    bool ok = bind_expression(r, s, n->loop->items) && bind_loop(r, s, n->loop);
    r->in_loop = in_loop;
    return ok;
}

/* with, set and filter blocks: a scope in the same function. */
static bool bind_block(struct resolver *r, struct scope *outer, struct node *n)
{
    struct block_node *b = n->block;
    if (!bind_list(r, outer, b->values) ||
        (n->kind == N_SET_BLOCK && !bind_expression(r, outer, b->target)))
        return false;
    struct scope s = scope_in(outer, outer->fn);
    read_part(r, &s, n->kind == N_WITH ? b->target : NULL, NULL);
    read_body(r, &s, b->body);
    read_part(r, &s, NULL, b->filter);
    bool soft = r->soft;
    r->soft = false;
    bool ok = settle(r, &s, &b->scope) && (n->kind != N_WITH || bind_list(r, &s, b->target)) &&
              (!b->filter || bind_expression(r, &s, b->filter)) && bind_statements(r, &s, b->body);
    r->soft = soft;
    scope_clear(&s);
    return ok;
}

static bool bind_if(struct resolver *r, struct scope *s, struct if_node *b)
{
    bool soft = r->soft, ok = true;
    r->soft = true;
    for (; ok && b; b = b->next)
        ok = (!b->test || bind_expression(r, s, b->test)) && bind_statements(r, s, b->body);
    r->soft = soft;
    return ok;
}

static bool bind_statement(struct resolver *r, struct scope *s, struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_PRINT:
        return bind_expression(r, s, n->a);
    case N_IF:
        return bind_if(r, s, n->branch);
    case N_FOR:
        return bind_for(r, s, n);
    case N_SET:
        return bind_expression(r, s, n->b) && bind_expression(r, s, n->a);
    case N_MACRO:
        n->macro->ref = (struct ref){0, slot_of(s, n->macro->name)};
        return bind_macro(r, s, n->macro);
    case N_CALL_BLOCK:
        return (!n->block->call || bind_expression(r, s, n->block->call)) &&
               bind_macro(r, s, n->block->body_macro);
    case N_SET_BLOCK:
    case N_FILTER_BLOCK:
    case N_WITH:
        return bind_block(r, s, n);
    default:
        return true;
    }
}

static bool bind_statements(struct resolver *r, struct scope *s, struct node *list)
{
    for (; list; list = list->next)
        if (!bind_statement(r, s, list))
            return false;
    return true;
}

bool resolve_names(struct template *t, struct err *e)
{
    struct resolver r = {.t = t, .e = e};
    struct scope s = scope_in(NULL, &t->root);
    read_body(&r, &s, t->body);
    bool ok = settle(&r, &s, &t->root.scope) && bind_statements(&r, &s, t->body);
    scope_clear(&s);
    map_clear(&r.globals);
    return ok;
}
