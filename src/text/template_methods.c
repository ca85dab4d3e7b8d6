/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_methods: the methods of Python's values that a template may call. Those that would
 * change a list or dict are in the tables without a function: they are undefined in the sandbox. */
#include <math.h>
#include <string.h>

#include "text/template_filters.h"
#include "text/template_loop.h"
#include "text/template_methods.h"

/* ---- dict ---- */

FILTER(m_dict_get)
{
    bool found;
    if (!dict_get(r, self.dict, a->v[0], out, &found))
        return false;
    if (!found)
        *out = a->v[1].kind == V_MISSING ? v_none() : a->v[1];
    return true;
}

static bool view(struct value self, enum view which, struct value *out)
{
    *out = (struct value){.kind = V_VIEW, .flag = (uint8_t)which, .dict = self.dict};
    return true;
}

FILTER(m_dict_items)
{
    return view(self, VIEW_ITEMS, out);
}

FILTER(m_dict_keys)
{
    return view(self, VIEW_KEYS, out);
}

FILTER(m_dict_values)
{
    return view(self, VIEW_VALUES, out);
}

FILTER(m_copy)
{
    *out = self; /* values do not change, so one is as good as two */
    return true;
}

FILTER(m_dict_fromkeys)
{
    struct value keys;
    struct dict *d = dict_new(r, 8);
    if (!d || !to_list(r, a->v[0], &keys))
        return false;
    for (uint32_t i = 0; i < keys.n; i++)
        if (!dict_put(r, d, keys.items[i], a->v[1].kind == V_MISSING ? v_none() : a->v[1]))
            return false;
    *out = (struct value){.kind = V_DICT, .dict = d};
    return true;
}

/* ---- list, tuple, range ---- */

FILTER(m_count)
{
    struct iter *it = iter_of(r, self);
    int64_t n = 0;
    bool more = true, same;
    while (it) {
        struct value one;
        if (!iter_next(r, it, &one, &more))
            return false;
        if (!more)
            break;
        if (!v_equal(r, one, a->v[0], &same))
            return false;
        n += same;
    }
    *out = v_int(n);
    return it != NULL;
}

FILTER(m_index)
{
    struct value list;
    bool same;
    int64_t from, to;
    if (!to_list(r, self, &list) || !arg_int(r, a->v[1], 0, &from) ||
        !arg_int(r, a->v[2], list.n, &to))
        return false;
    from = from < 0 ? from + list.n : from;
    to = to < 0 ? to + list.n : to;
    for (int64_t i = from < 0 ? 0 : from; i < list.n && i < to; i++) {
        if (!v_equal(r, list.items[i], a->v[0], &same))
            return false;
        *out = v_int(i);
        if (same)
            return true;
    }
    return oops(r, "index: the value is not in the %s", v_type(self));
}

/* ---- numbers ---- */

FILTER(m_is_integer)
{
    *out = v_bool(isfinite(self.f) && self.f == floor(self.f));
    return true;
}

FILTER(m_conjugate)
{
    *out = self.kind == V_BOOL ? v_int(self.i) : self;
    return true;
}

FILTER(m_bit_length)
{
    uint64_t u = self.i < 0 ? 0 - (uint64_t)self.i : (uint64_t)self.i;
    *out = v_int(u ? 64 - __builtin_clzll(u) : 0);
    return true;
}

/* ---- cycler ---- */

FILTER(m_cycler_next)
{
    struct cycler *c = self.cycler;
    *out = c->items.items[c->at];
    c->at = (c->at + 1) % c->items.n;
    return true;
}

FILTER(m_cycler_reset)
{
    self.cycler->at = 0;
    *out = v_none();
    return true;
}

static const struct builtin dict_methods[] = {
    {"clear", NULL, 0, NULL},
    {"copy", "", 0, m_copy},
    {"fromkeys", "/iterable value", 1, m_dict_fromkeys},
    {"get", "/key default", 1, m_dict_get},
    {"items", "", 0, m_dict_items},
    {"keys", "", 0, m_dict_keys},
    {"pop", NULL, 0, NULL},
    {"popitem", NULL, 0, NULL},
    {"setdefault", NULL, 0, NULL},
    {"update", NULL, 0, NULL},
    {"values", "", 0, m_dict_values},
    {0},
};
static const struct builtin list_methods[] = {
    {"append", NULL, 0, NULL}, {"clear", NULL, 0, NULL},
    {"copy", "", 0, m_copy},   {"count", "/value", 1, m_count},
    {"extend", NULL, 0, NULL}, {"index", "/value start stop", 1, m_index},
    {"insert", NULL, 0, NULL}, {"pop", NULL, 0, NULL},
    {"remove", NULL, 0, NULL}, {"reverse", NULL, 0, NULL},
    {"sort", NULL, 0, NULL},   {0},
};
static const struct builtin tuple_methods[] = {
    {"count", "/value", 1, m_count}, {"index", "/value start stop", 1, m_index}, {0}};
static const struct builtin int_methods[] = {
    {"bit_length", "", 0, m_bit_length}, {"conjugate", "", 0, m_conjugate}, {0}};
static const struct builtin float_methods[] = {
    {"is_integer", "", 0, m_is_integer}, {"conjugate", "", 0, m_conjugate}, {0}};
static const struct builtin loop_methods[] = {
    {"changed", NULL, 0, loop_changed}, {"cycle", NULL, 0, loop_cycle}, {0}};
static const struct builtin cycler_methods[] = {
    {"next", "", 0, m_cycler_next}, {"reset", "", 0, m_cycler_reset}, {0}};

static const struct builtin *const methods[] = {
    [V_STR] = str_methods,       [V_DICT] = dict_methods,   [V_LIST] = list_methods,
    [V_TUPLE] = tuple_methods,   [V_RANGE] = tuple_methods, [V_BOOL] = int_methods,
    [V_INT] = int_methods,       [V_FLOAT] = float_methods, [V_LOOP] = loop_methods,
    [V_CYCLER] = cycler_methods, [V_JOINER] = NULL,
};

const struct builtin *find_method(enum value_kind on, struct str name)
{
    for (const struct builtin *b = methods[on]; b && b->name; b++)
        if (str_is(name, b->name))
            return b;
    return NULL;
}
