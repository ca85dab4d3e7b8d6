/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_json: the filter tojson as Hugging Face defines it: Python's json.dumps with
 * ensure_ascii (default false), indent, separators and sort_keys; no HTML escaping. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/template_run.h"
#include "text/template_unicode.h"

struct style {
    bool ascii, sort, lines;
    struct str indent, item, key; /* item and key separators */
    uint32_t depth;
};

static void json_char(uint32_t c, struct str bytes, bool ascii, struct buf *out)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    const char *simple = c && c < 128 ? strchr(from, (int)c) : NULL;
    if (simple) {
        buf_byte(out, '\\');
        buf_byte(out, to[simple - from]);
    } else if (c < 0x20 || (ascii && c >= 0x7f && c < 0x10000)) {
        write_hex(out, "\\u", c, 4);
    } else if (ascii && c >= 0x10000) {
        write_hex(out, "\\u", 0xd800 + ((c - 0x10000) >> 10), 4);
        write_hex(out, "\\u", 0xdc00 + (c & 0x3ff), 4);
    } else {
        buf_str(out, bytes);
    }
}

static bool json_str(struct render *r, struct str s, bool ascii, struct buf *out)
{
    size_t plain = 0, special = 0;
    buf_byte(out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t start = i;
        unsigned char b = (unsigned char)s.p[i];
        if (b >= 0x20 && b != '"' && b != '\\' && !(ascii && b >= 0x7f)) {
            i++;
            continue;
        }
        uint32_t c = str_utf8_next(s, &i);
        buf_add(out, s.p + plain, start - plain);
        json_char(c, str_sub(s, start, i - start), ascii, out);
        plain = i;
        special++;
    }
    buf_add(out, s.p + plain, s.n - plain);
    buf_byte(out, '"');
    return spend(r, s.n / 32 + special);
}

static void json_float(double f, struct buf *out)
{
    if (isnan(f) || isinf(f))
        buf_cstr(out, isnan(f) ? "NaN" : f < 0 ? "-Infinity" : "Infinity");
    else
        write_float(f, out);
}

static void new_line(const struct style *s, struct buf *out)
{
    if (!s->lines)
        return;
    buf_byte(out, '\n');
    for (uint32_t i = 0; i < s->depth; i++)
        buf_str(out, s->indent);
}

static bool json_value(struct render *r, struct value v, struct style *s, struct buf *out);

static bool json_list(struct render *r, struct value v, struct style *s, struct buf *out)
{
    buf_byte(out, '[');
    s->depth++;
    for (uint32_t i = 0; i < v.n; i++) {
        if (i)
            buf_str(out, s->item);
        new_line(s, out);
        if (!json_value(r, v.items[i], s, out))
            return false;
    }
    s->depth--;
    if (v.n)
        new_line(s, out);
    buf_byte(out, ']');
    return true;
}

static bool json_key(struct render *r, struct value k, struct style *s, struct buf *out)
{
    if (k.kind == V_STR)
        return json_str(r, as_str(k), s->ascii, out);
    if (!v_is_number(k) && k.kind != V_NONE)
        return oops(r, "keys of JSON must be str, int, float, bool or None, not %s", v_type(k));
    buf_byte(out, '"');
    bool ok = json_value(r, k, s, out);
    buf_byte(out, '"');
    return ok;
}

static bool json_dict(struct render *r, const struct dict *d, struct style *s, struct buf *out)
{
    const struct pair *pair = d->pair;
    if (s->sort && !sort_pairs(r, d, &pair))
        return false;
    buf_byte(out, '{');
    s->depth++;
    for (uint32_t i = 0; i < d->n; i++) {
        if (i)
            buf_str(out, s->item);
        new_line(s, out);
        if (!json_key(r, pair[i].key, s, out))
            return false;
        buf_str(out, s->key);
        if (!json_value(r, pair[i].value, s, out))
            return false;
    }
    s->depth--;
    if (d->n)
        new_line(s, out);
    buf_byte(out, '}');
    return true;
}

static bool json_value(struct render *r, struct value v, struct style *s, struct buf *out)
{
    if (!spend(r, 1))
        return false;
    if (out->bad)
        return oops_limit(r);
    switch ((enum value_kind)v.kind) {
    case V_NONE:
        buf_cstr(out, "null");
        return true;
    case V_BOOL:
        buf_cstr(out, v.i ? "true" : "false");
        return true;
    case V_INT:
        write_integer(v.i, out);
        return true;
    case V_FLOAT:
        json_float(v.f, out);
        return spend(r, 24);
    case V_STR:
        return json_str(r, as_str(v), s->ascii, out);
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
        if (!enter(r) || !spend(r, s->lines ? s->depth * (1 + s->indent.n / 64) : 0))
            return false;
        bool ok = v.kind == V_DICT ? json_dict(r, v.dict, s, out) : json_list(r, v, s, out);
        leave(r);
        return ok;
    default:
        return oops(r, "object of type %s is not JSON serializable", v_type(v));
    }
}

/* indent: None, a number of blanks or a string; separators: None or a pair of strings. */
static bool read_style(struct render *r, const struct args *a, struct style *s, struct buf *blanks)
{
    struct value indent = a->v[1], sep = a->v[2];
    s->ascii = arg_true(a->v[0]);
    s->sort = arg_true(a->v[3]);
    s->lines = indent.kind != V_MISSING && indent.kind != V_NONE;
    if (s->lines && indent.kind == V_STR) {
        s->indent = as_str(indent);
    } else if (s->lines) {
        int64_t n;
        if (!arg_int(r, indent, 0, &n))
            return false;
        if (n > 1024)
            return oops(r, "tojson: indent is larger than 1024");
        for (int64_t i = 0; i < n; i++)
            buf_byte(blanks, ' ');
        s->indent = buf_view(blanks);
    }
    s->item = s->lines ? STR(",") : STR(", ");
    s->key = STR(": ");
    if (sep.kind == V_MISSING || sep.kind == V_NONE)
        return true;
    if ((sep.kind != V_TUPLE && sep.kind != V_LIST) || sep.n != 2)
        return oops(r, "tojson: separators must be a pair of strings");
    return arg_str(r, sep.items[0], &s->item) && arg_str(r, sep.items[1], &s->key);
}

bool write_json(struct render *r, struct value v, const struct args *a, struct buf *out)
{
    struct style s = {0};
    struct buf blanks;
    text_start(&blanks);
    bool ok = read_style(r, a, &s, &blanks) && json_value(r, v, &s, out);
    buf_clear(&blanks);
    return ok;
}
