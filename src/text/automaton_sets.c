/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton_sets: see automaton_sets.h. */
#include "text/automaton_sets.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define FIRST_STATES 256u

static int by_content(const void *p, const void *q)
{
    const struct automaton_item *a = p, *b = q;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return (a->stack > b->stack) - (a->stack < b->stack);
}

static bool same_item(struct automaton_item a, struct automaton_item b)
{
    return a.node == b.node && a.stack == b.stack && a.data == b.data;
}

/* Nearly every byte of a mask that is new asks for a set: the hash is of words, not bytes. */
uint32_t automaton_hash_items(const struct automaton_item *v, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ ((uint64_t)v[i].node << 32 | v[i].stack)) * 0x9e3779b97f4a7c15u;
        h = ((h ^ h >> 29) ^ v[i].data) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 32;
    }
    return (uint32_t)h;
}

/* Most sets have a handful of items. */
static void sort_items(struct automaton_item *v, size_t n)
{
    if (n > 16) {
        qsort(v, n, sizeof *v, by_content);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct automaton_item x = v[i];
        size_t k = i;
        for (; k > 0 && by_content(&v[k - 1], &x) > 0; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

static void sort_unique(struct automaton_list *l)
{
    sort_items(l->v, l->n);
    size_t out = 0;
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || !same_item(l->v[i], l->v[out - 1]))
            l->v[out++] = l->v[i];
    l->n = out;
}

static int by_stack(const void *p, const void *q)
{
    const struct automaton_item *a = p, *b = q;
    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    return (a->data > b->data) - (a->data < b->data);
}

uint32_t automaton_list_readings(struct automaton_list *l)
{
    uint32_t n = 0;
    if (l->n > 1)
        qsort(l->v, l->n, sizeof *l->v, by_stack);
    for (size_t i = 0; i < l->n; i++)
        n += i == 0 || by_stack(&l->v[i], &l->v[i - 1]) != 0;
    return n;
}

/* --- shortest completions ----------------------------------------------------------------------
 */

/* After a comma: one more member at least. */
static uint64_t choice_left(const struct automaton *a, const struct grammar_node *n, uint64_t data)
{
    const struct grammar *g = a->g;
    const struct grammar_object *o = &g->object[n->a];
    const uint64_t *in = automaton_member_set(a, data);
    uint64_t end = g->shortest[g->node[n->next].next], least = GRAMMAR_ALWAYS;
    struct grammar_missing m;
    if (!grammar_object_missing(g, o, in, (uint32_t)data, &m))
        return GRAMMAR_ALWAYS;
    if (m.n)
        return m.bytes - 1 + end;
    for (uint32_t i = 0; i < o->n_member; i++) {
        const struct grammar_member *x = &g->member[o->member + i];
        uint32_t bytes = g->shortest[g->rule[x->rule].start];
        if (bytes < least && (x->repeats || !(in[i / 64] >> i % 64 & 1)))
            least = bytes;
    }
    return least + end;
}

static uint64_t item_left(const struct automaton *a, struct automaton_item x)
{
    const struct grammar_node *n = &a->g->node[x.node];
    struct grammar_missing m;
    if (n->op == GRAMMAR_CHOICE)
        return choice_left(a, n, x.data);
    if (n->op != GRAMMAR_MEMBERS)
        return grammar_left(a->g, x.node, x.data);
    if (!grammar_object_missing(a->g, &a->g->object[n->a], automaton_member_set(a, x.data),
                                (uint32_t)x.data, &m))
        return GRAMMAR_ALWAYS;
    return m.bytes + a->g->shortest[n->next];
}

static uint32_t list_left(const struct automaton *a, const struct automaton_list *l)
{
    uint64_t least = GRAMMAR_ALWAYS;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t left = 0;
        if (l->v[i].node) {
            left = item_left(a, l->v[i]);
            left += a->stacks.set[l->v[i].stack].left;
        }
        least = left < least ? left : least;
    }
    return (uint32_t)least;
}

/* --- interned sets -----------------------------------------------------------------------------
 */

static bool grow_slots(uint32_t **slot, size_t *n_slot, struct err *e)
{
    size_t n = *n_slot ? *n_slot * 2 : 64;
    uint32_t *bigger = mem_new(n, sizeof *bigger, e);
    if (!bigger)
        return false;
    mem_free(*slot);
    *slot = bigger;
    *n_slot = n;
    return true;
}

static bool make_room(struct automaton_sets *s, size_t n_more, struct err *e)
{
    while (s->n_item + n_more > s->item_cap)
        if (!mem_grow(&s->item, s->item_cap, &s->item_cap, sizeof *s->item, e))
            return false;
    if (!mem_grow(&s->set, s->n, &s->set_cap, sizeof *s->set, e))
        return false;
    if (2 * (s->n + 1) <= s->n_slot)
        return true;
    if (!grow_slots(&s->slot, &s->n_slot, e))
        return false;
    for (size_t i = 0; i < s->n; i++) {
        size_t at = s->set[i].hash & (s->n_slot - 1);
        while (s->slot[at])
            at = (at + 1) & (s->n_slot - 1);
        s->slot[at] = (uint32_t)i + 1;
    }
    return true;
}

static bool same_set(const struct automaton_sets *s, uint32_t number, uint32_t hash,
                     const struct automaton_list *l)
{
    const struct automaton_set *x = &s->set[number];
    return x->hash == hash && x->n == l->n &&
           (l->n == 0 || memcmp(s->item + x->first, l->v, l->n * sizeof *l->v) == 0);
}

bool automaton_sets_find(struct automaton *a, struct automaton_sets *s, struct automaton_list *list,
                         uint32_t *number, struct err *e)
{
    sort_unique(list);
    if (!make_room(s, list->n, e))
        return false;
    uint32_t hash = automaton_hash_items(list->v, list->n);
    size_t at = hash & (s->n_slot - 1);
    for (; s->slot[at]; at = (at + 1) & (s->n_slot - 1))
        if (same_set(s, s->slot[at] - 1, hash, list)) {
            *number = s->slot[at] - 1;
            return true;
        }
    if (list->n)
        memcpy(s->item + s->n_item, list->v, list->n * sizeof *list->v);
    s->set[s->n] = (struct automaton_set){(uint32_t)s->n_item, (uint32_t)list->n,
                                          list_left(a, list), hash, false};
    s->n_item += list->n;
    *number = (uint32_t)s->n++;
    s->slot[at] = *number + 1;
    return true;
}

void automaton_sets_clear(struct automaton_sets *s)
{
    mem_free(s->item);
    mem_free(s->set);
    mem_free(s->slot);
    *s = (struct automaton_sets){0};
}

bool automaton_add_row(struct automaton *a, struct err *e)
{
    size_t n_class = a->g->n_class, need = a->states.n * n_class, had = a->to_cap;
    if (need && !had) /* room for the first states is made before an answer waits for it */
        need = FIRST_STATES * n_class;
    while (need > a->to_cap)
        if (!mem_grow(&a->to, a->to_cap, &a->to_cap, sizeof *a->to, e))
            return false;
    if (a->to_cap > had)
        memset(a->to + had, 0xff, (a->to_cap - had) * sizeof *a->to);
    return true;
}

/* --- seen --------------------------------------------------------------------------------------
 */

static bool grow_seen(struct automaton_seen *s, struct err *e)
{
    size_t n = s->n_slot ? s->n_slot * 2 : 256;
    struct automaton_seen old = *s;
    s->key = mem_new(n, sizeof *s->key, e);
    s->round = mem_new(n, sizeof *s->round, e);
    if (!s->key || !s->round) {
        mem_free(s->key);
        mem_free(s->round);
        *s = old;
        return false;
    }
    s->n_slot = n;
    s->n = 0;
    s->now = 1;
    bool ok = true, new;
    for (size_t i = 0; i < old.n_slot; i++)
        if (old.round[i] == old.now)
            ok = ok && automaton_seen_add(s, old.key[i], &new, e);
    mem_free(old.key);
    mem_free(old.round);
    return ok;
}

bool automaton_seen_add(struct automaton_seen *s, struct automaton_item x, bool *new, struct err *e)
{
    if (2 * (s->n + 1) > s->n_slot && !grow_seen(s, e))
        return false;
    size_t at = automaton_hash_items(&x, 1) & (s->n_slot - 1);
    for (; s->round[at] == s->now; at = (at + 1) & (s->n_slot - 1))
        if (same_item(s->key[at], x)) {
            *new = false;
            return true;
        }
    s->key[at] = x;
    s->round[at] = s->now;
    s->n++;
    *new = true;
    return true;
}

void automaton_seen_clear(struct automaton_seen *s)
{
    s->n = 0;
    s->now++;
    if (s->now == 0 && s->round) {
        memset(s->round, 0, s->n_slot * sizeof *s->round);
        s->now = 1;
    }
}

/* --- members -----------------------------------------------------------------------------------
 */

#define SET_BYTES sizeof(uint64_t[GRAMMAR_MEMBER_WORDS])

static uint32_t hash_members(const uint64_t *set)
{
    return (uint32_t)map_hash((struct str){(const char *)set, SET_BYTES});
}

bool automaton_members_find(struct automaton_members *m, const uint64_t *set, uint32_t *number,
                            struct err *e)
{
    if (2 * (m->n + 1) > m->n_slot) {
        if (!grow_slots(&m->slot, &m->n_slot, e))
            return false;
        for (size_t i = 0; i < m->n; i++) {
            size_t at = hash_members(m->word[i]) & (m->n_slot - 1);
            while (m->slot[at])
                at = (at + 1) & (m->n_slot - 1);
            m->slot[at] = (uint32_t)i + 1;
        }
    }
    size_t at = hash_members(set) & (m->n_slot - 1);
    for (; m->slot[at]; at = (at + 1) & (m->n_slot - 1))
        if (memcmp(m->word[m->slot[at] - 1], set, SET_BYTES) == 0) {
            *number = m->slot[at] - 1;
            return true;
        }
    if (!mem_grow(&m->word, m->n, &m->cap, SET_BYTES, e))
        return false;
    memcpy(m->word[m->n], set, SET_BYTES);
    *number = (uint32_t)m->n++;
    m->slot[at] = *number + 1;
    return true;
}

bool automaton_members_init(struct automaton *a, struct err *e)
{
    static const uint64_t none[GRAMMAR_MEMBER_WORDS];
    uint32_t number;
    a->seen.now = 1;
    return automaton_members_find(&a->members, none, &number, e);
}

const uint64_t *automaton_member_set(const struct automaton *a, uint64_t data)
{
    return a->members.word[data >> 32];
}

bool automaton_member_add(struct automaton *a, const struct grammar_object *o, uint64_t *data,
                          uint32_t member, struct err *e)
{
    const struct grammar_member *m = &a->g->member[o->member + member];
    uint32_t count = (uint32_t)*data, set = (uint32_t)(*data >> 32);
    uint32_t most = o->min > 1 ? o->min : 1; /* where more makes no difference */
    if (o->max != GRAMMAR_ALWAYS || count < most)
        count++;
    if (!m->repeats || o->ordered) {
        uint64_t word[GRAMMAR_MEMBER_WORDS];
        memcpy(word, a->members.word[set], sizeof word);
        for (uint32_t i = o->ordered ? 0 : member; i <= member; i++) /* those before are over */
            if (!a->g->member[o->member + i].repeats)
                word[i / 64] |= 1ull << i % 64;
        if (!automaton_members_find(&a->members, word, &set, e))
            return false;
    }
    *data = (uint64_t)set << 32 | count;
    return true;
}
