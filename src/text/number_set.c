/* SPDX-License-Identifier: Apache-2.0 */
/* text/number_set: see number_set.h. */
#include "text/number_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OTHER, MINUS, POINT, SLASH, DIGIT, AFTER = DIGIT + 10, N_CLASS };

static const uint32_t classes[N_CLASS] = {0,   '-', '.', '/', '0', '1', '2',    '3',
                                          '4', '5', '6', '7', '8', '9', '9' + 1};

static struct dfa *new_set(struct arena *a, uint32_t n_state, struct err *e)
{
    return dfa_new(a, classes, N_CLASS, n_state, e);
}

static uint32_t *edge(struct dfa *d, uint32_t state, uint32_t class)
{
    return &d->to[(size_t)state * N_CLASS + class];
}

static void digits(struct dfa *d, uint32_t state, uint32_t lo, uint32_t hi, uint32_t to)
{
    for (uint32_t k = lo; k <= hi; k++)
        *edge(d, state, DIGIT + k) = to;
}

/* --- forms -------------------------------------------------------------------------------------
 */

static struct dfa *form(struct arena *a, uint32_t last_decimal, struct err *e)
{
    enum { START, SIGN, ZERO, INTEGER, DOT, DECIMALS, N };
    struct dfa *d = new_set(a, N, e);
    if (!d)
        return NULL;
    *edge(d, START, MINUS) = SIGN;
    for (uint32_t s = START; s <= SIGN; s++) {
        digits(d, s, 0, 0, ZERO);
        digits(d, s, 1, 9, INTEGER);
    }
    digits(d, INTEGER, 0, 9, INTEGER);
    *edge(d, ZERO, POINT) = *edge(d, INTEGER, POINT) = DOT;
    digits(d, DOT, 0, last_decimal, DECIMALS);
    digits(d, DECIMALS, 0, last_decimal, DECIMALS);
    d->accepts[ZERO] = d->accepts[INTEGER] = d->accepts[DECIMALS] = true;
    return d;
}

struct dfa *number_any(struct arena *a, struct err *e)
{
    return form(a, 9, e);
}

struct dfa *number_whole(struct arena *a, struct err *e)
{
    return form(a, 0, e);
}

struct dfa *number_digits(struct arena *a, uint32_t n, struct err *e)
{
    struct dfa *d = new_set(a, n + 3, e); /* start, sign, zero, then n of digits */
    if (!d)
        return NULL;
    *edge(d, 0, MINUS) = 1;
    digits(d, 0, 0, 0, 2);
    d->accepts[2] = true;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0)
            digits(d, 0, 1, 9, 3);
        if (i == 0)
            digits(d, 1, 1, 9, 3);
        else
            digits(d, i + 2, 0, 9, i + 3);
        d->accepts[i + 3 <= n + 2 ? i + 3 : n + 2] = true;
    }
    return d;
}

/* --- decimals ----------------------------------------------------------------------------------
 */

struct decimal {
    bool negative, zero;
    char whole[400], part[400]; /* digits before the point ("0" at least) and after it */
};

/* The shortest text that reads as the same double. */
static void print_real(double v, char text[40])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*e", digits - 1, v);
        for (char *p = text; *p; p++)
            *p = *p == ',' ? '.' : *p; /* whatever the locale */
        double back;
        if (str_to_f64(str_of(text), &back) && back == v)
            return;
    }
}

static void trim(struct decimal *x)
{
    size_t lead = strspn(x->whole, "0"), n = strlen(x->whole), m = strlen(x->part);
    if (lead == n && n)
        lead--;
    memmove(x->whole, x->whole + lead, n - lead + 1);
    while (m && x->part[m - 1] == '0')
        x->part[--m] = '\0';
    x->zero = strcmp(x->whole, "0") == 0 && m == 0;
}

/* "d.ddde+xx" spelt out. */
static void expand(const char *text, struct decimal *x)
{
    char digit[40];
    size_t n = 0, at = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            digit[n++] = *text;
    long point = (*text ? strtol(text + 1, NULL, 10) : 0) + 1;
    if (point <= 0) {
        strncat(x->whole, "0", 2);
        for (long i = point; i < 0; i++)
            x->part[at++] = '0';
        memcpy(x->part + at, digit, n);
        return;
    }
    for (; at < (size_t)point; at++)
        x->whole[at] = at < n ? digit[at] : '0';
    if (n > at)
        memcpy(x->part, digit + at, n - at);
}

static void decimal_of(const json_t *j, struct decimal *x)
{
    memset(x, 0, sizeof *x);
    if (json_is_integer(j)) {
        char text[40];
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(j));
        x->negative = text[0] == '-';
        memcpy(x->whole, text + x->negative, strlen(text + x->negative));
    } else {
        char text[40] = "";
        double v = json_real_value(j);
        x->negative = v < 0;
        print_real(v < 0 ? -v : v, text);
        expand(text, x);
    }
    trim(x);
}

/* --- comparing ---------------------------------------------------------------------------------
 */

/* The states of one sign; `status` compares the size of what was read with that of the bound. */
enum status { LESS, SAME, MORE };

struct comparison {
    struct dfa *d;
    const struct decimal *b;
    uint32_t first; /* of this sign's states */
    uint32_t k, m;  /* digits of the bound */
};

static uint32_t whole_state(const struct comparison *c, uint32_t n_read, enum status s)
{
    return n_read > c->k ? c->first + 3 * c->k : c->first + 3 * (n_read - 1) + (uint32_t)s;
}

static uint32_t part_state(const struct comparison *c, uint32_t n_read, enum status s)
{
    uint32_t base = c->first + 3 * c->k + 1;
    return s == LESS ? base : s == MORE ? base + 1 : base + 2 + n_read;
}

static uint32_t states_of_sign(const struct comparison *c)
{
    return 3 * c->k + 1 + 2 + c->m + 1;
}

static enum status after(enum status s, uint32_t digit, char of)
{
    uint32_t b = of ? (uint32_t)(of - '0') : 0;
    return s != SAME ? s : digit < b ? LESS : digit > b ? MORE : SAME;
}

/* Is x allowed, whose size compares so with the bound's? */
static bool allowed(const struct decimal *b, bool negative, enum status s, enum number_relation r)
{
    enum status x = s; /* x compared with the bound, signs and all */
    if (negative && (b->negative || b->zero))
        x = s == LESS ? MORE : s == MORE ? LESS : SAME;
    else if (negative)
        x = LESS;
    else if (b->negative && !b->zero)
        x = MORE;
    if (x == SAME)
        return r == NUMBER_AT_MOST || r == NUMBER_EQUAL || r == NUMBER_AT_LEAST;
    return x == LESS ? r == NUMBER_LESS || r == NUMBER_AT_MOST
                     : r == NUMBER_MORE || r == NUMBER_AT_LEAST;
}

static void fill_sign(struct comparison *c, bool negative, enum number_relation r)
{
    struct dfa *d = c->d;
    for (uint32_t g = 0; g < 10; g++) /* the first digit */
        *edge(d, negative, DIGIT + g) = whole_state(c, 1, after(SAME, g, c->b->whole[0]));
    for (uint32_t n = 1; n <= c->k + 1; n++)
        for (uint32_t i = LESS; i <= MORE; i++) {
            enum status s = (enum status)i, size = n < c->k ? LESS : n == c->k ? s : MORE;
            uint32_t at = whole_state(c, n, s);
            d->accepts[at] = allowed(c->b, negative, size == SAME && c->m ? LESS : size, r);
            *edge(d, at, POINT) = part_state(c, 0, size);
            for (uint32_t g = 0; g < 10; g++)
                *edge(d, at, DIGIT + g) =
                    whole_state(c, n + 1, n < c->k ? after(s, g, c->b->whole[n]) : MORE);
        }
    for (uint32_t g = 0; g < 10; g++) {
        *edge(d, part_state(c, 0, LESS), DIGIT + g) = part_state(c, 0, LESS);
        *edge(d, part_state(c, 0, MORE), DIGIT + g) = part_state(c, 0, MORE);
        for (uint32_t j = 0; j <= c->m; j++)
            *edge(d, part_state(c, j, SAME), DIGIT + g) =
                part_state(c, j < c->m ? j + 1 : j, after(SAME, g, c->b->part[j]));
    }
    d->accepts[part_state(c, 0, LESS)] = allowed(c->b, negative, LESS, r);
    d->accepts[part_state(c, 0, MORE)] = allowed(c->b, negative, MORE, r);
    for (uint32_t j = 0; j <= c->m; j++)
        d->accepts[part_state(c, j, SAME)] = allowed(c->b, negative, j < c->m ? LESS : SAME, r);
}

struct dfa *number_compared(struct arena *a, enum number_relation r, const json_t *bound,
                            struct err *e)
{
    struct decimal *b = arena_new(a, 1, sizeof *b, e);
    if (!b)
        return NULL;
    decimal_of(bound, b);
    struct comparison c = {
        .b = b, .first = 2, .k = (uint32_t)strlen(b->whole), .m = (uint32_t)strlen(b->part)};
    c.d = new_set(a, 2 + 2 * states_of_sign(&c), e);
    if (!c.d)
        return NULL;
    *edge(c.d, 0, MINUS) = 1;
    fill_sign(&c, false, r);
    c.first += states_of_sign(&c);
    fill_sign(&c, true, r);
    return dfa_tidy(a, c.d, e) ? c.d : NULL;
}

/* --- multiples ---------------------------------------------------------------------------------
 */

/* of = m / 10^d: a number is a multiple when its digits up to the d-th decimal are one of m, and no
 * other decimal follows but 0. */
static void fill_multiple(struct dfa *x, uint64_t m, uint32_t d, const uint64_t *tens)
{
    for (uint32_t j = 0; j <= d + 1; j++) /* row 0: before the point; row j + 1: j decimals */
        for (uint64_t r = 0; r < m; r++) {
            uint32_t at = 1 + j * (uint32_t)m + (uint32_t)r, decimals = j ? j - 1 : 0;
            x->accepts[at] = r * tens[d - decimals] % m == 0;
            if (j == 0)
                *edge(x, at, POINT) = 1 + (uint32_t)m + (uint32_t)r;
            for (uint32_t g = 0; g < 10; g++) {
                uint32_t to = (uint32_t)((r * 10 + g) % m);
                if (j == 0)
                    *edge(x, at, DIGIT + g) = 1 + to;
                else if (decimals < d)
                    *edge(x, at, DIGIT + g) = 1 + (j + 1) * (uint32_t)m + to;
                else if (g == 0)
                    *edge(x, at, DIGIT) = at;
            }
        }
    *edge(x, 0, MINUS) = 0;
    for (uint32_t g = 0; g < 10; g++)
        *edge(x, 0, DIGIT + g) = 1 + (uint32_t)(g % m);
}

struct dfa *number_multiple(struct arena *a, const json_t *of, struct err *e)
{
    struct decimal *b = arena_new(a, 1, sizeof *b, e);
    char text[sizeof b->whole + sizeof b->part];
    uint64_t m, tens[20];
    if (!b)
        return NULL;
    decimal_of(of, b);
    uint32_t d = (uint32_t)strlen(b->part);
    snprintf(text, sizeof text, "%s%s", b->whole, b->part);
    if (!str_to_u64(str_of(text), &m) || m == 0 || d > 15 ||
        m * (d + 2) + 1 > DFA_CELLS / N_CLASS) {
        fail(e, ERR_LIMIT, "multiples of this number are too complicated");
        return NULL;
    }
    tens[0] = 1 % m;
    for (uint32_t i = 1; i <= d; i++)
        tens[i] = tens[i - 1] * 10 % m;
    struct dfa *x = new_set(a, 1 + (uint32_t)m * (d + 2), e);
    if (x)
        fill_multiple(x, m, d, tens);
    return x && dfa_tidy(a, x, e) ? x : NULL;
}
