/* SPDX-License-Identifier: Apache-2.0 */
/* text/regex: see regex.h: reading a pattern into a Thompson automaton.
 *
 * One pass with a stack of groups. A repetition {m,n} copies what it repeats: the steps of an
 * element lie together, from its first on, so a copy is one loop. */
#include "text/regex.h"

#include <string.h>

#include "base/limits.h"
#include "text/regex_private.h"

struct piece {
    uint32_t start, end; /* end: a REGEX_JUMP still open */
    uint32_t from, to;   /* its steps are [from, to) */
};

struct group {
    struct piece all, row, last;
    bool any, repeatable; /* all and last are set */
};

struct reader {
    struct regex *x;
    struct str text;
    size_t at;
    struct group group[LIMIT_GRAMMAR_DEPTH + 1];
    uint32_t depth;
    struct err *e;
};

static int peek(const struct reader *r, size_t ahead)
{
    return r->at + ahead < r->text.n ? (unsigned char)r->text.p[r->at + ahead] : -1;
}

static bool take(struct reader *r, const char *word)
{
    if (!str_starts(str_from(r->text, r->at), str_of(word)))
        return false;
    r->at += strlen(word);
    return true;
}

static bool bad(struct reader *r, const char *what)
{
    return fail(r->e, ERR_USAGE, "pattern \"%.*s\": %s at character %zu", STR_ARG(r->text),
                err_text(what), r->at + 1);
}

static bool beyond(struct reader *r, const char *what)
{
    return fail(r->e, ERR_UNSUPPORTED, "pattern \"%.*s\": %s is not supported", STR_ARG(r->text),
                err_text(what));
}

static uint32_t step(struct reader *r, enum regex_op op, uint32_t a, uint32_t next)
{
    struct regex *x = r->x;
    if (x->n >= REGEX_STEPS) {
        x->full = true;
        return 0;
    }
    x->step[x->n] = (struct regex_step){op, a, next};
    return x->n++;
}

/* --- pieces ------------------------------------------------------------------------------------
 */

static struct group *top(struct reader *r)
{
    return &r->group[r->depth];
}

static void join(struct reader *r, uint32_t end, uint32_t next)
{
    r->x->step[end].next = next;
}

static void add_last(struct reader *r)
{
    struct group *g = top(r);
    if (g->repeatable)
        join(r, g->row.end, g->last.start);
    if (g->repeatable)
        g->row.end = g->last.end;
    g->repeatable = false;
}

static void add_element(struct reader *r, struct piece p)
{
    add_last(r);
    p.to = r->x->n;
    top(r)->last = p;
    top(r)->repeatable = true;
}

static void begin_row(struct reader *r)
{
    top(r)->row.start = top(r)->row.end = step(r, REGEX_JUMP, 0, 0);
    top(r)->repeatable = false;
}

static void end_row(struct reader *r)
{
    struct group *g = top(r);
    add_last(r);
    if (!g->any) {
        g->all = g->row;
        g->any = true;
        return;
    }
    uint32_t end = step(r, REGEX_JUMP, 0, 0);
    g->all.start = step(r, REGEX_SPLIT, g->row.start, g->all.start);
    join(r, g->all.end, end);
    join(r, g->row.end, end);
    g->all.end = end;
}

static struct piece copy_of(struct reader *r, struct piece p)
{
    uint32_t by = r->x->n - p.from;
    for (uint32_t i = p.from; i < p.to && !r->x->full; i++) {
        struct regex_step s = r->x->step[i];
        if (s.op == REGEX_SPLIT)
            s.a += by;
        step(r, s.op, s.a, i == p.end ? 0 : s.next + by);
    }
    return (struct piece){p.start + by, p.end + by, p.from + by, p.to + by};
}

/* p any number of times, or at most once. */
static struct piece optional(struct reader *r, struct piece p, bool again)
{
    uint32_t end = step(r, REGEX_JUMP, 0, 0), split = step(r, REGEX_SPLIT, end, p.start);
    join(r, p.end, again ? split : end);
    return (struct piece){split, end, p.from, r->x->n};
}

static struct piece repeated(struct reader *r, struct piece p, uint32_t min, uint32_t max)
{
    struct piece out = {.from = p.from}, model = p;
    out.start = out.end = step(r, REGEX_JUMP, 0, 0);
    uint32_t times = max == UINT32_MAX ? min + 1 : max;
    for (uint32_t i = 0; i < times && !r->x->full; i++) {
        struct piece one = i ? copy_of(r, model) : model;
        if (i >= min)
            one = optional(r, one, max == UINT32_MAX);
        if (r->x->full)
            break;
        join(r, out.end, one.start);
        out.end = one.end;
    }
    out.to = r->x->n;
    return out;
}

static bool read_count(struct reader *r, uint32_t *n)
{
    size_t from = r->at;
    uint64_t v;
    while (peek(r, 0) >= '0' && peek(r, 0) <= '9')
        r->at++;
    if (!str_to_u64(str_sub(r->text, from, r->at - from), &v))
        return bad(r, N_("a repetition without a number"));
    *n = v > REGEX_STEPS ? REGEX_STEPS + 1 : (uint32_t)v;
    return true;
}

static bool read_repetition(struct reader *r)
{
    uint32_t min = 0, max = UINT32_MAX;
    struct group *g = top(r);
    if (!g->repeatable)
        return bad(r, N_("nothing to repeat"));
    int c = peek(r, 0);
    r->at++;
    if (c == '{') {
        if (!read_count(r, &min))
            return false;
        max = min;
        if (take(r, ",")) {
            max = UINT32_MAX;
            if (peek(r, 0) != '}' && !read_count(r, &max))
                return false;
        }
        if (!take(r, "}") || max < min)
            return bad(r, N_("a repetition that is not {m}, {m,} or {m,n}"));
    } else {
        min = c == '+';
        max = c == '?' ? 1 : UINT32_MAX;
    }
    take(r, "?"); /* lazy: the same texts */
    g->last = repeated(r, g->last, min, max);
    return true;
}

/* --- sets of characters ------------------------------------------------------------------------
 */

static bool add_range(struct reader *r, struct regex_set *s, uint32_t lo, uint32_t hi)
{
    return regex_set_add(s, lo, hi, r->e);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct reader *r, unsigned digits, uint32_t *c)
{
    *c = 0;
    for (unsigned i = 0; i < digits; i++, r->at++) {
        int d = hex_digit(peek(r, 0));
        if (d < 0)
            return bad(r, N_("a hexadecimal digit is missing"));
        *c = *c << 4 | (uint32_t)d;
    }
    return true;
}

/* After "\u": 4 digits, two times 4 of a surrogate pair, or {digits}. */
static bool read_unicode(struct reader *r, uint32_t *c)
{
    if (take(r, "{")) {
        for (*c = 0; hex_digit(peek(r, 0)) >= 0 && *c <= DFA_LAST; r->at++)
            *c = *c << 4 | (uint32_t)hex_digit(peek(r, 0));
        return (take(r, "}") && *c <= DFA_LAST) || bad(r, N_("no such character"));
    }
    uint32_t low;
    if (!read_hex(r, 4, c))
        return false;
    size_t at = r->at;
    if (*c >= 0xd800 && *c < 0xdc00 && take(r, "\\u") && read_hex(r, 4, &low) && low >= 0xdc00 &&
        low < 0xe000)
        *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    else
        r->at = at;
    return true;
}

/* A class like \d goes to the set; else *c is the character. */
static bool read_escape(struct reader *r, struct regex_set *s, bool *is_class, uint32_t *c)
{
    static const char from[] = "tnvfr0", to[] = "\t\n\v\f\r";
    int next = peek(r, 0);
    *is_class = false;
    if (next < 0)
        return bad(r, N_("an escape without a character"));
    r->at++;
    if (strchr("dDwWsS", next)) {
        *is_class = true;
        return regex_set_class(s, (char)next, r->e);
    }
    if (next == 'p' || next == 'P') {
        size_t open = r->at, end = str_find(str_from(r->text, open), STR("}"));
        if (peek(r, 0) != '{' || end == SIZE_MAX)
            return bad(r, N_("\\p without its name in braces"));
        *is_class = true;
        r->at += end + 1;
        struct str name = str_sub(r->text, open + 1, end - 1);
        return regex_set_category(s, name, next == 'P', r->e) || beyond(r, N_("this \\p"));
    }
    const char *known = strchr(from, next);
    if (known) {
        *c = (unsigned char)to[known - from];
        return true;
    }
    if (next == 'x')
        return read_hex(r, 2, c);
    if (next == 'u')
        return read_unicode(r, c);
    if (next == 'c' && ((peek(r, 0) | 0x20) >= 'a' && (peek(r, 0) | 0x20) <= 'z')) {
        *c = (uint32_t)peek(r, 0) & 31;
        r->at++;
        return true;
    }
    if ((next >= '1' && next <= '9') || next == 'k')
        return beyond(r, N_("a back-reference"));
    if (next == 'b' || next == 'B')
        return beyond(r, N_("\\b"));
    if ((next | 0x20) >= 'a' && (next | 0x20) <= 'z')
        return bad(r, N_("an unknown escape"));
    r->at--;
    *c = str_utf8_next(r->text, &r->at);
    return true;
}

static bool read_member(struct reader *r, struct regex_set *s, bool *is_class, uint32_t *c)
{
    *is_class = false;
    if (take(r, "\\b")) {
        *c = '\b';
        return true;
    }
    if (take(r, "\\"))
        return read_escape(r, s, is_class, c);
    *c = str_utf8_next(r->text, &r->at);
    return true;
}

static bool read_set(struct reader *r, struct regex_set *s)
{
    bool not = take(r, "^");
    while (!take(r, "]")) {
        bool low_class, high_class;
        uint32_t lo, hi;
        if (peek(r, 0) < 0)
            return bad(r, N_("a set of characters without its end"));
        if (!read_member(r, s, &low_class, &lo))
            return false;
        hi = lo;
        if (!low_class && peek(r, 0) == '-' && peek(r, 1) != ']' && peek(r, 1) >= 0) {
            r->at++;
            if (!read_member(r, s, &high_class, &hi))
                return false;
            if (high_class || hi < lo)
                return bad(r, N_("a range of characters that ends before it begins"));
        }
        if (!low_class && !add_range(r, s, lo, hi))
            return false;
    }
    return !not || regex_set_not(s, r->e);
}

static bool read_characters(struct reader *r)
{
    struct regex_set s;
    bool is_class = false;
    uint32_t c = 0;
    regex_set_init(&s, r->x->arena);
    if (take(r, "["))
        is_class = true;
    if (is_class) {
        if (!read_set(r, &s))
            return false;
    } else if (take(r, "\\")) {
        if (!read_escape(r, &s, &is_class, &c))
            return false;
    } else if (take(r, ".")) {
        is_class = true;
        if (!regex_set_class(&s, '.', r->e))
            return false;
    } else {
        c = str_utf8_next(r->text, &r->at);
    }
    if (!is_class && !add_range(r, &s, c, c))
        return false;
    uint32_t set;
    if (!regex_add_set(r->x, &s, &set, r->e))
        return false;
    struct piece p = {.from = r->x->n};
    p.end = step(r, REGEX_JUMP, 0, 0);
    p.start = step(r, REGEX_SET, set, p.end);
    add_element(r, p);
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static bool open_group(struct reader *r)
{
    r->at++;
    if (take(r, "?")) {
        bool named = peek(r, 0) == '<' && peek(r, 1) != '=' && peek(r, 1) != '!';
        if (!named && !take(r, ":"))
            return beyond(r, N_("look-around"));
        while (named && peek(r, 0) >= 0 && !take(r, ">"))
            r->at++;
    }
    if (r->depth == LIMIT_GRAMMAR_DEPTH)
        return fail(r->e, ERR_LIMIT, "pattern \"%.*s\": groups are nested deeper than %u",
                    STR_ARG(r->text), LIMIT_GRAMMAR_DEPTH);
    r->group[++r->depth] = (struct group){.all = {.from = r->x->n}};
    begin_row(r);
    return true;
}

static bool close_group(struct reader *r)
{
    if (r->depth == 0)
        return bad(r, N_("a parenthesis that closes none"));
    r->at++;
    uint32_t from = top(r)->all.from;
    end_row(r);
    struct piece p = r->group[r->depth--].all;
    p.from = from;
    add_element(r, p);
    return true;
}

static bool add_anchor(struct reader *r, enum regex_op op)
{
    r->at++;
    struct piece p = {.from = r->x->n};
    p.end = step(r, REGEX_JUMP, 0, 0);
    p.start = step(r, op, 0, p.end);
    add_element(r, p);
    add_last(r); /* not to be repeated */
    return true;
}

static bool read_part(struct reader *r)
{
    switch (peek(r, 0)) {
    case '(':
        return open_group(r);
    case ')':
        return close_group(r);
    case '|':
        r->at++;
        end_row(r);
        begin_row(r);
        return true;
    case '^':
        return add_anchor(r, REGEX_START);
    case '$':
        return add_anchor(r, REGEX_STOP);
    case '*':
    case '+':
    case '?':
    case '{':
        return read_repetition(r);
    case '}':
    case ']':
        return bad(r, N_("a closing bracket that closes none"));
    default:
        return read_characters(r);
    }
}

static bool read_pattern(struct reader *r)
{
    begin_row(r);
    while (r->at < r->text.n && !r->x->full)
        if (!read_part(r))
            return false;
    if (r->x->full)
        return fail(r->e, ERR_LIMIT, "pattern \"%.*s\" is too large: it takes more than %u steps",
                    STR_ARG(r->text), REGEX_STEPS);
    if (r->depth)
        return bad(r, N_("a parenthesis that is never closed"));
    end_row(r);
    uint32_t match = step(r, REGEX_MATCH, 0, 0);
    if (r->x->full)
        return fail(r->e, ERR_LIMIT, "pattern \"%.*s\" is too large: it takes more than %u steps",
                    STR_ARG(r->text), REGEX_STEPS);
    join(r, r->group[0].all.end, match);
    r->x->start = r->group[0].all.start;
    return true;
}

struct dfa *regex_dfa(struct arena *a, struct str pattern, struct err *e)
{
    struct regex *x = arena_new(a, 1, sizeof *x, e);
    struct reader *r = arena_new(a, 1, sizeof *r, e);
    if (!x || !r)
        return NULL;
    x->arena = a;
    x->step = arena_new(a, REGEX_STEPS, sizeof *x->step, e);
    *r = (struct reader){.x = x, .text = pattern, .e = e};
    if (!x->step || !read_pattern(r))
        return NULL;
    struct dfa *d = regex_determine(x, e);
    if (!d)
        err_at(e, "pattern \"%.*s\"", STR_ARG(pattern));
    return d;
}
