/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton_memory: what an automaton forgets, and what it takes for the same. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/automaton_sets.h"

#define SET_BYTES sizeof(uint64_t[GRAMMAR_MEMBER_WORDS])

void automaton_free(struct automaton *a)
{
    if (!a)
        return;
    automaton_sets_clear(&a->stacks);
    automaton_sets_clear(&a->states);
    mem_free(a->to);
    mem_free(a->seen.key);
    mem_free(a->seen.round);
    mem_free(a->todo.v);
    mem_free(a->out.v);
    mem_free(a->back.v);
    mem_free(a->last.v);
    mem_free(a->call);
    mem_free(a->blurred);
    mem_free(a->members.word);
    mem_free(a->members.slot);
    mem_free(a);
}

uint64_t automaton_bytes(const struct automaton *a)
{
    size_t items = a->stacks.item_cap + a->states.item_cap, sets = a->stacks.n + a->states.n;
    return a->states.n * a->g->n_class * sizeof *a->to + items * sizeof(struct automaton_item) +
           sets * sizeof(struct automaton_set) + a->members.n * SET_BYTES;
}

bool automaton_full(const struct automaton *a)
{
    return automaton_bytes(a) > LIMIT_GRAMMAR_CACHE;
}

/* Numbers of sets of members, of the stacks that are kept, from a to b. */
static bool move_item(const struct automaton *a, struct automaton *b, const uint32_t *stack,
                      struct automaton_item x, struct automaton_list *out, struct err *e)
{
    enum grammar_op op = (enum grammar_op)a->g->node[x.node].op;
    if (op == GRAMMAR_MEMBERS || op == GRAMMAR_CHOICE) {
        uint32_t set;
        if (!automaton_members_find(&b->members, automaton_member_set(a, x.data), &set, e))
            return false;
        x.data = (uint64_t)set << 32 | (uint32_t)x.data;
    }
    x.stack = stack[x.stack];
    if (!mem_grow(&out->v, out->n, &out->cap, sizeof *out->v, e))
        return false;
    out->v[out->n++] = x;
    return true;
}

/* Marks what a set of items needs, the highest stack first: (A2). */
static void mark_stacks(const struct automaton *a, uint32_t state, uint32_t *wanted)
{
    const struct automaton_set *s = &a->states.set[state];
    for (uint32_t i = 0; i < s->n; i++)
        wanted[a->states.item[s->first + i].stack] = 1;
    for (size_t k = a->stacks.n; k-- > 1;)
        for (uint32_t i = 0; wanted[k] && i < a->stacks.set[k].n; i++)
            wanted[a->stacks.item[a->stacks.set[k].first + i].stack] = 1;
}

/* The stacks that a state needs; stack[k] becomes the number in b of those marked. */
static bool move_stacks(const struct automaton *a, struct automaton *b, uint32_t *stack,
                        struct automaton_list *l, struct err *e)
{
    stack[0] = 0;
    for (size_t k = 1; k < a->stacks.n; k++) {
        const struct automaton_set *s = &a->stacks.set[k];
        l->n = 0;
        if (!stack[k])
            continue;
        for (uint32_t i = 0; i < s->n; i++)
            if (!move_item(a, b, stack, a->stacks.item[s->first + i], l, e))
                return false;
        if (!automaton_sets_find(b, &b->stacks, l, &stack[k], e))
            return false;
        b->stacks.set[stack[k]].border |= s->border;
    }
    return true;
}

static bool move_state(const struct automaton *a, struct automaton *b, uint32_t *state,
                       struct err *e)
{
    struct automaton_list l = {0};
    uint32_t *stack = mem_new(a->stacks.n, sizeof *stack, e);
    if (!stack)
        return false;
    mark_stacks(a, *state, stack);
    bool ok = move_stacks(a, b, stack, &l, e);
    const struct automaton_set *s = &a->states.set[*state];
    l.n = 0;
    for (uint32_t i = 0; ok && i < s->n; i++)
        ok = move_item(a, b, stack, a->states.item[s->first + i], &l, e);
    ok = ok && automaton_sets_find(b, &b->states, &l, state, e) && automaton_add_row(b, e);
    mem_free(l.v);
    mem_free(stack);
    return ok;
}

bool automaton_trim(struct automaton *a, uint32_t *state, uint32_t n, struct err *e)
{
    struct automaton *b = automaton_new(a->g, e);
    bool ok = b != NULL;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = move_state(a, b, &state[i], e);
    if (ok) {
        struct automaton old = *a;
        *a = *b;
        *b = old;
    }
    automaton_free(b);
    return ok;
}

/* --- states that are the same for a short text -------------------------------------------------
 */

/* Counts of a repetition further away than `bytes` bytes, each time taking one at least. */
static struct automaton_item blur_item(const struct automaton *a, struct automaton_item x,
                                       uint32_t bytes)
{
    uint32_t min = (uint32_t)(x.data >> 32), max = (uint32_t)x.data;
    if (a->g->node[x.node].op == GRAMMAR_REPEAT)
        x.data = grammar_counts(min > bytes ? bytes : min, max > bytes ? GRAMMAR_ALWAYS : max);
    if (x.node)
        x.stack = a->blurred[x.stack];
    return x;
}

static bool blur_set(struct automaton *a, struct automaton_sets *s, uint32_t number, uint32_t bytes,
                     uint32_t *to, struct err *e)
{
    struct automaton_set x = s->set[number];
    a->back.n = 0;
    for (uint32_t i = 0; i < x.n; i++) {
        if (!mem_grow(&a->back.v, a->back.n, &a->back.cap, sizeof *a->back.v, e))
            return false;
        a->back.v[a->back.n++] = blur_item(a, s->item[x.first + i], bytes);
    }
    return automaton_sets_find(a, s, &a->back, to, e);
}

bool automaton_blur(struct automaton *a, uint32_t state, uint32_t bytes, uint32_t *to,
                    struct err *e)
{
    for (; a->n_blurred < a->stacks.n; a->n_blurred++) { /* (A2): what it names is done */
        uint32_t stack;
        if (!blur_set(a, &a->stacks, (uint32_t)a->n_blurred, bytes, &stack, e) ||
            !mem_grow(&a->blurred, a->n_blurred, &a->blurred_cap, sizeof *a->blurred, e))
            return false;
        a->blurred[a->n_blurred] = stack;
        a->stacks.set[stack].border |= a->stacks.set[a->n_blurred].border;
    }
    return blur_set(a, &a->states, state, bytes, to, e) && automaton_add_row(a, e);
}
