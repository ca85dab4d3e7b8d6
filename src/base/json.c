/* SPDX-License-Identifier: Apache-2.0 */
/* base/json: see json.h. */
#include "base/json.h"

#include "base/limits.h"

/* Jansson's own depth cap is compiled in (2048): ours is smaller, so look before parsing. And each
 * value costs it about a hundred bytes, however short it is written: so they are counted too. */
static bool check_shape(struct str text, const char *where, struct err *e)
{
    size_t depth = 0, line = 1, values = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        line += c == '\n';
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        in_string = c == '"';
        values += c == ',' || c == '[' || c == '{' || c == ':';
        if (values > LIMIT_JSON_VALUES)
            return fail(e, ERR_LIMIT, "%s: line %zu: JSON has more than %u values", where, line,
                        LIMIT_JSON_VALUES);
        if (c == '[' || c == '{') {
            if (++depth > LIMIT_JSON_DEPTH)
                return fail(e, ERR_LIMIT, "%s: line %zu: JSON is nested deeper than %u", where,
                            line, LIMIT_JSON_DEPTH);
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return true;
}

static json_t *parse(struct str text, const char *where, size_t flags, struct err *e)
{
    if (!check_shape(text, where, e))
        return NULL;
    json_error_t why;
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &why);
    if (!j)
        fail(e, ERR_USAGE, "%s: not valid JSON: line %d, column %d: %s", where, why.line,
             why.column, why.text);
    return j;
}

json_t *json_parse(struct str text, const char *where, struct err *e)
{
    return parse(text, where, 0, e);
}

static json_t *read_file(const char *path, size_t max, size_t flags, struct err *e)
{
    struct buf text;
    buf_init(&text, max);
    json_t *j = buf_read_file(&text, path, e) ? parse(buf_view(&text), path, flags, e) : NULL;
    buf_clear(&text);
    return j;
}

json_t *json_read_file(const char *path, size_t max, struct err *e)
{
    return read_file(path, max, 0, e);
}

json_t *json_read_file_reals(const char *path, size_t max, struct err *e)
{
    return read_file(path, max, JSON_DECODE_INT_AS_REAL, e);
}

static int add_to_buf(const char *p, size_t n, void *buf)
{
    buf_add(buf, p, n);
    return 0;
}

bool json_write(const json_t *j, size_t flags, struct buf *out, struct err *e)
{
    if (json_dump_callback(j, add_to_buf, out, flags | JSON_ENCODE_ANY) != 0)
        return fail(e, ERR_INTERNAL, "cannot write JSON");
    return buf_ok(out, "JSON", e);
}
