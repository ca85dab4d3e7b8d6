/* SPDX-License-Identifier: Apache-2.0 */
/* text/gbnf: GBNF, the grammar notation of llama.cpp, read into a grammar.
 *
 * rule ::= alternative | alternative: literals "..", sets [..] and [^..], any character `.`,
 * tokens <text> and <[id]>, !<..> for any token but that one, names, groups in parentheses, each
 * with *, +, ?, {m}, {m,} or {m,n} after it; # begins a comment. A rule ends with its line, unless
 * a parenthesis is open or the line ends in `|`. Names may be used before they are defined.
 *
 * One pass with a stack of its own for groups, so depth costs no C stack. Refuses, with line and
 * column: what is not in this notation, names never defined or defined twice, more than
 * LIMIT_GRAMMAR_RULES of them, groups deeper than LIMIT_GRAMMAR_DEPTH. */
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "text/grammar_code.h"

struct piece { /* of a rule: from start to end, a GRAMMAR_JUMP whose next is still open */
    uint32_t start, end;
};

struct group {
    struct piece all;  /* the alternatives so far; start 0: none */
    struct piece row;  /* the sequence so far, without its last element */
    struct piece last; /* which a repetition may still take; start 0: none */
    size_t at;         /* where the group begins, for messages */
};

struct place {
    uint32_t line, column; /* column in characters, from 1 */
};

struct gbnf {
    struct grammar *g;
    struct str text;
    size_t at, known_at;
    struct place known; /* of known_at */
    struct map rules;
    uint32_t n_rule; /* named */
    struct group group[LIMIT_GRAMMAR_DEPTH + 1];
    uint32_t depth;
    grammar_token_fn *find_token;
    const void *find_arg;
    struct grammar_range *set;
    size_t set_cap;
    struct err *e;
};

/* --- characters --------------------------------------------------------------------------------
 */

/* Places are asked for in order, mostly: the last one is where counting goes on. */
static struct place place_of(struct gbnf *p, size_t at)
{
    if (at < p->known_at) {
        p->known = (struct place){1, 1};
        p->known_at = 0;
    }
    for (; p->known_at < at && p->known_at < p->text.n; p->known_at++) {
        unsigned char c = (unsigned char)p->text.p[p->known_at];
        if (c == '\n')
            p->known = (struct place){p->known.line + 1, 1};
        else
            p->known.column += (c & 0xc0) != 0x80;
    }
    return p->known;
}

/* Puts the place before the message that is already there. */
static bool here(struct gbnf *p, size_t at)
{
    struct place x = place_of(p, at);
    return err_at(p->e, "line %u, column %u", x.line, x.column);
}

static int peek(const struct gbnf *p)
{
    return p->at < p->text.n ? (unsigned char)p->text.p[p->at] : -1;
}

static bool take(struct gbnf *p, const char *word)
{
    if (!str_starts(str_from(p->text, p->at), str_of(word)))
        return false;
    p->at += strlen(word);
    return true;
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Blanks and comments; line ends too where they mean nothing. */
static void skip_blanks(struct gbnf *p, bool lines)
{
    for (int c; (c = peek(p)) >= 0; p->at++) {
        if (c == '#')
            while (p->at + 1 < p->text.n && p->text.p[p->at + 1] != '\n')
                p->at++;
        else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r')))
            return;
    }
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct gbnf *p, size_t from, unsigned digits, uint32_t *c)
{
    *c = 0;
    for (unsigned i = 0; i < digits; i++, p->at++) {
        int d = hex_digit(peek(p));
        if (d < 0) {
            fail(p->e, ERR_USAGE, "this escape needs %u hexadecimal digits", digits);
            return here(p, from);
        }
        *c = *c << 4 | (uint32_t)d;
    }
    if (*c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff))
        return true;
    fail(p->e, ERR_USAGE, "there is no character U+%04X", *c);
    return here(p, from);
}

static bool take_escape(struct gbnf *p, size_t from, uint32_t *c)
{
    int next = peek(p);
    p->at++;
    switch (next) {
    case 'x':
        return take_hex(p, from, 2, c);
    case 'u':
        return take_hex(p, from, 4, c);
    case 'U':
        return take_hex(p, from, 8, c);
    case 't':
        *c = '\t';
        return true;
    case 'r':
        *c = '\r';
        return true;
    case 'n':
        *c = '\n';
        return true;
    case '\\':
    case '"':
    case '[':
    case ']':
    case '^':
    case '-':
        *c = (uint32_t)next;
        return true;
    default:
        fail(p->e, ERR_USAGE,
             "unknown escape: known are \\x, \\u, \\U with digits, \\t \\r \\n \\\\ \\\" \\[ \\] "
             "\\^ "
             "and \\-");
        return here(p, from);
    }
}

/* One character of a literal or a set. */
static bool take_character(struct gbnf *p, uint32_t *c)
{
    size_t from = p->at;
    if (peek(p) != '\\') {
        *c = str_utf8_next(p->text, &p->at);
        return true;
    }
    p->at++;
    return take_escape(p, from, c);
}

/* --- pieces ------------------------------------------------------------------------------------
 */

static uint32_t open_end(struct gbnf *p)
{
    return grammar_add_node(p->g, GRAMMAR_JUMP, 0, 0);
}

static void join(struct gbnf *p, uint32_t end, uint32_t next)
{
    if (!p->g->bad)
        p->g->node[end].next = next;
}

static struct group *top(struct gbnf *p)
{
    return &p->group[p->depth];
}

static void add_last(struct gbnf *p)
{
    struct group *g = top(p);
    if (!g->last.start)
        return;
    join(p, g->row.end, g->last.start);
    g->row.end = g->last.end;
    g->last.start = 0;
}

static void add_element(struct gbnf *p, struct piece x)
{
    add_last(p);
    top(p)->last = x;
}

static void begin_row(struct gbnf *p)
{
    struct group *g = top(p);
    g->row.start = g->row.end = open_end(p);
    g->last.start = 0;
}

static void end_row(struct gbnf *p)
{
    struct group *g = top(p);
    add_last(p);
    if (!g->all.start) {
        g->all = g->row;
        return;
    }
    uint32_t end = open_end(p);
    g->all.start = grammar_add_split(p->g, g->all.start, g->row.start);
    join(p, g->all.end, end);
    join(p, g->row.end, end);
    g->all.end = end;
}

/* --- elements ----------------------------------------------------------------------------------
 */

static bool take_literal(struct gbnf *p)
{
    size_t from = p->at++;
    struct piece x;
    x.start = x.end = open_end(p);
    while (peek(p) != '"') {
        uint32_t c;
        char bytes[4];
        if (peek(p) < 0 || peek(p) == '\n') {
            fail(p->e, ERR_USAGE, "this text has no closing quotation mark");
            return here(p, from);
        }
        if (!take_character(p, &c))
            return false;
        uint32_t end = open_end(p);
        join(p, x.end, grammar_add_text(p->g, (struct str){bytes, str_utf8_put(c, bytes)}, end));
        x.end = end;
    }
    p->at++;
    add_element(p, x);
    return true;
}

static bool add_to_set(struct gbnf *p, size_t *n, struct grammar_range r)
{
    if (!mem_grow(&p->set, *n, &p->set_cap, sizeof *p->set, p->e))
        return false;
    p->set[(*n)++] = r;
    return true;
}

static bool take_range(struct gbnf *p, struct grammar_range *r)
{
    size_t from = p->at;
    if (!take_character(p, &r->lo))
        return false;
    r->hi = r->lo;
    if (peek(p) != '-' || p->at + 1 >= p->text.n || p->text.p[p->at + 1] == ']')
        return true;
    p->at++;
    if (!take_character(p, &r->hi))
        return false;
    if (r->lo <= r->hi)
        return true;
    fail(p->e, ERR_USAGE, "this range of characters ends before it begins");
    return here(p, from);
}

static bool take_set(struct gbnf *p)
{
    size_t from = p->at++, n = 0;
    bool not = take(p, "^");
    while (peek(p) != ']') {
        struct grammar_range r;
        if (peek(p) < 0 || peek(p) == '\n') {
            fail(p->e, ERR_USAGE, "this set of characters has no closing bracket");
            return here(p, from);
        }
        if (!take_range(p, &r) || !add_to_set(p, &n, r))
            return false;
    }
    p->at++;
    struct piece x = {.end = open_end(p)};
    x.start = grammar_add_chars(p->g, p->set, (uint32_t)n, not, x.end);
    add_element(p, x);
    return true;
}

static bool take_any(struct gbnf *p)
{
    struct piece x = {.end = open_end(p)};
    p->at++;
    x.start = grammar_add_chars(p->g, NULL, 0, true, x.end);
    add_element(p, x);
    return true;
}

static bool token_by_text(struct gbnf *p, size_t from, struct str text, uint32_t *id)
{
    if (p->find_token && p->find_token(p->find_arg, text, id))
        return true;
    if (p->find_token)
        fail(p->e, ERR_USAGE, "the vocabulary has no token %.*s", STR_ARG(text));
    else
        fail(p->e, ERR_USAGE, "token %.*s: without a model, name tokens by number, as in <[10]>",
             STR_ARG(text));
    return here(p, from);
}

/* <[10]> or <text> */
static bool take_token(struct gbnf *p, size_t from, uint32_t *id)
{
    size_t start = p->at;
    while (peek(p) >= 0 && peek(p) != '>' && peek(p) != '\n')
        p->at++;
    if (!take(p, ">")) {
        fail(p->e, ERR_USAGE, "this token has no closing >");
        return here(p, from);
    }
    struct str text = str_sub(p->text, start, p->at - start);
    if (!str_starts(text, STR("<[")) || !str_ends(text, STR("]>")))
        return token_by_text(p, from, text, id);
    uint64_t n;
    if (text.n > 4 && str_to_u64(str_sub(text, 2, text.n - 4), &n) && n < LIMIT_VOCAB) {
        *id = (uint32_t)n;
        return true;
    }
    fail(p->e, ERR_USAGE, "%.*s is not the number of a token", STR_ARG(text));
    return here(p, from);
}

static bool take_token_element(struct gbnf *p)
{
    size_t from = p->at;
    uint32_t id;
    bool not = take(p, "!");
    if (peek(p) != '<') {
        fail(p->e, ERR_USAGE, "! goes only before a token, as in !<[10]>");
        return here(p, from);
    }
    if (!take_token(p, from, &id))
        return false;
    struct piece x = {.end = open_end(p)};
    x.start = grammar_add_node(p->g, not ? GRAMMAR_NOT_TOKEN : GRAMMAR_TOKEN, id, x.end);
    add_element(p, x);
    return true;
}

static struct str take_name(struct gbnf *p)
{
    size_t from = p->at;
    while (is_name(peek(p)))
        p->at++;
    return str_sub(p->text, from, p->at - from);
}

static bool find_rule(struct gbnf *p, struct str name, size_t from, uint32_t *rule)
{
    if (map_get(&p->rules, name, rule))
        return true;
    if (++p->n_rule > LIMIT_GRAMMAR_RULES) {
        fail(p->e, ERR_LIMIT, "a grammar may have %u rules at most", LIMIT_GRAMMAR_RULES);
        return here(p, from);
    }
    *rule = grammar_add_rule(p->g, name);
    if (p->g->bad)
        return true; /* said at the end */
    struct place x = place_of(p, from);
    p->g->rule[*rule].line = x.line;
    p->g->rule[*rule].column = x.column;
    p->g->rule[*rule].border = true;
    return map_put(&p->rules, name, *rule, p->e);
}

static bool take_call(struct gbnf *p)
{
    size_t from = p->at;
    uint32_t rule;
    if (!find_rule(p, take_name(p), from, &rule))
        return false;
    struct piece x = {.end = open_end(p)};
    x.start = grammar_add_node(p->g, GRAMMAR_CALL, rule, x.end);
    add_element(p, x);
    return true;
}

/* --- repetitions -------------------------------------------------------------------------------
 */

static struct piece repeated(struct gbnf *p, struct piece x, uint32_t min, uint32_t max)
{
    struct piece out = {.end = open_end(p)};
    struct grammar *g = p->g;
    if (max == GRAMMAR_ALWAYS && min <= 1) {
        uint32_t again = grammar_add_split(g, x.start, out.end);
        join(p, x.end, again);
        out.start = min ? x.start : again;
    } else if (max == 0) {
        out.start = out.end;
    } else if (max == 1) {
        join(p, x.end, out.end);
        out.start = min ? x.start : grammar_add_split(g, x.start, out.end);
    } else {
        uint32_t body = grammar_add_rule(g, STR(""));
        join(p, x.end, grammar_end(g));
        if (!g->bad)
            g->rule[body].start = x.start;
        out.start =
            grammar_add_node(g, GRAMMAR_CALL, grammar_add_repeat(g, body, min, max), out.end);
    }
    return out;
}

static bool take_number(struct gbnf *p, uint32_t *n)
{
    size_t from = p->at;
    uint64_t v;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    if (p->at > from && str_to_u64(str_sub(p->text, from, p->at - from), &v) &&
        v < GRAMMAR_ALWAYS) {
        *n = (uint32_t)v;
        return true;
    }
    fail(p->e, ERR_USAGE, "a repetition is {m}, {m,} or {m,n} with numbers below %u",
         GRAMMAR_ALWAYS);
    return here(p, from);
}

static bool take_counts(struct gbnf *p, uint32_t *min, uint32_t *max)
{
    size_t from = p->at++;
    skip_blanks(p, p->depth > 0);
    if (!take_number(p, min))
        return false;
    skip_blanks(p, p->depth > 0);
    *max = *min;
    if (take(p, ",")) {
        skip_blanks(p, p->depth > 0);
        *max = GRAMMAR_ALWAYS;
        if (peek(p) != '}' && !take_number(p, max))
            return false;
        skip_blanks(p, p->depth > 0);
    }
    if (!take(p, "}")) {
        fail(p->e, ERR_USAGE, "this repetition has no closing }");
        return here(p, from);
    }
    if (*min <= *max)
        return true;
    fail(p->e, ERR_USAGE, "this repetition has a maximum below its minimum");
    return here(p, from);
}

static bool take_repetition(struct gbnf *p)
{
    struct group *g = top(p);
    size_t from = p->at;
    uint32_t min = 0, max = GRAMMAR_ALWAYS;
    int c = peek(p);
    if (!g->last.start) {
        fail(p->e, ERR_USAGE, "there is nothing here to repeat before this %c", c);
        return here(p, from);
    }
    if (c == '{') {
        if (!take_counts(p, &min, &max))
            return false;
    } else {
        p->at++;
        min = c == '+';
        max = c == '?' ? 1 : GRAMMAR_ALWAYS;
    }
    g->last = repeated(p, g->last, min, max);
    return true;
}

/* --- rules -------------------------------------------------------------------------------------
 */

static bool open_group(struct gbnf *p)
{
    if (p->depth == LIMIT_GRAMMAR_DEPTH) {
        fail(p->e, ERR_LIMIT, "parentheses are nested deeper than %u", LIMIT_GRAMMAR_DEPTH);
        return here(p, p->at);
    }
    p->group[++p->depth] = (struct group){.at = p->at++};
    begin_row(p);
    return true;
}

static bool close_group(struct gbnf *p)
{
    if (p->depth == 0) {
        fail(p->e, ERR_USAGE, "this parenthesis closes none that is open");
        return here(p, p->at);
    }
    p->at++;
    end_row(p);
    struct piece x = p->group[p->depth--].all;
    add_element(p, x);
    return true;
}

static bool unexpected(struct gbnf *p)
{
    size_t at = p->at;
    uint32_t c = str_utf8_next(p->text, &at);
    char text[5] = "";
    text[str_utf8_put(c, text)] = '\0';
    fail(p->e, ERR_USAGE,
         "\"%s\" is not expected here: a rule is texts \"..\", sets [..], names, groups (..), "
         "tokens <..> and . with | between alternatives",
         text);
    return here(p, p->at);
}

static bool take_element(struct gbnf *p)
{
    switch (peek(p)) {
    case '"':
        return take_literal(p);
    case '[':
        return take_set(p);
    case '.':
        return take_any(p);
    case '<':
    case '!':
        return take_token_element(p);
    case '(':
        return open_group(p);
    case ')':
        return close_group(p);
    case '*':
    case '+':
    case '?':
    case '{':
        return take_repetition(p);
    case '|':
        p->at++;
        end_row(p);
        begin_row(p);
        skip_blanks(p, true);
        return true;
    default:
        return is_name(peek(p)) ? take_call(p) : unexpected(p);
    }
}

static bool at_line_end(const struct gbnf *p)
{
    int c = peek(p);
    return c < 0 || c == '\n' || c == '\r';
}

static bool take_body(struct gbnf *p, uint32_t rule)
{
    p->depth = 0;
    p->group[0] = (struct group){.at = p->at};
    begin_row(p);
    skip_blanks(p, true);
    while (p->depth || !at_line_end(p)) {
        if (peek(p) < 0) {
            fail(p->e, ERR_USAGE, "this parenthesis is never closed");
            return here(p, top(p)->at);
        }
        if (!take_element(p))
            return false;
        skip_blanks(p, p->depth > 0);
    }
    end_row(p);
    join(p, p->group[0].all.end, grammar_end(p->g));
    if (!p->g->bad)
        p->g->rule[rule].start = p->group[0].all.start;
    return true;
}

static bool take_rule(struct gbnf *p)
{
    size_t from = p->at;
    struct str name = take_name(p);
    uint32_t rule;
    skip_blanks(p, false);
    if (name.n == 0 || !take(p, "::=")) {
        fail(p->e, ERR_USAGE, "a rule begins with its name and ::=, as in root ::= \"yes\"");
        return here(p, from);
    }
    if (!find_rule(p, name, from, &rule))
        return false;
    if (p->g->bad)
        return true;
    struct grammar_rule *r = &p->g->rule[rule];
    if (r->start) {
        fail(p->e, ERR_USAGE, "rule \"%.*s\" is defined a second time (first in line %u)",
             STR_ARG(name), r->line);
        return here(p, from);
    }
    struct place x = place_of(p, from);
    r->line = x.line;
    r->column = x.column;
    return take_body(p, rule);
}

static bool check_defined(struct gbnf *p)
{
    for (uint32_t i = 1; !p->g->bad && i < p->g->n_rule; i++) {
        const struct grammar_rule *r = &p->g->rule[i];
        if (r->start || !r->line)
            continue;
        struct str name = grammar_rule_name(p->g, i);
        fail(p->e, ERR_USAGE, "rule \"%.*s\" is not defined", STR_ARG(name));
        return err_at(p->e, "line %u, column %u", r->line, r->column);
    }
    return true;
}

static bool take_grammar(struct gbnf *p)
{
    uint32_t root;
    for (skip_blanks(p, true); peek(p) >= 0; skip_blanks(p, true)) {
        if (p->g->bad)
            break;
        if (!take_rule(p))
            return false;
    }
    if (!check_defined(p))
        return false;
    if (!map_get(&p->rules, STR("root"), &root) && !p->g->bad)
        return fail(p->e, ERR_USAGE,
                    "there is no rule \"root\", with which a grammar begins: add root ::= ...");
    return grammar_finish(p->g, root, p->e);
}

static bool check_text(struct gbnf *p)
{
    if (p->text.n > LIMIT_GRAMMAR_BYTES)
        return fail(p->e, ERR_LIMIT, "the grammar has %zu bytes, more than the %u allowed",
                    p->text.n, LIMIT_GRAMMAR_BYTES);
    for (size_t at = 0, from; at < p->text.n;) {
        from = at;
        if (str_utf8_next(p->text, &at) == 0xfffd && at == from + 1) {
            fail(p->e, ERR_USAGE, "this is not valid UTF-8 text");
            return here(p, from);
        }
    }
    return true;
}

struct grammar *grammar_from_gbnf(struct str text, grammar_token_fn *find_token, const void *arg,
                                  struct err *e)
{
    struct gbnf *p = mem_new(1, sizeof *p, e);
    if (!p)
        return NULL;
    *p = (struct gbnf){
        .text = text, .find_token = find_token, .find_arg = arg, .known = {1, 1}, .e = e};
    p->g = grammar_new(e);
    struct grammar *g = p->g;
    if (g && !(check_text(p) && take_grammar(p))) {
        grammar_free(g);
        g = NULL;
    }
    map_clear(&p->rules);
    mem_free(p->set);
    mem_free(p);
    return g;
}
