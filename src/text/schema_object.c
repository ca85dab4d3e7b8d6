/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_object: an object as a rule of members in any order.
 *
 * Keys that the demands name are members of their own, each at most once. The keys that are left
 * are cut into the sets that patterns tell apart; each set is a member that may come again and
 * again. (A key of such a set written twice counts twice: readers keep the last, and both fit.) */
#include <string.h>

#include "text/schema_emit.h"

#define MOST_KEYS     (64u * GRAMMAR_MEMBER_WORDS - 64u)
#define MOST_PATTERNS 64u /* and sets of keys that they tell apart */

struct object {
    struct schema *s;
    const struct schema_side *x;
    const char *key[MOST_KEYS];
    bool required[MOST_KEYS];
    uint32_t n_key;
    struct map numbers; /* key -> number */
    const char *pattern[MOST_PATTERNS];
    uint32_t n_pattern;
    uint32_t object; /* of the grammar */
};

static bool add_key(struct object *o, const char *key, uint32_t *number)
{
    struct schema *s = o->s;
    if (map_get(&o->numbers, str_of(key), number))
        return true;
    if (o->n_key == MOST_KEYS)
        return fail(s->e, ERR_LIMIT, "the schema has an object of more than %u named members",
                    MOST_KEYS);
    *number = o->n_key;
    o->key[o->n_key] = key;
    return map_put(&o->numbers, str_of(key), o->n_key++, s->e);
}

static bool add_keys(struct object *o, const json_t *members)
{
    const char *key;
    json_t *v;
    uint32_t number;
    json_object_foreach((json_t *)(uintptr_t)members, key, v)
    {
        if (!add_key(o, key, &number))
            return false;
    }
    return true;
}

static bool add_needed(struct object *o, const json_t *names)
{
    size_t i;
    json_t *v;
    uint32_t number;
    json_array_foreach((json_t *)(uintptr_t)names, i, v)
    {
        if (!add_key(o, json_string_value(v), &number))
            return false;
    }
    return true;
}

/* In the order in which the schema names them: atoms are kept newest first. */
static bool list_keys(struct object *o)
{
    const struct schema_atom *list[64], *a = o->x->atoms;
    uint32_t n, number;
    for (n = 0; a; a = a->next)
        if (n < 64)
            list[n++] = a;
    while (n--) {
        if (list[n]->kind == ATOM_MEMBERS || list[n]->kind == ATOM_VALUE)
            if (!add_keys(o, list[n]->a))
                return false;
    }
    for (a = o->x->atoms; a; a = a->next) {
        bool named = a->kind == ATOM_REQUIRED || a->kind == ATOM_KEY || a->kind == ATOM_NEEDS;
        if (named && !add_key(o, a->key, &number))
            return false;
        if (a->kind == ATOM_REQUIRED)
            o->required[number] = true;
        if (a->kind == ATOM_NEEDS && !add_needed(o, a->a))
            return false;
        if ((a->kind == ATOM_MEMBERS || a->kind == ATOM_VALUE) && !add_keys(o, a->a))
            return false;
    }
    return true;
}

static bool list_patterns(struct object *o)
{
    const char *key;
    json_t *v;
    for (const struct schema_atom *a = o->x->atoms; a; a = a->next)
        json_object_foreach((json_t *)(uintptr_t)(a->kind == ATOM_MEMBERS ? a->b : NULL), key, v)
        {
            uint32_t i = 0;
            while (i < o->n_pattern && strcmp(o->pattern[i], key) != 0)
                i++;
            if (i < o->n_pattern)
                continue;
            if (i == MOST_PATTERNS)
                return fail(o->s->e, ERR_LIMIT,
                            "the schema has an object of more than %u patterns of keys",
                            MOST_PATTERNS);
            o->pattern[o->n_pattern++] = key;
        }
    return true;
}

/* --- members -----------------------------------------------------------------------------------
 */

static bool add_member(struct object *o, struct grammar_member m)
{
    struct grammar *g = o->s->g;
    if (!mem_grow(&g->member, g->n_member, &g->member_cap, sizeof *g->member, o->s->e))
        return false;
    g->member[g->n_member++] = m;
    g->object[o->object].n_member++;
    return true;
}

/* blanks, ":" or what stands for it, blanks value blanks end */
static uint32_t after_key(struct schema *s, uint32_t value)
{
    struct grammar *g = s->g;
    uint32_t at = schema_blank(s, grammar_end(g));
    at = schema_blank(s, grammar_add_node(g, GRAMMAR_CALL, value, at));
    return schema_blank(s, grammar_add_text(g, str_of(s->write->is), at));
}

static bool start_rule(struct schema *s, uint32_t rule, uint32_t start)
{
    if (s->g->bad || !start)
        return false;
    s->g->rule[rule].start = start;
    s->g->rule[rule].border = true;
    return true;
}

static bool add_needs(struct object *o, uint32_t number, struct grammar_member *m)
{
    struct grammar *g = o->s->g;
    size_t i;
    json_t *v;
    m->need = g->n_need;
    for (const struct schema_atom *a = o->x->atoms; a; a = a->next) {
        if (a->kind != ATOM_NEEDS || strcmp(a->key, o->key[number]) != 0)
            continue;
        json_array_foreach((json_t *)(uintptr_t)a->a, i, v)
        {
            uint32_t of;
            if (!add_key(o, json_string_value(v), &of) ||
                !mem_grow(&g->need, g->n_need, &g->need_cap, sizeof *g->need, o->s->e))
                return false;
            g->need[g->n_need++] = of;
            m->n_need++;
        }
    }
    return true;
}

static bool add_named(struct object *o, uint32_t number)
{
    struct schema *s = o->s;
    struct schema_list l = {0};
    struct grammar_member m = {.required = o->required[number]};
    if (!schema_in_time(s) || !schema_of_key(s, o->x, o->key[number], &l) ||
        !add_needs(o, number, &m))
        return false;
    uint32_t value = schema_rule(s, l.v, l.n);
    m.rule = grammar_add_rule(s->g, STR(""));
    return value &&
           start_rule(s, m.rule, schema_emit_key(s, o->key[number], after_key(s, value))) &&
           add_member(o, m);
}

/* What a key means that is not named and matches exactly the patterns whose bits are set. */
static bool list_of_rest(struct object *o, uint64_t matches, struct schema_list *out)
{
    struct schema *s = o->s;
    for (const struct schema_atom *a = o->x->atoms; a; a = a->next) {
        bool found = false, ok = true;
        for (uint32_t i = 0; i < o->n_pattern && a->kind == ATOM_MEMBERS; i++) {
            const json_t *v = json_object_get(a->b, o->pattern[i]);
            if (!v || !(matches >> i & 1))
                continue;
            found = true;
            ok = ok && schema_list_add(s, out, v, SCHEMA_IS);
        }
        if (a->kind == ATOM_MEMBERS && !found && a->c)
            ok = ok && schema_list_add(s, out, a->c, SCHEMA_IS);
        if (a->kind == ATOM_VALUE)
            ok = schema_list_add(s, out, json_false(), SCHEMA_IS);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_rest(struct object *o, const struct dfa *keys, uint64_t matches)
{
    struct schema *s = o->s;
    struct schema_list l = {0};
    if (!schema_in_time(s) || !list_of_rest(o, matches, &l))
        return false;
    for (uint32_t i = 0; i < l.n; i++)
        if (l.v[i].kind == SCHEMA_IS && json_is_false(l.v[i].node))
            return true;
    uint32_t value = schema_rule(s, l.v, l.n);
    struct schema_set texts = {keys ? SOME_SET : SOME_ALL, keys, 0, 0};
    struct grammar_member m = {.rule = grammar_add_rule(s->g, STR("")), .repeats = true};
    return value && start_rule(s, m.rule, schema_emit_keys(s, &texts, after_key(s, value))) &&
           add_member(o, m);
}

/* The keys that may come beside the named ones: NULL stands for all there are. */
static bool other_keys(struct object *o, const struct dfa **out)
{
    struct schema *s = o->s;
    struct schema_set x = {SOME_ALL, NULL, 0, 0};
    struct str *text = arena_new(&s->arena, o->n_key + 1, sizeof *text, s->e);
    for (const struct schema_atom *a = o->x->atoms; a; a = a->next) {
        const struct schema_shape *names;
        if (a->kind != ATOM_NAMES)
            continue;
        names = schema_of_element(s, (struct schema_element){a->a, SCHEMA_IS});
        if (!names || !schema_set_and(s, &x, &names->texts))
            return false;
    }
    for (uint32_t i = 0; text && i < o->n_key; i++)
        text[i] = str_of(o->key[i]);
    *out = NULL;
    if (!text)
        return false;
    if (o->n_key == 0 && o->n_pattern == 0 && x.some == SOME_ALL)
        return true;
    const struct dfa *all = schema_texts(s, &x);
    const struct dfa *named = all ? dfa_texts(&s->arena, text, o->n_key, s->e) : NULL;
    *out = named ? dfa_combine(&s->arena, DFA_MINUS, all, named, s->e) : NULL;
    return *out != NULL;
}

/* Cuts the keys by each pattern in turn. */
static bool add_rests(struct object *o)
{
    struct schema *s = o->s;
    const struct dfa *set[MOST_PATTERNS];
    uint64_t matches[MOST_PATTERNS] = {0};
    uint32_t n = 1;
    if (!other_keys(o, &set[0]))
        return false;
    for (uint32_t i = 0; i < o->n_pattern; i++) {
        const struct dfa *d = schema_pattern(s, o->pattern[i]);
        for (uint32_t k = n; d && k-- > 0;) {
            const struct dfa *in = dfa_combine(&s->arena, DFA_AND, set[k], d, s->e);
            const struct dfa *out = in ? dfa_combine(&s->arena, DFA_MINUS, set[k], d, s->e) : NULL;
            if (!out || !schema_in_time(s))
                return false;
            if (in->n_state && out->n_state && n == MOST_PATTERNS)
                return fail(s->e, ERR_LIMIT,
                            "the schema has patterns of keys that overlap in too many ways");
            if (in->n_state && out->n_state) {
                set[n] = out;
                matches[n++] = matches[k];
            }
            set[k] = in->n_state ? in : out;
            matches[k] |= in->n_state ? 1ull << i : 0;
        }
        if (!d)
            return false;
    }
    for (uint32_t k = 0; k < n; k++)
        if ((!set[k] || set[k]->n_state) && !add_rest(o, set[k], matches[k]))
            return false;
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static bool add_all(struct object *o)
{
    if (!list_keys(o) || !list_patterns(o))
        return false;
    for (uint32_t i = 0; i < o->n_key; i++)
        if (!add_named(o, i))
            return false;
    return o->s->write->named || add_rests(o);
}

static uint32_t new_object(struct schema *s, const struct schema_side *x)
{
    struct grammar *g = s->g;
    if (!mem_grow(&g->object, g->n_object, &g->object_cap, sizeof *g->object, s->e))
        return UINT32_MAX;
    struct grammar_object new = {.min = x->min,
                                 .max = x->max == SCHEMA_NO_BOUND ? GRAMMAR_ALWAYS : x->max,
                                 .ordered = s->o->llama};
    g->object[g->n_object] = new;
    return g->n_object++;
}

/* The members' list is one piece of grammar.member: nothing in here makes another object. */
uint32_t schema_emit_object(struct schema *s, const struct schema_side *x, uint32_t next)
{
    struct grammar *g = s->g;
    struct object *o = mem_new(1, sizeof *o, s->e);
    if (!o)
        return 0;
    *o = (struct object){.s = s, .x = x, .object = new_object(s, x)};
    bool ok = o->object != UINT32_MAX;
    if (ok)
        g->object[o->object].member = g->n_member;
    ok = ok && add_all(o);
    uint32_t object = o->object;
    map_clear(&o->numbers);
    mem_free(o);
    if (!ok)
        return 0;
    uint32_t rule = grammar_add_rule(g, STR("")), comma = grammar_add_rule(g, STR(""));
    uint32_t members = grammar_add_node(g, GRAMMAR_MEMBERS, object, grammar_end(g));
    uint32_t choice = grammar_add_node(g, GRAMMAR_CHOICE, object, members);
    uint32_t between = grammar_add_byte(g, ',', ',', schema_blank(s, grammar_end(g)));
    uint32_t call = grammar_add_node(g, GRAMMAR_CALL, comma, choice);
    if (!start_rule(s, rule, members) || !start_rule(s, comma, between))
        return 0;
    g->object[object].comma = call;
    g->object[object].choice = choice;
    uint32_t close = grammar_add_text(g, str_of(s->write->close), next);
    return grammar_add_text(g, str_of(s->write->open),
                            schema_blank(s, grammar_add_node(g, GRAMMAR_CALL, rule, close)));
}
