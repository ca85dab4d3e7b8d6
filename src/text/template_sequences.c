/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_sequences: the filters on sequences and dicts. */
#include <string.h>

#include "text/template_filters.h"

FILTER_LIKE(f_length)
{
    int64_t n;
    if (!v_len(r, self, &n))
        return false;
    *out = v_int(n);
    return true;
}

FILTER_LIKE(f_list)
{
    return to_list(r, self, out);
}

FILTER_LIKE(f_first)
{
    struct iter *it = iter_of(r, self);
    bool more;
    if (!it || !iter_next(r, it, out, &more))
        return false;
    if (!more)
        *out = v_undefined("there is no first item, the sequence was empty");
    return true;
}

FILTER_LIKE(f_last)
{
    if (self.kind == V_ITER || !is_iterable(self))
        return oops(r, "%s cannot be walked backwards", v_type(self));
    if (!to_list(r, self, &self))
        return false;
    *out = self.n ? self.items[self.n - 1]
                  : v_undefined("there is no last item, the sequence was empty");
    return true;
}

FILTER(items)
{
    *out = v_seq(V_LIST, NULL, 0);
    if (self.kind == V_UNDEFINED)
        return true;
    *out = (struct value){.kind = V_VIEW, .flag = VIEW_ITEMS, .dict = self.dict};
    return self.kind == V_DICT || oops(r, "items needs a dict, not %s", v_type(self));
}

FILTER_LIKE(f_items)
{
    return iter_later(r, items, self, a, out);
}

static bool lazy(struct render *r, int kind, struct value self, const struct args *a,
                 struct value *out)
{
    return iter_lazy(r, kind, self, a, out);
}

FILTER_LIKE(f_map)
{
    return lazy(r, LAZY_MAP, self, a, out);
}

FILTER_LIKE(f_select)
{
    return lazy(r, LAZY_SELECT, self, a, out);
}

FILTER_LIKE(f_reject)
{
    return lazy(r, LAZY_REJECT, self, a, out);
}

FILTER_LIKE(f_selectattr)
{
    return lazy(r, LAZY_SELECT | LAZY_ATTR, self, a, out);
}

FILTER_LIKE(f_rejectattr)
{
    return lazy(r, LAZY_REJECT | LAZY_ATTR, self, a, out);
}

/* An attribute of every item, or the item itself; texts in lower case unless case matters. */
static bool key_of(struct render *r, struct value item, struct value path, bool case_sensitive,
                   const struct value *absent, struct value *out)
{
    *out = item;
    if (path.kind != V_MISSING && !get_path(r, item, path, absent, out))
        return false;
    return case_sensitive || out->kind != V_STR || text_case(r, *out, TEXT_LOWER, out);
}

static bool keys_of(struct render *r, struct value list, struct value path, bool case_sensitive,
                    const struct value *absent, struct value **out)
{
    struct value *keys = *out = take(r, list.n, sizeof *keys);
    for (uint32_t i = 0; keys && i < list.n; i++)
        if (!key_of(r, list.items[i], path, case_sensitive, absent, &keys[i]))
            return false;
    return keys != NULL;
}

/* A list of its own, which may be sorted in place. */
static bool new_list(struct render *r, struct value self, struct value *out)
{
    struct value list;
    if (!to_list(r, self, &list))
        return false;
    *out = v_seq(V_LIST, take(r, list.n, sizeof *list.items), list.n);
    if (out->items && list.n)
        memcpy(out->items, list.items, list.n * sizeof *list.items);
    return out->items != NULL;
}

/* "a,b" sorts by a, then b: the key is a list of both, compared as Python compares lists. */
static bool sort_key(struct render *r, struct value item, struct value path, bool cased,
                     struct value *out)
{
    struct str rest = path.kind == V_STR ? as_str(path) : STR(""), part;
    uint32_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == ',';
    *out = v_seq(V_LIST, take(r, n, sizeof *out->items), 0);
    if (!out->items || !spend(r, n))
        return false;
    while (str_cut(&rest, ',', &part)) {
        struct value step = path.kind == V_STR ? v_str(part) : path;
        if (!key_of(r, item, step, cased, NULL, &out->items[out->n++]))
            return false;
    }
    return true;
}

FILTER_LIKE(f_sort)
{
    struct value *keys;
    if (!new_list(r, self, out) || !(keys = take(r, out->n, sizeof *keys)))
        return false;
    for (uint32_t i = 0; i < out->n; i++)
        if (!sort_key(r, out->items[i], a->v[2], arg_true(a->v[1]), &keys[i]))
            return false;
    return sort_by(r, out->items, keys, out->n, arg_true(a->v[0]));
}

FILTER_LIKE(f_dictsort)
{
    struct str by = STR("key");
    if (a->v[1].kind != V_MISSING && !arg_str(r, a->v[1], &by))
        return false;
    if (!str_is(by, "key") && !str_is(by, "value"))
        return oops(r, "dictsort sorts by \"key\" or \"value\"");
    if (self.kind != V_DICT)
        return self.kind == V_UNDEFINED ? oops_undefined(r, self)
                                        : oops(r, "dictsort needs a dict, not %s", v_type(self));
    struct value view = {.kind = V_VIEW, .flag = VIEW_ITEMS, .dict = self.dict}, *keys;
    struct value path = v_int(str_is(by, "value"));
    return to_list(r, view, out) && keys_of(r, *out, path, arg_true(a->v[0]), NULL, &keys) &&
           sort_by(r, out->items, keys, out->n, arg_true(a->v[2]));
}

/* min and max: the first of the items than which none is less (greater). */
static bool extreme(struct render *r, struct value self, const struct args *a, int wanted,
                    struct value *out)
{
    struct value *keys;
    int order;
    if (!to_list(r, self, &self) || !keys_of(r, self, a->v[1], arg_true(a->v[0]), NULL, &keys))
        return false;
    *out = v_undefined("there is no item to choose, the sequence was empty");
    for (uint32_t i = 0, best = 0; i < self.n; i++) {
        if (i && !v_order(r, keys[i], keys[best], wanted < 0 ? "<" : ">", &order))
            return false;
        if (i && order == wanted)
            best = i;
        *out = self.items[best];
    }
    return true;
}

FILTER_LIKE(f_min)
{
    return extreme(r, self, a, -1, out);
}

FILTER_LIKE(f_max)
{
    return extreme(r, self, a, 1, out);
}

FILTER(unique)
{
    struct value list, *keys, one;
    struct dict *seen = dict_new(r, 8);
    uint32_t n = 0;
    if (!seen || !new_list(r, self, &list) ||
        !keys_of(r, list, a->v[1], arg_true(a->v[0]), NULL, &keys))
        return false;
    for (uint32_t i = 0; i < list.n; i++) {
        bool found;
        if (!dict_get(r, seen, keys[i], &one, &found) ||
            (!found && !dict_put(r, seen, keys[i], v_none())))
            return false;
        if (!found)
            list.items[n++] = list.items[i];
    }
    list.n = n;
    *out = list;
    return true;
}

FILTER_LIKE(f_unique)
{
    return iter_later(r, unique, self, a, out);
}

FILTER_LIKE(f_groupby)
{
    const struct value *absent = a->v[1].kind > V_NONE ? &a->v[1] : NULL;
    bool cased = arg_true(a->v[2]), same = false;
    struct value list, *keys;
    if (!new_list(r, self, &list) || !keys_of(r, list, a->v[0], cased, absent, &keys) ||
        !sort_by(r, list.items, keys, list.n, false))
        return false;
    *out = v_seq(V_LIST, take(r, list.n, sizeof *out->items), 0);
    for (uint32_t i = 0, from = 0; out->items && i < list.n; i++) {
        if (i + 1 < list.n && !v_equal(r, keys[i], keys[i + 1], &same))
            return false;
        if (i + 1 < list.n && same)
            continue;
        struct value *group = take(r, 2, sizeof *group);
        if (!group || !get_path(r, list.items[from], a->v[0], absent, &group[0]))
            return false;
        group[1] = v_seq(V_LIST, list.items + from, i + 1 - from);
        out->items[out->n] = v_seq(V_TUPLE, group, 2);
        out->items[out->n++].flag = TUPLE_GROUP;
        from = i + 1;
    }
    return out->items != NULL;
}

FILTER_LIKE(f_sum)
{
    struct iter *it = iter_of(r, self);
    bool more = true;
    *out = a->v[1].kind == V_MISSING ? v_int(0) : a->v[1];
    if (out->kind == V_STR)
        return oops(r, "sum cannot add texts, use join");
    while (it) {
        struct value one;
        if (!iter_next(r, it, &one, &more))
            return false;
        if (!more)
            return true;
        if (a->v[0].kind != V_MISSING && !get_path(r, one, a->v[0], NULL, &one))
            return false;
        if (!do_binary(r, B_ADD, *out, one, out))
            return false;
    }
    return false;
}

FILTER_LIKE(f_join)
{
    struct str by = STR("");
    struct iter *it = iter_of(r, self);
    bool more = true, ok = true;
    if (!it || (a->v[0].kind != V_MISSING && !to_str(r, a->v[0], &by)))
        return false;
    bool attribute = a->v[1].kind != V_MISSING && a->v[1].kind != V_NONE;
    struct buf b;
    text_start(&b);
    for (bool first = true; ok; first = false) {
        struct value one;
        ok = iter_next(r, it, &one, &more);
        if (!ok || !more)
            break;
        if (!first)
            buf_str(&b, by);
        ok = spend(r, by.n / 64) && (!attribute || get_path(r, one, a->v[1], NULL, &one)) &&
             write_str(r, one, &b);
    }
    return text_done(r, &b, ok, out);
}

FILTER_LIKE(f_reverse)
{
    struct value list, back[3] = {v_none(), v_none(), v_int(-1)};
    if (self.kind == V_STR || self.kind == V_TUPLE || self.kind == V_LIST) {
        if (!get_slice(r, self, back, out))
            return false;
        return self.kind == V_STR || iter_value(r, *out, out);
    }
    if (!to_list(r, self, &list) || !get_slice(r, list, back, out))
        return false;
    return self.kind == V_ITER || iter_value(r, *out, out);
}

/* Rows of `length` items; the last one is filled up. */
FILTER(batch)
{
    struct value list, rows, fill = a->v[1];
    int64_t length;
    if (!arg_int(r, a->v[0], 0, &length) || !to_list(r, self, &list))
        return false;
    if (length < 1 && list.n)
        return oops(r, "batch needs a positive number");
    uint32_t n_rows = list.n ? (uint32_t)((list.n - 1) / length + 1) : 0;
    rows = v_seq(V_LIST, take(r, n_rows, sizeof *rows.items), n_rows);
    for (uint32_t i = 0; rows.items && i < n_rows; i++) {
        uint32_t from = (uint32_t)(i * length), left = list.n - from;
        rows.items[i] = v_seq(V_LIST, list.items + from, left < length ? left : (uint32_t)length);
    }
    if (!rows.items || !n_rows) {
        *out = rows;
        return rows.items != NULL;
    }
    struct value *last = &rows.items[n_rows - 1];
    if (fill.kind > V_NONE && last->n < length) {
        struct value *wide = take(r, (size_t)length, sizeof *wide);
        if (!wide || !spend(r, (size_t)length / 4))
            return false;
        for (uint32_t i = 0; i < length; i++)
            wide[i] = i < last->n ? last->items[i] : fill;
        *last = v_seq(V_LIST, wide, (uint32_t)length);
    }
    *out = rows;
    return true;
}

FILTER_LIKE(f_batch)
{
    return iter_later(r, batch, self, a, out);
}

/* `slices` columns of about the same length. */
FILTER(slice)
{
    struct value list, columns, fill = a->v[1];
    int64_t slices;
    if (!arg_int(r, a->v[0], 0, &slices) || !to_list(r, self, &list))
        return false;
    if (slices == 0)
        return oops(r, "division by zero");
    slices = slices < 0 ? 0 : slices;
    if (slices > RENDER_MEMORY / (int64_t)sizeof *columns.items || !spend(r, (size_t)slices))
        return oops_limit(r);
    columns = v_seq(V_LIST, take(r, (size_t)slices, sizeof *columns.items), (uint32_t)slices);
    if (!columns.items)
        return false;
    uint32_t from = 0;
    for (uint32_t i = 0; i < columns.n; i++) {
        bool extra = i < list.n % columns.n;
        uint32_t n = list.n / columns.n + extra;
        columns.items[i] = v_seq(V_LIST, n ? list.items + from : NULL, n);
        from += n;
        if (extra || fill.kind <= V_NONE)
            continue;
        struct value *wide = take(r, n + 1, sizeof *wide);
        if (!wide)
            return false;
        if (n)
            memcpy(wide, columns.items[i].items, n * sizeof *wide);
        wide[n] = fill;
        columns.items[i] = v_seq(V_LIST, wide, n + 1);
    }
    *out = columns;
    return true;
}

FILTER_LIKE(f_slice)
{
    return iter_later(r, slice, self, a, out);
}
