/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_scan: values: where a JSON value ends, and values in other notations.
 *
 * What is written as plain text and need not be a text is JSON, or a literal of Python, or else a
 * text after all. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/toolcall_private.h"

/* --- JSON --------------------------------------------------------------------------------------
 */

static bool ends_scalar(char c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void scan_in_string(struct json_scan *s, char c)
{
    if (s->escape)
        s->escape = false;
    else if (c == '\\')
        s->escape = true;
    else if (c == '"')
        s->string = false;
}

size_t json_scan_run(struct json_scan *s, struct str v, bool *done, bool *bad)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool close = c == '}' || c == ']', open = c == '{' || c == '[';
        if (s->scalar && ends_scalar(c)) {
            *done = true;
            return i;
        }
        if (s->string) {
            scan_in_string(s, c);
        } else if (!s->scalar) {
            s->string = c == '"';
            s->scalar = !s->begun && !open && !s->string;
            *bad = (close && !s->depth) || (open && s->depth == LIMIT_JSON_DEPTH);
            if (*bad)
                return i;
            s->depth += open;
            s->depth -= close;
        }
        s->begun = true;
        *done = !s->depth && !s->string && !s->scalar;
        if (*done)
            return i + 1;
    }
    return v.n;
}

/* The same text with at most two digits of each run outside of texts, and \u0001 for \u0000: as
 * valid as it was, and neither a number nor a character is too much for the library. */
static void simplify(struct str text, struct buf *out)
{
    struct json_scan s = {.begun = true, .depth = 1};
    size_t digits = 0, from = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool digit = c >= '0' && c <= '9' && !s.string;
        bool escaped = s.string && s.escape;
        digits = digit ? digits + 1 : 0;
        if (s.string)
            scan_in_string(&s, c);
        else
            s.string = c == '"';
        bool zero = escaped && str_starts(str_from(text, i), STR("u0000"));
        if (digits <= 2 && !zero)
            continue;
        buf_str(out, str_sub(text, from, i - from));
        buf_cstr(out, zero ? "u0001" : "");
        from = i + (zero ? 5 : 1);
    }
    buf_str(out, str_from(text, from));
}

/* A key may stand there twice, as in answers bound by a schema: readers take the last. */
json_t *toolcall_json(struct str text)
{
    struct json_scan s = {0};
    struct buf copy;
    bool done = false, bad = false;
    text = str_trim(text);
    if (json_scan_run(&s, text, &done, &bad) < text.n || bad)
        return NULL;
    buf_init(&copy, LIMIT_TOOLCALL_BYTES * 8u);
    simplify(text, &copy);
    json_t *j = copy.bad ? NULL : json_parse_loose(buf_view(&copy), "", NULL);
    buf_clear(&copy);
    return j;
}

/* --- plain text --------------------------------------------------------------------------------
 */

static bool all_texts(const json_t *values)
{
    size_t i;
    const json_t *v;
    json_array_foreach((json_t *)(uintptr_t)values, i, v)
    {
        if (!json_is_string(v))
            return false;
    }
    return json_array_size(values) > 0;
}

bool toolcall_is_text(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    const char *name = json_string_value(type);
    if (type)
        return name && strcmp(name, "string") == 0;
    return all_texts(json_object_get(schema, "enum")) ||
           json_is_string(json_object_get(schema, "const"));
}

bool toolcall_put_text(struct str text, struct buf *out)
{
    struct err ignored;
    json_t *j = json_stringn(text.p ? text.p : "", text.n);
    bool ok = j && json_write(j, 0, out, &ignored);
    json_decref(j);
    return ok;
}

void toolcall_value(struct str text, struct buf *out)
{
    struct str s = str_trim(text);
    json_t *j = s.n ? toolcall_json(s) : NULL;
    if (j)
        buf_str(out, s);
    else if (!(s.n && toolcall_literal(s, out)) && !toolcall_put_text(text, out))
        out->bad = true;
    json_decref(j);
}
