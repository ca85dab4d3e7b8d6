/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_emit: shapes to rules. A rule stands for the elements that must hold at once; rules
 * that are named by others wait in a list, so that no depth of schemas costs C stack. */
#include <stdlib.h>
#include <string.h>

#include "text/number_set.h"
#include "text/schema_emit.h"

#define MOST_BLANKS 64u /* between two tokens of JSON; a model must not dwell in them */

static int by_node(const void *p, const void *q)
{
    const struct schema_element *a = p, *b = q;
    uintptr_t x = (uintptr_t)a->node, y = (uintptr_t)b->node;
    return x != y ? (x < y ? -1 : 1) : (a->kind > b->kind) - (a->kind < b->kind);
}

/* What says nothing: true and {}. */
static bool is_trivial(struct schema_element x)
{
    return x.kind == SCHEMA_IS &&
           (json_is_true(x.node) || (json_is_object(x.node) && json_object_size(x.node) == 0));
}

uint32_t schema_rule(struct schema *s, const struct schema_element *v, uint32_t n)
{
    struct schema_element *copy = arena_new(&s->arena, n + 1, sizeof *copy, s->e);
    uint32_t at, used = 0;
    for (uint32_t i = 0; copy && i < n; i++)
        if (!is_trivial(v[i])) {
            copy[used].node = v[i].node; /* the padding stays zero: the bytes are a key */
            copy[used++].kind = v[i].kind;
        }
    if (!copy)
        return 0;
    if (used)
        qsort(copy, used, sizeof *copy, by_node);
    struct str key = {(const char *)copy, used * sizeof *copy};
    if (used == 0)
        key = STR("{}");
    if (map_get(&s->rules, key, &at))
        return s->wanted[at].rule;
    if (!mem_grow(&s->wanted, s->n_wanted, &s->wanted_cap, sizeof *s->wanted, s->e))
        return 0;
    at = (uint32_t)s->n_wanted++;
    s->wanted[at] = (struct schema_wanted){copy, used, grammar_add_rule(s->g, STR(""))};
    if (s->g->bad)
        return 0;
    s->g->rule[s->wanted[at].rule].border = true;
    return map_put(&s->rules, key, at, s->e) ? s->wanted[at].rule : 0;
}

/* --- small parts -------------------------------------------------------------------------------
 */

uint32_t schema_blank(struct schema *s, uint32_t next)
{
    if (!s->blank) {
        uint32_t body = grammar_add_rule(s->g, STR("")), end = grammar_end(s->g);
        uint32_t tabs = grammar_add_byte(s->g, '\t', '\n', end);
        uint32_t line = grammar_add_byte(s->g, '\r', '\r', end);
        uint32_t space = grammar_add_byte(s->g, ' ', ' ', end);
        uint32_t start = grammar_add_split(s->g, space, grammar_add_split(s->g, tabs, line));
        if (s->g->bad)
            return 0;
        s->g->rule[body].start = start;
        s->blank = grammar_add_repeat(s->g, body, 0, MOST_BLANKS);
    }
    return grammar_add_node(s->g, GRAMMAR_CALL, s->blank, next);
}

/* Bytes of a DFA over digits and signs. */
static uint32_t of_number_set(struct schema *s, const struct dfa *d, uint32_t next)
{
    uint32_t *node = arena_new(&s->arena, d->n_state + 1, sizeof *node, s->e);
    for (uint32_t i = 0; node && i < d->n_state; i++)
        node[i] = grammar_add_node(s->g, GRAMMAR_JUMP, 0, 0);
    for (uint32_t i = 0; node && i < d->n_state && !s->g->bad; i++) {
        uint32_t out = d->accepts[i] ? next : 0;
        for (uint32_t k = 0; k < d->n_class; k++) {
            uint32_t to = d->to[(size_t)i * d->n_class + k];
            uint32_t hi = k + 1 < d->n_class ? d->lo[k + 1] - 1 : DFA_LAST;
            if (to == DFA_NONE)
                continue;
            uint32_t one = grammar_add_byte(s->g, d->lo[k], hi > 0x7f ? 0x7f : hi, node[to]);
            out = out ? grammar_add_split(s->g, out, one) : one;
        }
        if (!s->g->bad)
            s->g->node[node[i]].next = out;
    }
    return node && !s->g->bad ? node[0] : 0;
}

/* Any number: with an exponent too, of up to three digits. */
static uint32_t any_number(struct schema *s, uint32_t next)
{
    struct grammar *g = s->g;
    if (!s->any_number) {
        const struct dfa *d = number_any(&s->arena, s->e);
        uint32_t end = grammar_end(g), last = end, rule = grammar_add_rule(g, STR(""));
        for (int i = 0; i < 3; i++)
            last = grammar_add_byte(g, '0', '9', i ? grammar_add_split(g, end, last) : end);
        uint32_t sign = grammar_add_split(g, grammar_add_byte(g, '+', '+', last),
                                          grammar_add_byte(g, '-', '-', last));
        sign = grammar_add_split(g, last, sign);
        uint32_t e = grammar_add_split(g, grammar_add_byte(g, 'e', 'e', sign),
                                       grammar_add_byte(g, 'E', 'E', sign));
        uint32_t start = d ? of_number_set(s, d, grammar_add_split(g, end, e)) : 0;
        if (g->bad || !start)
            return 0;
        g->rule[rule].start = start;
        s->any_number = rule;
    }
    return grammar_add_node(g, GRAMMAR_CALL, s->any_number, next);
}

static uint32_t any_text(struct schema *s, uint32_t next)
{
    if (!s->any_text) {
        struct schema_set all = {SOME_ALL, NULL, 0, 0};
        uint32_t rule = grammar_add_rule(s->g, STR(""));
        uint32_t start = s->write->texts(s, &all, grammar_end(s->g));
        if (s->g->bad || !start)
            return 0;
        s->g->rule[rule].start = start;
        s->any_text = rule;
    }
    return grammar_add_node(s->g, GRAMMAR_CALL, s->any_text, next);
}

/* --- arrays ------------------------------------------------------------------------------------
 */

static uint32_t item_rule(struct schema *s, const struct schema_side *x, uint32_t index)
{
    struct schema_list l = {0};
    return schema_of_index(s, x, index, &l) ? schema_rule(s, l.v, l.n) : 0;
}

/* "," blanks item blanks */
static uint32_t further_item(struct schema *s, uint32_t rule, uint32_t next)
{
    uint32_t at = grammar_add_node(s->g, GRAMMAR_CALL, rule, schema_blank(s, next));
    return grammar_add_byte(s->g, ',', ',', schema_blank(s, at));
}

/* The items from n on, all alike: min to max of them. */
static uint32_t alike(struct schema *s, uint32_t item, bool first, uint32_t min, uint32_t max,
                      uint32_t next)
{
    struct grammar *g = s->g;
    if (max == 0)
        return next;
    uint32_t body = grammar_add_rule(g, STR(""));
    uint32_t start = further_item(s, item, grammar_end(g));
    if (g->bad)
        return 0;
    g->rule[body].start = start;
    uint32_t more = max == GRAMMAR_ALWAYS ? max : max - first;
    uint32_t least = min > first ? min - first : 0;
    uint32_t rest =
        more ? grammar_add_node(g, GRAMMAR_CALL, grammar_add_repeat(g, body, least, more), next)
             : next;
    if (!first)
        return rest;
    uint32_t one = grammar_add_node(g, GRAMMAR_CALL, item, schema_blank(s, rest));
    return min ? one : grammar_add_split(g, one, next);
}

static uint32_t emit_array(struct schema *s, const struct schema_side *x, uint32_t next)
{
    uint32_t n = schema_prefix(x);
    uint32_t close = grammar_add_byte(s->g, ']', ']', next);
    if (n > x->max)
        n = x->max;
    uint32_t rest = item_rule(s, x, n), at;
    if (!rest)
        return 0;
    at = alike(s, rest, n == 0, x->min > n ? x->min - n : 0,
               x->max == SCHEMA_NO_BOUND ? GRAMMAR_ALWAYS : x->max - n, close);
    for (uint32_t i = n; i-- > 0 && !s->g->bad;) { /* from the last to the first */
        uint32_t item = item_rule(s, x, i);
        if (!item || !schema_in_time(s))
            return 0;
        at = i ? further_item(s, item, at)
               : grammar_add_node(s->g, GRAMMAR_CALL, item, schema_blank(s, at));
        if (i >= x->min)
            at = grammar_add_split(s->g, at, close);
    }
    return grammar_add_byte(s->g, '[', '[', schema_blank(s, at));
}

/* --- bodies ------------------------------------------------------------------------------------
 */

struct parts {
    struct schema *s;
    uint32_t first, end;
    bool ok;
};

static void add_part(struct parts *p, uint32_t at)
{
    p->ok &= at != 0;
    p->first = p->first ? grammar_add_split(p->s->g, p->first, at) : at;
}

static void add_word(struct parts *p, bool some, const char *const word[2])
{
    for (int i = 0; some && i < 2 && word[i]; i++)
        add_part(p, grammar_add_text(p->s->g, str_of(word[i]), p->end));
}

static uint32_t emit_shape(struct schema *s, const struct schema_shape *x)
{
    struct parts p = {s, 0, grammar_end(s->g), true};
    add_word(&p, x->null, s->write->null);
    add_word(&p, x->yes, s->write->yes);
    add_word(&p, x->no, s->write->no);
    if (x->numbers.some == SOME_ALL)
        add_part(&p, any_number(s, p.end));
    if (x->numbers.some == SOME_SET)
        add_part(&p, of_number_set(s, x->numbers.dfa, p.end));
    if (x->texts.some == SOME_ALL)
        add_part(&p, any_text(s, p.end));
    if (x->texts.some == SOME_SET)
        add_part(&p, s->write->texts(s, &x->texts, p.end));
    for (const struct schema_side *i = x->arrays; p.ok && i; i = i->next)
        add_part(&p, emit_array(s, i, p.end));
    for (const struct schema_side *i = x->objects; p.ok && i; i = i->next)
        add_part(&p, schema_emit_object(s, i, p.end));
    return p.ok && !p.first ? grammar_add_node(s->g, GRAMMAR_FAIL, 0, 0) : p.ok ? p.first : 0;
}

bool schema_emit_all(struct schema *s)
{
    for (size_t i = 0; i < s->n_wanted; i++) {
        struct schema_wanted w = s->wanted[i];
        const struct schema_shape *x = schema_of_all(s, w.v, w.n);
        uint32_t start = x && schema_in_time(s) ? emit_shape(s, x) : 0;
        if (!start || s->g->bad)
            return false;
        s->g->rule[w.rule].start = start;
    }
    return !s->g->bad;
}
