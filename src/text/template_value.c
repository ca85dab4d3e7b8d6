/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_value: see template_value.h. */
#include "text/template_value.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "text/template_run.h"
#include "text/template_unicode.h"

const char *v_type(struct value v)
{
    static const char *const name[] = {
        [V_MISSING] = "missing",   [V_UNDEFINED] = "Undefined",
        [V_NONE] = "NoneType",     [V_BOOL] = "bool",
        [V_INT] = "int",           [V_FLOAT] = "float",
        [V_STR] = "str",           [V_LIST] = "list",
        [V_TUPLE] = "tuple",       [V_DICT] = "dict",
        [V_VIEW] = "dict_keys",    [V_RANGE] = "range",
        [V_ITER] = "generator",    [V_NAMESPACE] = "Namespace",
        [V_MACRO] = "Macro",       [V_LOOP] = "LoopContext",
        [V_FUNCTION] = "function", [V_METHOD] = "method",
        [V_CYCLER] = "Cycler",     [V_JOINER] = "Joiner",
    };
    if (v.kind == V_VIEW && v.flag != VIEW_KEYS)
        return v.flag == VIEW_VALUES ? "dict_values" : "dict_items";
    return v.kind == V_STR && v.flag & STR_MARKUP ? "Markup" : name[v.kind];
}

bool v_is_int(struct value v)
{
    return v.kind == V_INT || v.kind == V_BOOL;
}

bool v_is_number(struct value v)
{
    return v_is_int(v) || v.kind == V_FLOAT;
}

bool v_true(struct value v)
{
    switch ((enum value_kind)v.kind) {
    case V_MISSING:
    case V_UNDEFINED:
    case V_NONE:
        return false;
    case V_BOOL:
    case V_INT:
        return v.i != 0;
    case V_FLOAT:
        return v.f != 0;
    case V_STR:
    case V_LIST:
    case V_TUPLE:
        return v.n != 0;
    case V_DICT:
    case V_VIEW:
        return v.dict->n != 0;
    case V_RANGE:
        return v.range->n != 0;
    default:
        return true;
    }
}

/* An integer against a double, exactly. */
static int order_mixed(int64_t i, double f)
{
    if (isnan(f))
        return UNORDERED;
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static int order_numbers(struct value a, struct value b)
{
    if (v_is_int(a) && v_is_int(b))
        return (a.i > b.i) - (a.i < b.i);
    if (v_is_int(a))
        return order_mixed(a.i, b.f);
    if (v_is_int(b)) {
        int c = order_mixed(b.i, a.f);
        return c == UNORDERED ? c : -c;
    }
    return isnan(a.f) || isnan(b.f) ? UNORDERED : (a.f > b.f) - (a.f < b.f);
}

/* First index at which two sequences differ; the length of the shorter where they do not. */
static bool first_difference(struct render *r, struct value a, struct value b, uint32_t *at)
{
    bool same = true;
    for (*at = 0; *at < a.n && *at < b.n; ++*at)
        if (!v_equal(r, a.items[*at], b.items[*at], &same))
            return false;
        else if (!same)
            break;
    return true;
}

static bool equal_dicts(struct render *r, const struct dict *a, const struct dict *b, bool *out)
{
    *out = a->n == b->n;
    for (uint32_t i = 0; *out && i < a->n; i++) {
        struct value other;
        if (!dict_get(r, b, a->pair[i].key, &other, out))
            return false;
        if (*out && !v_equal(r, a->pair[i].value, other, out))
            return false;
    }
    return true;
}

static bool equal_nested(struct render *r, struct value a, struct value b, bool *out)
{
    uint32_t at;
    if (!enter(r))
        return false;
    bool ok;
    if (a.kind == V_DICT) {
        ok = a.dict == b.dict ? (*out = true) : equal_dicts(r, a.dict, b.dict, out);
    } else {
        ok = a.n != b.n || first_difference(r, a, b, &at);
        *out = ok && a.n == b.n && at == a.n;
    }
    leave(r);
    return ok;
}

bool v_equal(struct render *r, struct value a, struct value b, bool *out)
{
    *out = false;
    if (!spend(r, 1))
        return false;
    if (v_is_number(a) && v_is_number(b)) {
        *out = order_numbers(a, b) == 0;
        return true;
    }
    if (a.kind != b.kind)
        return true;
    switch ((enum value_kind)a.kind) {
    case V_NONE:
    case V_UNDEFINED:
        *out = true;
        return true;
    case V_STR:
        *out = str_eq(as_str(a), as_str(b));
        return spend(r, a.n / 64);
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
        return equal_nested(r, a, b, out);
    case V_RANGE:
        *out = a.range->n == b.range->n &&
               (a.range->n == 0 || (a.range->start == b.range->start &&
                                    (a.range->n == 1 || a.range->step == b.range->step)));
        return true;
    case V_VIEW:
        *out = a.flag == b.flag && a.flag != VIEW_VALUES && a.dict == b.dict;
        return true;
    default:
        *out = a.iter == b.iter;
        return true;
    }
}

static bool order_sequences(struct render *r, struct value a, struct value b, const char *op,
                            int *out)
{
    uint32_t at;
    if (!enter(r))
        return false;
    bool ok = first_difference(r, a, b, &at);
    if (ok && at < a.n && at < b.n)
        ok = v_order(r, a.items[at], b.items[at], op, out);
    else
        *out = (a.n > b.n) - (a.n < b.n);
    leave(r);
    return ok;
}

bool v_order(struct render *r, struct value a, struct value b, const char *op, int *out)
{
    if (!spend(r, 1))
        return false;
    if (v_is_number(a) && v_is_number(b)) {
        *out = order_numbers(a, b);
        return true;
    }
    if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
        return oops_undefined(r, a.kind == V_UNDEFINED ? a : b);
    if (a.kind == V_STR && b.kind == V_STR) {
        *out = str_cmp(as_str(a), as_str(b));
        *out = (*out > 0) - (*out < 0);
        return spend(r, a.n / 64);
    }
    if (a.kind == b.kind && (a.kind == V_LIST || a.kind == V_TUPLE))
        return order_sequences(r, a, b, op, out);
    return oops(r, "\"%s\" is not supported between %s and %s", op, v_type(a), v_type(b));
}

bool v_same(struct value a, struct value b)
{
    if (a.kind != b.kind || a.kind == V_UNDEFINED)
        return false;
    switch ((enum value_kind)a.kind) {
    case V_NONE:
        return true;
    case V_STR: /* Python keeps one object for every short string */
        return a.n == b.n && a.flag == b.flag && (a.s == b.s || !a.n || (a.n == 1 && *a.s == *b.s));
    case V_LIST:
    case V_TUPLE:
        return a.items == b.items && a.n == b.n;
    default:
        return a.i == b.i; /* the same number, or the same object */
    }
}

static uint32_t mix(uint64_t h)
{
    return (uint32_t)(map_hash((struct str){(const char *)&h, sizeof h}) >> 16);
}

static bool hash_tuple(struct render *r, struct value v, uint32_t *out)
{
    uint64_t h = v.n;
    bool ok = enter(r);
    if (!ok)
        return false;
    for (uint32_t i = 0; ok && i < v.n; i++) {
        uint32_t one = 0;
        ok = v_hash(r, v.items[i], &one);
        h = mix(h << 32 | one);
    }
    leave(r);
    *out = (uint32_t)h;
    return ok;
}

bool v_hash(struct render *r, struct value v, uint32_t *out)
{
    if (!spend(r, 1))
        return false;
    switch ((enum value_kind)v.kind) {
    case V_STR:
        *out = (uint32_t)(map_hash(as_str(v)) >> 16);
        return spend(r, v.n / 64);
    case V_FLOAT: /* equal numbers hash alike */
        if (v.f >= -9e18 && v.f <= 9e18 && v.f == (double)(int64_t)v.f)
            v.i = (int64_t)v.f;
        *out = mix((uint64_t)v.i);
        return true;
    case V_TUPLE:
        return hash_tuple(r, v, out);
    case V_NONE:
    case V_UNDEFINED:
        *out = v.kind;
        return true;
    case V_LIST:
    case V_DICT:
    case V_VIEW:
        return oops(r, "unhashable type: %s", v_type(v));
    default:
        *out = mix((uint64_t)v.i);
        return true;
    }
}

#define TINY_DICT 8u

struct dict *dict_new(struct render *r, uint32_t cap)
{
    struct dict *d = take(r, 1, sizeof *d);
    cap = cap < 4 ? 4 : cap;
    if (!d || !(d->pair = take(r, cap, sizeof *d->pair)))
        return NULL;
    d->cap = cap;
    return d;
}

static void index_put(struct dict *d, uint32_t hash, uint32_t at)
{
    uint32_t i = hash & (d->n_slots - 1);
    while (d->slot[i])
        i = (i + 1) & (d->n_slots - 1);
    d->slot[i] = at + 1;
}

/* A new index over all pairs, at most half full when `cap` pairs are there. */
static bool index_build(struct render *r, struct dict *d)
{
    uint32_t n = 16;
    while (n < d->cap * 2)
        n *= 2;
    if (!(d->slot = take(r, n, sizeof *d->slot)))
        return false;
    d->n_slots = n;
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t hash;
        if (!v_hash(r, d->pair[i].key, &hash))
            return false;
        index_put(d, hash, i);
    }
    return true;
}

static bool dict_find(struct render *r, const struct dict *d, struct value key, uint32_t hash,
                      uint32_t *at, bool *found)
{
    *found = false;
    for (uint32_t i = 0; !d->slot && i < d->n; i++) {
        *at = i;
        if (!v_equal(r, d->pair[i].key, key, found))
            return false;
        if (*found)
            return true;
    }
    for (uint32_t i = hash; d->slot && d->slot[i & (d->n_slots - 1)]; i++) {
        *at = d->slot[i & (d->n_slots - 1)] - 1;
        if (!v_equal(r, d->pair[*at].key, key, found))
            return false;
        if (*found)
            return true;
    }
    return true;
}

static bool dict_grow(struct render *r, struct dict *d)
{
    if (d->n == d->cap) {
        struct pair *p = take(r, (size_t)d->cap * 2, sizeof *p);
        if (!p)
            return false;
        memcpy(p, d->pair, d->n * sizeof *p);
        d->pair = p;
        d->cap *= 2;
        d->slot = NULL;
    }
    return d->slot || d->n < TINY_DICT || index_build(r, d);
}

bool dict_put(struct render *r, struct dict *d, struct value key, struct value value)
{
    uint32_t hash, at = 0;
    bool found;
    if (!v_hash(r, key, &hash) || !dict_find(r, d, key, hash, &at, &found))
        return false;
    if (found) {
        d->pair[at].value = value;
        return true;
    }
    if (!dict_grow(r, d))
        return false;
    d->pair[d->n] = (struct pair){key, value};
    if (d->slot)
        index_put(d, hash, d->n);
    d->n++;
    return true;
}

bool dict_get(struct render *r, const struct dict *d, struct value key, struct value *out,
              bool *found)
{
    uint32_t hash, at = 0;
    if (!v_hash(r, key, &hash) || !dict_find(r, d, key, hash, &at, found))
        return false;
    if (*found)
        *out = d->pair[at].value;
    return true;
}

static bool is_key(struct value key, struct str s)
{
    return key.kind == V_STR && str_eq(as_str(key), s);
}

bool dict_get_str(const struct dict *d, struct str key, struct value *out)
{
    if (!d->slot) {
        for (uint32_t i = 0; i < d->n; i++)
            if (is_key(d->pair[i].key, key)) {
                *out = d->pair[i].value;
                return true;
            }
        return false;
    }
    uint32_t hash = (uint32_t)(map_hash(key) >> 16);
    for (uint32_t i = hash; d->slot[i & (d->n_slots - 1)]; i++) {
        const struct pair *p = &d->pair[d->slot[i & (d->n_slots - 1)] - 1];
        if (is_key(p->key, key)) {
            *out = p->value;
            return true;
        }
    }
    return false;
}

bool v_len(struct render *r, struct value v, int64_t *n)
{
    switch ((enum value_kind)v.kind) {
    case V_UNDEFINED:
        *n = 0;
        return true;
    case V_STR:
        *n = (int64_t)utf8_count(as_str(v));
        return spend(r, v.n / 64);
    case V_LIST:
    case V_TUPLE:
        *n = v.n;
        return true;
    case V_DICT:
    case V_VIEW:
        *n = v.dict->n;
        return true;
    case V_RANGE:
        *n = v.range->n;
        return true;
    default:
        return oops(r, "object of type %s has no length", v_type(v));
    }
}

static bool list_from_json(struct render *r, const json_t *j, struct value *out)
{
    size_t n = json_array_size(j);
    struct value *v = take(r, n, sizeof *v);
    if (!v)
        return false;
    *out = v_seq(V_LIST, v, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        if (!v_from_json(r, json_array_get(j, i), &v[i]))
            return false;
    return true;
}

static bool dict_from_json(struct render *r, const json_t *j, struct value *out)
{
    size_t n = json_object_size(j);
    struct dict *d = n > UINT32_MAX / 4 ? NULL : dict_new(r, (uint32_t)n);
    if (!d)
        return false;
    *out = (struct value){.kind = V_DICT, .dict = d};
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)j, key, item)
    { /* keys are distinct already */
        struct pair *p = &d->pair[d->n++];
        p->key = v_str(str_of(key));
        if (!v_from_json(r, item, &p->value))
            return false;
    }
    return d->n <= TINY_DICT || index_build(r, d);
}

bool v_from_json(struct render *r, const json_t *j, struct value *out)
{
    bool ok = true;
    switch (json_typeof(j)) {
    case JSON_STRING:
        *out = v_str((struct str){json_string_value(j), json_string_length(j)});
        return out->n == json_string_length(j) || oops_limit(r);
    case JSON_INTEGER:
        *out = v_int(json_integer_value(j));
        return true;
    case JSON_REAL:
        *out = v_float(json_real_value(j));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = v_bool(json_is_true(j));
        return true;
    case JSON_NULL:
        *out = v_none();
        return true;
    default:
        if (!enter(r))
            return false;
        ok = json_is_array(j) ? list_from_json(r, j, out) : dict_from_json(r, j, out);
        leave(r);
        return ok;
    }
}
