/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_read: keyword by keyword, what a schema allows.
 *
 * One table says of each keyword what it does; a keyword that is not in it, or that a finite
 * automaton with a stack cannot keep, is refused by name. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/near.h"
#include "text/number_set.h"
#include "text/schema_private.h"

struct reading {
    struct schema *s;
    const json_t *node, *value; /* the schema object, the keyword's value */
    const char *name;
    struct schema_shape *out;
};

typedef bool keyword_fn(struct reading *r);

/* --- helpers -----------------------------------------------------------------------------------
 */

static bool and (struct reading * r, const struct schema_shape *x)
{
    return x && schema_and(r->s, r->out, x);
}

static const struct schema_shape *shape_of(struct reading *r, const json_t *schema)
{
    return schema_of_element(r->s, (struct schema_element){schema, SCHEMA_IS});
}

static bool bad(struct reading *r, const char *must)
{
    return schema_bad(r->s, r->node, r->name, must);
}

static bool count_of(struct reading *r, uint32_t *n)
{
    double v = json_number_value(r->value);
    if (!json_is_number(r->value) || !(v >= 0) || v != floor(v))
        return bad(r, N_("a whole number, 0 or more"));
    *n = v >= SCHEMA_NO_BOUND ? SCHEMA_NO_BOUND - 1 : (uint32_t)v;
    return true;
}

static bool add_side(struct reading *r, bool object, struct schema_atom x, uint32_t min,
                     uint32_t max)
{
    struct schema_shape y = schema_everything;
    const struct schema_atom *a = schema_atom_new(r->s, x);
    const struct schema_side *side = a ? schema_side_new(r->s, a, min, max, NULL) : NULL;
    if (object)
        y.objects = side;
    else
        y.arrays = side;
    return side && and(r, &y);
}

static bool bound_side(struct reading *r, bool object, uint32_t min, uint32_t max)
{
    struct schema_shape y = schema_everything;
    const struct schema_side *side = schema_side_new(r->s, NULL, min, max, NULL);
    if (object)
        y.objects = side;
    else
        y.arrays = side;
    return side && and(r, &y);
}

static bool is_schema(const json_t *v)
{
    return json_is_object(v) || json_is_boolean(v);
}

static bool check_schemas(struct reading *r)
{
    const char *key;
    json_t *v;
    if (!json_is_object(r->value))
        return bad(r, N_("an object of schemas"));
    json_object_foreach((json_t *)(uintptr_t)r->value, key, v)
    {
        if (!is_schema(v))
            return bad(r, N_("an object of schemas"));
    }
    return true;
}

static bool check_list(struct reading *r)
{
    size_t i;
    json_t *v;
    if (!json_is_array(r->value) || json_array_size(r->value) == 0)
        return bad(r, N_("a list of schemas that is not empty"));
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        if (!is_schema(v))
            return bad(r, N_("a list of schemas that is not empty"));
    }
    return true;
}

/* --- any type ----------------------------------------------------------------------------------
 */

static bool add_type(struct reading *r, const json_t *name, struct schema_shape *x)
{
    const char *t = json_string_value(name);
    struct schema_shape y = schema_nothing;
    if (!t)
        return bad(r, N_("a type, or a list of types"));
    if (strcmp(t, "null") == 0)
        y.null = true;
    else if (strcmp(t, "boolean") == 0)
        y.yes = y.no = true;
    else if (strcmp(t, "number") == 0)
        y.numbers = schema_everything.numbers;
    else if (strcmp(t, "string") == 0)
        y.texts = schema_everything.texts;
    else if (strcmp(t, "array") == 0)
        y.arrays = schema_everything.arrays;
    else if (strcmp(t, "object") == 0)
        y.objects = schema_everything.objects;
    else if (strcmp(t, "integer") == 0)
        y.numbers = (struct schema_set){SOME_SET,
                                        r->s->o->llama ? number_digits(&r->s->arena, 16, r->s->e)
                                                       : number_whole(&r->s->arena, r->s->e),
                                        0, 0};
    else
        return bad(r, N_("one of null, boolean, integer, number, string, array and object"));
    if (y.numbers.some == SOME_SET && !y.numbers.dfa)
        return false;
    return schema_or(r->s, x, &y);
}

static bool read_type(struct reading *r)
{
    struct schema_shape x = schema_nothing;
    size_t i;
    json_t *v;
    if (json_is_string(r->value))
        return add_type(r, r->value, &x) && and(r, &x);
    if (!json_is_array(r->value) || json_array_size(r->value) == 0)
        return bad(r, N_("a type, or a list of types"));
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        if (!add_type(r, v, &x))
            return false;
    }
    return and(r, &x);
}

static bool read_const(struct reading *r)
{
    return and(r, schema_of_element(r->s, (struct schema_element){r->value, SCHEMA_VALUE}));
}

/* Texts of an enum go in one set at once: there may be thousands. */
static bool enum_texts(struct reading *r, struct schema_shape *x)
{
    size_t i, n = json_array_size(r->value);
    struct str *text = arena_new(&r->s->arena, n + 1, sizeof *text, r->s->e);
    uint32_t n_text = 0;
    json_t *v;
    if (!text)
        return false;
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        if (json_is_string(v))
            text[n_text++] = (struct str){json_string_value(v), json_string_length(v)};
    }
    if (n_text == 0)
        return true;
    x->texts = (struct schema_set){SOME_SET, dfa_texts(&r->s->arena, text, n_text, r->s->e), 0, 0};
    return x->texts.dfa != NULL;
}

static bool read_enum(struct reading *r)
{
    struct schema_shape x = schema_nothing;
    size_t i;
    json_t *v;
    if (!json_is_array(r->value))
        return bad(r, N_("a list of values"));
    if (!enum_texts(r, &x))
        return false;
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        const struct schema_shape *y;
        if (json_is_string(v))
            continue;
        if (!schema_in_time(r->s) ||
            !(y = schema_of_element(r->s, (struct schema_element){v, SCHEMA_VALUE})) ||
            !schema_or(r->s, &x, y))
            return false;
    }
    return and(r, &x);
}

static bool read_all_of(struct reading *r)
{
    size_t i;
    json_t *v;
    if (!check_list(r))
        return false;
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        if (!and(r, shape_of(r, v)))
            return false;
    }
    return true;
}

static bool read_any_of(struct reading *r)
{
    struct schema_shape x = schema_nothing;
    size_t i;
    json_t *v;
    if (!check_list(r))
        return false;
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        const struct schema_shape *y = shape_of(r, v);
        if (!y || !schema_in_time(r->s) || !schema_or(r->s, &x, y))
            return false;
    }
    return and(r, &x);
}

static bool read_one_of(struct reading *r)
{
    struct schema_shape x;
    size_t i, n = json_array_size(r->value);
    json_t *v;
    if (!check_list(r))
        return false;
    const struct schema_shape **all = arena_new(&r->s->arena, n, sizeof *all, r->s->e);
    if (!all)
        return false;
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        if (!(all[i] = shape_of(r, v)))
            return false;
    }
    return schema_one_of(r->s, &x, all, n, r->node) && and(r, &x);
}

static bool read_not(struct reading *r)
{
    if (!is_schema(r->value))
        return bad(r, N_("a schema"));
    return and(r, schema_of_element(r->s, (struct schema_element){r->value, SCHEMA_NOT}));
}

/* if and then, or not if and else; `then` and `else` alone do nothing. */
static bool read_if(struct reading *r)
{
    const json_t *then = json_object_get(r->node, "then"),
                 *other = json_object_get(r->node, "else");
    if (!is_schema(r->value) || (then && !is_schema(then)) || (other && !is_schema(other)))
        return bad(r, N_("a schema, like then and else"));
    if (!then && !other)
        return shape_of(r, r->value) != NULL;
    const struct schema_shape *yes = shape_of(r, r->value);
    const struct schema_shape *no =
        schema_of_element(r->s, (struct schema_element){r->value, SCHEMA_NOT});
    if (!yes || !no)
        return false;
    struct schema_shape x = *yes, y = *no;
    struct reading in_x = *r, in_y = *r;
    in_x.out = &x;
    in_y.out = &y;
    return (!then || and(&in_x, shape_of(r, then))) && (!other || and(&in_y, shape_of(r, other))) &&
           schema_or(r->s, &x, &y) && and(r, &x);
}

static bool read_ref(struct reading *r)
{
    if (!json_is_string(r->value))
        return bad(r, N_("a text"));
    const json_t *to = schema_ref(r->s, r->node, json_string_value(r->value));
    return to && and(r, shape_of(r, to));
}

/* --- numbers and texts -------------------------------------------------------------------------
 */

static bool and_numbers(struct reading *r, const struct dfa *d)
{
    struct schema_shape y = schema_everything;
    const struct dfa *all = d ? number_any(&r->s->arena, r->s->e) : NULL;
    y.numbers = (struct schema_set){SOME_SET, d, 0, 0};
    struct schema_set form = {SOME_SET, all, 0, 0};
    return all && schema_set_and(r->s, &y.numbers, &form) && and(r, &y);
}

static bool compare(struct reading *r, enum number_relation relation)
{
    if (!json_is_number(r->value))
        return bad(r, N_("a number"));
    return and_numbers(r, number_compared(&r->s->arena, relation, r->value, r->s->e));
}

static bool read_minimum(struct reading *r)
{
    return compare(r, NUMBER_AT_LEAST);
}

static bool read_maximum(struct reading *r)
{
    return compare(r, NUMBER_AT_MOST);
}

static bool read_above(struct reading *r)
{
    return compare(r, NUMBER_MORE);
}

static bool read_below(struct reading *r)
{
    return compare(r, NUMBER_LESS);
}

static bool read_multiple(struct reading *r)
{
    if (!json_is_number(r->value) || json_number_value(r->value) <= 0)
        return bad(r, N_("a number above 0"));
    return and_numbers(r, number_multiple(&r->s->arena, r->value, r->s->e));
}

static bool and_texts(struct reading *r, struct schema_set x)
{
    struct schema_shape y = schema_everything;
    y.texts = x;
    return and(r, &y);
}

static bool read_min_length(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && and_texts(r, (struct schema_set){SOME_SET, NULL, n, SCHEMA_NO_BOUND});
}

static bool read_max_length(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && and_texts(r, (struct schema_set){SOME_SET, NULL, 0, n});
}

static bool read_pattern(struct reading *r)
{
    if (!json_is_string(r->value))
        return bad(r, N_("a text"));
    const struct dfa *d = schema_pattern(r->s, json_string_value(r->value));
    return d && and_texts(r, (struct schema_set){d->n_state ? SOME_SET : SOME_NONE, d, 0, 0});
}

static bool read_format(struct reading *r)
{
    static const char *const known[][2] = {
        {"date", "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"},
        {"time", "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?(Z|[+-]([01][0-9]|2[0-3]):"
                 "[0-5][0-9])$"},
        {"date-time", "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):"
                      "[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"},
        {"uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"}};
    if (!json_is_string(r->value))
        return bad(r, N_("a text"));
    if (!r->s->o->llama) /* an annotation */
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(json_string_value(r->value), known[i][0]) == 0) {
            const struct dfa *d = schema_pattern(r->s, known[i][1]);
            return d && and_texts(r, (struct schema_set){SOME_SET, d, 0, 0});
        }
    return bad(r, N_("date, time, date-time or uuid"));
}

/* --- arrays and objects ------------------------------------------------------------------------
 */

static bool read_items(struct reading *r) /* once for items and prefixItems */
{
    const json_t *items = json_object_get(r->node, "items");
    const json_t *prefix = json_object_get(r->node, "prefixItems");
    struct schema_atom x = {.kind = ATOM_ITEMS, .a = prefix, .b = items};
    if (strcmp(r->name, "prefixItems") == 0) {
        if (!check_list(r))
            return false;
        if (items)
            return true;
    }
    if (r->s->o->llama && json_is_array(r->value)) {
        uint32_t n = (uint32_t)json_array_size(items);
        x.a = items;
        x.b = NULL;
        return check_list(r) && add_side(r, false, x, n, n);
    }
    if (items && !is_schema(items))
        return bad(r, N_("a schema; a list of schemas goes under prefixItems"));
    return add_side(r, false, x, 0, SCHEMA_NO_BOUND);
}

static bool read_min_items(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && bound_side(r, false, n, SCHEMA_NO_BOUND);
}

static bool read_max_items(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && bound_side(r, false, 0, n);
}

/* Only "false", and arrays too short to repeat anything. */
static bool read_unique(struct reading *r)
{
    const json_t *max = json_object_get(r->node, "maxItems");
    if (!json_is_boolean(r->value))
        return bad(r, N_("true or false"));
    if (json_is_false(r->value) || r->s->o->llama ||
        (json_is_number(max) && json_number_value(max) <= 1))
        return true;
    return schema_refuse(r->s, r->node, r->name);
}

static bool read_members(struct reading *r) /* once for the three keywords */
{
    static const char *const names[] = {"properties", "patternProperties", "additionalProperties"};
    const json_t *v[3];
    for (size_t i = 0; i < 3; i++)
        v[i] = json_object_get(r->node, names[i]);
    if (strcmp(r->name, names[2]) != 0 ? !check_schemas(r) : !is_schema(r->value))
        return bad(r, N_("a schema"));
    for (size_t i = 0; i < 3; i++) /* the first that is there does it */
        if (v[i] && strcmp(r->name, names[i]) != 0)
            return true;
        else if (v[i])
            break;
    if (r->s->o->llama && !v[2] && v[0])
        v[2] = json_false();
    struct schema_atom x = {.kind = ATOM_MEMBERS, .a = v[0], .b = v[1], .c = v[2]};
    return add_side(r, true, x, 0, SCHEMA_NO_BOUND);
}

static bool read_required(struct reading *r)
{
    size_t i;
    json_t *v;
    if (!json_is_array(r->value))
        return bad(r, N_("a list of texts"));
    json_array_foreach((json_t *)(uintptr_t)r->value, i, v)
    {
        struct schema_atom x = {.kind = ATOM_REQUIRED, .key = json_string_value(v)};
        if (!json_is_string(v))
            return bad(r, N_("a list of texts"));
        if (!add_side(r, true, x, 0, SCHEMA_NO_BOUND))
            return false;
    }
    return true;
}

static bool read_min_members(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && bound_side(r, true, n, SCHEMA_NO_BOUND);
}

static bool read_max_members(struct reading *r)
{
    uint32_t n;
    return count_of(r, &n) && bound_side(r, true, 0, n);
}

static bool read_names(struct reading *r)
{
    struct schema_atom x = {.kind = ATOM_NAMES, .a = r->value};
    if (!is_schema(r->value))
        return bad(r, N_("a schema"));
    return shape_of(r, r->value) && add_side(r, true, x, 0, SCHEMA_NO_BOUND);
}

static bool read_needs(struct reading *r)
{
    const char *key;
    json_t *v, *name;
    size_t i;
    if (!json_is_object(r->value))
        return bad(r, N_("an object of lists of texts"));
    json_object_foreach((json_t *)(uintptr_t)r->value, key, v)
    {
        struct schema_atom x = {.kind = ATOM_NEEDS, .key = key, .a = v};
        if (!json_is_array(v))
            return bad(r, N_("an object of lists of texts"));
        json_array_foreach(v, i, name)
        {
            if (!json_is_string(name))
                return bad(r, N_("an object of lists of texts"));
        }
        if (!add_side(r, true, x, 0, SCHEMA_NO_BOUND))
            return false;
    }
    return true;
}

/* For each: the key is not there, or the schema holds. */
static bool read_dependent_schemas(struct reading *r)
{
    const char *key;
    json_t *v;
    if (!check_schemas(r))
        return false;
    json_object_foreach((json_t *)(uintptr_t)r->value, key, v)
    {
        struct schema_atom x = {.kind = ATOM_KEY, .key = key, .element = {json_false(), SCHEMA_IS}};
        const struct schema_atom *a = schema_atom_new(r->s, x);
        const struct schema_shape *y = shape_of(r, v);
        struct schema_shape without = schema_everything;
        without.objects = a ? schema_side_new(r->s, a, 0, SCHEMA_NO_BOUND, NULL) : NULL;
        if (!without.objects || !y || !schema_or(r->s, &without, y) || !and(r, &without))
            return false;
    }
    return true;
}

/* What is not evaluated is what additionalProperties and items would take, where nothing but the
 * keywords beside it evaluates. */
static bool read_unevaluated(struct reading *r)
{
    static const char *const others[] = {
        "$ref",     "allOf",      "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas",
        "contains", "$dynamicRef"};
    bool object = strcmp(r->name, "unevaluatedProperties") == 0;
    if (!is_schema(r->value))
        return bad(r, N_("a schema"));
    if (json_is_true(r->value) || (json_is_object(r->value) && !json_object_size(r->value)))
        return true;
    if (json_object_get(r->node, object ? "additionalProperties" : "items"))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_object_get(r->node, others[i]))
            return schema_refuse(r->s, r->node, r->name);
    struct schema_atom x = {.kind = object ? ATOM_MEMBERS : ATOM_ITEMS};
    if (object) {
        x.a = json_object_get(r->node, "properties");
        x.b = json_object_get(r->node, "patternProperties");
        x.c = r->value;
    } else {
        x.a = json_object_get(r->node, "prefixItems");
        x.b = r->value;
    }
    return add_side(r, object, x, 0, SCHEMA_NO_BOUND);
}

/* --- the table ---------------------------------------------------------------------------------
 */

static bool read_nothing(struct reading *r) /* an annotation, or read with another keyword */
{
    (void)r;
    return true;
}

static bool read_defs(struct reading *r)
{
    return json_is_object(r->value) || bad(r, N_("an object of schemas"));
}

static bool read_id(struct reading *r)
{
    return r->node == r->s->root || schema_refuse(r->s, r->node, r->name);
}

static bool read_dialect(struct reading *r)
{
    const char *t = json_string_value(r->value);
    return (t && strstr(t, "json-schema.org/")) || schema_refuse(r->s, r->node, r->name);
}

static bool read_refused(struct reading *r)
{
    return schema_refuse(r->s, r->node, r->name);
}

static const struct {
    const char *name;
    keyword_fn *read;
} keywords[] = {
    {"type", read_type},
    {"const", read_const},
    {"enum", read_enum},
    {"properties", read_members},
    {"patternProperties", read_members},
    {"additionalProperties", read_members},
    {"required", read_required},
    {"items", read_items},
    {"prefixItems", read_items},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"exclusiveMinimum", read_above},
    {"exclusiveMaximum", read_below},
    {"multipleOf", read_multiple},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"pattern", read_pattern},
    {"format", read_format},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"uniqueItems", read_unique},
    {"minProperties", read_min_members},
    {"maxProperties", read_max_members},
    {"propertyNames", read_names},
    {"dependentRequired", read_needs},
    {"dependentSchemas", read_dependent_schemas},
    {"anyOf", read_any_of},
    {"oneOf", read_one_of},
    {"allOf", read_all_of},
    {"not", read_not},
    {"if", read_if},
    {"then", read_nothing},
    {"else", read_nothing},
    {"$ref", read_ref},
    {"$defs", read_defs},
    {"definitions", read_defs},
    {"unevaluatedProperties", read_unevaluated},
    {"unevaluatedItems", read_unevaluated},
    {"$id", read_id},
    {"$anchor", read_nothing},
    {"$schema", read_dialect},
    {"$comment", read_nothing},
    {"title", read_nothing},
    {"description", read_nothing},
    {"default", read_nothing},
    {"examples", read_nothing},
    {"deprecated", read_nothing},
    {"readOnly", read_nothing},
    {"writeOnly", read_nothing},
    {"contentEncoding", read_nothing},
    {"contentMediaType", read_nothing},
    {"contentSchema", read_nothing},
    {"contains", read_refused},
    {"minContains", read_refused},
    {"maxContains", read_refused},
    {"$dynamicRef", read_refused},
    {"$dynamicAnchor", read_refused},
    {"$vocabulary", read_refused},
};
enum { N_KEYWORD = sizeof keywords / sizeof *keywords };

static bool unknown(struct reading *r)
{
    struct near near;
    near_init(&near, str_of(r->name));
    for (size_t i = 0; i < N_KEYWORD; i++)
        near_offer(&near, keywords[i].name);
    const char *best = near_best(&near);
    if (best)
        return fail(r->s->e, ERR_UNSUPPORTED, "%s: \"%s\" is not a known keyword; did you mean %s?",
                    schema_where(r->s, r->node), r->name, best);
    return fail(r->s->e, ERR_UNSUPPORTED, "%s: \"%s\" is not a known keyword",
                schema_where(r->s, r->node), r->name);
}

static bool read_keyword(struct reading *r)
{
    for (size_t i = 0; i < N_KEYWORD; i++)
        if (strcmp(keywords[i].name, r->name) == 0)
            return keywords[i].read(r);
    return strncmp(r->name, "x-", 2) == 0 || unknown(r);
}

/* llama.cpp takes a schema without a type to be of the type that its keywords are about. */
static bool imply_type(struct reading *r)
{
    static const char *const by_keyword[][2] = {{"properties", "object"},
                                                {"patternProperties", "object"},
                                                {"additionalProperties", "object"},
                                                {"items", "array"},
                                                {"prefixItems", "array"},
                                                {"minItems", "array"},
                                                {"maxItems", "array"},
                                                {"pattern", "string"},
                                                {"minLength", "string"},
                                                {"maxLength", "string"},
                                                {"format", "string"}};
    if (!r->s->o->llama || json_object_get(r->node, "type"))
        return true;
    for (size_t i = 0; i < sizeof by_keyword / sizeof *by_keyword; i++)
        if (json_object_get(r->node, by_keyword[i][0])) {
            struct schema_shape x = schema_nothing;
            json_t *name = json_string(by_keyword[i][1]);
            bool ok = name && add_type(r, name, &x) && and(r, &x);
            json_decref(name);
            return ok;
        }
    return true;
}

bool schema_read(struct schema *s, const json_t *node, struct schema_shape *out)
{
    struct reading r = {.s = s, .node = node, .out = out};
    json_t *v;
    *out = schema_everything;
    if (json_is_boolean(node)) {
        if (json_is_false(node))
            *out = schema_nothing;
        return true;
    }
    if (!json_is_object(node))
        return schema_bad(s, node, "schema", N_("an object, true or false"));
    json_object_foreach((json_t *)(uintptr_t)node, r.name, v)
    {
        r.value = v;
        if (!schema_in_time(s) || !read_keyword(&r))
            return false;
    }
    return imply_type(&r);
}
