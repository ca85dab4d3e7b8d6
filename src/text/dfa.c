/* SPDX-License-Identifier: Apache-2.0 */
/* text/dfa: see dfa.h. */
#include "text/dfa.h"

#include <stdlib.h>
#include <string.h>

struct dfa *dfa_new(struct arena *a, const uint32_t *lo, uint32_t n_class, uint32_t n_state,
                    struct err *e)
{
    if ((uint64_t)n_class * n_state > DFA_CELLS) {
        fail(e, ERR_LIMIT, "the texts or numbers that are allowed here are too complicated");
        return NULL;
    }
    struct dfa *d = arena_new(a, 1, sizeof *d, e);
    if (!d)
        return NULL;
    *d = (struct dfa){.n_class = n_class, .n_state = n_state};
    d->lo = arena_new(a, n_class + 1, sizeof *d->lo, e);
    d->to = arena_new(a, (size_t)n_state * n_class + 1, sizeof *d->to, e);
    d->accepts = arena_new(a, n_state + 1, sizeof *d->accepts, e);
    if (!d->lo || !d->to || !d->accepts)
        return NULL;
    memcpy(d->lo, lo, n_class * sizeof *lo);
    memset(d->to, 0xff, (size_t)n_state * n_class * sizeof *d->to);
    return d;
}

uint32_t dfa_class(const struct dfa *d, uint32_t c)
{
    uint32_t lo = 0, hi = d->n_class;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (d->lo[mid] <= c)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* --- tidying -----------------------------------------------------------------------------------
 */

/* Marks what state 0 reaches. */
static void mark_reached(const struct dfa *d, uint8_t *mark, uint32_t *todo)
{
    uint32_t n = 0;
    if (d->n_state) {
        mark[0] = 1;
        todo[n++] = 0;
    }
    while (n) {
        uint32_t s = todo[--n];
        for (uint32_t k = 0; k < d->n_class; k++) {
            uint32_t to = d->to[(size_t)s * d->n_class + k];
            if (to != DFA_NONE && !mark[to]) {
                mark[to] = 1;
                todo[n++] = to;
            }
        }
    }
}

/* Edges backwards: from[at[s] .. at[s + 1]) lead to s. */
static void list_backwards(const struct dfa *d, uint32_t *at, uint32_t *from)
{
    size_t cells = (size_t)d->n_state * d->n_class;
    for (size_t i = 0; i < cells; i++)
        if (d->to[i] != DFA_NONE)
            at[d->to[i]]++;
    for (uint32_t s = 0, sum = 0; s < d->n_state; s++)
        at[s] = sum += at[s];
    if (d->n_state)
        at[d->n_state] = at[d->n_state - 1];
    for (size_t i = cells; i-- > 0;)
        if (d->to[i] != DFA_NONE)
            from[--at[d->to[i]]] = (uint32_t)(i / d->n_class);
}

/* Adds 2 to the mark of what leads to an accepting state. */
static void mark_useful(const struct dfa *d, uint8_t *mark, uint32_t *todo, const uint32_t *at,
                        const uint32_t *from)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < d->n_state; s++)
        if (d->accepts[s]) {
            mark[s] |= 2;
            todo[n++] = s;
        }
    while (n) {
        uint32_t s = todo[--n];
        for (uint32_t i = at[s]; i < at[s + 1]; i++)
            if (!(mark[from[i]] & 2)) {
                mark[from[i]] |= 2;
                todo[n++] = from[i];
            }
    }
}

static void renumber(struct dfa *d, const uint8_t *mark, uint32_t *number)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < d->n_state; s++)
        number[s] = mark[s] == 3 ? n++ : DFA_NONE;
    if (d->n_state && number[0] == DFA_NONE)
        n = 0;
    for (uint32_t s = 0; s < d->n_state && n; s++) {
        if (number[s] == DFA_NONE)
            continue;
        for (uint32_t k = 0; k < d->n_class; k++) {
            uint32_t to = d->to[(size_t)s * d->n_class + k];
            d->to[(size_t)number[s] * d->n_class + k] = to == DFA_NONE ? DFA_NONE : number[to];
        }
        d->accepts[number[s]] = d->accepts[s];
    }
    d->n_state = n;
}

bool dfa_tidy(struct arena *a, struct dfa *d, struct err *e)
{
    uint8_t *mark = arena_new(a, d->n_state + 1, 1, e);
    uint32_t *todo = arena_new(a, d->n_state + 1, sizeof *todo, e);
    uint32_t *at = arena_new(a, d->n_state + 2, sizeof *at, e);
    uint32_t *from = arena_new(a, (size_t)d->n_state * d->n_class + 1, sizeof *from, e);
    if (!mark || !todo || !at || !from)
        return false;
    mark_reached(d, mark, todo);
    list_backwards(d, at, from);
    mark_useful(d, mark, todo, at, from);
    renumber(d, mark, todo);
    return true;
}

/* --- making ------------------------------------------------------------------------------------
 */

struct dfa *dfa_everything(struct arena *a, struct err *e)
{
    return dfa_length(a, 0, UINT32_MAX, e);
}

struct dfa *dfa_length(struct arena *a, uint32_t min, uint32_t max, struct err *e)
{
    static const uint32_t all[] = {0};
    uint32_t last = max == UINT32_MAX ? min : max;
    struct dfa *d = dfa_new(a, all, 1, last >= DFA_CELLS ? UINT32_MAX : last + 1, e);
    for (uint32_t s = 0; d && s <= last; s++) {
        d->accepts[s] = s >= min;
        d->to[s] = s < last ? s + 1 : max == UINT32_MAX ? s : DFA_NONE;
    }
    return d && dfa_tidy(a, d, e) ? d : NULL;
}

static int by_value(const void *p, const void *q)
{
    uint32_t a = *(const uint32_t *)p, b = *(const uint32_t *)q;
    return (a > b) - (a < b);
}

static uint32_t sort_unique(uint32_t *v, uint32_t n)
{
    uint32_t out = 0;
    if (n)
        qsort(v, n, sizeof *v, by_value);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || v[i] != v[out - 1])
            v[out++] = v[i];
    return out;
}

/* Classes that tell apart every character of the texts. */
static uint32_t *classes_of(struct arena *a, const struct str *text, uint32_t n, uint32_t *n_class,
                            uint32_t *n_char, struct err *e)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += text[i].n;
    uint32_t *lo = arena_new(a, 2 * bytes + 1, sizeof *lo, e), k = 1;
    *n_char = 0;
    for (uint32_t i = 0; lo && i < n; i++)
        for (size_t at = 0; at < text[i].n; ++*n_char) {
            lo[k] = str_utf8_next(text[i], &at);
            lo[k + 1] = lo[k] + 1;
            k += 2;
        }
    if (lo)
        *n_class = sort_unique(lo, k);
    return lo;
}

struct dfa *dfa_texts(struct arena *a, const struct str *text, uint32_t n, struct err *e)
{
    uint32_t n_class, n_char, used = 1;
    uint32_t *lo = classes_of(a, text, n, &n_class, &n_char, e);
    struct dfa *d = lo ? dfa_new(a, lo, n_class, n_char + 1, e) : NULL;
    for (uint32_t i = 0; d && i < n; i++) {
        uint32_t s = 0;
        for (size_t at = 0; at < text[i].n;) {
            uint32_t k = dfa_class(d, str_utf8_next(text[i], &at));
            uint32_t *to = &d->to[(size_t)s * n_class + k];
            if (*to == DFA_NONE)
                *to = used++;
            s = *to;
        }
        d->accepts[s] = true;
    }
    if (!d)
        return NULL;
    d->n_state = used;
    return dfa_tidy(a, d, e) ? d : NULL;
}

/* --- combining ---------------------------------------------------------------------------------
 */

struct pairs {
    const struct dfa *x, *y;
    uint32_t *number;    /* [x->n_state + 1][y->n_state + 1]; the last of each: left behind */
    uint32_t (*pair)[2]; /* by number */
    uint32_t n, cap;
    enum dfa_op op;
};

static uint32_t pair_number(struct pairs *p, uint32_t x, uint32_t y)
{
    uint32_t nx = p->x->n_state, ny = p->y->n_state;
    x = x == DFA_NONE ? nx : x;
    y = y == DFA_NONE ? ny : y;
    if ((x == nx && p->op != DFA_OR) || (y == ny && p->op == DFA_AND) || (x == nx && y == ny))
        return DFA_NONE;
    uint32_t *at = &p->number[(size_t)x * (ny + 1) + y];
    if (*at == DFA_NONE && p->n < p->cap) {
        p->pair[p->n][0] = x;
        p->pair[p->n][1] = y;
        *at = p->n++;
    }
    return *at;
}

static bool pair_accepts(const struct pairs *p, uint32_t number)
{
    uint32_t x = p->pair[number][0], y = p->pair[number][1];
    bool in_x = x < p->x->n_state && p->x->accepts[x], in_y = y < p->y->n_state && p->y->accepts[y];
    return p->op == DFA_AND ? in_x && in_y : p->op == DFA_OR ? in_x || in_y : in_x && !in_y;
}

static uint32_t next_of(const struct dfa *d, uint32_t s, uint32_t c)
{
    return s < d->n_state ? d->to[(size_t)s * d->n_class + dfa_class(d, c)] : DFA_NONE;
}

static struct dfa *copy_of(struct arena *a, const struct dfa *x, struct err *e)
{
    struct dfa *d = arena_new(a, 1, sizeof *d, e);
    if (d)
        *d = *x;
    return d;
}

static bool make_room(struct arena *a, struct pairs *p, uint32_t n_class, struct err *e)
{
    uint64_t all = ((uint64_t)p->x->n_state + 1) * ((uint64_t)p->y->n_state + 1);
    p->cap = DFA_CELLS / n_class;
    if (all > 2ull * DFA_CELLS)
        return fail(e, ERR_LIMIT, "the texts or numbers that are allowed here are too complicated");
    if (p->cap > all)
        p->cap = (uint32_t)all;
    p->number = arena_new(a, all, sizeof *p->number, e);
    p->pair = arena_new(a, (size_t)p->cap + 1, sizeof *p->pair, e);
    if (!p->number || !p->pair)
        return false;
    memset(p->number, 0xff, all * sizeof *p->number);
    return true;
}

struct dfa *dfa_combine(struct arena *a, enum dfa_op op, const struct dfa *x, const struct dfa *y,
                        struct err *e)
{
    if (x->n_state == 0 || y->n_state == 0)
        return copy_of(a,
                       op == DFA_OR && x->n_state == 0    ? y
                       : op == DFA_AND && y->n_state == 0 ? y
                                                          : x,
                       e);
    struct pairs p = {.x = x, .y = y, .op = op};
    uint32_t *lo = arena_new(a, x->n_class + y->n_class, sizeof *lo, e);
    if (!lo)
        return NULL;
    memcpy(lo, x->lo, x->n_class * sizeof *lo);
    memcpy(lo + x->n_class, y->lo, y->n_class * sizeof *lo);
    uint32_t n_class = sort_unique(lo, x->n_class + y->n_class);
    if (!make_room(a, &p, n_class, e))
        return NULL;
    pair_number(&p, 0, 0);
    uint32_t *to = arena_new(a, (size_t)p.cap * n_class, sizeof *to, e);
    for (uint32_t s = 0; to && s < p.n; s++)
        for (uint32_t k = 0; k < n_class; k++)
            to[(size_t)s * n_class + k] =
                pair_number(&p, next_of(x, p.pair[s][0], lo[k]), next_of(y, p.pair[s][1], lo[k]));
    if (p.n == p.cap && (uint64_t)p.cap < ((uint64_t)x->n_state + 1) * (y->n_state + 1)) {
        fail(e, ERR_LIMIT, "the texts or numbers that are allowed here are too complicated");
        return NULL;
    }
    struct dfa *d = to ? dfa_new(a, lo, n_class, p.n, e) : NULL;
    if (!d)
        return NULL;
    memcpy(d->to, to, (size_t)p.n * n_class * sizeof *to);
    for (uint32_t s = 0; s < p.n; s++)
        d->accepts[s] = pair_accepts(&p, s);
    return dfa_tidy(a, d, e) ? d : NULL;
}

bool dfa_accepts(const struct dfa *d, struct str text)
{
    uint32_t s = 0;
    for (size_t at = 0; at < text.n && s < d->n_state;)
        s = next_of(d, s, str_utf8_next(text, &at));
    return s < d->n_state && d->accepts[s];
}
