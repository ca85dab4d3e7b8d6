/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_access: a.b, a[b], a[b:c], "in". As in Jinja's sandbox a.b prefers what Python's
 * type offers (methods) over items, a[b] items; what is in neither is undefined, and so are names
 * with a leading underscore and every method that would change a list or dict. */
#include <string.h>

#include "text/template_loop.h"
#include "text/template_run.h"
#include "text/template_unicode.h"

static struct value undefined_attr(struct value on, struct str name)
{
    return (struct value){.kind = V_UNDEFINED,
                          .flag = UNDEFINED_ATTRIBUTE,
                          .of = on.kind,
                          .n = (uint32_t)name.n,
                          .s = name.p};
}

/* Attributes that are values: fields of Python's numbers, ranges, macros and the like. */
static bool field_of(struct render *r, struct value on, struct str name, struct value *out,
                     bool *found)
{
    *found = true;
    switch ((enum value_kind)on.kind) {
    case V_LOOP:
        return loop_attr(r, on.loop, name, out, found);
    case V_NAMESPACE:
        *found = dict_get_str(on.dict, name, out);
        return true;
    case V_BOOL:
    case V_INT:
    case V_FLOAT:
        if (str_is(name, "imag"))
            *out = on.kind == V_FLOAT ? v_float(0) : v_int(0);
        else if (on.kind != V_FLOAT && str_is(name, "denominator"))
            *out = v_int(1);
        else if (str_is(name, "real") || (on.kind != V_FLOAT && str_is(name, "numerator")))
            *out = on.kind == V_FLOAT ? on : v_int(on.i);
        else
            *found = false;
        return true;
    case V_TUPLE:
        *found = on.flag & TUPLE_GROUP && (str_is(name, "grouper") || str_is(name, "list"));
        if (*found)
            *out = on.items[name.n == 4];
        return true;
    case V_RANGE:
        *found = str_is(name, "start") || str_is(name, "stop") || str_is(name, "step");
        *out = v_int(name.n == 5        ? on.range->start
                     : name.p[2] == 'o' ? on.range->stop
                                        : on.range->step);
        return true;
    case V_MACRO:
        *found = str_is(name, "name") && on.macro->node->name.n;
        *out = v_str(on.macro->node->name);
        return true;
    case V_CYCLER:
        *found = str_is(name, "current");
        *out = *found ? on.cycler->items.items[on.cycler->at] : v_none();
        return true;
    default:
        *found = false;
        return true;
    }
}

/* Python's getattr; *found is false where the type has no such attribute. */
static bool attribute(struct render *r, struct value on, struct str name, struct value *out,
                      bool *found)
{
    if (!field_of(r, on, name, out, found))
        return false;
    if (*found) {
        if (name.n && name.p[0] == '_')
            *out = undefined_attr(on, name);
        return true;
    }
    const struct builtin *b = find_method((enum value_kind)on.kind, name);
    if (!b)
        return true;
    *found = true;
    if (!b->call) { /* append, update, ...: the sandbox forbids changing a list or dict */
        *out = undefined_attr(on, name);
        return true;
    }
    struct method *m = take(r, 1, sizeof *m);
    if (!m)
        return false;
    *m = (struct method){on, b};
    *out = (struct value){.kind = V_METHOD, .method = m};
    return true;
}

bool get_attr(struct render *r, struct value on, struct str name, struct value *out)
{
    bool found;
    if (on.kind == V_UNDEFINED)
        return oops_undefined(r, on);
    if (!attribute(r, on, name, out, &found))
        return false;
    if (!found && (on.kind != V_DICT || !dict_get_str(on.dict, name, out)))
        *out = undefined_attr(on, name);
    return true;
}

/* a[i] of a sequence: false in *found when i is out of range. */
static bool element(struct render *r, struct value on, int64_t i, struct value *out, bool *found)
{
    int64_t n;
    if (!v_len(r, on, &n))
        return false;
    i += i < 0 ? n : 0;
    *found = i >= 0 && i < n;
    if (!*found)
        return true;
    if (on.kind == V_RANGE) {
        *out = v_int(on.range->start + i * on.range->step);
    } else if (on.kind == V_STR) {
        size_t at = utf8_offset(as_str(on), (size_t)i), end = at;
        str_utf8_next(as_str(on), &end);
        *out = on;
        out->s += at;
        out->n = (uint32_t)(end - at);
        return spend(r, on.n / 64);
    } else {
        *out = on.items[i];
    }
    return true;
}

bool get_item(struct render *r, struct value on, struct value key, struct value *out)
{
    bool found = false;
    if (on.kind == V_UNDEFINED)
        return oops_undefined(r, on);
    if (on.kind == V_DICT) {
        bool hashable = key.kind != V_LIST && key.kind != V_DICT && key.kind != V_VIEW;
        if (hashable && !dict_get(r, on.dict, key, out, &found))
            return false;
    } else if (v_is_int(key) && (on.kind == V_STR || on.kind == V_LIST || on.kind == V_TUPLE ||
                                 on.kind == V_RANGE)) {
        if (!element(r, on, key.i, out, &found))
            return false;
    }
    if (!found && key.kind == V_STR && !attribute(r, on, as_str(key), out, &found))
        return false;
    if (found)
        return true;
    if (key.kind == V_STR)
        *out = undefined_attr(on, as_str(key));
    else if (v_is_int(key))
        *out = (struct value){
            .kind = V_UNDEFINED, .flag = UNDEFINED_ELEMENT, .of = on.kind, .i = key.i};
    else
        *out = v_undefined("there is no such element");
    return true;
}

static bool is_number(struct str s, int64_t *out)
{
    uint64_t u;
    bool ok = str_to_u64(s, &u) && u <= INT64_MAX;
    *out = ok ? (int64_t)u : 0;
    return ok;
}

bool get_path(struct render *r, struct value on, struct value path, const struct value *absent,
              struct value *out)
{
    *out = on;
    if (path.kind != V_STR) {
        if (path.kind != V_NONE && !get_item(r, on, path, out))
            return false;
        if (absent && out->kind == V_UNDEFINED)
            *out = *absent;
        return true;
    }
    struct str rest = as_str(path), part;
    while (str_cut(&rest, '.', &part)) {
        int64_t i;
        struct value key = is_number(part, &i) ? v_int(i) : v_str(part);
        if (!get_item(r, *out, key, out))
            return false;
        if (absent && out->kind == V_UNDEFINED)
            *out = *absent;
    }
    return true;
}

static bool slice_part(struct render *r, struct value v, int64_t absent, int64_t *out)
{
    *out = absent;
    if (v.kind == V_NONE)
        return true;
    *out = v.i;
    return v_is_int(v) || oops(r, "slice indices must be integers or None, not %s", v_type(v));
}

/* Python's slice.indices: start, stop, step for a sequence of n, and how many items that is. */
static bool slice_range(struct render *r, const struct value part[3], int64_t n, struct range *s)
{
    if (!slice_part(r, part[2], 1, &s->step))
        return false;
    if (s->step == 0)
        return oops(r, "the step of a slice is zero");
    if (s->step == INT64_MIN)
        s->step++;
    bool back = s->step < 0;
    int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    if (!slice_part(r, part[0], back ? high : low, &s->start) ||
        !slice_part(r, part[1], back ? low : high, &s->stop))
        return false;
    for (int i = 0; i < 2; i++) {
        int64_t *x = i ? &s->stop : &s->start;
        if (part[i].kind == V_NONE)
            continue;
        if (*x < 0)
            *x = *x < -n ? low : *x + n;
        if (*x < low || *x > high)
            *x = *x < low ? low : high;
    }
    s->n = 0;
    if (!back && s->start < s->stop)
        s->n = (s->stop - s->start - 1) / s->step + 1;
    else if (back && s->stop < s->start)
        s->n = (s->start - s->stop - 1) / -s->step + 1;
    return true;
}

static bool slice_str(struct render *r, struct value on, const struct range *s, struct value *out)
{
    struct str text = as_str(on);
    *out = on;
    if (s->step == 1) { /* no copy */
        size_t from = utf8_offset(text, (size_t)s->start);
        out->s += from;
        out->n = (uint32_t)utf8_offset(str_from(text, from), (size_t)s->n);
        return spend(r, text.n / 64);
    }
    struct buf b;
    text_start(&b);
    size_t at = utf8_offset(text, s->n ? (size_t)s->start : 0);
    for (int64_t i = 0; i < s->n; i++) {
        size_t end = at;
        str_utf8_next(text, &end);
        buf_add(&b, text.p + at, end - at);
        for (int64_t k = 0; i + 1 < s->n && k < s->step; k++)
            str_utf8_next(text, &at);
        for (int64_t k = 0; i + 1 < s->n && k > s->step; k--)
            at = utf8_back(text, at);
    }
    uint8_t flag = on.flag;
    bool ok = text_done(r, &b, spend(r, text.n / 16), out);
    out->flag = flag;
    return ok;
}

bool get_slice(struct render *r, struct value on, const struct value part[3], struct value *out)
{
    struct range s = {0};
    int64_t n;
    if (on.kind == V_UNDEFINED)
        return oops_undefined(r, on);
    if (on.kind != V_STR && on.kind != V_LIST && on.kind != V_TUPLE && on.kind != V_RANGE)
        return oops(r, "%s cannot be sliced", v_type(on));
    if (!v_len(r, on, &n) || !slice_range(r, part, n, &s))
        return false;
    if (on.kind == V_STR)
        return slice_str(r, on, &s, out);
    if (on.kind == V_RANGE) {
        struct range *sub = take(r, 1, sizeof *sub);
        if (!sub)
            return false;
        uint64_t start = (uint64_t)on.range->start, step = (uint64_t)on.range->step; /* may wrap */
        *sub = (struct range){(int64_t)(start + (uint64_t)s.start * step),
                              (int64_t)(start + (uint64_t)s.stop * step),
                              (int64_t)((uint64_t)s.step * step), s.n};
        *out = (struct value){.kind = V_RANGE, .range = sub};
        return true;
    }
    *out = v_seq((enum value_kind)on.kind, s.n ? on.items + s.start : NULL, (uint32_t)s.n);
    if (s.step == 1)
        return true;
    if (!spend(r, (size_t)s.n / 4) || !(out->items = take(r, (size_t)s.n, sizeof *out->items)))
        return false;
    for (int64_t i = 0; i < s.n; i++)
        out->items[i] = on.items[s.start + i * s.step];
    return true;
}

bool contains(struct render *r, struct value in, struct value v, bool *out)
{
    *out = false;
    if (in.kind == V_STR) {
        if (v.kind != V_STR)
            return oops(r, "\"in\" a string needs a string on the left, not %s", v_type(v));
        *out = str_find(as_str(in), as_str(v)) != SIZE_MAX;
        return spend(r, in.n / 32);
    }
    if (in.kind == V_DICT || (in.kind == V_VIEW && in.flag == VIEW_KEYS)) {
        struct value ignored;
        return dict_get(r, in.dict, v, &ignored, out);
    }
    struct iter *it = iter_of(r, in);
    bool more = true;
    while (it && !*out) {
        struct value one;
        if (!iter_next(r, it, &one, &more))
            return false;
        if (!more)
            break;
        if (v_same(one, v))
            *out = true;
        else if (!v_equal(r, one, v, out))
            return false;
    }
    return it != NULL;
}
