/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_value: what a template computes with: Python's values, 16 bytes each.
 *
 * Values are immutable but for namespaces, loops, cyclers, joiners and iterators. Strings are UTF-8
 * slices that point into the template, the JSON context or the rendering's arena; lengths and
 * indexes that a template sees count code points. Everything a rendering makes lives in its arena
 * and is freed with it. Integers are 64 bits wide: a larger one is an error, never a wrong number.
 *
 * `struct render` (template_run.h) carries arena, budget and error; a function that returns false
 * has set the error. Walks over nested values are bounded in depth and charged to the budget. */
#ifndef MOAT_TEXT_TEMPLATE_VALUE_H
#define MOAT_TEXT_TEMPLATE_VALUE_H

#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

struct render;

enum value_kind {
    V_MISSING, /* no value: an argument not given, a name not yet bound; templates never see it */
    V_UNDEFINED,
    V_NONE,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STR,
    V_LIST,
    V_TUPLE,
    V_DICT,
    V_VIEW, /* dict.keys(), .values(), .items(): flag says which */
    V_RANGE,
    V_ITER, /* a generator: may be walked once */
    V_NAMESPACE,
    V_MACRO,
    V_LOOP,
    V_FUNCTION,
    V_METHOD, /* a bound method */
    V_CYCLER,
    V_JOINER
};

enum undefined_why { UNDEFINED_NAME, UNDEFINED_ATTRIBUTE, UNDEFINED_ELEMENT, UNDEFINED_HINT };
enum { STR_MARKUP = 1 };  /* flag of V_STR: result of |safe or |escape */
enum { TUPLE_GROUP = 1 }; /* flag of V_TUPLE: from |groupby, has .grouper and .list */
enum view { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };

struct value {
    uint8_t kind, flag; /* flag: see the enums above; enum undefined_why for V_UNDEFINED */
    uint16_t of;        /* V_UNDEFINED: kind of the object that lacks the attribute */
    uint32_t n;         /* V_STR: bytes; V_LIST, V_TUPLE: items; V_UNDEFINED: bytes of the name */
    union {
        int64_t i;           /* V_BOOL, V_INT, UNDEFINED_ELEMENT */
        double f;            /* V_FLOAT */
        const char *s;       /* V_STR, V_UNDEFINED: a name, or a whole sentence */
        struct value *items; /* V_LIST, V_TUPLE */
        struct dict *dict;   /* V_DICT, V_VIEW, V_NAMESPACE */
        struct range *range;
        struct iter *iter;
        struct macro *macro;
        struct loop *loop;
        const struct builtin *function;
        struct method *method;
        struct cycler *cycler; /* and V_JOINER */
    };
};

struct pair {
    struct value key, value;
};
struct dict { /* insertion order; a hash index once it is not tiny */
    struct pair *pair;
    uint32_t n, cap;
    uint32_t *slot; /* index + 1 into pair, 0 is free */
    uint32_t n_slots;
};
struct range {
    int64_t start, stop, step, n;
};
struct cycler { /* a joiner has one item and uses `at` as "was called" */
    struct value items;
    uint32_t at;
};

static inline struct value v_none(void)
{
    return (struct value){.kind = V_NONE};
}
static inline struct value v_missing(void)
{
    return (struct value){.kind = V_MISSING};
}
static inline struct value v_bool(bool b)
{
    return (struct value){.kind = V_BOOL, .i = b};
}
static inline struct value v_int(int64_t i)
{
    return (struct value){.kind = V_INT, .i = i};
}
static inline struct value v_float(double f)
{
    return (struct value){.kind = V_FLOAT, .f = f};
}
static inline struct value v_str(struct str s)
{
    return (struct value){.kind = V_STR, .n = (uint32_t)s.n, .s = s.p};
}
static inline struct value v_seq(enum value_kind kind, struct value *items, uint32_t n)
{
    return (struct value){.kind = (uint8_t)kind, .n = n, .items = items};
}
static inline struct value v_undefined(const char *sentence)
{
    struct str s = str_of(sentence);
    return (struct value){
        .kind = V_UNDEFINED, .flag = UNDEFINED_HINT, .n = (uint32_t)s.n, .s = s.p};
}
static inline struct str as_str(struct value v) /* V_STR only */
{
    return (struct str){v.s, v.n};
}

bool v_is_int(struct value v);      /* int or bool */
bool v_is_number(struct value v);   /* int, bool or float */
const char *v_type(struct value v); /* Python's name of the type */
bool v_true(struct value v);

/* Comparison as Python does it. v_order gives -1, 0, 1, or UNORDERED (NaN); it fails for types
 * without an order, naming the operator `op`. v_same is Python's `is`. */
#define UNORDERED 2
bool v_equal(struct render *r, struct value a, struct value b, bool *out) MUST_USE;
bool v_order(struct render *r, struct value a, struct value b, const char *op, int *out) MUST_USE;
bool v_same(struct value a, struct value b);

/* Dicts. dict_put replaces the value of an equal key. Keys that cannot be hashed fail. */
struct dict *dict_new(struct render *r, uint32_t cap) MUST_USE;
bool dict_put(struct render *r, struct dict *d, struct value key, struct value value) MUST_USE;
bool dict_get(struct render *r, const struct dict *d, struct value key, struct value *out,
              bool *found) MUST_USE;
bool dict_get_str(const struct dict *d, struct str key, struct value *out);
bool v_hash(struct render *r, struct value v, uint32_t *out) MUST_USE;

bool v_len(struct render *r, struct value v, int64_t *n) MUST_USE; /* len() */
bool v_from_json(struct render *r, const json_t *j, struct value *out) MUST_USE;

#endif
