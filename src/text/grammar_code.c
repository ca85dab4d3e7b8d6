/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_code: see grammar_code.h: nodes, rules, and characters as bytes. */
#include "text/grammar_code.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define MOST_RULES (1u << 16) /* with those of repetitions and schemas */

struct grammar *grammar_new(struct err *e)
{
    struct grammar *g = mem_new(1, sizeof *g, e);
    if (!g)
        return NULL;
    buf_init(&g->names, LIMIT_GRAMMAR_BYTES);
    buf_byte(&g->names, '\0'); /* rule 0 has no name */
    if (grammar_add_node(g, GRAMMAR_ACCEPT, 0, 0) == 0 && !g->bad)
        grammar_add_rule(g, STR(""));
    if (!g->bad)
        return g;
    *e = g->err;
    grammar_free(g);
    return NULL;
}

const struct grammar *grammar_hold(const struct grammar *g)
{
    struct grammar *held = (struct grammar *)(uintptr_t)g; /* made by mem_new: writable */
    atomic_fetch_add(&held->owners, 1);
    return g;
}

void grammar_free(const struct grammar *owned)
{
    struct grammar *g = (struct grammar *)(uintptr_t)owned;
    if (!g || atomic_fetch_sub(&g->owners, 1) > 0)
        return;
    mem_free(g->node);
    mem_free(g->rule);
    mem_free(g->object);
    mem_free(g->member);
    mem_free(g->need);
    mem_free(g->shortest);
    buf_clear(&g->names);
    mem_free(g);
}

bool grammar_fail(struct grammar *g, const struct err *e)
{
    if (!g->bad)
        g->err = *e;
    g->bad = true;
    return false;
}

uint32_t grammar_add_node(struct grammar *g, enum grammar_op op, uint32_t a, uint32_t next)
{
    struct err e = {0};
    if (g->bad)
        return 0;
    if (g->n_node >= LIMIT_GRAMMAR_NODES)
        fail(&e, ERR_LIMIT, "the grammar is too large: it takes more than %u steps",
             LIMIT_GRAMMAR_NODES);
    if (e.code || !mem_grow(&g->node, g->n_node, &g->node_cap, sizeof *g->node, &e)) {
        grammar_fail(g, &e);
        return 0;
    }
    g->node[g->n_node] = (struct grammar_node){(uint8_t)op, 0, 0, a, next};
    return g->n_node++;
}

uint32_t grammar_add_byte(struct grammar *g, unsigned lo, unsigned hi, uint32_t next)
{
    uint32_t at = grammar_add_node(g, GRAMMAR_RANGE, 0, next);
    if (g->bad)
        return 0;
    g->node[at].lo = (uint8_t)lo;
    g->node[at].hi = (uint8_t)hi;
    return at;
}

uint32_t grammar_add_rule(struct grammar *g, struct str name)
{
    struct err e = {0};
    if (g->bad)
        return 0;
    if (g->n_rule >= MOST_RULES)
        fail(&e, ERR_LIMIT, "the grammar is too large: it takes more than %u rules", MOST_RULES);
    if (e.code || !mem_grow(&g->rule, g->n_rule, &g->rule_cap, sizeof *g->rule, &e)) {
        grammar_fail(g, &e);
        return 0;
    }
    uint32_t at = 0;
    if (name.n) {
        at = (uint32_t)g->names.n;
        buf_str(&g->names, name);
        buf_byte(&g->names, '\0');
        if (!buf_ok(&g->names, "grammar", &e))
            grammar_fail(g, &e);
    }
    g->rule[g->n_rule] = (struct grammar_rule){.name = at};
    return g->n_rule++;
}

struct str grammar_rule_name(const struct grammar *g, uint32_t rule)
{
    return str_of(buf_c(&g->names) + g->rule[rule].name);
}

uint32_t grammar_end(struct grammar *g)
{
    return grammar_add_node(g, GRAMMAR_END, 0, 0);
}

uint32_t grammar_add_text(struct grammar *g, struct str text, uint32_t next)
{
    for (size_t i = text.n; i-- > 0;)
        next = grammar_add_byte(g, (unsigned char)text.p[i], (unsigned char)text.p[i], next);
    return next;
}

uint32_t grammar_add_split(struct grammar *g, uint32_t a, uint32_t b)
{
    return a == b ? a : grammar_add_node(g, GRAMMAR_SPLIT, b, a);
}

uint32_t grammar_add_repeat(struct grammar *g, uint32_t body, uint32_t min, uint32_t max)
{
    uint32_t rule = grammar_add_rule(g, STR(""));
    uint32_t start = grammar_add_node(g, GRAMMAR_REPEAT, body, grammar_end(g));
    if (g->bad)
        return 0;
    g->rule[rule].start = start;
    g->rule[rule].data = grammar_counts(min, max);
    return rule;
}

/* --- characters --------------------------------------------------------------------------------
 */

static int by_lo(const void *a, const void *b)
{
    const struct grammar_range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

uint32_t grammar_ranges_sort(struct grammar_range *set, uint32_t n)
{
    uint32_t out = 0;
    if (n)
        qsort(set, n, sizeof *set, by_lo);
    for (uint32_t i = 0; i < n; i++) {
        if (out && set[i].lo <= set[out - 1].hi + 1) {
            if (set[i].hi > set[out - 1].hi)
                set[out - 1].hi = set[i].hi;
        } else {
            set[out++] = set[i];
        }
    }
    return out;
}

/* UTF-8 sequences of one length whose bytes each lie in a range: what a range of code points falls
 * into. Nodes of equal continuation are shared, so that a set of many ranges stays small. */
struct chars {
    struct grammar *g;
    uint32_t next;
    uint32_t first; /* what begins with one of them, joined by splits; 0: nothing yet */
    uint32_t from;  /* first node of this set */
};

static uint32_t shared_byte(struct chars *c, unsigned lo, unsigned hi, uint32_t next)
{
    struct grammar *g = c->g;
    uint32_t stop = g->n_node > c->from + 64 ? g->n_node - 64 : c->from;
    for (uint32_t i = g->n_node; i > stop; i--) {
        const struct grammar_node *n = &g->node[i - 1];
        if (n->op == GRAMMAR_RANGE && n->lo == lo && n->hi == hi && n->next == next)
            return i - 1;
    }
    return grammar_add_byte(g, lo, hi, next);
}

static void add_sequence(struct chars *c, const unsigned char *lo, const unsigned char *hi,
                         size_t n)
{
    uint32_t at = c->next;
    for (size_t i = n; i-- > 1;)
        at = shared_byte(c, lo[i], hi[i], at);
    at = grammar_add_byte(c->g, lo[0], hi[0], at);
    c->first = c->first ? grammar_add_split(c->g, c->first, at) : at;
}

/* lo..hi, both of n bytes, in pieces where every byte runs over a range of its own. */
static void add_span(struct chars *c, uint32_t lo, uint32_t hi, size_t n)
{
    for (uint32_t end; lo <= hi; lo = end + 1) {
        end = hi;
        for (size_t i = 1; i < n; i++) {
            uint32_t low = (1u << 6 * i) - 1;
            if ((lo & ~low) == (end & ~low))
                break;
            if (lo & low)
                end = lo | low;
            else if ((end & low) != low)
                end = (end & ~low) - 1;
        }
        char a[4], b[4];
        str_utf8_put(lo, a);
        str_utf8_put(end, b);
        add_sequence(c, (unsigned char *)a, (unsigned char *)b, n);
    }
}

static void add_range(struct chars *c, uint32_t lo, uint32_t hi)
{
    static const struct grammar_range pieces[] = {
        {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        uint32_t from = lo > pieces[i].lo ? lo : pieces[i].lo;
        uint32_t to = hi < pieces[i].hi ? hi : pieces[i].hi;
        static const size_t length[] = {1, 2, 3, 3, 4};
        if (from <= to)
            add_span(c, from, to, length[i]);
    }
}

uint32_t grammar_add_chars(struct grammar *g, struct grammar_range *set, uint32_t n, bool not,
                           uint32_t next)
{
    struct chars c = {.g = g, .next = next, .from = g->n_node};
    uint32_t at = 0;
    n = grammar_ranges_sort(set, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!not )
            add_range(&c, set[i].lo, set[i].hi);
        else if (set[i].lo > at)
            add_range(&c, at, set[i].lo - 1);
        at = set[i].hi + 1;
    }
    if (not &&at <= 0x10ffff)
        add_range(&c, at, 0x10ffff);
    return c.first ? c.first : grammar_add_node(g, GRAMMAR_FAIL, 0, 0);
}
