/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_shape: intersection, union and complement of what schemas allow. */
#include "text/number_set.h"
#include "text/schema_private.h"

#define MOST_ATOMS 65536u
#define MOST_SIDES 256u

static const struct schema_side any_side = {NULL, 0, SCHEMA_NO_BOUND, NULL};
const struct schema_shape schema_everything = {
    true, true, true, {SOME_ALL, 0, 0, 0}, {SOME_ALL, 0, 0, 0}, &any_side, &any_side};
const struct schema_shape schema_nothing;

static bool too_complicated(struct schema *s)
{
    return fail(s->e, ERR_LIMIT,
                "the schema is too complicated: its alternatives combine in too many ways");
}

const struct schema_atom *schema_atom_new(struct schema *s, struct schema_atom x)
{
    struct schema_atom *a = NULL;
    if (++s->n_atoms > MOST_ATOMS)
        too_complicated(s);
    else if ((a = arena_new(&s->arena, 1, sizeof *a, s->e)))
        *a = x;
    return a;
}

const struct schema_side *schema_side_new(struct schema *s, const struct schema_atom *atoms,
                                          uint32_t min, uint32_t max,
                                          const struct schema_side *next)
{
    struct schema_side *x = NULL;
    uint32_t n = 0;
    for (const struct schema_side *i = next; i; i = i->next)
        n++;
    if (++s->n_atoms > MOST_ATOMS || n >= MOST_SIDES)
        too_complicated(s);
    else if ((x = arena_new(&s->arena, 1, sizeof *x, s->e)))
        *x = (struct schema_side){atoms, min, max, next};
    return x;
}

/* --- sets --------------------------------------------------------------------------------------
 */

const struct dfa *schema_texts(struct schema *s, const struct schema_set *x)
{
    if (x->dfa)
        return x->dfa;
    if (x->some == SOME_SET)
        return dfa_length(&s->arena, x->min, x->max, s->e);
    return x->some == SOME_ALL ? dfa_everything(&s->arena, s->e)
                               : dfa_texts(&s->arena, NULL, 0, s->e);
}

static bool set_to(struct schema_set *x, const struct dfa *d)
{
    if (!d)
        return false;
    *x = (struct schema_set){d->n_state ? SOME_SET : SOME_NONE, d->n_state ? d : NULL, 0, 0};
    return true;
}

bool schema_set_and(struct schema *s, struct schema_set *x, const struct schema_set *y)
{
    if (x->some == SOME_NONE || y->some == SOME_ALL)
        return true;
    if (y->some == SOME_NONE || x->some == SOME_ALL) {
        *x = *y;
        return true;
    }
    if (!x->dfa && !y->dfa) {
        x->min = x->min > y->min ? x->min : y->min;
        x->max = x->max < y->max ? x->max : y->max;
        x->some = x->min > x->max ? SOME_NONE : SOME_SET;
        return true;
    }
    const struct dfa *a = schema_texts(s, x), *b = a ? schema_texts(s, y) : NULL;
    return b && set_to(x, dfa_combine(&s->arena, DFA_AND, a, b, s->e));
}

static bool set_or(struct schema *s, struct schema_set *x, const struct schema_set *y)
{
    if (x->some == SOME_ALL || y->some == SOME_NONE)
        return true;
    if (y->some == SOME_ALL || x->some == SOME_NONE) {
        *x = *y;
        return true;
    }
    const struct dfa *a = schema_texts(s, x), *b = a ? schema_texts(s, y) : NULL;
    return b && set_to(x, dfa_combine(&s->arena, DFA_OR, a, b, s->e));
}

static bool set_not(struct schema *s, struct schema_set *x, bool numbers)
{
    if (x->some != SOME_SET) {
        x->some = x->some == SOME_ALL ? SOME_NONE : SOME_ALL;
        return true;
    }
    const struct dfa *all = numbers ? number_any(&s->arena, s->e) : dfa_everything(&s->arena, s->e);
    const struct dfa *a = all ? schema_texts(s, x) : NULL;
    return a && set_to(x, dfa_combine(&s->arena, DFA_MINUS, all, a, s->e));
}

/* --- sides -------------------------------------------------------------------------------------
 */

static bool demands_nothing(const struct schema_side *x)
{
    return !x->atoms && x->min == 0 && x->max == SCHEMA_NO_BOUND;
}

/* y's atoms in front of x's. */
static bool join_atoms(struct schema *s, const struct schema_atom *y, const struct schema_atom **x)
{
    for (; y; y = y->next) {
        struct schema_atom copy = *y;
        copy.next = *x;
        if (!(*x = schema_atom_new(s, copy)))
            return false;
    }
    return true;
}

static bool add_side(struct schema *s, const struct schema_atom *atoms, uint32_t min, uint32_t max,
                     bool object, const struct schema_side **list)
{
    struct schema_side x = {atoms, min, max, NULL};
    bool empty = min > max;
    for (const struct schema_side *i = *list; i; i = i->next)
        if (demands_nothing(i) || (i->atoms == atoms && i->min == min && i->max == max))
            return true;
    if (!empty && !schema_side_empty(s, &x, object, &empty))
        return false;
    return empty || (*list = schema_side_new(s, atoms, min, max, *list));
}

static bool sides_and(struct schema *s, const struct schema_side **x, const struct schema_side *y,
                      bool object)
{
    const struct schema_side *out = NULL;
    if (*x && !(*x)->next && demands_nothing(*x)) {
        *x = y;
        return true;
    }
    if (y && !y->next && demands_nothing(y))
        return true;
    for (const struct schema_side *a = *x; a; a = a->next)
        for (const struct schema_side *b = y; b; b = b->next) {
            const struct schema_atom *atoms = a->atoms;
            uint32_t min = a->min > b->min ? a->min : b->min;
            uint32_t max = a->max < b->max ? a->max : b->max;
            if (!join_atoms(s, b->atoms, &atoms) || !add_side(s, atoms, min, max, object, &out))
                return false;
        }
    *x = out;
    return true;
}

static bool sides_or(struct schema *s, const struct schema_side **x, const struct schema_side *y,
                     bool object)
{
    for (; y; y = y->next) {
        if (demands_nothing(y)) {
            *x = &any_side;
            return true;
        }
        if (!add_side(s, y->atoms, y->min, y->max, object, x))
            return false;
    }
    return true;
}

/* --- complements -------------------------------------------------------------------------------
 */

static const struct schema_atom *key_atom(struct schema *s, const char *key, const json_t *node,
                                          unsigned kind, const struct schema_atom *next)
{
    struct schema_atom x = {.kind = ATOM_KEY, .key = key, .element = {node, kind}, .next = next};
    return schema_atom_new(s, x);
}

static const struct schema_atom *required_atom(struct schema *s, const char *key,
                                               const struct schema_atom *next)
{
    struct schema_atom x = {.kind = ATOM_REQUIRED, .key = key, .next = next};
    return schema_atom_new(s, x);
}

/* An object that has the key, and there the opposite of the element. */
static bool add_opposite_key(struct schema *s, const char *key, const json_t *node, unsigned kind,
                             const struct schema_side **out)
{
    const struct schema_atom *has = required_atom(s, key, NULL);
    const struct schema_atom *a = has ? key_atom(s, key, node, kind ^ SCHEMA_NOT, has) : NULL;
    return a && add_side(s, a, 0, SCHEMA_NO_BOUND, true, out);
}

static bool add_without_key(struct schema *s, const char *key, const struct schema_atom *rest,
                            const struct schema_side **out)
{
    const struct schema_atom *a = key_atom(s, key, json_false(), SCHEMA_IS, rest);
    return a && add_side(s, a, 0, SCHEMA_NO_BOUND, true, out);
}

static bool allows_all(const json_t *schema)
{
    return !schema || json_is_true(schema) ||
           (json_is_object(schema) && json_object_size(schema) == 0);
}

/* One demand turned around, as further sides; *can: it was possible. */
static bool atom_not(struct schema *s, const struct schema_atom *a, const struct schema_side **out,
                     bool *can)
{
    const char *key;
    json_t *v;
    size_t i;
    switch (a->kind) {
    case ATOM_REQUIRED:
        return add_without_key(s, a->key, NULL, out);
    case ATOM_KEY:
        return add_opposite_key(s, a->key, a->element.node, a->element.kind, out);
    case ATOM_MEMBERS:
        *can &= !a->b && allows_all(a->c);
        json_object_foreach((json_t *)(uintptr_t)a->a, key, v)
        {
            if (*can && !add_opposite_key(s, key, v, SCHEMA_IS, out))
                return false;
        }
        return true;
    case ATOM_NEEDS:
        json_array_foreach((json_t *)(uintptr_t)a->a, i, v)
        {
            const struct schema_atom *has = required_atom(s, a->key, NULL);
            if (!has || !add_without_key(s, json_string_value(v), has, out))
                return false;
        }
        return true;
    case ATOM_ITEMS:
        *can &= !a->a && allows_all(a->b);
        return true;
    case ATOM_NAMES:
    case ATOM_VALUE:
        break;
    }
    *can = false;
    return true;
}

static bool side_not(struct schema *s, const struct schema_side *x, bool object,
                     const struct schema_side **out, bool *can)
{
    *out = NULL;
    if (x->min && !add_side(s, NULL, 0, x->min - 1, object, out))
        return false;
    if (x->max != SCHEMA_NO_BOUND && !add_side(s, NULL, x->max + 1, SCHEMA_NO_BOUND, object, out))
        return false;
    for (const struct schema_atom *a = x->atoms; a && *can; a = a->next)
        if (!atom_not(s, a, out, can))
            return false;
    return true;
}

static bool sides_not(struct schema *s, const struct schema_side **x, bool object, bool *can)
{
    const struct schema_side *out = &any_side;
    for (const struct schema_side *i = *x; i && *can; i = i->next) {
        const struct schema_side * not ;
        if (!side_not(s, i, object, &not, can) || !sides_and(s, &out, not, object))
            return false;
    }
    *x = out;
    return true;
}

/* --- shapes ------------------------------------------------------------------------------------
 */

bool schema_and(struct schema *s, struct schema_shape *x, const struct schema_shape *y)
{
    x->null &= y->null;
    x->yes &= y->yes;
    x->no &= y->no;
    return schema_set_and(s, &x->numbers, &y->numbers) && schema_set_and(s, &x->texts, &y->texts) &&
           sides_and(s, &x->arrays, y->arrays, false) &&
           sides_and(s, &x->objects, y->objects, true);
}

bool schema_or(struct schema *s, struct schema_shape *x, const struct schema_shape *y)
{
    x->null |= y->null;
    x->yes |= y->yes;
    x->no |= y->no;
    return set_or(s, &x->numbers, &y->numbers) && set_or(s, &x->texts, &y->texts) &&
           sides_or(s, &x->arrays, y->arrays, false) && sides_or(s, &x->objects, y->objects, true);
}

bool schema_not(struct schema *s, struct schema_shape *x, const json_t *node, const char *keyword)
{
    bool can = true;
    x->null = !x->null;
    x->yes = !x->yes;
    x->no = !x->no;
    if (!set_not(s, &x->numbers, true) || !set_not(s, &x->texts, false) ||
        !sides_not(s, &x->arrays, false, &can) || !sides_not(s, &x->objects, true, &can))
        return false;
    return can || schema_refuse(s, node, keyword);
}

/* Exactly one: what any allows, without what two of them allow. */
bool schema_one_of(struct schema *s, struct schema_shape *out, const struct schema_shape **v,
                   size_t n, const json_t *node)
{
    struct schema_shape several = schema_nothing;
    *out = schema_nothing;
    for (size_t i = 0; i < n; i++) {
        struct schema_shape both = *out;
        if (!schema_in_time(s) || !schema_and(s, &both, v[i]) || !schema_or(s, &several, &both) ||
            !schema_or(s, out, v[i]))
            return false;
    }
    return schema_not(s, &several, node, "oneOf") && schema_and(s, out, &several);
}
