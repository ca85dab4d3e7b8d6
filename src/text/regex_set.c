/* SPDX-License-Identifier: Apache-2.0 */
/* text/regex_set: sets of characters in patterns. \d and \w are ASCII, \s is the white space and
 * line ends of ECMA-262, the dot is all but line ends. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/regex_private.h"

void regex_set_init(struct regex_set *s, struct arena *a)
{
    *s = (struct regex_set){.arena = a};
}

bool regex_set_add(struct regex_set *s, uint32_t lo, uint32_t hi, struct err *e)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? 2 * s->cap : 8;
        struct regex_range *v = arena_new(s->arena, cap, sizeof *v, e);
        if (!v)
            return false;
        if (s->n)
            memcpy(v, s->v, s->n * sizeof *v);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = (struct regex_range){lo, hi};
    return true;
}

static int by_lo(const void *p, const void *q)
{
    const struct regex_range *a = p, *b = q;
    return (a->lo > b->lo) - (a->lo < b->lo);
}

static void tidy(struct regex_set *s)
{
    uint32_t out = 0;
    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_lo);
    for (uint32_t i = 0; i < s->n; i++) {
        if (out && s->v[i].lo <= s->v[out - 1].hi + 1) {
            if (s->v[i].hi > s->v[out - 1].hi)
                s->v[out - 1].hi = s->v[i].hi;
        } else {
            s->v[out++] = s->v[i];
        }
    }
    s->n = out;
}

/* What lies between the ranges. */
static bool add_gaps(struct regex_set *to, const struct regex_set *of, struct err *e)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < of->n; i++) {
        if (of->v[i].lo > at && !regex_set_add(to, at, of->v[i].lo - 1, e))
            return false;
        at = of->v[i].hi + 1;
    }
    return at > DFA_LAST || regex_set_add(to, at, DFA_LAST, e);
}

bool regex_set_not(struct regex_set *s, struct err *e)
{
    struct regex_set old = *s;
    tidy(&old);
    regex_set_init(s, old.arena);
    return add_gaps(s, &old, e);
}

static const struct regex_range digits[] = {{'0', '9'}};
static const struct regex_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct regex_range space[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
static const struct regex_range line_end[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

#define ADD(s, set, not, e) add_table(s, set, sizeof(set) / sizeof *(set), not, e)

static bool add_table(struct regex_set *s, const struct regex_range *v, uint32_t n, bool not,
                      struct err *e)
{
    struct regex_set table = {.arena = s->arena};
    for (uint32_t i = 0; i < n; i++)
        if (!regex_set_add(not ? &table : s, v[i].lo, v[i].hi, e))
            return false;
    return !not || add_gaps(s, &table, e);
}

bool regex_set_class(struct regex_set *s, char name, struct err *e)
{
    switch (name) {
    case 'd':
    case 'D':
        return ADD(s, digits, name == 'D', e);
    case 'w':
    case 'W':
        return ADD(s, word, name == 'W', e);
    case 's':
    case 'S':
        return ADD(s, space, name == 'S', e);
    default:
        return ADD(s, line_end, true, e);
    }
}

/* The short name of a category: its first letter, or both. */
static const char *short_name(struct str name)
{
    static const char *const names[][2] = {{"Letter", "L"},
                                           {"Lowercase_Letter", "Ll"},
                                           {"Uppercase_Letter", "Lu"},
                                           {"Titlecase_Letter", "Lt"},
                                           {"Mark", "M"},
                                           {"Number", "N"},
                                           {"Decimal_Number", "Nd"},
                                           {"digit", "Nd"},
                                           {"Punctuation", "P"},
                                           {"punct", "P"},
                                           {"Symbol", "S"},
                                           {"Separator", "Z"},
                                           {"Space_Separator", "Zs"},
                                           {"Control", "Cc"}};
    static const char known[] = "LNMPSZC";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(name, names[i][0]))
            return names[i][1];
    if (name.n < 1 || name.n > 2 || !memchr(known, name.p[0], sizeof known - 1))
        return NULL;
    return name.p;
}

bool regex_set_category(struct regex_set *s, struct str name, bool not, struct err *e)
{
    const char *want = short_name(name);
    size_t n = !want ? 0 : want == name.p ? name.n : strlen(want);
    struct regex_set found = {.arena = s->arena};
    bool inside = false, any = false;
    uint32_t from = 0;
    for (uint32_t c = 0; n && c <= DFA_LAST + 1; c++) {
        bool in =
            c <= DFA_LAST && memcmp(utf8proc_category_string((utf8proc_int32_t)c), want, n) == 0;
        any |= in;
        if (in && !inside)
            from = c;
        if (!in && inside && !regex_set_add(not ? &found : s, from, c - 1, e))
            return false;
        inside = in;
    }
    if (!any)
        return false;
    return !not || add_gaps(s, &found, e);
}

bool regex_add_set(struct regex *x, const struct regex_set *s, uint32_t *number, struct err *e)
{
    if (x->n_set == x->set_cap) {
        uint32_t cap = x->set_cap ? 2 * x->set_cap : 16;
        struct regex_set *v = arena_new(x->arena, cap, sizeof *v, e);
        if (!v)
            return false;
        if (x->n_set)
            memcpy(v, x->set, x->n_set * sizeof *v);
        x->set = v;
        x->set_cap = cap;
    }
    x->set[x->n_set] = *s;
    tidy(&x->set[x->n_set]);
    *number = x->n_set++;
    return true;
}
