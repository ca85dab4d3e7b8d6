/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_facts: what many characters do at a state, looked at once. */
#include "base/mem.h"
#include "text/mask_private.h"

bool mask_facts_at(struct mask_set *m, uint32_t state, struct state_facts **out, struct err *e)
{
    while (state >= m->n_facts)
        if (!mem_grow(&m->facts, m->n_facts, &m->n_facts, sizeof *m->facts, e))
            return false;
    *out = &m->facts[state];
    return true;
}

/* Does every sequence of n bytes, the first of lo..hi and the others continuing a character, lead
 * from state to home? */
static bool leads_home(struct mask_set *m, uint32_t state, unsigned lo, unsigned hi, unsigned n,
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
static bool others_lead_to(struct mask_set *m, uint32_t s, uint32_t home, bool *yes, struct err *e)
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

#define MOST_CHAIN  1024u
#define LEAST_CHARS 8u /* fewer are not worth it */

static uint32_t count_bits(const uint64_t x[2])
{
    return (uint32_t)(__builtin_popcountll(x[0]) + __builtin_popcountll(x[1]));
}

/* All but the chain: which characters lead to one state. */
static bool look_at(struct mask_set *m, uint32_t state, struct state_facts *f, struct err *e)
{
    static const char common[] = "ae 0";
    uint32_t to[0x80] = {AUTOMATON_DEAD};
    uint64_t on[2];
    *f = (struct state_facts){.known = true};
    automaton_ascii(m->a, state, on);
    if (count_bits(on) < LEAST_CHARS)
        return true;
    for (unsigned c = 0; c < 0x80; c++)
        if (on[c / 64] >> c % 64 & 1 && !automaton_step(m->a, state, (unsigned char)c, &to[c], e))
            return false;
    for (size_t i = 0; i < sizeof common - 1 && f->next == AUTOMATON_DEAD; i++)
        f->next = to[(unsigned char)common[i]];
    for (unsigned c = 0; c < 0x80; c++)
        if (to[c] == f->next && f->next != AUTOMATON_DEAD)
            f->ascii[c / 64] |= 1ull << c % 64;
    if (count_bits(f->ascii) < LEAST_CHARS) {
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

static bool keep_facts(struct mask_set *m, uint32_t state, struct state_facts f, struct err *e)
{
    struct state_facts *at;
    if (!mask_facts_at(m, state, &at, e))
        return false;
    f.slot = at->slot;
    f.part = at->part;
    f.blurred = at->blurred;
    *at = f;
    return true;
}

/* Follows the states from one to the next, then counts back. */
static bool learn(struct mask_set *m, uint32_t state, struct err *e)
{
    uint32_t chain[MOST_CHAIN], n = 0, last = state;
    struct state_facts f, *at;
    for (; n < MOST_CHAIN; last = f.next) {
        if (!mask_facts_at(m, last, &at, e))
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
        at->left = automaton_left(m->a, chain[n]);
        if (at->chain) {
            uint32_t on = next->known ? next->left : automaton_left(m->a, at->next);
            at->left = on > at->left ? on : at->left;
        }
    }
    return true;
}

bool mask_facts_know(struct mask_set *m, uint32_t state, struct state_facts *out, struct err *e)
{
    struct state_facts *f;
    if (!mask_facts_at(m, state, &f, e) || (!f->known && !learn(m, state, e)))
        return false;
    *out = m->facts[state];
    return true;
}
