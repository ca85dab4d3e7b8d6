/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton: see automaton.h: the closure of a state, and its steps.
 *
 * The closure of what a byte leaves has two halves. First rules that end are left, through all
 * stacks they may return to; that reaches only items which have consumed something. Then the calls
 * that were met are entered, by rank: a rule's callers are all known before its stack is made, as
 * no rule is left-recursive. A rule entered here that ends without a byte is not returned from:
 * its callers went on past it when they called it, it being nullable. */
#include "text/automaton.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/automaton_sets.h"

static bool too_ambiguous(struct err *e)
{
    return fail(e, ERR_LIMIT,
                "the grammar is too ambiguous: the text so far can be read in more than %u ways; "
                "write it so that fewer repetitions can share the same text",
                LIMIT_GRAMMAR_READINGS);
}

static bool too_many(struct automaton_list *l)
{
    return l->n > LIMIT_GRAMMAR_READINGS && automaton_list_readings(l) > LIMIT_GRAMMAR_READINGS;
}

static bool push(struct automaton_list *l, struct automaton_item x, struct err *e)
{
    if (l->n >= LIMIT_GRAMMAR_ITEMS)
        return too_ambiguous(e);
    if (!mem_grow(&l->v, l->n, &l->cap, sizeof *l->v, e))
        return false;
    l->v[l->n++] = x;
    return true;
}

/* Takes an item up, unless it was met before in this half or leads nowhere. */
static bool visit(struct automaton *a, struct automaton_item x, struct err *e)
{
    if (a->g->shortest[x.node] == GRAMMAR_ALWAYS)
        return true;
    bool new;
    return automaton_seen_add(&a->seen, x, &new, e) && (!new || push(&a->todo, x, e));
}

static bool call_before(const struct automaton_call *x, const struct automaton_call *y)
{
    return x->rank < y->rank;
}

static bool add_call(struct automaton *a, uint32_t rule, struct automaton_item back, struct err *e)
{
    const struct grammar *g = a->g;
    if (g->shortest[g->rule[rule].start] == GRAMMAR_ALWAYS)
        return true;
    if (a->n_call >= LIMIT_GRAMMAR_ITEMS)
        return too_ambiguous(e);
    if (!mem_grow(&a->call, a->n_call, &a->call_cap, sizeof *a->call, e))
        return false;
    while (g->node[back.node].op == GRAMMAR_JUMP)
        back.node = g->node[back.node].next;
    struct automaton_call x = {g->rule[rule].rank, rule, back,
                               g->node[back.node].op == GRAMMAR_END};
    size_t at = a->n_call++;
    for (; at && call_before(&x, &a->call[(at - 1) / 2]); at = (at - 1) / 2)
        a->call[at] = a->call[(at - 1) / 2];
    a->call[at] = x;
    return true;
}

static struct automaton_call take_call(struct automaton *a)
{
    struct automaton_call top = a->call[0], x = a->call[--a->n_call];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < a->n_call; at = child) {
        child += child + 1 < a->n_call && call_before(&a->call[child + 1], &a->call[child]);
        if (!call_before(&a->call[child], &x))
            break;
        a->call[at] = a->call[child];
    }
    a->call[at] = x;
    return top;
}

/* One more of a repetition; what is left is remembered where it returns to. */
static bool call_repeat(struct automaton *a, struct automaton_item x, struct err *e)
{
    const struct grammar_node *n = &a->g->node[x.node];
    uint32_t min = (uint32_t)(x.data >> 32), max = (uint32_t)x.data;
    if (max == 0)
        return true;
    min -= min > 0;
    max -= max != GRAMMAR_ALWAYS;
    uint32_t back = max ? x.node : n->next;
    return add_call(a, n->a, (struct automaton_item){back, x.stack, grammar_counts(min, max)}, e);
}

/* In an ordered object: a member before `i` is required, and not there. */
static bool passed_over(const struct grammar *g, const struct grammar_object *o, const uint64_t *in,
                        uint32_t i)
{
    i--;
    return g->member[o->member + i].required && !(in[i / 64] >> i % 64 & 1);
}

/* May member i come next? Then *data is what the object has after it. */
static bool may_come(struct automaton *a, const struct grammar_object *o, uint32_t i,
                     uint64_t *data, bool *yes, struct err *e)
{
    const struct grammar *g = a->g;
    const struct grammar_member *m = &g->member[o->member + i];
    const uint64_t *in = automaton_member_set(a, *data);
    struct grammar_missing missing;
    *yes = (m->repeats || !(in[i / 64] >> i % 64 & 1)) &&
           g->shortest[g->rule[m->rule].start] != GRAMMAR_ALWAYS;
    if (!*yes)
        return true;
    if (!automaton_member_add(a, o, data, i, e))
        return false;
    *yes = grammar_object_missing(g, o, automaton_member_set(a, *data), (uint32_t)*data, &missing);
    return true;
}

/* Calls the members that may come next; where `x` is NULL only asks whether there are any. */
static bool each_member(struct automaton *a, const struct grammar_node *n, uint64_t had,
                        const struct automaton_item *x, bool *any, struct err *e)
{
    const struct grammar_object *o = &a->g->object[n->a];
    *any = false;
    for (uint32_t i = 0; i < o->n_member && (x || !*any); i++) {
        uint64_t data = had;
        bool yes;
        if (o->ordered && i && passed_over(a->g, o, automaton_member_set(a, had), i))
            break;
        if (!may_come(a, o, i, &data, &yes, e))
            return false;
        *any |= yes;
        if (yes && x &&
            !add_call(a, a->g->member[o->member + i].rule,
                      (struct automaton_item){n->next, x->stack, data}, e))
            return false;
    }
    return true;
}

static bool visit_members(struct automaton *a, struct automaton_item x, struct err *e)
{
    const struct grammar_node *n = &a->g->node[x.node];
    const struct grammar_object *o = &a->g->object[n->a];
    uint32_t count = (uint32_t)x.data;
    struct grammar_missing m;
    if (!grammar_object_missing(a->g, o, automaton_member_set(a, x.data), count, &m))
        return true;
    if (m.n == 0 && !visit(a, (struct automaton_item){n->next, x.stack, x.data}, e))
        return false;
    bool any;
    if (count >= o->max || !each_member(a, n, x.data, NULL, &any, e))
        return count >= o->max;
    if (!any)
        return true;
    x.node = count ? o->comma : o->choice;
    return visit(a, x, e);
}

/* Returns to all that the stack returns to, once. */
static bool leave(struct automaton *a, uint32_t stack, struct err *e)
{
    bool new;
    if (!automaton_seen_add(&a->seen, (struct automaton_item){UINT32_MAX, stack, 0}, &new, e))
        return false;
    struct automaton_set s = a->stacks.set[stack];
    for (uint32_t i = 0; new &&i < s.n; i++)
        if (!visit(a, a->stacks.item[s.first + i], e))
            return false;
    return true;
}

/* Follows one item without a byte; entered: since its rule was entered there was none. */
static bool follow(struct automaton *a, struct automaton_item x, bool entered, struct err *e)
{
    const struct grammar_node *n = &a->g->node[x.node];
    struct automaton_item next = {n->next, x.stack, x.data};
    bool any;
    switch ((enum grammar_op)n->op) {
    case GRAMMAR_ACCEPT:
    case GRAMMAR_RANGE:
    case GRAMMAR_TOKEN:
    case GRAMMAR_NOT_TOKEN:
        return push(&a->out, x, e);
    case GRAMMAR_JUMP:
        return visit(a, next, e);
    case GRAMMAR_SPLIT:
        return visit(a, next, e) && visit(a, (struct automaton_item){n->a, x.stack, x.data}, e);
    case GRAMMAR_CALL:
        return (!a->g->rule[n->a].nullable || visit(a, next, e)) && add_call(a, n->a, next, e);
    case GRAMMAR_REPEAT:
        if ((x.data >> 32 == 0 || a->g->rule[n->a].nullable) && !visit(a, next, e))
            return false;
        return call_repeat(a, x, e);
    case GRAMMAR_MEMBERS:
        return visit_members(a, x, e);
    case GRAMMAR_CHOICE:
        return each_member(a, n, x.data, &x, &any, e);
    case GRAMMAR_END:
        break;
    case GRAMMAR_FAIL:
        return true;
    }
    return entered || leave(a, x.stack, e); /* entered: without a byte, see the top */
}

static bool follow_all(struct automaton *a, bool entered, struct err *e)
{
    while (a->todo.n)
        if (!follow(a, a->todo.v[--a->todo.n], entered, e))
            return false;
    return true;
}

/* Takes all calls of the rule at the top of the heap: where they return to goes to `back`, or,
 * where all of them return to whatever one stack returns to, *same is that stack. */
static bool take_callers(struct automaton *a, uint32_t rule, uint32_t *same, struct err *e)
{
    a->back.n = 0;
    *same = UINT32_MAX;
    while (a->n_call && a->call[0].rule == rule) {
        struct automaton_call c = take_call(a);
        bool more = a->n_call && a->call[0].rule == rule;
        if (c.tail && a->back.n == 0 && !more && *same == UINT32_MAX)
            *same = c.back.stack;
        else if (!c.tail && !push(&a->back, c.back, e))
            return false;
        if (!c.tail || *same != UINT32_MAX)
            continue;
        struct automaton_set s = a->stacks.set[c.back.stack];
        for (uint32_t i = 0; i < s.n; i++)
            if (!push(&a->back, a->stacks.item[s.first + i], e))
                return false;
    }
    return true;
}

static bool enter(struct automaton *a, struct err *e)
{
    uint32_t rule = a->call[0].rule, stack;
    if (!take_callers(a, rule, &stack, e))
        return false;
    if (too_many(&a->back))
        return too_ambiguous(e);
    if (stack == UINT32_MAX && !automaton_sets_find(a, &a->stacks, &a->back, &stack, e))
        return false;
    const struct grammar_rule *r = &a->g->rule[rule];
    a->stacks.set[stack].border |= r->border;
    return visit(a, (struct automaton_item){r->start, stack, r->data}, e) && follow_all(a, true, e);
}

static void begin(struct automaton *a)
{
    a->todo.n = a->out.n = a->n_call = 0;
    automaton_seen_clear(&a->seen);
}

/* The state that the items in `todo` stand for. */
static bool close_state(struct automaton *a, uint32_t *state, struct err *e)
{
    bool ok = follow_all(a, false, e);
    automaton_seen_clear(&a->seen);
    while (ok && a->n_call)
        ok = enter(a, e);
    if (ok && too_many(&a->out))
        return too_ambiguous(e);
    return ok && automaton_sets_find(a, &a->states, &a->out, state, e) && automaton_add_row(a, e);
}

/* Before anything: the root rule, to return to ACCEPT. */
static bool find_start(struct automaton *a, struct err *e)
{
    uint32_t none;
    a->out.n = a->back.n = 0;
    if (!automaton_sets_find(a, &a->states, &a->out, &none, e) || !automaton_add_row(a, e))
        return false;
    must(none == AUTOMATON_DEAD);
    if (!push(&a->back, (struct automaton_item){0, 0, 0}, e) ||
        !automaton_sets_find(a, &a->stacks, &a->back, &none, e))
        return false;
    const struct grammar *g = a->g;
    begin(a);
    if (g->rule[g->root].nullable && !push(&a->out, (struct automaton_item){0, 0, 0}, e))
        return false;
    bool ok = add_call(a, g->root, (struct automaton_item){0, 0, 0}, e);
    while (ok && a->n_call)
        ok = enter(a, e);
    return ok && automaton_sets_find(a, &a->states, &a->out, &a->start, e) &&
           automaton_add_row(a, e);
}

struct automaton *automaton_new(const struct grammar *g, struct err *e)
{
    struct automaton *a = mem_new(1, sizeof *a, e);
    if (!a)
        return NULL;
    a->g = g;
    if (automaton_members_init(a, e) && find_start(a, e))
        return a;
    automaton_free(a);
    return NULL;
}

uint32_t automaton_start(const struct automaton *a)
{
    return a->start;
}

/* As close_state, but asks first whether a step has had the same few items not long ago. */
static bool close_few(struct automaton *a, uint32_t *state, struct err *e)
{
    struct automaton_item v[AUTOMATON_KNOWN_ITEMS];
    uint32_t n = (uint32_t)a->todo.n;
    memcpy(v, a->todo.v, n * sizeof *v);
    struct automaton_known *k = &a->known[automaton_hash_items(v, n) & (AUTOMATON_KNOWN - 1)];
    if (k->n == n && memcmp(k->v, v, n * sizeof *v) == 0) {
        *state = k->to;
        return true;
    }
    if (!close_state(a, state, e))
        return false;
    *k = (struct automaton_known){.n = n, .to = *state};
    memcpy(k->v, v, n * sizeof *v);
    return true;
}

static bool close_known(struct automaton *a, uint32_t *state, struct err *e)
{
    struct automaton_list *l = &a->last;
    size_t bytes = a->todo.n * sizeof *l->v;
    if (a->todo.n <= AUTOMATON_KNOWN_ITEMS)
        return close_few(a, state, e);
    if (l->n && l->n == a->todo.n && memcmp(l->v, a->todo.v, bytes) == 0) {
        *state = a->last_to;
        return true;
    }
    l->n = 0;
    while (l->cap < a->todo.n)
        if (!mem_grow(&l->v, l->cap, &l->cap, sizeof *l->v, e))
            return false;
    size_t n = a->todo.n;
    if (n)
        memcpy(l->v, a->todo.v, bytes);
    if (!close_state(a, state, e))
        return false;
    l->n = n;
    a->last_to = *state;
    return true;
}

bool automaton_step(struct automaton *a, uint32_t state, unsigned char byte, uint32_t *to,
                    struct err *e)
{
    size_t at = (size_t)state * a->g->n_class + a->g->class_of[byte];
    *to = a->to[at];
    if (*to != AUTOMATON_UNKNOWN)
        return true;
    struct automaton_set s = a->states.set[state];
    begin(a);
    for (uint32_t i = 0; i < s.n; i++) {
        struct automaton_item x = a->states.item[s.first + i];
        const struct grammar_node *n = &a->g->node[x.node];
        if (n->op == GRAMMAR_RANGE && byte >= n->lo && byte <= n->hi) {
            x.node = n->next;
            if (!visit(a, x, e))
                return false;
        }
    }
    if (a->todo.n == 0)
        *to = AUTOMATON_DEAD;
    else if (!close_known(a, to, e))
        return false;
    a->to[at] = *to;
    return true;
}

void automaton_ascii(const struct automaton *a, uint32_t state, uint64_t out[2])
{
    const struct automaton_set *s = &a->states.set[state];
    out[0] = out[1] = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct grammar_node *n = &a->g->node[a->states.item[s->first + i].node];
        if (n->op != GRAMMAR_RANGE)
            continue;
        for (unsigned c = n->lo; c <= n->hi && c < 0x80; c++)
            out[c / 64] |= 1ull << c % 64;
    }
}

bool automaton_walk(struct automaton *a, uint32_t state, struct str text, uint32_t *to,
                    struct err *e)
{
    for (size_t i = 0; i < text.n && state != AUTOMATON_DEAD; i++)
        if (!automaton_step(a, state, (unsigned char)text.p[i], &state, e))
            return false;
    *to = state;
    return true;
}

/* The items of both states together: a token may be read as bytes and as itself. */
static bool unite(struct automaton *a, uint32_t x, uint32_t *y, struct err *e)
{
    const struct automaton_set *sx = &a->states.set[x], *sy = &a->states.set[*y];
    a->out.n = 0;
    for (uint32_t i = 0; i < sx->n; i++)
        if (!push(&a->out, a->states.item[sx->first + i], e))
            return false;
    for (uint32_t i = 0; i < sy->n; i++)
        if (!push(&a->out, a->states.item[sy->first + i], e))
            return false;
    return automaton_sets_find(a, &a->states, &a->out, y, e) && automaton_add_row(a, e);
}

bool automaton_token(struct automaton *a, uint32_t state, uint32_t id, struct str bytes,
                     uint32_t *to, struct err *e)
{
    *to = AUTOMATON_DEAD;
    if (bytes.n && !automaton_walk(a, state, bytes, to, e))
        return false;
    if (!automaton_has_mentions(a, state))
        return true;
    struct automaton_set s = a->states.set[state];
    uint32_t mentioned;
    begin(a);
    for (uint32_t i = 0; i < s.n; i++) {
        struct automaton_item x = a->states.item[s.first + i];
        const struct grammar_node *n = &a->g->node[x.node];
        if (n->op == GRAMMAR_TOKEN ? n->a == id : n->op == GRAMMAR_NOT_TOKEN && n->a != id) {
            x.node = n->next;
            if (!visit(a, x, e))
                return false;
        }
    }
    return close_state(a, &mentioned, e) && unite(a, mentioned, to, e);
}

bool automaton_accepts(const struct automaton *a, uint32_t state)
{
    const struct automaton_set *s = &a->states.set[state];
    return s->n && a->states.item[s->first].node == 0; /* sorted: ACCEPT is node 0 */
}

bool automaton_goes_on(const struct automaton *a, uint32_t state)
{
    return a->states.set[state].n > automaton_accepts(a, state);
}

uint32_t automaton_left(const struct automaton *a, uint32_t state)
{
    return a->states.set[state].left;
}

void automaton_mentions(const struct automaton *a, uint32_t state,
                        void (*f)(void *arg, uint32_t id, bool not ), void *arg)
{
    const struct automaton_set s = a->states.set[state]; /* f may step on, which moves the table */
    for (uint32_t i = 0; i < s.n; i++) {
        const struct grammar_node *n = &a->g->node[a->states.item[s.first + i].node];
        if (n->op == GRAMMAR_TOKEN || n->op == GRAMMAR_NOT_TOKEN)
            f(arg, n->a, n->op == GRAMMAR_NOT_TOKEN);
    }
}

static void note_mention(void *arg, uint32_t id, bool not )
{
    (void)id;
    (void)not ;
    *(bool *)arg = true;
}

bool automaton_has_mentions(const struct automaton *a, uint32_t state)
{
    bool any = false;
    automaton_mentions(a, state, note_mention, &any);
    return any;
}

struct automaton_table automaton_table(const struct automaton *a)
{
    return (struct automaton_table){a->to, a->g->n_class, a->g->class_of};
}

/* --- cutting -----------------------------------------------------------------------------------
 */

#define MOST_CUT 64u /* stacks above the cut */

struct cut {
    uint32_t stack[MOST_CUT + 1], moved[MOST_CUT + 1]; /* descending; (A2): callers come after */
    uint32_t n, done; /* stacks met; of them, those whose callers were added */
};

static bool note_stack(struct cut *c, uint32_t stack)
{
    uint32_t i = c->n;
    for (uint32_t k = 0; k < c->n; k++)
        if (c->stack[k] == stack)
            return true;
    if (c->n > MOST_CUT - 1)
        return false;
    for (; i > 0 && c->stack[i - 1] < stack; i--)
        c->stack[i] = c->stack[i - 1];
    c->stack[i] = stack;
    c->n++;
    return true;
}

/* Goes up from the innermost stacks until one is left, through which all pass, at a border. */
static bool find_common(const struct automaton *a, uint32_t state, struct cut *c)
{
    const struct automaton_set *s = &a->states.set[state];
    for (uint32_t i = 0; i < s->n; i++) {
        const struct automaton_item *x = &a->states.item[s->first + i];
        if (x->node == 0 || !note_stack(c, x->stack))
            return false;
    }
    for (c->done = 0;; c->done++) {
        bool last = c->done + 1 == c->n;
        if (c->done == c->n || (last && c->stack[c->done] == 0))
            return false;
        if (last && a->stacks.set[c->stack[c->done]].border)
            return true;
        const struct automaton_set *k = &a->stacks.set[c->stack[c->done]];
        for (uint32_t i = 0; i < k->n; i++)
            if (!note_stack(c, a->stacks.item[k->first + i].stack))
                return false;
    }
}

/* The items of a set with the common stack as the bottom. */
static bool move_set(struct automaton *a, struct automaton_sets *s, uint32_t number,
                     const struct cut *c, uint32_t *to, struct err *e)
{
    struct automaton_set x = s->set[number];
    a->back.n = 0;
    for (uint32_t i = 0; i < x.n; i++) {
        struct automaton_item item = s->item[x.first + i];
        uint32_t k = 0;
        while (c->stack[k] != item.stack)
            k++;
        item.stack = c->moved[k];
        if (!push(&a->back, item, e))
            return false;
    }
    return automaton_sets_find(a, s, &a->back, to, e);
}

bool automaton_cut(struct automaton *a, uint32_t state, struct automaton_cut *out, struct err *e)
{
    struct cut c = {.n = 0};
    *out = (struct automaton_cut){state, AUTOMATON_DEAD, 0};
    if (!find_common(a, state, &c))
        return true;
    uint32_t common = c.stack[c.done];
    c.moved[c.done] = 0;
    for (uint32_t i = c.done; i-- > 0;) {
        if (!move_set(a, &a->stacks, c.stack[i], &c, &c.moved[i], e))
            return false;
        a->stacks.set[c.moved[i]].border |= a->stacks.set[c.stack[i]].border;
    }
    if (!move_set(a, &a->states, state, &c, &out->here, e) || !automaton_add_row(a, e))
        return false;
    begin(a);
    out->left = a->stacks.set[common].left;
    return leave(a, common, e) && close_state(a, &out->after, e);
}
