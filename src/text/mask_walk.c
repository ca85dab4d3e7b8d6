/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_walk: the mask of a state, by a walk over the vocabulary's tree. */
#include <string.h>

#include "base/mem.h"
#include "text/mask_private.h"

#define WORTH_NODES 512u

static void set_bit(uint32_t *bits, uint32_t id)
{
    bits[id / 32] |= 1u << id % 32;
}

static void allow(const struct mask_set *m, uint32_t *bits, uint32_t node, uint32_t end)
{
    const struct token_tree *t = m->t;
    for (uint32_t i = t->node[node].first; i < t->node[end].first; i++)
        set_bit(bits, t->id[i]);
}

static bool all_lead_home(const struct state_facts *f, const struct token_node *x)
{
    return ((x->ascii[0] & ~f->ascii[0]) | (x->ascii[1] & ~f->ascii[1])) == 0 &&
           (!x->others || (f->others && x->whole));
}

struct walk {
    uint32_t *bits;
    uint32_t most; /* bytes a completion may take after the token */
    uint32_t reach;
    uint32_t beyond;        /* bytes that at least follow what is walked over */
    struct mask_part *part; /* of what is walked over, or NULL: where it may be left is noted */
};

/* What a byte below a node leads to: the row of the table is asked first. */
static inline bool step(struct mask_set *m, struct automaton_table *table, uint32_t from,
                        unsigned char byte, uint32_t *to, struct err *e)
{
    *to = table->to[(size_t)from * table->n_class + table->class_of[byte]];
    if (*to != AUTOMATON_UNKNOWN)
        return true;
    bool ok = automaton_step(m->a, from, byte, to, e);
    *table = automaton_table(m->a);
    return ok;
}

/* May tokens be taken after which `left` bytes follow, and what comes after this walk? */
static bool leaves_room(struct walk *w, uint32_t left)
{
    left = left > UINT32_MAX - w->beyond ? UINT32_MAX : left + w->beyond;
    if (left <= w->most && left > w->reach)
        w->reach = left;
    return left <= w->most;
}

static void take_tokens(struct mask_set *m, struct walk *w, uint32_t node, uint32_t end,
                        uint32_t state)
{
    if (leaves_room(w, automaton_left(m->a, state)))
        allow(m, w->bits, node, end);
}

static bool note_leaving(struct mask_part *p, uint32_t node, struct err *e)
{
    if (!mem_grow(&p->leaving, p->n, &p->cap, sizeof *p->leaving, e))
        return false;
    p->leaving[p->n++] = node;
    return true;
}

/* After a node's byte: its tokens, and whether what is walked over may be left.
 */
static bool arrive(struct mask_set *m, struct walk *w, uint32_t i, uint32_t to, struct err *e)
{
    const struct token_node *x = &m->t->node[i];
    m->path[x->level + 1] = to;
    if (x->first < x[1].first)
        take_tokens(m, w, i, i + 1, to);
    return !w->part || x->end == i + 1 || !automaton_accepts(m->a, to) ||
           note_leaving(w->part, i, e);
}

/* Facts cost a step for each character: only where many nodes may be saved. */
static bool worth_learning(const struct mask_set *m, uint32_t state, uint32_t n_node)
{
    return n_node >= WORTH_NODES || (state < m->n_facts && m->facts[state].known);
}

/* The nodes [i, end), which lie below nodes whose states are in the path. */
static bool walk_tree(struct mask_set *m, uint32_t i, uint32_t end, struct walk *w, struct err *e)
{
    const struct token_node *node = m->t->node;
    struct automaton_table table = automaton_table(m->a);
    struct state_facts f = {0};
    uint32_t facts_for = AUTOMATON_UNKNOWN;
    while (i < end) {
        const struct token_node *x = &node[i];
        __builtin_prefetch(&node[x->end]); /* the next one beside it, on the way down or not */
        uint32_t from = m->path[x->level], to;
        if (from != facts_for) {
            facts_for = worth_learning(m, from, x->end - i) ? from : AUTOMATON_UNKNOWN;
            f.chain = 0;
            if (facts_for == from && !mask_facts_know(m, from, &f, e))
                return false;
            if (w->part && automaton_accepts(m->a, from)) /* it may be left on the way */
                f.chain = 0;
            table = automaton_table(m->a);
        }
        if (x->tall <= f.chain && all_lead_home(&f, x)) {
            if (leaves_room(w, f.left))
                allow(m, w->bits, i, x->end);
            i = x->end;
            continue;
        }
        if (!step(m, &table, from, x->label, &to, e))
            return false;
        if (to == AUTOMATON_DEAD)
            i = x->end;
        else if (!arrive(m, w, i++, to, e))
            return false;
    }
    return true;
}

/* The whole tree, but for first bytes that lead nowhere: not even their nodes are read. */
static bool walk_roots(struct mask_set *m, uint32_t state, struct walk *w, struct err *e)
{
    const struct token_tree *t = m->t;
    uint64_t on[2];
    automaton_ascii(m->a, state, on);
    for (uint32_t k = 0; k < t->n_root; k++) {
        struct automaton_table table = automaton_table(m->a);
        uint32_t byte = t->root_byte[k], to;
        __builtin_prefetch(&t->node[t->root[k]]);
        if (byte < 0x80 && !(on[byte / 64] >> byte % 64 & 1))
            continue;
        if (!step(m, &table, state, t->root_byte[k], &to, e))
            return false;
        if (to != AUTOMATON_DEAD && !walk_tree(m, t->root[k], t->root[k + 1], w, e))
            return false;
    }
    return true;
}

/* --- plain text
 * --------------------------------------------------------------------------------
 */

static bool is_of(const struct mask_plain *p, const struct state_facts *f)
{
    return p->ascii[0] == f->ascii[0] && p->ascii[1] == f->ascii[1] && p->others == f->others;
}

/* The tokens of these characters; NULL and no error: there are too many sets
 * already. */
static bool find_plain(struct mask_set *m, const struct state_facts *f,
                       const struct mask_plain **out, struct err *e)
{
    *out = m->json && is_of(m->json, f) ? m->json : NULL;
    for (uint32_t i = 0; i < m->n_plain && !*out; i++)
        if (is_of(&m->plain[i], f))
            *out = &m->plain[i];
    if (*out || m->n_plain == MASK_PLAIN)
        return true;
    struct mask_plain *new = &m->plain[m->n_plain];
    *out = new;
    if (mask_plain_make(new, m->t, m->n_word, f->ascii, f->others, e)) {
        m->n_plain++;
        return true;
    }
    mask_plain_clear(new);
    return false;
}

/* Is none of the characters, at their first byte, allowed at the state? */
static bool stops(struct mask_set *m, const struct mask_plain *p, uint32_t state, bool *yes,
                  struct err *e)
{
    *yes = true;
    for (unsigned b = 0; *yes && b < 0x100; b++) {
        uint32_t to;
        if (b < 0x80 ? !(p->ascii[b / 64] >> b % 64 & 1) : !p->others)
            continue;
        if (!automaton_step(m->a, state, (unsigned char)b, &to, e))
            return false;
        *yes = to == AUTOMATON_DEAD;
    }
    return true;
}

/* The states behind the characters, n of them; *fits: tokens of them need no
 * look of their own. */
static bool follow_chain(struct mask_set *m, uint32_t state, const struct walk *w,
                         const struct mask_plain *p, uint32_t n, bool *fits, struct err *e)
{
    *fits = true;
    for (uint32_t i = 0; i <= n; i++) {
        m->chain[i] = state;
        if (w->part && automaton_accepts(m->a, state)) /* it may be left on the way */
            *fits = false;
        if (i < n)
            state = m->facts[state].next;
    }
    return !*fits || n == m->t->depth || stops(m, p, state, fits, e);
}

static void take_plain(struct mask_set *m, struct walk *w, const struct mask_plain *p, uint32_t n,
                       uint32_t left)
{
    const struct token_tree *t = m->t;
    if (leaves_room(w, left))
        mask_plain_copy(p, t, m->n_word, n, w->bits);     /* nothing is in them yet */
    left = left > UINT32_MAX - 3 ? UINT32_MAX : left + 3; /* the rest of a character */
    if (p->n_half && leaves_room(w, left))
        for (size_t k = 0; k < p->n_half; k++)
            if (t->n_char[p->half[k]] <= n)
                set_bit(w->bits, t->id[p->half[k]]);
}

/* Where tokens leave the set; where no byte leads on, not even the node is read. */
static bool walk_exits(struct mask_set *m, const struct mask_plain *p, uint32_t n, struct walk *w,
                       struct err *e)
{
    const struct token_node *node = m->t->node;
    for (size_t k = 0; k < p->n_exit; k++) {
        const struct mask_plain_exit *x = &p->exit[k];
        struct automaton_table table = automaton_table(m->a);
        uint32_t to;
        if (x->n_char > n)
            continue;
        if (!step(m, &table, m->chain[x->n_char], (unsigned char)x->label, &to, e))
            return false;
        if (to == AUTOMATON_DEAD)
            continue;
        m->path[node[x->node].level] = m->chain[x->n_char];
        if (!walk_tree(m, x->node, node[x->node].end, w, e))
            return false;
    }
    return true;
}

/* The whole tree from a state, plain text by its length. */
static bool walk_all(struct mask_set *m, uint32_t state, struct walk *w, struct err *e)
{
    struct state_facts f;
    const struct mask_plain *p = NULL;
    bool fits = false;
    m->path[0] = state;
    if (!mask_facts_know(m, state, &f, e))
        return false;
    uint32_t n = f.chain < m->t->depth ? f.chain : m->t->depth;
    if (n && (!find_plain(m, &f, &p, e) || (p && !follow_chain(m, state, w, p, n, &fits, e))))
        return false;
    if (!fits)
        return walk_roots(m, state, w, e);
    take_plain(m, w, p, n, f.left);
    return walk_exits(m, p, n, w, e);
}

/* --- tokens that are not text
 * ------------------------------------------------------------------
 */

struct mention {
    struct mask_set *m;
    uint32_t state;
    struct walk *w;
    struct err *e;
    bool failed;
};

/* One token that is mentioned: it too must leave a completion that is short
 * enough. */
static void add_mentioned(struct mention *x, uint32_t id)
{
    uint32_t to;
    if (!automaton_token(x->m->a, x->state, id, vocab_view(x->m->v, id, false), &to, x->e)) {
        x->failed = true;
        return;
    }
    uint32_t left = automaton_left(x->m->a, to);
    if (left > x->w->most)
        return;
    if (left > x->w->reach)
        x->w->reach = left;
    set_bit(x->w->bits, id);
}

static void add_mention(void *arg, uint32_t id, bool not )
{
    struct mention *x = arg;
    uint32_t n = x->m->v->n_tokens;
    if (!not &&id < n && !x->failed)
        add_mentioned(x, id);
    for (uint32_t i = 0; not &&i < n; i++)
        if (i != id && !vocab_ends_answer(x->m->v, i))
            set_bit(x->w->bits, i);
}

/* The tokens that a state allows and that are no text of its own. */
static bool add_others(struct mask_set *m, uint32_t state, struct walk *w, struct err *e)
{
    struct mention x = {m, state, w, e, false};
    automaton_mentions(m->a, state, add_mention, &x);
    for (size_t i = 0; automaton_accepts(m->a, state) && i < m->t->n_ends; i++)
        set_bit(w->bits, m->t->ends[i]);
    return !x.failed;
}

/* --- parts
 * -------------------------------------------------------------------------------------
 */

static bool find_part(struct mask_set *m, uint32_t state, struct mask_part **out, struct err *e)
{
    struct state_facts *f;
    if (!mask_facts_at(m, state, &f, e))
        return false;
    if (f->part) {
        *out = &m->part[f->part - 1];
        return true;
    }
    uint32_t number = m->next_part++ % MASK_PARTS;
    struct mask_part *p = *out = &m->part[number];
    if (p->state)
        m->facts[p->state - 1].part = 0;
    p->state = 0;
    p->n = 0;
    if (!p->bits && !(p->bits = mem_new(m->n_word, sizeof *p->bits, e)))
        return false;
    memset(p->bits, 0, m->n_word * sizeof *p->bits);
    struct walk w = {.bits = p->bits, .most = UINT32_MAX, .part = p};
    if (!walk_all(m, state, &w, e))
        return false;
    p->state = state + 1;
    p->reach = w.reach;
    m->facts[state].part = number + 1;
    return true;
}

/* Below the nodes at which tokens left a part: the next part, which again may
 * be left below some nodes. No state of the whole is walked over, so states
 * that differ only far outside share all that is found out here. */
static bool add_outer(struct mask_set *m, uint32_t state, const struct mask_part *left,
                      struct walk *w, struct err *e)
{
    for (uint32_t turn = 0; left->n; turn ^= 1) {
        struct automaton_cut cut;
        struct mask_part *next = &m->rest[turn];
        next->n = 0;
        if (!automaton_cut(m->a, state, &cut, e))
            return false;
        w->part = cut.after == AUTOMATON_DEAD ? NULL : next;
        w->beyond = cut.left;
        for (size_t i = 0; i < left->n; i++) {
            uint32_t node = left->leaving[i];
            m->path[m->t->node[node].level + 1] = cut.here;
            if (!walk_tree(m, node + 1, m->t->node[node].end, w, e))
                return false;
        }
        left = next;
        state = cut.after;
    }
    return true;
}

/* What a state allows: what its inner part does, and what comes after that. */
static bool join_parts(struct mask_set *m, const struct automaton_cut *cut, struct walk *w,
                       struct err *e)
{
    struct mask_part *p;
    if (!find_part(m, cut->here, &p, e))
        return false;
    memcpy(w->bits, p->bits, m->n_word * sizeof *w->bits);
    w->reach = p->reach > UINT32_MAX - cut->left ? UINT32_MAX : p->reach + cut->left;
    return add_outer(m, cut->after, p, w, e);
}

static bool fill(struct mask_set *m, uint32_t state, struct walk *w, struct err *e)
{
    struct automaton_cut cut = {.after = AUTOMATON_DEAD};
    if (w->most == UINT32_MAX && !automaton_cut(m->a, state, &cut, e))
        return false;
    if (cut.after != AUTOMATON_DEAD) {
        if (!join_parts(m, &cut, w, e))
            return false;
    } else {
        memset(w->bits, 0, m->n_word * sizeof *w->bits);
        w->reach = 0;
        if (!walk_all(m, state, w, e))
            return false;
    }
    return add_others(m, state, w, e);
}

bool mask_walk(struct mask_set *m, uint32_t state, uint32_t most, uint32_t *bits, uint32_t *reach,
               struct err *e)
{
    struct walk w = {.bits = bits, .most = most};
    bool ok = fill(m, state, &w, e);
    *reach = w.reach;
    return ok;
}
