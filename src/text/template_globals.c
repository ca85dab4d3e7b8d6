/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_globals: the functions a template can call by name: Jinja's own (in its sandboxed
 * form) and the two that Hugging Face adds, raise_exception and strftime_now. */
#include <string.h>

#include "text/template_filters.h"

#define MAX_RANGE 100000 /* as Jinja's sandbox has it */

FILTER(g_range)
{
    int64_t n[3];
    for (uint32_t i = 0; i < 3; i++)
        if (!arg_int(r, a->v[i], i == 2, &n[i]))
            return false;
    if (a->v[1].kind == V_MISSING) {
        n[1] = n[0];
        n[0] = 0;
    }
    if (n[2] == 0)
        return oops(r, "range: the step must not be zero");
    uint64_t span = 0, step = n[2] > 0 ? (uint64_t)n[2] : 0 - (uint64_t)n[2];
    if (n[2] > 0 && n[0] < n[1])
        span = (uint64_t)n[1] - (uint64_t)n[0];
    if (n[2] < 0 && n[0] > n[1])
        span = (uint64_t)n[0] - (uint64_t)n[1];
    uint64_t count = span ? (span - 1) / step + 1 : 0;
    if (count > MAX_RANGE)
        return oops(r, "the range is larger than %d", MAX_RANGE);
    struct range *range = take(r, 1, sizeof *range);
    if (!range)
        return false;
    *range = (struct range){n[0], n[1], n[2], (int64_t)count};
    *out = (struct value){.kind = V_RANGE, .range = range};
    return true;
}

static bool put_pairs(struct render *r, struct dict *d, struct value from)
{
    if (from.kind == V_DICT) {
        for (uint32_t i = 0; i < from.dict->n; i++)
            if (!dict_put(r, d, from.dict->pair[i].key, from.dict->pair[i].value))
                return false;
        return true;
    }
    if (from.kind == V_UNDEFINED)
        return oops_undefined(r, from);
    struct iter *it = iter_of(r, from);
    bool more = true;
    while (it) {
        struct value pair;
        if (!iter_next(r, it, &pair, &more))
            return false;
        if (!more)
            return true;
        if (!to_list(r, pair, &pair))
            return false;
        if (pair.n != 2)
            return oops(r, "dict needs pairs, not sequences of length %u", pair.n);
        if (!dict_put(r, d, pair.items[0], pair.items[1]))
            return false;
    }
    return false;
}

static bool new_dict(struct render *r, enum value_kind kind, const struct args *a,
                     struct value *out)
{
    struct dict *d = dict_new(r, a->n_named);
    if (a->n > 1)
        return oops(r, "dict and namespace take at most one positional argument");
    if (!d || (a->n && !put_pairs(r, d, a->v[0])))
        return false;
    for (uint32_t i = 0; i < a->n_named; i++)
        if (!dict_put(r, d, a->named[i].key, a->named[i].value))
            return false;
    *out = (struct value){.kind = (uint8_t)kind, .dict = d};
    return true;
}

FILTER(g_dict)
{
    return new_dict(r, V_DICT, a, out);
}

FILTER(g_namespace)
{
    return new_dict(r, V_NAMESPACE, a, out);
}

static bool new_cycler(struct render *r, enum value_kind kind, struct value items,
                       struct value *out)
{
    struct cycler *c = take(r, 1, sizeof *c);
    if (!c)
        return false;
    c->items = items;
    *out = (struct value){.kind = (uint8_t)kind, .cycler = c};
    return true;
}

FILTER(g_cycler)
{
    if (!a->n || a->n_named)
        return oops(r, "cycler needs at least one item");
    return new_cycler(r, V_CYCLER, v_seq(V_TUPLE, a->v, a->n), out);
}

FILTER(g_joiner)
{
    return new_cycler(r, V_JOINER, a->v[0].kind == V_MISSING ? v_str(STR(", ")) : a->v[0], out);
}

FILTER(g_lipsum)
{
    return oops(r, "lipsum is not supported");
}

FILTER(g_raise_exception)
{
    struct str s;
    return to_str(r, a->v[0], &s) && oops(r, "%.*s", STR_ARG(s));
}

static const struct builtin globals[] = {
    {"cycler", NULL, 0, g_cycler},
    {"dict", NULL, 0, g_dict},
    {"joiner", "sep", 0, g_joiner},
    {"lipsum", NULL, 0, g_lipsum},
    {"namespace", NULL, 0, g_namespace},
    {"raise_exception", "message", 1, g_raise_exception},
    {"range", "/start stop step", 1, g_range},
    {"strftime_now", "format", 1, g_strftime_now},
};

const struct builtin *find_global(struct str name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (str_is(name, globals[i].name))
            return &globals[i];
    return NULL;
}
