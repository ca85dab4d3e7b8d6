/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_mask: see token_mask.h. */
#include "text/token_mask.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/automaton.h"

/* What a walk needs to know about a state beside its row of the table. Many characters may lead
 * from it to one other state, `next`, and from there on again, as in a text of bounded length, or
 * back to itself, as in one without: whole subtrees of such characters are taken at once. */
struct state_facts {
    bool known;
    bool others;       /* every whole character from 0x80 on leads to next */
    uint64_t ascii[2]; /* characters below 0x80 that do */
    uint32_t next;
    uint32_t chain;   /* how many such characters may follow each other */
    uint32_t slot;    /* its mask, number + 1; 0: none */
    uint32_t part;    /* its mask as the inner part of others, number + 1; 0: none */
    uint32_t blurred; /* the state whose mask is the same, + 1; 0: not looked for yet */
};

struct mask_slot {
    uint32_t state; /* + 1; 0: free */
    uint32_t reach; /* the most bytes that completing takes after any of its tokens */
};

/* Of a state cut off from what follows (automaton_cut): the tokens that stay inside, and the nodes
 * of the tree at which a token may leave it. */
struct mask_part {
    uint32_t state, reach; /* as above */
    uint32_t *bits;        /* [n_word] */
    uint32_t *leaving;     /* [n] */
    size_t n, cap;
};

#define N_PART      384u
#define WORTH_NODES 512u

struct token_mask {
    const struct vocab *v;
    const struct token_tree *t;
    struct automaton *a;
    uint32_t state, n_bits, n_word;
    struct state_facts *facts; /* [n_facts] by state */
    size_t n_facts;
    uint32_t *path; /* [depth + 1] states on the way down the tree */
    struct mask_slot *slot;
    uint32_t *bits; /* [n_slot][n_word] */
    uint32_t n_slot, next_slot;
    struct mask_part part[N_PART];
    uint32_t next_part;
    struct mask_part rest[2]; /* only what leaves them */
    uint32_t *own;            /* [n_word] a mask that is not remembered */
};

static uint32_t slots_for(uint32_t n_word)
{
    uint64_t n = LIMIT_MASK_CACHE / ((uint64_t)n_word * sizeof(uint32_t));
    return n < 4 ? 4 : n > 4096 ? 4096 : (uint32_t)n;
}

uint64_t token_mask_bytes(uint32_t n_bits)
{
    uint32_t n_word = (n_bits + 31) / 32;
    uint64_t tree = (uint64_t)n_bits * 2 * (sizeof(struct token_tree_chars) + 16);
    uint64_t masks = ((uint64_t)slots_for(n_word) + N_PART * 3 / 2) * n_word * sizeof(uint32_t);
    return LIMIT_GRAMMAR_CACHE + masks + tree;
}

struct token_mask *token_mask_new(const struct grammar *g, const struct vocab *v,
                                  const struct token_tree *t, uint32_t n_bits, struct err *e)
{
    struct token_mask *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    must(n_bits >= v->n_tokens);
    *m = (struct token_mask){.v = v, .t = t, .n_bits = n_bits, .n_word = (n_bits + 31) / 32};
    m->n_slot = slots_for(m->n_word);
    m->a = automaton_new(g, e);
    m->path = mem_new((size_t)t->depth + 1, sizeof *m->path, e);
    m->slot = mem_new(m->n_slot, sizeof *m->slot, e);
    m->bits = mem_new_lazy((size_t)m->n_slot * m->n_word, sizeof *m->bits, e);
    m->own = mem_new(m->n_word, sizeof *m->own, e);
    if (m->a && m->path && m->slot && m->bits && m->own) {
        token_mask_restart(m);
        return m;
    }
    token_mask_free(m);
    return NULL;
}

void token_mask_free(struct token_mask *m)
{
    if (!m)
        return;
    automaton_free(m->a);
    if (m->bits)
        mem_free_lazy(m->bits, (size_t)m->n_slot * m->n_word, sizeof *m->bits);
    for (uint32_t i = 0; i < N_PART; i++) {
        mem_free(m->part[i].bits);
        mem_free(m->part[i].leaving);
    }
    mem_free(m->rest[0].leaving);
    mem_free(m->rest[1].leaving);
    mem_free(m->facts);
    mem_free(m->path);
    mem_free(m->slot);
    mem_free(m->own);
    mem_free(m);
}

void token_mask_restart(struct token_mask *m)
{
    m->state = automaton_start(m->a);
}

bool token_mask_complete(const struct token_mask *m)
{
    return automaton_accepts(m->a, m->state);
}

bool token_mask_over(const struct token_mask *m)
{
    return token_mask_complete(m) && !automaton_goes_on(m->a, m->state);
}

/* --- facts about states ------------------------------------------------------------------------
 */

static bool facts_of(struct token_mask *m, uint32_t state, struct state_facts **out, struct err *e)
{
    while (state >= m->n_facts)
        if (!mem_grow(&m->facts, m->n_facts, &m->n_facts, sizeof *m->facts, e))
            return false;
    *out = &m->facts[state];
    return true;
}

/* Does every sequence of n bytes, the first of lo..hi and the others continuing a character, lead
 * from state to home? */
static bool leads_home(struct token_mask *m, uint32_t state, unsigned lo, unsigned hi, unsigned n,
                       uint32_t home, bool *yes, struct err *e)
{
    uint32_t last = AUTOMATON_UNKNOWN, to;
    for (unsigned b = lo; *yes && b <= hi; b++) {
        if (!automaton_step(m->a, state, (unsigned char)b, &to, e))
            return false;
        if (to == last)
            continue;
        last = to;
        if (n == 1)
            *yes = to == home;
        else if (to == AUTOMATON_DEAD)
            *yes = false;
        else if (!leads_home(m, to, 0x80, 0xbf, n - 1, home, yes, e))
            return false;
    }
    return true;
}

/* Table 3-7 of Unicode; a first byte with a narrower second one is looked at by itself. */
static bool others_lead_to(struct token_mask *m, uint32_t s, uint32_t home, bool *yes,
                           struct err *e)
{
    static const struct {
        unsigned char lo, hi, n;
        unsigned char second_lo, second_hi; /* 0: any */
    } rows[] = {{0xc2, 0xdf, 2, 0, 0}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
                {0xe1, 0xec, 3, 0, 0}, {0xed, 0xed, 3, 0x80, 0x9f},
                {0xee, 0xef, 3, 0, 0}, {0xf0, 0xf0, 4, 0x90, 0xbf},
                {0xf1, 0xf3, 4, 0, 0}, {0xf4, 0xf4, 4, 0x80, 0x8f}};
    for (size_t i = 0; *yes && i < sizeof rows / sizeof *rows; i++) {
        uint32_t to;
        if (rows[i].second_lo == 0) {
            if (!leads_home(m, s, rows[i].lo, rows[i].hi, rows[i].n, home, yes, e))
                return false;
            continue;
        }
        if (!automaton_step(m->a, s, rows[i].lo, &to, e))
            return false;
        *yes = to != AUTOMATON_DEAD;
        if (*yes &&
            !leads_home(m, to, rows[i].second_lo, rows[i].second_hi, rows[i].n - 1u, home, yes, e))
            return false;
    }
    return true;
}

#define MOST_CHAIN 1024u

static uint32_t count_bits(const uint64_t x[2])
{
    return (uint32_t)(__builtin_popcountll(x[0]) + __builtin_popcountll(x[1]));
}

/* All but the chain: which characters lead to one state. */
static bool look_at(struct token_mask *m, uint32_t state, struct state_facts *f, struct err *e)
{
    static const char common[] = "ae 0";
    uint32_t to[0x80];
    *f = (struct state_facts){.known = true};
    for (unsigned c = 0; c < 0x80; c++)
        if (!automaton_step(m->a, state, (unsigned char)c, &to[c], e))
            return false;
    for (size_t i = 0; i < sizeof common - 1 && f->next == AUTOMATON_DEAD; i++)
        f->next = to[(unsigned char)common[i]];
    for (unsigned c = 0; c < 0x80; c++)
        if (to[c] == f->next && f->next != AUTOMATON_DEAD)
            f->ascii[c / 64] |= 1ull << c % 64;
    if (count_bits(f->ascii) < 8) { /* not worth it */
        f->ascii[0] = f->ascii[1] = 0;
        f->next = AUTOMATON_DEAD;
        return true;
    }
    f->others = true;
    return others_lead_to(m, state, f->next, &f->others, e);
}

static bool goes_on_like(const struct state_facts *x, const struct state_facts *next)
{
    return (x->ascii[0] & ~next->ascii[0]) == 0 && (x->ascii[1] & ~next->ascii[1]) == 0 &&
           (!x->others || next->others);
}

static bool keep_facts(struct token_mask *m, uint32_t state, struct state_facts f, struct err *e)
{
    struct state_facts *at;
    if (!facts_of(m, state, &at, e))
        return false;
    f.slot = at->slot;
    f.part = at->part;
    f.blurred = at->blurred;
    *at = f;
    return true;
}

/* Follows the states from one to the next, then counts back. */
static bool learn(struct token_mask *m, uint32_t state, struct err *e)
{
    uint32_t chain[MOST_CHAIN], n = 0, last = state;
    struct state_facts f, *at;
    for (; n < MOST_CHAIN; last = f.next) {
        if (!facts_of(m, last, &at, e))
            return false;
        if (at->known)
            break;
        if (!look_at(m, last, &f, e) || !keep_facts(m, last, f, e))
            return false;
        chain[n++] = last;
        if (f.next == AUTOMATON_DEAD || f.next == last)
            break;
    }
    while (n) {
        at = &m->facts[chain[--n]];
        const struct state_facts *next = &m->facts[at->next < m->n_facts ? at->next : 0];
        if (at->next == AUTOMATON_DEAD)
            at->chain = 0;
        else if (at->next == chain[n])
            at->chain = UINT32_MAX;
        else if (!next->known || !goes_on_like(at, next))
            at->chain = 1;
        else
            at->chain = next->chain == UINT32_MAX ? UINT32_MAX : next->chain + 1;
    }
    return true;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static void set_bit(uint32_t *bits, uint32_t id)
{
    bits[id / 32] |= 1u << id % 32;
}

static void allow(const struct token_mask *m, uint32_t *bits, uint32_t node, uint32_t end)
{
    const struct token_tree *t = m->t;
    for (uint32_t i = t->first[node]; i < t->first[end]; i++)
        set_bit(bits, t->id[i]);
}

static bool all_lead_home(const struct state_facts *f, const struct token_tree_chars *x)
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
static inline bool step(struct token_mask *m, struct automaton_table *table, uint32_t from,
                        unsigned char byte, uint32_t *to, struct err *e)
{
    *to = table->to[(size_t)from * table->n_class + table->class_of[byte]];
    if (*to != AUTOMATON_UNKNOWN)
        return true;
    bool ok = automaton_step(m->a, from, byte, to, e);
    *table = automaton_table(m->a);
    return ok;
}

static void take_tokens(struct token_mask *m, struct walk *w, uint32_t node, uint32_t end,
                        uint32_t state)
{
    uint32_t left = automaton_left(m->a, state);
    left = left > UINT32_MAX - w->beyond ? UINT32_MAX : left + w->beyond;
    if (left > w->most)
        return;
    if (left > w->reach)
        w->reach = left;
    allow(m, w->bits, node, end);
}

/* What is known of a state, which is learnt now if it is new. */
static bool know(struct token_mask *m, uint32_t state, struct state_facts *out, struct err *e)
{
    struct state_facts *f;
    if (!facts_of(m, state, &f, e) || (!f->known && !learn(m, state, e)))
        return false;
    *out = m->facts[state];
    return true;
}

static bool note_leaving(struct mask_part *p, uint32_t node, struct err *e)
{
    if (!mem_grow(&p->leaving, p->n, &p->cap, sizeof *p->leaving, e))
        return false;
    p->leaving[p->n++] = node;
    return true;
}

/* After a node's byte: its tokens, and whether what is walked over may be left. */
static bool arrive(struct token_mask *m, struct walk *w, uint32_t i, uint32_t to, struct err *e)
{
    const struct token_tree *t = m->t;
    m->path[t->level[i] + 1] = to;
    if (t->first[i] < t->first[i + 1])
        take_tokens(m, w, i, i + 1, to);
    return !w->part || t->end[i] == i + 1 || !automaton_accepts(m->a, to) ||
           note_leaving(w->part, i, e);
}

/* Facts cost a step for each character: only where many nodes may be saved. */
static bool worth_learning(const struct token_mask *m, uint32_t state, uint32_t n_node)
{
    return n_node >= WORTH_NODES || (state < m->n_facts && m->facts[state].known);
}

/* The nodes [i, end), which lie below nodes whose states are in the path. */
static bool walk_tree(struct token_mask *m, uint32_t i, uint32_t end, struct walk *w, struct err *e)
{
    const struct token_tree *t = m->t;
    struct automaton_table table = automaton_table(m->a);
    struct state_facts f = {0};
    uint32_t facts_for = AUTOMATON_UNKNOWN;
    while (i < end) {
        uint32_t from = m->path[t->level[i]], to;
        if (from != facts_for) {
            facts_for = worth_learning(m, from, t->end[i] - i) ? from : AUTOMATON_UNKNOWN;
            f.chain = 0;
            if (facts_for == from && !know(m, from, &f, e))
                return false;
            if (w->part && automaton_accepts(m->a, from)) /* it may be left on the way */
                f.chain = 0;
            table = automaton_table(m->a);
        }
        if (t->tall[i] <= f.chain && all_lead_home(&f, &t->chars[i])) {
            take_tokens(m, w, i, t->end[i], from);
            i = t->end[i];
            continue;
        }
        if (!step(m, &table, from, t->label[i], &to, e))
            return false;
        if (to == AUTOMATON_DEAD)
            i = t->end[i];
        else if (!arrive(m, w, i++, to, e))
            return false;
    }
    return true;
}

/* --- tokens that are not text ------------------------------------------------------------------
 */

struct mention {
    struct token_mask *m;
    uint32_t state;
    struct walk *w;
    struct err *e;
    bool failed;
};

/* One token that is mentioned: it too must leave a completion that is short enough. */
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
static bool add_others(struct token_mask *m, uint32_t state, struct walk *w, struct err *e)
{
    struct mention x = {m, state, w, e, false};
    automaton_mentions(m->a, state, add_mention, &x);
    for (uint32_t id = 0; automaton_accepts(m->a, state) && id < m->v->n_tokens; id++)
        if (vocab_ends_answer(m->v, id))
            set_bit(w->bits, id);
    return !x.failed;
}

/* --- parts -------------------------------------------------------------------------------------
 */

static bool find_part(struct token_mask *m, uint32_t state, struct mask_part **out, struct err *e)
{
    struct state_facts *f;
    if (!facts_of(m, state, &f, e))
        return false;
    if (f->part) {
        *out = &m->part[f->part - 1];
        return true;
    }
    uint32_t number = m->next_part++ % N_PART;
    struct mask_part *p = *out = &m->part[number];
    if (p->state)
        m->facts[p->state - 1].part = 0;
    p->state = 0;
    p->n = 0;
    if (!p->bits && !(p->bits = mem_new(m->n_word, sizeof *p->bits, e)))
        return false;
    memset(p->bits, 0, m->n_word * sizeof *p->bits);
    struct walk w = {.bits = p->bits, .most = UINT32_MAX, .part = p};
    m->path[0] = state;
    if (!walk_tree(m, 0, m->t->n, &w, e))
        return false;
    p->state = state + 1;
    p->reach = w.reach;
    m->facts[state].part = number + 1;
    return true;
}

/* Below the nodes at which tokens left a part: the next part, which again may be left below some
 * nodes. No state of the whole is walked over, so states that differ only far outside share all
 * that is found out here. */
static bool add_outer(struct token_mask *m, uint32_t state, const struct mask_part *left,
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
            m->path[m->t->level[node] + 1] = cut.here;
            if (!walk_tree(m, node + 1, m->t->end[node], w, e))
                return false;
        }
        left = next;
        state = cut.after;
    }
    return true;
}

/* What a state allows: what its inner part does, and what comes after that. */
static bool join_parts(struct token_mask *m, const struct automaton_cut *cut, struct walk *w,
                       struct err *e)
{
    struct mask_part *p;
    if (!find_part(m, cut->here, &p, e))
        return false;
    memcpy(w->bits, p->bits, m->n_word * sizeof *w->bits);
    w->reach = p->reach > UINT32_MAX - cut->left ? UINT32_MAX : p->reach + cut->left;
    return add_outer(m, cut->after, p, w, e);
}

static bool fill(struct token_mask *m, uint32_t state, struct walk *w, struct err *e)
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
        m->path[0] = state;
        if (!walk_tree(m, 0, m->t->n, w, e))
            return false;
    }
    return add_others(m, state, w, e);
}

/* --- masks -------------------------------------------------------------------------------------
 */

/* Forgets all states but the current one, and with them all masks. */
static bool forget(struct token_mask *m, struct err *e)
{
    if (!automaton_trim(m->a, &m->state, e))
        return false;
    if (m->facts)
        memset(m->facts, 0, m->n_facts * sizeof *m->facts);
    memset(m->slot, 0, m->n_slot * sizeof *m->slot);
    for (uint32_t i = 0; i < N_PART; i++)
        m->part[i].state = 0;
    return true;
}

/* The slot of a state's mask, which is made if it is not there. */
static bool find_slot(struct token_mask *m, uint32_t state, uint32_t *slot, struct err *e)
{
    struct state_facts *f;
    if (!facts_of(m, state, &f, e))
        return false;
    if (f->slot) {
        *slot = f->slot - 1;
        return true;
    }
    *slot = m->next_slot++ % m->n_slot;
    struct mask_slot *s = &m->slot[*slot];
    if (s->state)
        m->facts[s->state - 1].slot = 0;
    s->state = 0;
    struct walk w = {.bits = m->bits + (size_t)*slot * m->n_word, .most = UINT32_MAX};
    if (!fill(m, state, &w, e))
        return false;
    *s = (struct mask_slot){state + 1, w.reach};
    m->facts[state].slot = *slot + 1;
    return true;
}

/* The state whose mask is this one's. */
static bool blur(struct token_mask *m, uint32_t *state, struct err *e)
{
    struct state_facts *f;
    uint32_t blurred;
    if (!facts_of(m, *state, &f, e))
        return false;
    if (!f->blurred) {
        if (!automaton_blur(m->a, *state, m->t->depth, &blurred, e) || !facts_of(m, *state, &f, e))
            return false;
        f->blurred = blurred + 1;
    }
    *state = f->blurred - 1;
    return true;
}

static bool any(const uint32_t *bits, uint32_t n_word)
{
    for (uint32_t i = 0; i < n_word; i++)
        if (bits[i])
            return true;
    return false;
}

bool token_mask_get(struct token_mask *m, uint32_t tokens_left, const uint32_t **bits,
                    struct err *e)
{
    uint32_t state = m->state, slot;
    if (automaton_full(m->a)) {
        if (!forget(m, e))
            return false;
        state = m->state;
    }
    if (!blur(m, &state, e) || !find_slot(m, state, &slot, e))
        return false;
    *bits = m->bits + (size_t)slot * m->n_word;
    uint64_t hidden = automaton_left(m->a, m->state) - automaton_left(m->a, state);
    uint32_t most = tokens_left ? tokens_left - 1 : 0;
    if (m->slot[slot].reach + hidden <= most)
        return true;
    struct walk w = {.bits = m->own, .most = most};
    if (!fill(m, m->state, &w, e))
        return false;
    if (any(m->own, m->n_word)) /* else the limit cannot be kept: better cut than broken */
        *bits = m->own;
    return true;
}

bool token_mask_accept(struct token_mask *m, uint32_t id, struct err *e)
{
    uint32_t to;
    if (!automaton_token(m->a, m->state, id, vocab_view(m->v, id, false), &to, e))
        return false;
    if (to == AUTOMATON_DEAD)
        return fail(e, ERR_INTERNAL, "token %u does not fit the grammar", id);
    m->state = to;
    return true;
}
