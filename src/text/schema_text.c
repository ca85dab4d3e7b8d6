/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_text: sets of texts as JSON writes them, or between other quotation marks.
 *
 * A printable ASCII character stands for itself, but for " and \, which are escaped, and /, which
 * may be. Control characters have \b \f \n \r \t or \u. DEL and all from U+0080 on stand for
 * themselves in UTF-8 or as \u, with two of them beyond U+FFFF. Other escapes (\u0041) are not
 * allowed: they would be needless, and each would double the automaton. */
#include <string.h>

#include "text/schema_emit.h"

struct escapes {
    struct grammar *g;
    uint32_t next, first; /* first: of what may follow \u, joined by splits; 0: nothing yet */
};

/* One hexadecimal digit lo..hi in either case. */
static uint32_t hex_range(struct grammar *g, uint32_t lo, uint32_t hi, uint32_t next)
{
    uint32_t out = 0;
    if (lo < 10)
        out = grammar_add_byte(g, '0' + lo, '0' + (hi < 9 ? hi : 9), next);
    if (hi < 10)
        return out;
    uint32_t from = lo > 10 ? lo - 10 : 0, to = hi - 10;
    uint32_t letters = grammar_add_split(g, grammar_add_byte(g, 'a' + from, 'a' + to, next),
                                         grammar_add_byte(g, 'A' + from, 'A' + to, next));
    return out ? grammar_add_split(g, out, letters) : letters;
}

/* Four digits for lo..hi, in pieces where every digit runs over a range of its own. */
static uint32_t hex_span(struct grammar *g, uint32_t lo, uint32_t hi, uint32_t next)
{
    uint32_t out = 0;
    for (uint32_t end; lo <= hi; lo = end + 1) {
        end = hi;
        for (unsigned i = 1; i < 4; i++) {
            uint32_t low = (1u << 4 * i) - 1;
            if ((lo & ~low) == (end & ~low))
                break;
            if (lo & low)
                end = lo | low;
            else if ((end & low) != low)
                end = (end & ~low) - 1;
        }
        uint32_t at = next;
        for (unsigned i = 0; i < 4; i++)
            at = hex_range(g, lo >> 4 * i & 15, end >> 4 * i & 15, at);
        out = out ? grammar_add_split(g, out, at) : at;
    }
    return out;
}

static void add_escape(struct escapes *x, uint32_t at)
{
    x->first = x->first ? grammar_add_split(x->g, x->first, at) : at;
}

/* Beyond U+FFFF: the second of the two runs over everything, but at the ends of the range. */
static void add_pairs(struct escapes *x, uint32_t lo, uint32_t hi)
{
    lo -= 0x10000;
    hi -= 0x10000;
    for (uint32_t end; lo <= hi; lo = end + 1) {
        end = hi;
        if (lo >> 10 != hi >> 10)
            end = lo & 1023 ? lo | 1023 : (hi & 1023) == 1023 ? hi : (hi & ~1023u) - 1;
        uint32_t low = hex_span(x->g, 0xdc00 + (lo & 1023), 0xdc00 + (end & 1023), x->next);
        low = grammar_add_text(x->g, STR("\\u"), low);
        add_escape(x, hex_span(x->g, 0xd800 + (lo >> 10), 0xd800 + (end >> 10), low));
    }
}

/* The part of lo..hi that lies in from..to. */
static bool cut(struct grammar_range r, uint32_t from, uint32_t to, struct grammar_range *out)
{
    out->lo = r.lo > from ? r.lo : from;
    out->hi = r.hi < to ? r.hi : to;
    return out->lo <= out->hi;
}

static void add_unicode(struct escapes *x, struct grammar_range r, bool pairs)
{
    static const struct grammar_range plain[] = {{0, 0x1f}, {0x7f, 0xd7ff}, {0xe000, 0xffff}};
    struct grammar_range part;
    for (size_t i = 0; i < 3; i++)
        if (cut(r, plain[i].lo, plain[i].hi, &part))
            add_escape(x, hex_span(x->g, part.lo, part.hi, x->next));
    if (pairs && cut(r, 0x10000, DFA_LAST, &part))
        add_pairs(x, part.lo, part.hi);
}

static uint32_t join(struct grammar *g, uint32_t a, uint32_t b)
{
    return a && b ? grammar_add_split(g, a, b) : a ? a : b;
}

/* The escapes of the set, and its characters from DEL on. */
static uint32_t odd_characters(struct schema *s, const struct grammar_range *set, uint32_t n,
                               uint32_t next)
{
    static const char by_letter[][2] = {{'"', '"'},  {'\'', '\''}, {'\\', '\\'},
                                        {'/', '/'},  {'\b', 'b'},  {'\f', 'f'},
                                        {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    struct escapes x = {s->g, next, 0};
    struct grammar_range *raw = arena_new(&s->arena, n + 1, sizeof *raw, s->e);
    uint32_t n_raw = 0, letters = 0;
    for (uint32_t i = 0; raw && i < n; i++) {
        add_unicode(&x, set[i], s->write->escapes);
        n_raw += cut(set[i], 0x7f, DFA_LAST, &raw[n_raw]);
        for (size_t k = 0; k < sizeof by_letter / sizeof *by_letter; k++) {
            unsigned char c = (unsigned char)by_letter[k][0], l = (unsigned char)by_letter[k][1];
            if (set[i].lo <= c && c <= set[i].hi)
                letters = join(s->g, letters, grammar_add_byte(s->g, l, l, next));
        }
    }
    uint32_t escapes = join(s->g, letters, x.first ? grammar_add_byte(s->g, 'u', 'u', x.first) : 0);
    uint32_t out = escapes ? grammar_add_byte(s->g, '\\', '\\', escapes) : 0;
    return n_raw ? join(s->g, out, grammar_add_chars(s->g, raw, n_raw, false, next)) : out;
}

/* A rule for them: many sets differ only in plain letters. */
static uint32_t odd_rule(struct schema *s, const struct grammar_range *set, uint32_t n)
{
    struct str key = {(const char *)set, n * sizeof *set};
    uint32_t rule;
    if (map_get(&s->char_rules, key, &rule))
        return rule;
    rule = grammar_add_rule(s->g, STR(""));
    uint32_t start = odd_characters(s, set, n, grammar_end(s->g));
    if (s->g->bad)
        return 0;
    s->g->rule[rule].start = start;
    char *copy = arena_copy(&s->arena, key, s->e);
    return copy && map_put(&s->char_rules, (struct str){copy, key.n}, rule, s->e) ? rule : 0;
}

/* A character of the set, sorted and joined; 0 on failure or of an empty set. */
static uint32_t characters(struct schema *s, const struct grammar_range *set, uint32_t n,
                           uint32_t next)
{
    const uint32_t q = s->quote, n_odd = s->write->escapes ? 5 : 4;
    const struct grammar_range plain[] = {{0x20, q - 1}, {q + 1, 0x5b}, {0x5d, 0x7e}};
    const struct grammar_range odd[] = {
        {0, 0x1f}, {q, q}, {'\\', '\\'}, {0x7f, DFA_LAST}, {'/', '/'}};
    struct grammar_range *rest = arena_new(&s->arena, n + 5, sizeof *rest, s->e), part;
    uint32_t out = 0, n_rest = 0;
    for (uint32_t i = 0; rest && i < n; i++) {
        for (size_t k = 0; k < 3; k++)
            if (cut(set[i], plain[k].lo, plain[k].hi, &part))
                out = join(s->g, out, grammar_add_byte(s->g, part.lo, part.hi, next));
        for (size_t k = 0; k < n_odd; k++)
            n_rest += cut(set[i], odd[k].lo, odd[k].hi, &rest[n_rest]);
    }
    if (!n_rest)
        return out;
    uint32_t rule = odd_rule(s, rest, n_rest);
    return rule ? join(s->g, out, grammar_add_node(s->g, GRAMMAR_CALL, rule, next)) : 0;
}

/* --- whole texts -------------------------------------------------------------------------------
 */

static uint32_t any_character(struct schema *s, uint32_t next)
{
    static const struct grammar_range all = {0, DFA_LAST};
    uint32_t *known = &s->character[s->quote == '"'];
    if (!*known) {
        uint32_t rule = grammar_add_rule(s->g, STR(""));
        uint32_t start = characters(s, &all, 1, grammar_end(s->g));
        if (s->g->bad || !start)
            return 0;
        s->g->rule[rule].start = start;
        *known = rule;
    }
    return grammar_add_node(s->g, GRAMMAR_CALL, *known, next);
}

static uint32_t of_length(struct schema *s, uint32_t min, uint32_t max, uint32_t next)
{
    struct grammar *g = s->g;
    if (max == 0)
        return next;
    if (min == 0 && max == SCHEMA_NO_BOUND) {
        uint32_t again = grammar_add_node(g, GRAMMAR_SPLIT, next, 0);
        uint32_t one = any_character(s, again);
        if (!g->bad)
            g->node[again].next = one;
        return again;
    }
    any_character(s, next); /* so that its rule is there */
    uint32_t rule = grammar_add_repeat(g, s->character[s->quote == '"'], min, max);
    return grammar_add_node(g, GRAMMAR_CALL, rule, next);
}

/* The characters that lead from a state to another. */
static uint32_t edge(const struct dfa *d, uint32_t from, uint32_t to, struct grammar_range *set)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < d->n_class; k++) {
        if (d->to[(size_t)from * d->n_class + k] != to)
            continue;
        uint32_t lo = d->lo[k], hi = k + 1 < d->n_class ? d->lo[k + 1] - 1 : DFA_LAST;
        if (n && set[n - 1].hi + 1 == lo)
            set[n - 1].hi = hi;
        else
            set[n++] = (struct grammar_range){lo, hi};
    }
    return n;
}

static bool of_state(struct schema *s, const struct dfa *d, uint32_t state, const uint32_t *node,
                     struct grammar_range *set, uint32_t next)
{
    uint32_t out = d->accepts[state] ? next : 0;
    for (uint32_t k = 0; k < d->n_class; k++) {
        uint32_t to = d->to[(size_t)state * d->n_class + k];
        bool first = to != DFA_NONE;
        for (uint32_t i = 0; first && i < k; i++)
            first = d->to[(size_t)state * d->n_class + i] != to;
        if (!first)
            continue;
        uint32_t n = edge(d, state, to, set);
        out = join(s->g, out, characters(s, set, n, node[to]));
    }
    if (s->g->bad)
        return false;
    s->g->node[node[state]].next = out ? out : grammar_add_node(s->g, GRAMMAR_FAIL, 0, 0);
    return true;
}

static uint32_t of_dfa(struct schema *s, const struct dfa *d, uint32_t next)
{
    uint32_t *node = arena_new(&s->arena, d->n_state + 1, sizeof *node, s->e);
    struct grammar_range *set = arena_new(&s->arena, d->n_class, sizeof *set, s->e);
    if (!node || !set)
        return 0;
    for (uint32_t i = 0; i < d->n_state; i++)
        node[i] = grammar_add_node(s->g, GRAMMAR_JUMP, 0, 0);
    for (uint32_t i = 0; i < d->n_state; i++)
        if (!schema_in_time(s) || !of_state(s, d, i, node, set, next))
            return 0;
    return d->n_state ? node[0] : grammar_add_node(s->g, GRAMMAR_FAIL, 0, 0);
}

uint32_t schema_emit_quoted(struct schema *s, const struct schema_set *x, char quote, uint32_t next)
{
    s->quote = (unsigned char)quote;
    next = grammar_add_byte(s->g, s->quote, s->quote, next);
    uint32_t at = x->dfa                ? of_dfa(s, x->dfa, next)
                  : x->some == SOME_SET ? of_length(s, x->min, x->max, next)
                                        : of_length(s, 0, SCHEMA_NO_BOUND, next);
    return at ? grammar_add_byte(s->g, s->quote, s->quote, at) : 0;
}

static uint32_t json_texts(struct schema *s, const struct schema_set *x, uint32_t next)
{
    return schema_emit_quoted(s, x, '"', next);
}

const struct schema_notation schema_json = {.null = {"null"},
                                            .yes = {"true"},
                                            .no = {"false"},
                                            .open = "{",
                                            .is = ":",
                                            .close = "}",
                                            .texts = json_texts,
                                            .escapes = true};

uint32_t schema_emit_keys(struct schema *s, const struct schema_set *x, uint32_t next)
{
    return (s->write->keys ? s->write->keys : s->write->texts)(s, x, next);
}

uint32_t schema_emit_key(struct schema *s, const char *key, uint32_t next)
{
    struct str text = str_of(key);
    struct schema_set x = {SOME_SET, dfa_texts(&s->arena, &text, 1, s->e), 0, 0};
    return x.dfa ? schema_emit_keys(s, &x, next) : 0;
}
