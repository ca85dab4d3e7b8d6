/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_emit: see toolcall_emit.h.
 *
 * A text without markers is an automaton over characters, whose state is how much of each marker
 * stands at the end of the text (Aho and Corasick, 1975): as markers are few and short, the states
 * are found by comparing. Only what could complete a marker is left out, so the marker itself can
 * be written on beside it. */
#include "text/toolcall_emit.h"

#include <string.h>

#include "base/mem.h"

#define MOST_STATES 256u /* beginnings of markers */

/* --- markers -----------------------------------------------------------------------------------
 */

/* The token at the beginning of the text, without text of its own: its bytes, or 0. */
static size_t token_at(const struct toolcall_emit *m, struct str text, uint32_t *id)
{
    if (!m->find_token || !text.n || (text.p[0] != '<' && text.p[0] != '['))
        return 0;
    for (size_t n = 2; n <= text.n; n++)
        if ((text.p[n - 1] == '>' || text.p[n - 1] == ']') &&
            m->find_token(m->arg, str_sub(text, 0, n), id))
            return n;
    return 0;
}

uint32_t toolcall_emit_marker(struct toolcall_emit *m, struct str text, uint32_t next)
{
    uint32_t id;
    size_t plain = 0;
    if (!text.n)
        return next;
    size_t n = token_at(m, text, &id);
    while (!n && plain < text.n && !token_at(m, str_from(text, plain), &id))
        plain++;
    uint32_t rest = toolcall_emit_marker(m, str_from(text, n ? n : plain), next); /* few of them */
    return n ? grammar_add_node(m->g, GRAMMAR_TOKEN, id, rest)
             : grammar_add_text(m->g, str_sub(text, 0, plain), rest);
}

static uint32_t char_rule(struct toolcall_emit *m, struct grammar_range *set, uint32_t n, bool not )
{
    uint32_t rule = grammar_add_rule(m->g, STR(""));
    uint32_t start = grammar_add_chars(m->g, set, n, not, grammar_end(m->g));
    if (m->g->bad)
        return 0;
    m->g->rule[rule].start = start;
    return rule;
}

static uint32_t repeat(struct toolcall_emit *m, uint32_t body, uint32_t min, uint32_t max,
                       uint32_t next)
{
    uint32_t rule = body ? grammar_add_repeat(m->g, body, min, max) : 0;
    return m->g->bad ? 0 : grammar_add_node(m->g, GRAMMAR_CALL, rule, next);
}

uint32_t toolcall_emit_blanks(struct toolcall_emit *m, uint32_t next)
{
    struct grammar_range set[] = {{' ', ' '}, {'\n', '\n'}};
    if (!m->blanks)
        m->blanks = char_rule(m, set, 2, false);
    return repeat(m, m->blanks, 0, 8, next);
}

uint32_t toolcall_emit_id(struct toolcall_emit *m, uint32_t next)
{
    struct grammar_range set[] = {{'0', '9'}, {'a', 'z'}, {'A', 'Z'}};
    bool number = m->f->flags & TOOLCALL_ID_NAME;
    if (!m->character)
        m->character = char_rule(m, set, number ? 1 : 3, false);
    return repeat(m, m->character, m->f->id_min ? m->f->id_min : 1, m->f->id_max ? m->f->id_max : 1,
                  next);
}

/* --- text --------------------------------------------------------------------------------------
 */

struct avoid {
    struct toolcall_emit *m;
    const struct toolcall_text *x;
    struct str state[MOST_STATES]; /* beginnings of markers; 0 is the empty one */
    uint32_t n;
    uint32_t *node; /* [n][states of the DFA] */
};

static void add_state(struct avoid *a, struct str s)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (str_eq(a->state[i], s))
            return;
    if (a->n < MOST_STATES)
        a->state[a->n++] = s;
}

static void list_states(struct avoid *a)
{
    uint32_t id;
    add_state(a, STR(""));
    for (uint32_t i = 0; i < a->x->n_stop; i++) {
        struct str s = a->x->stop[i];
        if (token_at(a->m, s, &id)) /* text cannot spell it */
            continue;
        for (size_t at = 0; at < s.n; str_utf8_next(s, &at))
            add_state(a, str_sub(s, 0, at));
    }
}

static bool is_stop(const struct avoid *a, struct str s)
{
    for (uint32_t i = 0; i < a->x->n_stop; i++)
        if (str_eq(a->x->stop[i], s))
            return true;
    return false;
}

/* The state after one more character; UINT32_MAX: a marker is complete. */
static uint32_t after(const struct avoid *a, uint32_t from, uint32_t c)
{
    char text[512];
    struct str s = a->state[from];
    if (s.n > sizeof text - 4)
        return 0;
    memcpy(text, s.p, s.n);
    s = (struct str){text, s.n + str_utf8_put(c, text + s.n)};
    for (size_t at = 0; at < s.n; str_utf8_next(s, &at)) {
        struct str end = str_from(s, at);
        if (is_stop(a, end))
            return UINT32_MAX;
        for (uint32_t i = 1; i < a->n; i++)
            if (str_eq(a->state[i], end))
                return i;
    }
    return 0;
}

/* The characters that markers are made of, each once. */
static uint32_t special_chars(const struct avoid *a, struct grammar_range *out)
{
    uint32_t n = 0, k;
    for (uint32_t i = 0; i < a->x->n_stop; i++)
        for (size_t at = 0; at < a->x->stop[i].n;) {
            uint32_t c = str_utf8_next(a->x->stop[i], &at);
            for (k = 0; k < n && out[k].lo != c; k++)
                continue;
            if (k == n && n < MOST_STATES)
                out[n++] = (struct grammar_range){c, c};
        }
    return n;
}

static uint32_t join(struct grammar *g, uint32_t a, uint32_t b)
{
    return a && b ? grammar_add_split(g, a, b) : a ? a : b;
}

/* From one state of each: the characters lo..hi lead the DFA to `to`. */
static uint32_t add_range(struct avoid *a, uint32_t from, struct grammar_range r, uint32_t to,
                          const struct grammar_range *special, uint32_t n)
{
    struct grammar *g = a->m->g;
    struct grammar_range rest[MOST_STATES + 2];
    uint32_t out = 0, n_rest = 0;
    rest[n_rest++] = (struct grammar_range){0, r.lo ? r.lo - 1 : 0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = special[i].lo;
        if (c < r.lo || c > r.hi)
            continue;
        uint32_t k = after(a, from, c);
        rest[n_rest++] = special[i];
        struct grammar_range one = special[i];
        if (k != UINT32_MAX)
            out = join(g, out, grammar_add_chars(g, &one, 1, false, a->node[k + to * a->n]));
    }
    if (r.hi < DFA_LAST)
        rest[n_rest++] = (struct grammar_range){r.hi + 1, DFA_LAST};
    if (!r.lo) { /* nothing below it is left out */
        rest[0] = rest[--n_rest];
        if (!n_rest)
            return join(g, out, grammar_add_chars(g, NULL, 0, true, a->node[to * a->n]));
    }
    return join(g, out, grammar_add_chars(g, rest, n_rest, true, a->node[to * a->n]));
}

static uint32_t add_chars(struct avoid *a, uint32_t k, uint32_t d)
{
    struct grammar_range special[MOST_STATES];
    uint32_t n = special_chars(a, special), out = 0;
    const struct dfa *dfa = a->x->dfa;
    if (!dfa)
        return add_range(a, k, (struct grammar_range){0, DFA_LAST}, 0, special, n);
    for (uint32_t i = 0; i < dfa->n_class; i++) {
        uint32_t to = dfa->to[(size_t)d * dfa->n_class + i];
        uint32_t hi = i + 1 < dfa->n_class ? dfa->lo[i + 1] - 1 : DFA_LAST;
        if (to != DFA_NONE)
            out = join(a->m->g, out,
                       add_range(a, k, (struct grammar_range){dfa->lo[i], hi}, to, special, n));
    }
    return out;
}

static void fill(struct avoid *a, uint32_t k, uint32_t d)
{
    const struct toolcall_text *x = a->x;
    struct grammar *g = a->m->g;
    uint32_t out = add_chars(a, k, d);
    if (!x->dfa || x->dfa->accepts[d])
        out = join(g, out, x->next);
    for (int i = 0; x->drop && i < 4 && x->drop[i]; i++)
        out = join(g, out, toolcall_emit_marker(a->m, str_of(x->drop[i]), a->node[0]));
    if (!out)
        out = grammar_add_node(g, GRAMMAR_FAIL, 0, 0);
    if (!g->bad)
        g->node[a->node[k + d * a->n]].next = out;
}

/* Anything but what begins like a call without a marker. */
static uint32_t not_a_call(struct toolcall_emit *m, uint32_t any, uint32_t end)
{
    static const struct str call = STR("{\"name\"");
    uint32_t next = 0;
    for (size_t i = call.n; i-- > 0;) {
        struct grammar_range c = {(unsigned char)call.p[i], (unsigned char)call.p[i]};
        uint32_t other = grammar_add_chars(m->g, &c, 1, true, any);
        uint32_t on = next ? grammar_add_byte(m->g, c.lo, c.lo, next) : 0;
        next = join(m->g, join(m->g, other, on), end);
    }
    return next;
}

uint32_t toolcall_emit_text(struct toolcall_emit *m, const struct toolcall_text *x)
{
    struct avoid *a;
    uint32_t n_dfa = x->dfa ? x->dfa->n_state : 1, start = 0;
    struct err e = {0};
    if (m->g->bad || !(a = mem_new(1, sizeof *a, &e)))
        return m->g->bad ? 0 : grammar_fail(m->g, &e);
    a->m = m;
    a->x = x;
    list_states(a);
    a->node = mem_new((size_t)a->n * n_dfa + 1, sizeof *a->node, &e);
    for (uint32_t i = 0; a->node && i < a->n * n_dfa; i++)
        a->node[i] = grammar_add_node(m->g, GRAMMAR_JUMP, 0, 0);
    for (uint32_t i = 0; a->node && !m->g->bad && i < a->n * n_dfa; i++)
        fill(a, i % a->n, i / a->n);
    if (!a->node)
        grammar_fail(m->g, &e);
    else if (n_dfa)
        start = x->not_call ? not_a_call(m, a->node[0], x->next) : a->node[0];
    else
        start = grammar_add_node(m->g, GRAMMAR_FAIL, 0, 0);
    mem_free(a->node);
    mem_free(a);
    return m->g->bad ? 0 : start;
}
