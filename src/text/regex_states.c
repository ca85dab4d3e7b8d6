/* SPDX-License-Identifier: Apache-2.0 */
/* text/regex_states: subset construction.
 *
 * A state is the steps that wait: sets of characters, the ends of the text, and the match. A
 * pattern is looked for anywhere, so every state may begin it anew; once it is found, any text may
 * follow, which is one state. The work is counted, and a pattern that takes too much is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "text/regex_private.h"

#define MOST_STATES 2048u
#define MOST_WORK   8000000u /* steps looked at: some 30 ms */

struct subset {
    uint32_t *step; /* sorted */
    uint32_t n;
    bool found;
};

struct subsets {
    struct regex *x;
    struct map number; /* the bytes of `step` -> state */
    struct subset v[MOST_STATES];
    uint32_t n;
    uint8_t *mark; /* [steps] */
    uint32_t *todo, *out;
    uint32_t n_todo, n_out, work;
    uint32_t *lo, n_class;
};

static bool too_much(struct err *e)
{
    return fail(e, ERR_LIMIT, "the texts or numbers that are allowed here are too complicated");
}

static void visit(struct subsets *s, uint32_t step)
{
    if (!s->mark[step])
        s->todo[s->n_todo++] = step;
    s->mark[step] = 1;
}

/* From todo to out, without a character; leaves no marks. */
static bool close_over(struct subsets *s, bool at_start, bool at_end, bool *found)
{
    uint32_t i = 0;
    s->n_out = 0;
    *found = false;
    for (; i < s->n_todo; i++) {
        const struct regex_step *p = &s->x->step[s->todo[i]];
        bool pass = p->op == REGEX_JUMP || p->op == REGEX_SPLIT ||
                    (p->op == REGEX_START && at_start) || (p->op == REGEX_STOP && at_end);
        if (p->op == REGEX_SPLIT)
            visit(s, p->a);
        if (pass)
            visit(s, p->next);
        else if (p->op != REGEX_START)
            s->out[s->n_out++] = s->todo[i];
        *found |= p->op == REGEX_MATCH;
    }
    s->work += i + 1;
    while (i)
        s->mark[s->todo[--i]] = 0;
    s->n_todo = 0;
    return s->work < MOST_WORK;
}

static int by_number(const void *p, const void *q)
{
    uint32_t a = *(const uint32_t *)p, b = *(const uint32_t *)q;
    return (a > b) - (a < b);
}

/* The state of the steps in `out`. */
static bool find_state(struct subsets *s, bool found, uint32_t *number, struct err *e)
{
    uint32_t none = UINT32_MAX;
    if (found) { /* whatever else waits */
        s->out[0] = none;
        s->n_out = 1;
    }
    if (s->n_out > 1)
        qsort(s->out, s->n_out, sizeof *s->out, by_number);
    struct str key = {(const char *)s->out, s->n_out * sizeof *s->out};
    if (s->n_out == 0)
        key = STR("-");
    if (map_get(&s->number, key, number))
        return true;
    if (s->n == MOST_STATES)
        return too_much(e);
    char *copy = arena_copy(s->x->arena, key, e);
    if (!copy)
        return false;
    s->v[s->n] = (struct subset){NULL, s->n_out, found};
    s->v[s->n].step = arena_new(s->x->arena, s->n_out + 1, sizeof(uint32_t), e);
    if (!s->v[s->n].step)
        return false;
    memcpy(s->v[s->n].step, s->out, s->n_out * sizeof *s->out);
    *number = s->n;
    return map_put(&s->number, (struct str){copy, key.n}, s->n++, e);
}

static bool in_set(const struct regex_set *set, uint32_t c)
{
    uint32_t lo = 0, hi = set->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (set->v[mid].hi < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < set->n && set->v[lo].lo <= c;
}

static bool next_state(struct subsets *s, uint32_t from, uint32_t k, uint32_t *to, struct err *e)
{
    struct subset x = s->v[from];
    bool found = x.found;
    *to = from;
    if (found)
        return true;
    for (uint32_t i = 0; i < x.n; i++) {
        const struct regex_step *p = &s->x->step[x.step[i]];
        if (p->op == REGEX_SET && in_set(&s->x->set[p->a], s->lo[k]))
            visit(s, p->next);
    }
    visit(s, s->x->start);
    s->work += x.n;
    return close_over(s, false, false, &found) ? find_state(s, found, to, e) : too_much(e);
}

/* May the text end here? */
static bool ends(struct subsets *s, uint32_t state, bool at_start, bool *yes, struct err *e)
{
    struct subset x = s->v[state];
    *yes = x.found;
    if (x.found)
        return true;
    for (uint32_t i = 0; i < x.n; i++)
        visit(s, x.step[i]);
    return close_over(s, at_start, true, yes) || too_much(e);
}

static bool find_classes(struct subsets *s, struct err *e)
{
    const struct regex *x = s->x;
    size_t n = 1;
    for (uint32_t i = 0; i < x->n_set; i++)
        n += 2 * (size_t)x->set[i].n;
    s->lo = arena_new(x->arena, n, sizeof *s->lo, e);
    if (!s->lo)
        return false;
    n = 1;
    for (uint32_t i = 0; i < x->n_set; i++)
        for (uint32_t k = 0; k < x->set[i].n; k++) {
            s->lo[n++] = x->set[i].v[k].lo;
            if (x->set[i].v[k].hi < DFA_LAST)
                s->lo[n++] = x->set[i].v[k].hi + 1;
        }
    qsort(s->lo, n, sizeof *s->lo, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || s->lo[i] != s->lo[s->n_class - 1])
            s->lo[s->n_class++] = s->lo[i];
    return true;
}

/* The start is a state of its own: ^ may pass there only. */
static struct dfa *build(struct subsets *s, struct err *e)
{
    uint32_t start;
    bool found;
    visit(s, s->x->start);
    if (!close_over(s, true, false, &found)) {
        too_much(e);
        return NULL;
    }
    if (!found)
        s->out[s->n_out++] = UINT32_MAX - 1; /* tells it from a later one of the same steps */
    if (!find_state(s, found, &start, e))
        return NULL;
    if (!found)
        s->v[0].n--;
    uint32_t cap = DFA_CELLS / s->n_class;
    struct dfa *d =
        dfa_new(s->x->arena, s->lo, s->n_class, cap < MOST_STATES ? cap : MOST_STATES, e);
    for (uint32_t i = 0; d && i < s->n; i++) {
        if (i >= d->n_state) {
            too_much(e);
            return NULL;
        }
        if (!ends(s, i, i == 0, &d->accepts[i], e))
            return NULL;
        for (uint32_t k = 0; k < s->n_class; k++)
            if (!next_state(s, i, k, &d->to[(size_t)i * s->n_class + k], e))
                return NULL;
    }
    if (!d)
        return NULL;
    d->n_state = s->n;
    return dfa_tidy(s->x->arena, d, e) ? d : NULL;
}

struct dfa *regex_determine(struct regex *x, struct err *e)
{
    struct subsets *s = arena_new(x->arena, 1, sizeof *s, e);
    if (!s)
        return NULL;
    s->x = x;
    s->mark = arena_new(x->arena, x->n, 1, e);
    s->todo = arena_new(x->arena, x->n + 1, sizeof *s->todo, e);
    s->out = arena_new(x->arena, x->n + 2, sizeof *s->out, e);
    struct dfa *d = s->mark && s->todo && s->out && find_classes(s, e) ? build(s, e) : NULL;
    map_clear(&s->number);
    return d;
}
