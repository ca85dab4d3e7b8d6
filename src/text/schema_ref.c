/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_ref: what a $ref of the same document means: "#", "#/a/pointer", "#anchor", and any
 * of them after the document's own $id. Other documents are never fetched. */
#include <string.h>

#include "text/schema_private.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %xx, then ~1 and ~0 (RFC 6901); false where an escape is none. */
static bool unescape(struct str part, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        if (c == '%') {
            if (i + 2 >= part.n || hex_digit(part.p[i + 1]) < 0 || hex_digit(part.p[i + 2]) < 0)
                return false;
            c = (char)(hex_digit(part.p[i + 1]) << 4 | hex_digit(part.p[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '~' && i + 1 < n && (out[i + 1] == '0' || out[i + 1] == '1'))
            out[m++] = out[++i] == '0' ? '~' : '/';
        else
            out[m++] = out[i];
    }
    out[m] = '\0';
    return true;
}

static const json_t *follow(struct schema *s, struct str pointer)
{
    const json_t *at = s->root;
    struct str part;
    char *key = arena_new(&s->arena, pointer.n + 1, 1, s->e);
    str_cut(&pointer, '/', &part); /* before the first slash there is nothing */
    while (key && at && str_cut(&pointer, '/', &part)) {
        uint64_t index;
        if (!unescape(part, key))
            return NULL;
        if (json_is_array(at))
            at = str_to_u64(str_of(key), &index) ? json_array_get(at, (size_t)index) : NULL;
        else
            at = json_object_get(at, key);
    }
    return key ? at : NULL;
}

/* Words that hold values, not schemas. */
static bool holds_values(const char *key)
{
    return strcmp(key, "const") == 0 || strcmp(key, "enum") == 0 || strcmp(key, "default") == 0 ||
           strcmp(key, "examples") == 0;
}

/* JSON is nested LIMIT_JSON_DEPTH deep at most. */
static const json_t *find_anchor(const json_t *at, const char *name)
{
    const json_t *found = NULL;
    const char *key, *own = json_string_value(json_object_get(at, "$anchor"));
    json_t *v;
    size_t i;
    if (own && strcmp(own, name) == 0)
        return at;
    json_object_foreach((json_t *)(uintptr_t)at, key, v)
    {
        if (!found && !holds_values(key))
            found = find_anchor(v, name);
    }
    json_array_foreach((json_t *)(uintptr_t)at, i, v)
    {
        if (!found)
            found = find_anchor(v, name);
    }
    return found;
}

const json_t *schema_ref(struct schema *s, const json_t *node, const char *ref)
{
    const char *id = json_string_value(json_object_get(s->root, "$id"));
    const char *hash = strchr(ref, '#');
    size_t before = hash ? (size_t)(hash - ref) : strlen(ref);
    if (id && strchr(id, '#'))
        id = NULL;
    if (before && !(id && strlen(id) == before && strncmp(id, ref, before) == 0)) {
        fail(s->e, ERR_UNSUPPORTED,
             "%s: $ref to \"%s\", another document, is not supported; put it under $defs",
             schema_where(s, node), ref);
        return NULL;
    }
    const char *fragment = hash ? hash + 1 : "";
    const json_t *to = *fragment == '\0'  ? s->root
                       : *fragment == '/' ? follow(s, str_of(fragment))
                                          : find_anchor(s->root, fragment);
    if (!to)
        fail(s->e, ERR_USAGE, "%s: $ref to \"%s\": there is nothing at this place",
             schema_where(s, node), ref);
    return to;
}
