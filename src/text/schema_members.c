/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_members: what the demands on an object or array mean for one of its members. */
#include <string.h>

#include "text/schema_private.h"

bool schema_list_add(struct schema *s, struct schema_list *l, const json_t *node, unsigned kind)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i].node == node && l->v[i].kind == kind)
            return true;
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 4;
        struct schema_element *v = arena_new(&s->arena, cap, sizeof *v, s->e);
        if (!v)
            return false;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = (struct schema_element){node, kind};
    return true;
}

/* The keywords of one schema object: properties and patterns that name the key, or else the rest.
 */
static bool add_members(struct schema *s, const struct schema_atom *a, const char *key,
                        struct schema_list *out)
{
    const json_t *named = json_object_get(a->a, key);
    bool found = named != NULL;
    const char *pattern;
    json_t *v;
    if (named && !schema_list_add(s, out, named, SCHEMA_IS))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a->b, pattern, v)
    {
        const struct dfa *d = schema_pattern(s, pattern);
        if (!d)
            return false;
        if (!dfa_accepts(d, str_of(key)))
            continue;
        found = true;
        if (!schema_list_add(s, out, v, SCHEMA_IS))
            return false;
    }
    return found || !a->c || schema_list_add(s, out, a->c, SCHEMA_IS);
}

static bool name_fits(struct schema *s, const json_t *names, const char *key, bool *fits)
{
    const struct schema_shape *x = schema_of_element(s, (struct schema_element){names, SCHEMA_IS});
    const struct dfa *d = x ? schema_texts(s, &x->texts) : NULL;
    if (!d)
        return false;
    *fits = dfa_accepts(d, str_of(key));
    return true;
}

bool schema_of_key(struct schema *s, const struct schema_side *x, const char *key,
                   struct schema_list *out)
{
    for (const struct schema_atom *a = x->atoms; a; a = a->next) {
        bool ok = true, fits = true;
        const json_t *v;
        if (a->kind == ATOM_MEMBERS)
            ok = add_members(s, a, key, out);
        else if (a->kind == ATOM_KEY && strcmp(a->key, key) == 0)
            ok = schema_list_add(s, out, a->element.node, a->element.kind);
        else if (a->kind == ATOM_VALUE && (v = json_object_get(a->a, key)))
            ok = schema_list_add(s, out, v, SCHEMA_VALUE);
        else if (a->kind == ATOM_VALUE)
            ok = schema_list_add(s, out, json_false(), SCHEMA_IS);
        else if (a->kind == ATOM_NAMES)
            ok = name_fits(s, a->a, key, &fits);
        if (!ok || (!fits && !schema_list_add(s, out, json_false(), SCHEMA_IS)))
            return false;
    }
    return true;
}

bool schema_of_index(struct schema *s, const struct schema_side *x, uint32_t index,
                     struct schema_list *out)
{
    for (const struct schema_atom *a = x->atoms; a; a = a->next) {
        const json_t *v = json_array_get(a->a, index);
        bool ok = true;
        if (a->kind == ATOM_VALUE)
            ok = v ? schema_list_add(s, out, v, SCHEMA_VALUE)
                   : schema_list_add(s, out, json_false(), SCHEMA_IS);
        else if (a->kind == ATOM_ITEMS && (v || (v = a->b)))
            ok = schema_list_add(s, out, v, SCHEMA_IS);
        if (!ok)
            return false;
    }
    return true;
}

uint32_t schema_prefix(const struct schema_side *x)
{
    size_t n = 0;
    for (const struct schema_atom *a = x->atoms; a; a = a->next)
        if ((a->kind == ATOM_ITEMS || a->kind == ATOM_VALUE) && json_array_size(a->a) > n)
            n = json_array_size(a->a);
    return (uint32_t)n;
}

static bool list_empty(struct schema *s, const struct schema_list *l, bool *empty)
{
    const struct schema_shape *x = schema_of_all(s, l->v, l->n);
    if (!x)
        return false;
    *empty |= !x->null && !x->yes && !x->no && x->numbers.some == SOME_NONE &&
              x->texts.some == SOME_NONE && !x->arrays && !x->objects;
    return true;
}

/* Only the members that must be there are looked at, and not far: a side whose emptiness is not
 * seen here becomes a rule that nothing fits. */
bool schema_side_empty(struct schema *s, const struct schema_side *x, bool object, bool *empty)
{
    static const uint32_t far = 8;
    *empty = false;
    if (s->depth > far)
        return true;
    s->depth++;
    bool ok = true;
    for (const struct schema_atom *a = x->atoms; ok && object && a && !*empty; a = a->next) {
        struct schema_list l = {0};
        if (a->kind == ATOM_REQUIRED)
            ok = schema_of_key(s, x, a->key, &l) && list_empty(s, &l, empty);
    }
    for (uint32_t i = 0; ok && !object && i < x->min && i < far && !*empty; i++) {
        struct schema_list l = {0};
        ok = schema_of_index(s, x, i, &l) && list_empty(s, &l, empty);
    }
    s->depth--;
    if (!ok && s->circular) { /* it is being read just now: nobody knows yet */
        s->circular = false;
        *s->e = (struct err){0};
        return true;
    }
    return ok;
}
