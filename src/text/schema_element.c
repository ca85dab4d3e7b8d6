/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_element: what an element of a schema allows: a schema, a value, or the opposite of
 * one, each read once. */
#include "text/number_set.h"
#include "text/schema_private.h"

#define MOST_DEPTH 200u /* schemas inside each other while one is read, $ref included */

static bool read_value(struct schema *s, const json_t *v, struct schema_shape *out)
{
    struct arena *a = &s->arena;
    struct schema_atom x = {.kind = ATOM_VALUE, .a = v};
    *out = schema_nothing;
    out->null = json_is_null(v);
    out->yes = json_is_true(v);
    out->no = json_is_false(v);
    if (json_is_string(v)) {
        struct str text = {json_string_value(v), json_string_length(v)};
        out->texts = (struct schema_set){SOME_SET, dfa_texts(a, &text, 1, s->e), 0, 0};
        return out->texts.dfa != NULL;
    }
    if (json_is_number(v)) {
        const struct dfa *all = number_any(a, s->e);
        struct schema_set form = {SOME_SET, all, 0, 0};
        out->numbers =
            (struct schema_set){SOME_SET, number_compared(a, NUMBER_EQUAL, v, s->e), 0, 0};
        return all && out->numbers.dfa && schema_set_and(s, &out->numbers, &form);
    }
    if (!json_is_array(v) && !json_is_object(v))
        return true;
    uint32_t n = (uint32_t)(json_is_array(v) ? json_array_size(v) : json_object_size(v));
    const struct schema_atom *atoms = schema_atom_new(s, x);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        struct schema_atom has = {.kind = ATOM_REQUIRED, .key = key, .next = atoms};
        atoms = atoms ? schema_atom_new(s, has) : NULL;
    }
    const struct schema_side *side = atoms ? schema_side_new(s, atoms, n, n, NULL) : NULL;
    *(json_is_array(v) ? &out->arrays : &out->objects) = side;
    return side != NULL;
}

/* --- elements ----------------------------------------------------------------------------------
 */

struct element_key {
    const json_t *node;
    size_t kind;
};

static bool find_shape(struct schema *s, struct schema_element x, uint32_t *at)
{
    struct element_key key = {x.node, x.kind};
    struct str bytes = {(const char *)&key, sizeof key};
    if (map_get(&s->shapes, bytes, at))
        return true;
    char *copy = arena_copy(&s->arena, bytes, s->e);
    if (!copy || !mem_grow(&s->shape, s->n_shape, &s->shape_cap, sizeof *s->shape, s->e))
        return false;
    *at = (uint32_t)s->n_shape;
    s->shape[s->n_shape++] = (struct schema_memo){0};
    return map_put(&s->shapes, (struct str){copy, sizeof key}, *at, s->e);
}

static bool read_element(struct schema *s, struct schema_element x, struct schema_shape *out)
{
    if (x.kind & SCHEMA_NOT) {
        struct schema_element opposite = {x.node, x.kind & ~(unsigned)SCHEMA_NOT};
        const struct schema_shape *shape = schema_of_element(s, opposite);
        if (!shape)
            return false;
        *out = *shape;
        return schema_not(s, out, x.node, "not");
    }
    return x.kind & SCHEMA_VALUE ? read_value(s, x.node, out) : schema_read(s, x.node, out);
}

const struct schema_shape *schema_of_element(struct schema *s, struct schema_element x)
{
    uint32_t at;
    if (!find_shape(s, x, &at))
        return NULL;
    if (s->shape[at].shape)
        return s->shape[at].shape;
    if (s->shape[at].reading || s->depth > MOST_DEPTH) {
        s->circular = true;
        fail(s->e, ERR_USAGE, "%s: the schema refers to itself without end",
             schema_where(s, x.node));
        return NULL;
    }
    struct schema_shape *out = arena_new(&s->arena, 1, sizeof *out, s->e);
    s->shape[at].reading = true;
    s->depth++;
    bool ok = out && read_element(s, x, out);
    s->depth--;
    s->shape[at].reading = false;
    return ok ? (s->shape[at].shape = out) : NULL;
}

const struct schema_shape *schema_of_all(struct schema *s, const struct schema_element *v,
                                         uint32_t n)
{
    struct schema_shape *out = arena_new(&s->arena, 1, sizeof *out, s->e);
    if (!out)
        return NULL;
    *out = schema_everything;
    for (uint32_t i = 0; i < n; i++) {
        const struct schema_shape *x = schema_of_element(s, v[i]);
        if (!x || !schema_and(s, out, x))
            return NULL;
    }
    return out;
}
