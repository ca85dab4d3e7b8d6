/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_text: see template_text.h; here strings in the arena, str() and repr(). */
#include "text/template_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/template_loop.h"
#include "text/template_run.h"
#include "text/template_unicode.h"

#define TEXT_BLOCK 16384u

/* Room for n bytes at r->text. A new block is twice as large as asked for, so that text_concat
 * moves a growing string only each time it has doubled. */
static bool text_room(struct render *r, size_t n)
{
    if (r->text && (size_t)(r->text_end - r->text) >= n)
        return true;
    size_t left = RENDER_MEMORY - r->arena.used, size = 2 * n < TEXT_BLOCK ? TEXT_BLOCK : 2 * n;
    if (size > left / 2)
        size = n;
    char *p = take(r, size, 1);
    if (!p)
        return false;
    r->text = p;
    r->text_end = p + size;
    return true;
}

static char *text_add(struct render *r, struct str s)
{
    char *at = r->text; /* may be NULL while nothing was written */
    if (s.n) {
        memcpy(at, s.p, s.n);
        r->text += s.n;
    }
    return at;
}

bool text_copy(struct render *r, struct str s, struct value *out)
{
    if (!spend(r, s.n / 64) || !text_room(r, s.n))
        return false;
    *out = v_str((struct str){text_add(r, s), s.n});
    return true;
}

bool text_concat(struct render *r, struct str a, struct str b, struct value *out)
{
    if (a.n && a.p + a.n == b.p) { /* b already follows a: strings do not change, so that is all */
        *out = v_str((struct str){a.p, a.n + b.n});
        return true;
    }
    bool in_place =
        a.n && r->text && a.p + a.n == r->text && (size_t)(r->text_end - r->text) >= b.n;
    if (!spend(r, (in_place ? b.n : a.n + b.n) / 64) || (!in_place && !text_room(r, a.n + b.n)))
        return false;
    const char *start = in_place ? a.p : text_add(r, a);
    text_add(r, b);
    *out = v_str((struct str){start, a.n + b.n});
    return true;
}

bool text_repeat(struct render *r, struct value s, size_t times, struct value *out)
{
    size_t n;
    if (!mem_mul(s.n, times, &n) || n > LIMIT_TEMPLATE_OUTPUT)
        return oops_limit(r);
    if (!spend(r, n / 64) || !text_room(r, n))
        return false;
    *out = v_str((struct str){r->text, n});
    out->flag = s.flag;
    for (size_t done = 0, part = s.n; done < n; done += part, part = done) /* doubles */
        text_add(r, (struct str){done ? out->s : s.s, part < n - done ? part : n - done});
    return true;
}

void text_start(struct buf *b)
{
    buf_init(b, LIMIT_TEMPLATE_OUTPUT);
}

bool text_done(struct render *r, struct buf *b, bool ok, struct value *out)
{
    if (ok && b->bad)
        ok = oops_limit(r);
    ok = ok && text_copy(r, buf_view(b), out);
    buf_clear(b);
    return ok;
}

bool to_text(struct render *r, struct value v, struct value *out)
{
    struct buf b;
    *out = v;
    if (v.kind == V_STR)
        return true;
    text_start(&b);
    return text_done(r, &b, write_str(r, v, &b), out);
}

bool to_str(struct render *r, struct value v, struct str *out)
{
    struct value text;
    if (!to_text(r, v, &text))
        return false;
    *out = as_str(text);
    return true;
}

size_t write_escaped(struct str s, struct buf *out)
{
    size_t done = 0, n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *as = c == '&'    ? "&amp;"
                         : c == '<'  ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '"'  ? "&#34;"
                         : c == '\'' ? "&#39;"
                                     : NULL;
        if (!as)
            continue;
        buf_add(out, s.p + done, i - done);
        buf_cstr(out, as);
        done = i + 1;
        n++;
    }
    buf_add(out, s.p + done, s.n - done);
    return n + s.n / 32;
}

void write_fill(struct buf *out, struct str fill, int64_t n)
{
    char many[64];
    if (fill.n == 1) {
        memset(many, fill.p[0], sizeof many);
        for (; n >= (int64_t)sizeof many; n -= (int64_t)sizeof many)
            buf_add(out, many, sizeof many);
    }
    for (; n > 0; n--)
        buf_str(out, fill);
}

void write_hex(struct buf *out, const char *prefix, uint32_t c, int digits)
{
    buf_cstr(out, prefix);
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        buf_byte(out, "0123456789abcdef"[c >> shift & 15]);
}

static int print_double(char text[static 1024], char conv, int precision, bool alternate, double f)
{
    switch (conv) {
    case 'e':
        return snprintf(text, 1024, alternate ? "%#.*e" : "%.*e", precision, f);
    case 'f':
        return snprintf(text, 1024, alternate ? "%#.*f" : "%.*f", precision, f);
    default:
        return snprintf(text, 1024, alternate ? "%#.*g" : "%.*g", precision, f);
    }
}

void write_double(struct buf *out, char conv, int precision, bool alternate, double f)
{
    char text[1024] = "";
    print_double(text, conv, precision, alternate, f);
    size_t point = strspn(text, "+-0123456789e"), end = point;
    buf_add(out, text, point);
    if (!text[point])
        return;
    end += strcspn(text + end, "0123456789e"); /* a locale's point may be several bytes */
    buf_byte(out, '.');
    buf_cstr(out, text + end);
}

void write_integer(int64_t i, struct buf *out)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do
        text[--at] = (char)('0' + u % 10);
    while (u /= 10);
    if (i < 0)
        text[--at] = '-';
    buf_add(out, text + at, sizeof text - at);
}

/* The fewest decimal digits that give back f: digits without a point, exponent of the first. */
static int shortest_digits(double f, char digits[20], int *exponent)
{
    int n = 0;
    for (int p = fabs(f) < 2.3e-308 ? 1 : 15; p <= 17; p++) {
        char text[40];
        struct buf b;
        double back;
        buf_init(&b, sizeof text - 1);
        write_double(&b, 'e', p - 1, false, fabs(f));
        snprintf(text, sizeof text, "%s", buf_c(&b));
        buf_clear(&b);
        const char *e = strchr(text, 'e');
        n = 0;
        for (const char *c = text; e && c < e; c++)
            if (*c != '.')
                digits[n++] = *c;
        *exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
        if (str_to_f64(str_of(text), &back) && back == fabs(f))
            break;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

void write_float(double f, struct buf *out)
{
    if (isnan(f) || isinf(f)) {
        buf_cstr(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    char digits[20];
    int exponent = 0, n = shortest_digits(f, digits, &exponent);
    if (signbit(f))
        buf_byte(out, '-');
    if (exponent < -4 || exponent >= 16) {
        buf_byte(out, digits[0]);
        if (n > 1)
            buf_byte(out, '.');
        buf_add(out, digits + 1, (size_t)n - 1);
        buf_fmt(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
        return;
    }
    if (exponent < 0)
        buf_cstr(out, "0");
    for (int i = exponent < 0 ? exponent + 1 : 0; i < n || i <= exponent; i++) {
        if (i == exponent + 1)
            buf_byte(out, '.');
        buf_byte(out, i < 0 || i >= n ? '0' : digits[i]);
    }
    if (n <= exponent + 1)
        buf_cstr(out, ".0");
}

static void repr_char(uint32_t c, struct str bytes, struct buf *out)
{
    static const char from[] = "\n\r\t\\'\"", to[] = "nrt\\'\"";
    const char *simple = c && c < 128 ? strchr(from, (int)c) : NULL;
    if (simple) {
        buf_byte(out, '\\');
        buf_byte(out, to[simple - from]);
    } else if (char_class(c) & CHAR_PRINTABLE) {
        buf_str(out, bytes);
    } else if (c < 0x100) {
        write_hex(out, "\\x", c, 2);
    } else {
        write_hex(out, c < 0x10000 ? "\\u" : "\\U", c, c < 0x10000 ? 4 : 8);
    }
}

static bool repr_str(struct render *r, struct value v, struct buf *out)
{
    struct str s = as_str(v);
    bool single = s.n && memchr(s.p, '\'', s.n), both = s.n && memchr(s.p, '"', s.n);
    char quote = single && !both ? '"' : '\'';
    size_t plain = 0, special = 0;
    buf_cstr(out, v.flag & STR_MARKUP ? "Markup(" : "");
    buf_byte(out, quote);
    for (size_t i = 0; i < s.n;) {
        size_t start = i;
        unsigned char b = (unsigned char)s.p[i];
        if (b >= 32 && b < 127 && b != (unsigned char)quote && b != '\\') {
            i++;
            continue;
        }
        uint32_t c = str_utf8_next(s, &i);
        buf_add(out, s.p + plain, start - plain);
        repr_char(c, str_sub(s, start, i - start), out);
        plain = i;
        special++;
    }
    buf_add(out, s.p + plain, s.n - plain);
    buf_byte(out, quote);
    buf_cstr(out, v.flag & STR_MARKUP ? ")" : "");
    return spend(r, s.n / 32 + special);
}

static bool repr_items(struct render *r, struct value v, struct buf *out)
{
    for (uint32_t i = 0; i < v.n; i++) {
        buf_cstr(out, i ? ", " : "");
        if (!write_repr(r, v.items[i], out))
            return false;
    }
    return true;
}

/* What stands between the braces of a dict, or the brackets of a view. */
static bool repr_pairs(struct render *r, const struct dict *d, int view, struct buf *out)
{
    for (uint32_t i = 0; i < d->n; i++) {
        const struct pair *p = &d->pair[i];
        buf_cstr(out, i ? ", " : "");
        buf_cstr(out, view == VIEW_ITEMS ? "(" : "");
        if (view != VIEW_VALUES && !write_repr(r, p->key, out))
            return false;
        buf_cstr(out, view < 0 ? ": " : view == VIEW_ITEMS ? ", " : "");
        if (view != VIEW_KEYS && !write_repr(r, p->value, out))
            return false;
        buf_cstr(out, view == VIEW_ITEMS ? ")" : "");
    }
    return true;
}

static bool repr_container(struct render *r, struct value v, struct buf *out)
{
    static const char *const open[] = {
        [V_LIST] = "[", [V_TUPLE] = "(", [V_DICT] = "{", [V_NAMESPACE] = "<Namespace {"};
    static const char *const close[] = {
        [V_LIST] = "]", [V_TUPLE] = ")", [V_DICT] = "}", [V_NAMESPACE] = "}>"};
    if (!enter(r))
        return false;
    bool ok;
    if (v.kind == V_VIEW) {
        buf_fmt(out, "%s([", v_type(v));
        ok = repr_pairs(r, v.dict, v.flag, out);
        buf_cstr(out, "])");
    } else {
        bool seq = v.kind == V_LIST || v.kind == V_TUPLE;
        buf_cstr(out, open[v.kind]);
        ok = seq ? repr_items(r, v, out) : repr_pairs(r, v.dict, -1, out);
        buf_cstr(out, v.kind == V_TUPLE && v.n == 1 ? "," : "");
        buf_cstr(out, close[v.kind]);
    }
    leave(r);
    return ok;
}

bool write_repr(struct render *r, struct value v, struct buf *out)
{
    if (!spend(r, 1))
        return false;
    if (out->bad)
        return oops_limit(r);
    switch ((enum value_kind)v.kind) {
    case V_UNDEFINED:
        buf_cstr(out, "Undefined");
        return true;
    case V_NONE:
        buf_cstr(out, "None");
        return true;
    case V_BOOL:
        buf_cstr(out, v.i ? "True" : "False");
        return true;
    case V_INT:
        write_integer(v.i, out);
        return true;
    case V_FLOAT:
        write_float(v.f, out);
        return spend(r, 24);
    case V_STR:
        return repr_str(r, v, out);
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
    case V_VIEW:
    case V_NAMESPACE:
        return repr_container(r, v, out);
    case V_RANGE:
        buf_fmt(out, "range(%lld, %lld", (long long)v.range->start, (long long)v.range->stop);
        if (v.range->step != 1)
            buf_fmt(out, ", %lld", (long long)v.range->step);
        buf_byte(out, ')');
        return true;
    case V_MACRO:
        if (!v.macro->node->name.n)
            buf_cstr(out, "<Macro anonymous>");
        else
            buf_fmt(out, "<Macro '%.*s'>", STR_ARG(v.macro->node->name));
        return true;
    case V_LOOP:
        return loop_repr(r, v.loop, out);
    default: /* Python shows an address here */
        buf_fmt(out, "<%s object>", v_type(v));
        return true;
    }
}

bool write_str(struct render *r, struct value v, struct buf *out)
{
    if (v.kind == V_UNDEFINED)
        return true;
    if (v.kind != V_STR)
        return write_repr(r, v, out);
    buf_str(out, as_str(v));
    return spend(r, v.n / 64);
}
