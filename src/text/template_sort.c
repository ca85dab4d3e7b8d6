/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_sort: Python's sorted(): stable, by "<" alone, n log n comparisons. */
#include <string.h>

#include "text/template_run.h"

struct item {
    struct value key, value;
};

/* Whether b must come before a. */
static bool goes_first(struct render *r, struct value b, struct value a, bool reverse, bool *yes)
{
    int order;
    if (!v_order(r, reverse ? a : b, reverse ? b : a, "<", &order))
        return false;
    *yes = order == -1;
    return true;
}

static bool merge(struct render *r, struct item *to, const struct item *a, uint32_t na,
                  const struct item *b, uint32_t nb, bool reverse)
{
    while (na && nb) {
        bool second;
        if (!goes_first(r, b->key, a->key, reverse, &second))
            return false;
        *to++ = second ? *b : *a;
        a += !second;
        na -= !second;
        b += second;
        nb -= second;
    }
    if (na)
        memcpy(to, a, na * sizeof *a);
    if (nb)
        memcpy(to + na, b, nb * sizeof *b);
    return true;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

bool sort_by(struct render *r, struct value *items, struct value *keys, uint32_t n, bool reverse)
{
    struct item *from = take(r, n, sizeof *from), *to = take(r, n, sizeof *to);
    if (!from || !to)
        return false;
    for (uint32_t i = 0; i < n; i++)
        from[i] = (struct item){keys[i], items[i]};
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t at = 0; at < n; at += 2 * width) {
            uint32_t na = least(width, n - at), nb = least(width, n - at - na);
            if (!merge(r, to + at, from + at, na, from + at + na, nb, reverse))
                return false;
        }
        struct item *other = from;
        from = to;
        to = other;
    }
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = from[i].key;
        items[i] = from[i].value;
    }
    return true;
}

bool sort_pairs(struct render *r, const struct dict *d, const struct pair **out)
{
    struct pair *p = take(r, d->n, sizeof *p);
    struct value *key = take(r, d->n, sizeof *key), *value = take(r, d->n, sizeof *value);
    if (!p || !key || !value)
        return false;
    for (uint32_t i = 0; i < d->n; i++) {
        key[i] = d->pair[i].key;
        value[i] = d->pair[i].value;
    }
    if (!sort_by(r, value, key, d->n, false))
        return false;
    for (uint32_t i = 0; i < d->n; i++)
        p[i] = (struct pair){key[i], value[i]};
    *out = p;
    return true;
}
