/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_finish: a built grammar is checked and measured.
 *
 * First the shortest text of every node (Knuth, "A generalization of Dijkstra's algorithm", 1977):
 * a node that has none is never entered, so no answer can run into a dead end. Then the rules in
 * an order in which a rule comes after all that may call it before a byte: there is one exactly
 * when nothing is left-recursive. Last the classes of bytes that no range tells apart. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/grammar_code.h"

/* --- shortest ----------------------------------------------------------------------------------
 */

struct heap_entry {
    uint32_t bytes, node;
};

struct measure {
    struct grammar *g;
    uint32_t *best;           /* [n_node] the best known, not yet certain */
    uint32_t *user_at, *user; /* who depends on each node: user[user_at[n] .. user_at[n + 1]) */
    struct heap_entry *heap;
    size_t n_heap, heap_cap;
};

static uint32_t clip(uint64_t bytes)
{
    return bytes >= GRAMMAR_ALWAYS ? GRAMMAR_ALWAYS - 1 : (uint32_t)bytes;
}

static uint32_t rule_shortest(const struct grammar *g, uint32_t rule)
{
    return g->shortest[g->rule[rule].start];
}

uint64_t grammar_left(const struct grammar *g, uint32_t node, uint64_t data)
{
    const struct grammar_node *n = &g->node[node];
    if (n->op == GRAMMAR_REPEAT && data >> 32)
        return (data >> 32) * rule_shortest(g, n->a) + g->shortest[n->next];
    return n->op == GRAMMAR_REPEAT ? g->shortest[n->next] : g->shortest[node];
}

static uint32_t sum_of(uint32_t a, uint32_t b)
{
    return a == GRAMMAR_ALWAYS || b == GRAMMAR_ALWAYS ? GRAMMAR_ALWAYS : clip((uint64_t)a + b);
}

static uint32_t members_shortest(const struct grammar *g, const struct grammar_node *n)
{
    static const uint64_t none[GRAMMAR_MEMBER_WORDS];
    struct grammar_missing m;
    if (!grammar_object_missing(g, &g->object[n->a], none, 0, &m))
        return GRAMMAR_ALWAYS;
    return sum_of(g->shortest[n->next], clip(m.bytes));
}

/* From what is certain. */
static uint32_t node_shortest(const struct grammar *g, uint32_t node)
{
    const struct grammar_node *n = &g->node[node];
    uint32_t next = g->shortest[n->next], a;
    switch ((enum grammar_op)n->op) {
    case GRAMMAR_ACCEPT:
    case GRAMMAR_END:
    case GRAMMAR_CHOICE: /* what it takes stands with the object's data */
        return 0;
    case GRAMMAR_RANGE:
    case GRAMMAR_TOKEN:
    case GRAMMAR_NOT_TOKEN:
        return sum_of(next, 1);
    case GRAMMAR_SPLIT:
        a = g->shortest[n->a];
        return a < next ? a : next;
    case GRAMMAR_JUMP:
        return next;
    case GRAMMAR_CALL:
        return sum_of(next, rule_shortest(g, n->a));
    case GRAMMAR_MEMBERS:
        return members_shortest(g, n);
    case GRAMMAR_FAIL:
    case GRAMMAR_REPEAT: /* by the rule's data: see below */
        break;
    }
    return GRAMMAR_ALWAYS;
}

static bool heap_push(struct measure *m, struct heap_entry x, struct err *e)
{
    if (!mem_grow(&m->heap, m->n_heap, &m->heap_cap, sizeof *m->heap, e))
        return false;
    size_t at = m->n_heap++;
    for (; at && m->heap[(at - 1) / 2].bytes > x.bytes; at = (at - 1) / 2)
        m->heap[at] = m->heap[(at - 1) / 2];
    m->heap[at] = x;
    return true;
}

static struct heap_entry heap_pop(struct measure *m)
{
    struct heap_entry top = m->heap[0], x = m->heap[--m->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
        child += child + 1 < m->n_heap && m->heap[child + 1].bytes < m->heap[child].bytes;
        if (m->heap[child].bytes >= x.bytes)
            break;
        m->heap[at] = m->heap[child];
    }
    m->heap[at] = x;
    return top;
}

/* Every pair of a node and one that depends on it. */
static void each_use(struct measure *m, void (*f)(struct measure *, uint32_t, uint32_t))
{
    const struct grammar *g = m->g;
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct grammar_node *n = &g->node[i];
        if (n->op == GRAMMAR_ACCEPT || n->op == GRAMMAR_END || n->op == GRAMMAR_FAIL ||
            n->op == GRAMMAR_CHOICE)
            continue;
        f(m, n->next, i);
        if (n->op == GRAMMAR_SPLIT)
            f(m, n->a, i);
        if (n->op == GRAMMAR_CALL || n->op == GRAMMAR_REPEAT)
            f(m, g->rule[n->a].start, i);
        if (n->op == GRAMMAR_MEMBERS)
            for (uint32_t k = 0; k < g->object[n->a].n_member; k++)
                f(m, g->rule[g->member[g->object[n->a].member + k].rule].start, i);
    }
}

static void count_use(struct measure *m, uint32_t node, uint32_t user)
{
    (void)user;
    m->user_at[node]++;
}

static void note_use(struct measure *m, uint32_t node, uint32_t user)
{
    m->user[--m->user_at[node]] = user;
}

static bool list_users(struct measure *m, struct err *e)
{
    uint32_t n = m->g->n_node, sum = 0;
    m->user_at = mem_new((size_t)n + 1, sizeof *m->user_at, e);
    if (!m->user_at)
        return false;
    each_use(m, count_use);
    for (uint32_t i = 0; i < n; i++)
        m->user_at[i] = sum += m->user_at[i];
    m->user_at[n] = sum;
    m->user = mem_new(sum, sizeof *m->user, e);
    if (m->user)
        each_use(m, note_use);
    return m->user != NULL;
}

static bool offer(struct measure *m, uint32_t node, uint32_t bytes, struct err *e)
{
    if (bytes >= m->best[node])
        return true;
    m->best[node] = bytes;
    return heap_push(m, (struct heap_entry){bytes, node}, e);
}

/* A repetition stands only at the start of its own rule, and starts with its data. */
static uint32_t repeat_shortest(const struct grammar *g, uint32_t node, uint64_t data)
{
    const struct grammar_node *n = &g->node[node];
    if (g->shortest[n->next] == GRAMMAR_ALWAYS ||
        (data >> 32 && rule_shortest(g, n->a) == GRAMMAR_ALWAYS))
        return GRAMMAR_ALWAYS;
    return clip(grammar_left(g, node, data));
}

static bool settle(struct measure *m, const uint64_t *data, struct err *e)
{
    struct grammar *g = m->g;
    for (uint32_t i = 0; i < g->n_node; i++)
        if ((g->node[i].op == GRAMMAR_ACCEPT || g->node[i].op == GRAMMAR_END ||
             g->node[i].op == GRAMMAR_CHOICE) &&
            !offer(m, i, 0, e))
            return false;
    while (m->n_heap) {
        struct heap_entry x = heap_pop(m);
        if (g->shortest[x.node] != GRAMMAR_ALWAYS)
            continue;
        g->shortest[x.node] = x.bytes;
        for (uint32_t i = m->user_at[x.node]; i < m->user_at[x.node + 1]; i++) {
            uint32_t user = m->user[i];
            uint32_t bytes = g->node[user].op == GRAMMAR_REPEAT
                                 ? repeat_shortest(g, user, data[user])
                                 : node_shortest(g, user);
            if (!offer(m, user, bytes, e))
                return false;
        }
    }
    return true;
}

static bool measure(struct grammar *g, struct err *e)
{
    struct measure m = {.g = g};
    uint64_t *data = mem_new(g->n_node, sizeof *data, e);
    g->shortest = mem_new(g->n_node, sizeof *g->shortest, e);
    m.best = mem_new(g->n_node, sizeof *m.best, e);
    bool ok = data && g->shortest && m.best && list_users(&m, e);
    if (ok) {
        memset(g->shortest, 0xff, g->n_node * sizeof *g->shortest);
        memset(m.best, 0xff, g->n_node * sizeof *m.best);
        for (uint32_t i = 1; i < g->n_rule; i++)
            data[g->rule[i].start] = g->rule[i].data;
        ok = settle(&m, data, e);
    }
    mem_free(data);
    mem_free(m.best);
    mem_free(m.user_at);
    mem_free(m.user);
    mem_free(m.heap);
    for (uint32_t i = 1; ok && i < g->n_rule; i++)
        g->rule[i].shortest = rule_shortest(g, i);
    return ok;
}

/* --- left recursion ----------------------------------------------------------------------------
 */

struct order {
    struct grammar *g;
    uint32_t *edge, *edge_at; /* rules each rule may call before a byte */
    size_t n_edge, edge_cap;
    uint32_t *seen; /* [n_node] the last rule that walked over it */
    uint32_t *todo;
    size_t n_todo, todo_cap;
    uint32_t *path, *next_edge; /* of the depth-first walk over the rules */
    uint8_t *mark;              /* [n_rule] 1 on the path, 2 done */
};

static bool visit(struct order *o, uint32_t node, uint32_t rule, struct err *e)
{
    if (o->seen[node] == rule || o->g->shortest[node] == GRAMMAR_ALWAYS)
        return true;
    o->seen[node] = rule;
    if (!mem_grow(&o->todo, o->n_todo, &o->todo_cap, sizeof *o->todo, e))
        return false;
    o->todo[o->n_todo++] = node;
    return true;
}

static bool add_edge(struct order *o, uint32_t rule, struct err *e)
{
    if (!mem_grow(&o->edge, o->n_edge, &o->edge_cap, sizeof *o->edge, e))
        return false;
    o->edge[o->n_edge++] = rule;
    return true;
}

static bool add_member_edges(struct order *o, const struct grammar_object *x, struct err *e)
{
    for (uint32_t i = 0; i < x->n_member; i++)
        if (!add_edge(o, o->g->member[x->member + i].rule, e))
            return false;
    return true;
}

static bool walk_rule(struct order *o, uint32_t rule, struct err *e)
{
    const struct grammar *g = o->g;
    bool ok = visit(o, g->rule[rule].start, rule, e);
    while (ok && o->n_todo) {
        const struct grammar_node *n = &g->node[o->todo[--o->n_todo]];
        if (n->op == GRAMMAR_SPLIT)
            ok = visit(o, n->a, rule, e) && visit(o, n->next, rule, e);
        else if (n->op == GRAMMAR_JUMP)
            ok = visit(o, n->next, rule, e);
        else if (n->op == GRAMMAR_CALL)
            ok = add_edge(o, n->a, e) && (!g->rule[n->a].nullable || visit(o, n->next, rule, e));
        else if (n->op == GRAMMAR_REPEAT)
            ok = add_edge(o, n->a, e) && visit(o, n->next, rule, e);
        else if (n->op == GRAMMAR_MEMBERS)
            ok = visit(o, n->next, rule, e) && add_member_edges(o, &g->object[n->a], e);
    }
    return ok;
}

static bool left_recursive(const struct order *o, uint32_t depth, uint32_t rule, struct err *e)
{
    const struct grammar *g = o->g;
    uint32_t at = depth;
    while (at && o->path[at] != rule)
        at--;
    for (; at <= depth && !g->rule[o->path[at]].line; at++)
        ;
    const struct grammar_rule *r = &g->rule[o->path[at <= depth ? at : depth]];
    return fail(e, ERR_USAGE,
                "line %u, column %u: rule \"%s\" can begin with itself (left recursion): write "
                "the repetition with * or +",
                r->line, r->column, buf_c(&g->names) + r->name);
}

/* Ranks everything reachable from one rule: the later it is done, the lower its rank. */
static bool rank_from(struct order *o, uint32_t rule, uint32_t *rank, struct err *e)
{
    uint32_t depth = 0;
    o->path[0] = rule;
    o->next_edge[0] = o->edge_at[rule];
    o->mark[rule] = 1;
    for (;;) {
        uint32_t r = o->path[depth];
        if (o->next_edge[depth] == o->edge_at[r + 1]) {
            o->mark[r] = 2;
            o->g->rule[r].rank = --*rank;
            if (depth-- == 0)
                return true;
            continue;
        }
        uint32_t to = o->edge[o->next_edge[depth]++];
        if (o->mark[to] == 1)
            return left_recursive(o, depth, to, e);
        if (o->mark[to] == 0) {
            o->mark[to] = 1;
            o->path[++depth] = to;
            o->next_edge[depth] = o->edge_at[to];
        }
    }
}

static bool order_rules(struct order *o, struct err *e)
{
    uint32_t n = o->g->n_rule, rank = n;
    for (uint32_t r = 1; r < n; r++) {
        o->edge_at[r] = (uint32_t)o->n_edge;
        if (!walk_rule(o, r, e))
            return false;
        o->edge_at[r + 1] = (uint32_t)o->n_edge;
    }
    for (uint32_t r = 1; r < n; r++)
        if (o->mark[r] == 0 && !rank_from(o, r, &rank, e))
            return false;
    return true;
}

static bool check_order(struct grammar *g, struct err *e)
{
    size_t n = (size_t)g->n_rule + 1;
    struct order o = {.g = g,
                      .edge_at = mem_new(n, sizeof *o.edge_at, e),
                      .seen = mem_new(g->n_node, sizeof *o.seen, e),
                      .path = mem_new(n, sizeof *o.path, e),
                      .next_edge = mem_new(n, sizeof *o.next_edge, e),
                      .mark = mem_new(n, 1, e)};
    bool ok = o.edge_at && o.seen && o.path && o.next_edge && o.mark && order_rules(&o, e);
    mem_free(o.edge);
    mem_free(o.edge_at);
    mem_free(o.seen);
    mem_free(o.todo);
    mem_free(o.path);
    mem_free(o.next_edge);
    mem_free(o.mark);
    return ok;
}

/* --- classes of bytes --------------------------------------------------------------------------
 */

static void class_bytes(struct grammar *g)
{
    bool starts[257] = {true};
    for (uint32_t i = 0; i < g->n_node; i++)
        if (g->node[i].op == GRAMMAR_RANGE)
            starts[g->node[i].lo] = starts[g->node[i].hi + 1] = true;
    for (unsigned b = 0; b < 256; b++) {
        if (starts[b])
            g->class_byte[g->n_class++] = (uint8_t)b;
        g->class_of[b] = (uint8_t)(g->n_class - 1);
    }
}

bool grammar_finish(struct grammar *g, uint32_t root, struct err *e)
{
    if (g->bad) {
        *e = g->err;
        return false;
    }
    g->root = root;
    if (!measure(g, e))
        return false;
    for (uint32_t r = 1; r < g->n_rule; r++)
        g->rule[r].nullable = g->rule[r].shortest == 0;
    if (g->rule[root].shortest == GRAMMAR_ALWAYS)
        return fail(e, ERR_USAGE,
                    "the grammar allows no text: every way through its root leads on without end "
                    "or to an empty set of characters");
    if (!check_order(g, e))
        return false;
    class_bytes(g);
    return true;
}
