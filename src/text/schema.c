/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema: JSON Schema (draft 2020-12) to a grammar: the whole of it.
 *
 * Read by type (schema_read.c), merged (schema_shape.c), written as rules (schema_emit.c). Time and
 * sizes are bounded: LIMIT_GRAMMAR_MS, and the limits of grammars, patterns and alternatives. */
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "text/regex.h"
#include "text/schema_emit.h"

#define MOST_MEMORY (192u << 20)

bool schema_in_time(struct schema *s)
{
    return os_now_ns() < s->deadline_ns ||
           fail(s->e, ERR_LIMIT, "the schema is too complicated: reading it takes more than %u ms",
                LIMIT_GRAMMAR_MS);
}

/* --- places ------------------------------------------------------------------------------------
 */

/* JSON is nested LIMIT_JSON_DEPTH deep at most. */
static bool find_path(const json_t *at, const json_t *node, struct buf *out)
{
    const char *key;
    json_t *v;
    size_t i, n = out->n;
    if (at == node)
        return true;
    json_object_foreach((json_t *)(uintptr_t)at, key, v)
    {
        buf_fmt(out, "/%s", key);
        if (find_path(v, node, out))
            return true;
        out->n = n;
    }
    json_array_foreach((json_t *)(uintptr_t)at, i, v)
    {
        buf_fmt(out, "/%zu", i);
        if (find_path(v, node, out))
            return true;
        out->n = n;
    }
    return false;
}

const char *schema_where(struct schema *s, const json_t *node)
{
    struct buf path;
    struct err ignored;
    buf_init(&path, 1u << 16);
    buf_byte(&path, '#');
    find_path(s->root, node, &path);
    const char *copy = arena_copy(&s->arena, buf_view(&path), &ignored);
    buf_clear(&path);
    return copy ? copy : "#";
}

bool schema_bad(struct schema *s, const json_t *node, const char *keyword, const char *must)
{
    return fail(s->e, ERR_USAGE, "%s: \"%s\" must be %s", schema_where(s, node), keyword,
                err_text(must));
}

bool schema_refuse(struct schema *s, const json_t *node, const char *keyword)
{
    return fail(s->e, ERR_UNSUPPORTED,
                "%s: the keyword \"%s\" is not supported here, as a grammar cannot enforce it; "
                "leave it out",
                schema_where(s, node), keyword);
}

/* --- patterns ----------------------------------------------------------------------------------
 */

const struct dfa *schema_pattern(struct schema *s, const char *pattern)
{
    uint32_t at;
    if (map_get(&s->patterns, str_of(pattern), &at))
        return s->pattern[at];
    if (!schema_in_time(s))
        return NULL;
    const struct dfa *d = regex_dfa(&s->arena, str_of(pattern), s->e);
    if (!d || !mem_grow(&s->pattern, s->n_pattern, &s->pattern_cap, sizeof *s->pattern, s->e))
        return NULL;
    s->pattern[s->n_pattern] = d;
    char *copy = arena_copy(&s->arena, str_of(pattern), s->e);
    return copy && map_put(&s->patterns, str_of(copy), (uint32_t)s->n_pattern++, s->e) ? d : NULL;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static struct grammar *build(struct schema *s)
{
    struct schema_element root = {s->root, SCHEMA_IS};
    s->g = grammar_new(s->e);
    if (!s->g)
        return NULL;
    uint32_t rule = schema_rule(s, &root, 1);
    struct err e = {0};
    bool ok = rule && schema_emit_all(s);
    if (ok && !grammar_finish(s->g, rule, &e)) {
        *s->e = e;
        ok = e.code == ERR_LIMIT
                 ? false
                 : fail(s->e, ERR_USAGE, "the schema allows nothing that can be written down");
    }
    if (!ok && s->g->bad && s->e->code == ERR_NONE)
        *s->e = s->g->err;
    if (ok)
        return s->g;
    grammar_free(s->g);
    return NULL;
}

static void clear(struct schema *s)
{
    map_clear(&s->shapes);
    map_clear(&s->patterns);
    map_clear(&s->rules);
    map_clear(&s->char_rules);
    mem_free(s->shape);
    mem_free(s->pattern);
    mem_free(s->wanted);
    arena_clear(&s->arena);
}

bool schema_into(struct grammar *g, json_t *root, bool (*f)(struct schema *s, void *arg), void *arg,
                 struct err *e)
{
    static const struct schema_options plain = {0};
    struct err why = {0};
    struct schema s = {.root = root,
                       .o = &plain,
                       .write = &schema_json,
                       .g = g,
                       .arena = {.max = MOST_MEMORY},
                       .deadline_ns = os_now_ns() + LIMIT_GRAMMAR_MS * 1000000ull,
                       .e = &why};
    bool ok = f(&s, arg) && schema_emit_all(&s);
    if (!ok)
        *e = g->bad && why.code == ERR_NONE ? g->err : why;
    clear(&s);
    return ok;
}

struct grammar *grammar_from_schema(struct str text, const struct schema_options *o, struct err *e)
{
    struct err why = {0};
    if (text.n > LIMIT_GRAMMAR_BYTES) {
        fail(e, ERR_LIMIT, "the schema has %zu bytes, more than the %u allowed", text.n,
             LIMIT_GRAMMAR_BYTES);
        return NULL;
    }
    struct schema *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    *s = (struct schema){.o = o,
                         .write = &schema_json,
                         .arena = {.max = MOST_MEMORY},
                         .deadline_ns = os_now_ns() + LIMIT_GRAMMAR_MS * 1000000ull,
                         .e = &why};
    s->root = json_parse(text, "schema", &why);
    struct grammar *g = s->root ? build(s) : NULL;
    if (!g)
        *e = why;
    json_decref(s->root);
    clear(s);
    mem_free(s);
    return g;
}
