/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_filters: the filters on texts and single values, and the table of all filters.
 * Names, parameters and results are those of Jinja 3.1; those on sequences are in
 * template_sequences.c. What has no place in a chat template is refused by name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/template_filters.h"
#include "text/template_unicode.h"

static bool f_case(struct render *r, struct value self, enum text_case how, struct value *out)
{
    return to_text(r, self, &self) && text_case(r, self, how, out);
}

FILTER(f_upper)
{
    return f_case(r, self, TEXT_UPPER, out);
}

FILTER(f_lower)
{
    return f_case(r, self, TEXT_LOWER, out);
}

FILTER(f_capitalize)
{
    return f_case(r, self, TEXT_CAPITAL, out);
}

/* Upper-cases what follows blanks, "-" and opening brackets, lower-cases the rest. */
FILTER(f_title)
{
    if (!to_text(r, self, &self))
        return false;
    struct str s = as_str(self);
    struct buf b;
    text_start(&b);
    bool start = true, ok = true;
    for (size_t at = 0; ok && at < s.n;) {
        size_t from = at;
        uint32_t c = str_utf8_next(s, &at);
        bool border = (c < 128 && strchr("-({[<", (int)c)) || char_class(c) & CHAR_SPACE;
        if (!border && !start) /* the rest of the word at once: a final sigma looks around */
            while (at < s.n) {
                size_t next = at;
                c = str_utf8_next(s, &next);
                if ((c < 128 && strchr("-({[<", (int)c)) || char_class(c) & CHAR_SPACE)
                    break;
                at = next;
            }
        struct value part = v_str(str_sub(s, from, at - from));
        ok = border || text_case(r, part, start ? TEXT_UPPER : TEXT_LOWER, &part);
        buf_str(&b, as_str(part));
        start = border;
    }
    return text_done(r, &b, ok, out);
}

FILTER(f_string)
{
    return to_text(r, self, out);
}

FILTER(f_trim)
{
    return to_text(r, self, &self) && text_strip(r, self, a->v[0], true, true, out);
}

FILTER(f_replace)
{
    struct str from, to;
    int64_t count = -1;
    if (a->v[2].kind != V_NONE && !arg_int(r, a->v[2], -1, &count))
        return false;
    if (!to_text(r, self, &self) || !to_str(r, a->v[0], &from) || !to_str(r, a->v[1], &to))
        return false;
    self.flag = 0;
    return text_replace(r, self, from, to, count, out);
}

FILTER(f_center)
{
    int64_t width;
    return arg_int(r, a->v[0], 80, &width) && to_text(r, self, &self) &&
           text_pad(r, self, width, STR(" "), '^', out);
}

/* Lines joined by "\n"; all but the first one, and empty ones, are indented unless told otherwise.
 */
FILTER(f_indent)
{
    struct value width = a->v[0];
    struct str s, by = {0}, line, end;
    struct value blanks = v_str(STR(""));
    int64_t n = 4;
    if (!arg_str(r, self, &s) || (width.kind != V_STR && !arg_int(r, width, 4, &n)))
        return false;
    if (width.kind == V_STR)
        by = as_str(width);
    else if (!text_pad(r, blanks, n, STR(" "), '<', &blanks))
        return false;
    else
        by = as_str(blanks);
    bool first = arg_true(a->v[1]), blank = arg_true(a->v[2]), ok = true;
    struct buf b;
    text_start(&b);
    for (bool more = true, begin = true; more && ok; begin = false) {
        line = text_line(&s, &end);
        more =
            end.n > 0; /* Jinja adds a line end, so a text that has one gets an empty last line */
        buf_cstr(&b, begin ? "" : "\n");
        if (begin ? first : blank || line.n)
            buf_str(&b, by);
        buf_str(&b, line);
        ok = spend(r, 1 + (line.n + by.n) / 32);
    }
    uint8_t flag = self.flag;
    ok = text_done(r, &b, ok, out);
    out->flag = flag;
    return ok;
}

FILTER(f_truncate)
{
    int64_t length, leeway, n;
    struct str end = STR("...");
    if (!arg_int(r, a->v[0], 255, &length) ||
        (a->v[3].kind != V_NONE && !arg_int(r, a->v[3], 5, &leeway)) ||
        (a->v[2].kind != V_MISSING && !arg_str(r, a->v[2], &end)) || !v_len(r, self, &n))
        return false;
    if (a->v[3].kind == V_NONE)
        leeway = 5;
    int64_t n_end = (int64_t)utf8_count(end);
    if (length < n_end || leeway < 0)
        return oops(r, "truncate: the length is shorter than its end mark");
    *out = self;
    if (n <= length + leeway)
        return true;
    struct str s;
    if (!arg_str(r, self, &s))
        return false;
    s = str_sub(s, 0, utf8_offset(s, (size_t)(length - n_end)));
    if (!arg_true(a->v[1])) {
        const char *blank = s.n ? memrchr(s.p, ' ', s.n) : NULL;
        s.n = blank ? (size_t)(blank - s.p) : s.n;
    }
    return text_concat(r, s, end, out);
}

FILTER(f_wordcount)
{
    struct str s;
    int64_t n = 0;
    if (!to_str(r, self, &s))
        return false;
    for (size_t at = 0, before = 0; at < s.n;) {
        uint32_t c = str_utf8_next(s, &at);
        bool in =
            c == '_' || char_class(c) & (CHAR_ALPHA | CHAR_DECIMAL | CHAR_DIGIT | CHAR_NUMERIC);
        n += in && !before;
        before = in;
    }
    *out = v_int(n);
    return spend(r, s.n / 16);
}

FILTER(f_escape)
{
    *out = self;
    if (self.kind == V_STR && self.flag & STR_MARKUP)
        return true;
    return f_forceescape(r, self, a, out);
}

FILTER_LIKE(f_forceescape)
{
    struct str s;
    struct buf b;
    if (!to_str(r, self, &s))
        return false;
    text_start(&b);
    size_t steps = write_escaped(s, &b);
    bool ok = text_done(r, &b, spend(r, steps), out);
    out->flag = STR_MARKUP;
    return ok;
}

FILTER(f_safe)
{
    bool ok = to_text(r, self, out);
    out->flag = STR_MARKUP;
    return ok;
}

FILTER(f_tojson)
{
    struct buf b;
    text_start(&b);
    return text_done(r, &b, write_json(r, self, a, &b), out);
}

FILTER(f_format)
{
    if (a->n && a->n_named)
        return oops(r, "format takes positional or keyword arguments, not both");
    struct value args = v_seq(V_TUPLE, a->v, a->n);
    if (a->n_named) {
        struct dict *d = dict_new(r, a->n_named);
        for (uint32_t i = 0; d && i < a->n_named; i++)
            if (!dict_put(r, d, a->named[i].key, a->named[i].value))
                return false;
        args = (struct value){.kind = V_DICT, .dict = d};
        if (!d)
            return false;
    }
    return to_text(r, self, &self) && format_percent(r, self, args, out);
}

static void url_quote(struct str s, bool query, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 128 && (char_class(c) & CHAR_WORD || strchr(query ? ".-~" : ".-~/", c)) && c)
            buf_byte(out, (char)c);
        else if (c == ' ' && query)
            buf_byte(out, '+');
        else
            buf_add(out, (char[]){'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]}, 3);
    }
}

static bool url_pairs(struct render *r, struct value self, struct buf *out)
{
    struct iter *it = iter_of(r, self);
    bool more = true;
    if (!it)
        return false;
    for (bool first = true;; first = false) {
        struct value pair;
        if (!iter_next(r, it, &pair, &more) || !more)
            return !more;
        if (!to_list(r, pair, &pair))
            return false;
        if (pair.n != 2)
            return oops(r, "urlencode needs pairs");
        buf_cstr(out, first ? "" : "&");
        for (int i = 0; i < 2; i++) {
            struct str s;
            if (!to_str(r, pair.items[i], &s) || !spend(r, s.n / 2))
                return false;
            url_quote(s, true, out);
            buf_cstr(out, i ? "" : "=");
        }
    }
}

FILTER(f_urlencode)
{
    struct buf b;
    struct str s = {0};
    bool plain = self.kind == V_STR || !is_iterable(self);
    if (plain && !to_str(r, self, &s))
        return false;
    if (self.kind == V_DICT)
        self = (struct value){.kind = V_VIEW, .flag = VIEW_ITEMS, .dict = self.dict};
    text_start(&b);
    if (plain)
        url_quote(s, false, &b);
    return text_done(r, &b, plain ? spend(r, s.n / 2) : url_pairs(r, self, &b), out);
}

FILTER(f_xmlattr)
{
    struct buf b;
    if (self.kind != V_DICT)
        return oops(r, "xmlattr needs a dict, not %s", v_type(self));
    text_start(&b);
    bool ok = true;
    for (uint32_t i = 0; ok && i < self.dict->n; i++) {
        const struct pair *p = &self.dict->pair[i];
        struct str key, value;
        if (p->value.kind == V_NONE || p->value.kind == V_UNDEFINED)
            continue;
        ok = arg_str(r, p->key, &key) && to_str(r, p->value, &value) && spend(r, key.n + value.n);
        for (size_t k = 0; ok && k < key.n; k++)
            if (strchr(" \t\n\r\f\v/>=", key.p[k]))
                ok = oops(r, "xmlattr: bad character in a key");
        if (!ok)
            break;
        buf_cstr(&b, b.n || a->v[0].kind == V_MISSING || arg_true(a->v[0]) ? " " : "");
        write_escaped(key, &b);
        buf_cstr(&b, "=\"");
        if (p->value.kind == V_STR && p->value.flag & STR_MARKUP)
            buf_str(&b, value);
        else
            write_escaped(value, &b);
        buf_byte(&b, '"');
    }
    return text_done(r, &b, ok, out);
}

/* ---- numbers ---- */

FILTER(f_abs)
{
    if (self.kind == V_UNDEFINED)
        return oops_undefined(r, self);
    if (!v_is_number(self))
        return oops(r, "bad operand type for abs: %s", v_type(self));
    bool minus = self.kind == V_FLOAT ? signbit(self.f) : self.i < 0;
    return do_unary(r, minus ? '-' : '+', self, out);
}

static bool float_to_int(struct render *r, double f, struct value absent, bool strict,
                         struct value *out)
{
    *out = absent;
    if (isinf(f) && strict)
        return oops(r, "infinity has no integer");
    if (isnan(f) || isinf(f))
        return true;
    if (f >= 9.2233720368547758e18 || f < -9.2233720368547758e18)
        return oops(r, "the integer is too large");
    *out = v_int((int64_t)f);
    return true;
}

FILTER(f_int)
{
    struct value absent = a->v[0].kind == V_MISSING ? v_int(0) : a->v[0];
    int64_t base, i;
    bool too_large;
    double f;
    if (!arg_int(r, a->v[1], 10, &base))
        return false;
    if (self.kind == V_UNDEFINED)
        return oops_undefined(r, self);
    if (self.kind == V_FLOAT)
        return float_to_int(r, self.f, absent, true, out);
    *out = v_is_int(self) ? v_int(self.i) : absent;
    if (self.kind != V_STR)
        return true;
    if (parse_int(as_str(self), base, &i, &too_large)) {
        *out = v_int(i);
        return !too_large || oops(r, "the integer is too large");
    }
    return !parse_float(as_str(self), &f) || float_to_int(r, f, absent, false, out);
}

FILTER(f_float)
{
    double f = 0;
    if (self.kind == V_UNDEFINED)
        return oops_undefined(r, self);
    if (self.kind == V_FLOAT)
        *out = self;
    else if (v_is_int(self))
        *out = v_float((double)self.i);
    else if (self.kind == V_STR && parse_float(as_str(self), &f))
        *out = v_float(f);
    else
        *out = a->v[0].kind == V_MISSING ? v_float(0) : a->v[0];
    return true;
}

/* Python's round(): half to even, on the exact decimal value. */
static double round_double(double f, int64_t digits)
{
    struct buf b;
    double rounded = f;
    if (!isfinite(f) || digits > 300)
        return f;
    if (digits < 0) {
        double unit = pow(10, (double)-digits);
        return digits < -308 ? 0 * f : rint(f / unit) * unit;
    }
    text_start(&b);
    write_double(&b, 'f', (int)digits, false, f);
    if (!parse_float(buf_view(&b), &rounded))
        rounded = f;
    buf_clear(&b);
    return rounded;
}

static int64_t round_int(int64_t i, int64_t digits)
{
    if (digits < -18)
        return 0;
    int64_t unit = 1;
    for (; digits < 0; digits++)
        unit *= 10;
    int64_t rest = i % unit, half = unit / 2, whole = i - rest;
    int64_t size = rest < 0 ? -rest : rest;
    bool up = unit > 1 && (size > half || (size == half && (whole / unit) % 2 != 0));
    return up ? whole + (i < 0 ? -unit : unit) : whole;
}

FILTER(f_round)
{
    int64_t digits;
    struct str method = STR("common");
    if (!arg_int(r, a->v[0], 0, &digits) ||
        (a->v[1].kind != V_MISSING && !arg_str(r, a->v[1], &method)))
        return false;
    bool ceiling = str_is(method, "ceil"), common = str_is(method, "common");
    if (!common && !ceiling && !str_is(method, "floor"))
        return oops(r, "round: the method must be common, ceil or floor");
    if (!v_is_number(self))
        return oops(r, "round needs a number, not %s", v_type(self));
    if (common) {
        *out = v_is_int(self) ? v_int(round_int(self.i, digits))
                              : v_float(round_double(self.f, digits));
        return true;
    }
    double unit = pow(10, (double)digits);
    double f = (self.kind == V_FLOAT ? self.f : (double)self.i) * unit;
    *out = v_float((ceiling ? ceil(f) : floor(f)) / unit);
    return true;
}

FILTER(f_filesizeformat)
{
    static const char *const prefix[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    bool binary = arg_true(a->v[0]);
    double base = binary ? 1024 : 1000, f = 0, unit = base * base;
    struct value v;
    if (!f_float(r, self, &(struct args){.v = (struct value[]){v_none()}}, &v))
        return false;
    if (v.kind == V_NONE)
        return oops(r, "filesizeformat needs a number");
    f = v.f;
    struct buf b;
    text_start(&b);
    if (f == 1) {
        buf_cstr(&b, "1 Byte");
    } else if (f < base) {
        buf_fmt(&b, "%lld Bytes", (long long)f);
    } else {
        size_t i = 0;
        for (; i < 7 && f >= unit; i++)
            unit *= base;
        write_double(&b, 'f', 1, false, base * f / unit);
        buf_fmt(&b, " %s%s", binary && i == 0 ? "K" : prefix[i], binary ? "iB" : "B");
    }
    return text_done(r, &b, true, out);
}

/* ---- any value ---- */

FILTER(f_default)
{
    bool absent = self.kind == V_UNDEFINED || (arg_true(a->v[1]) && !v_true(self));
    *out = !absent ? self : a->v[0].kind == V_MISSING ? v_str(STR("")) : a->v[0];
    return true;
}

FILTER(f_attr)
{
    struct str name;
    if (!arg_str(r, a->v[0], &name))
        return false;
    if (self.kind == V_DICT && !find_method(V_DICT, name)) { /* no falling back to items */
        *out = v_undefined("there is no such attribute");
        return true;
    }
    return get_attr(r, self, name, out);
}

FILTER(f_refused)
{
    return oops(r, "this filter is not supported: pprint, random, striptags, urlize, wordwrap");
}

static const struct builtin filters[] = {
    {"abs", "", 0, f_abs},
    {"attr", "name", 1, f_attr},
    {"batch", "linecount fill_with", 1, f_batch},
    {"capitalize", "", 0, f_capitalize},
    {"center", "width", 0, f_center},
    {"count", "", 0, f_length},
    {"d", "default_value boolean", 0, f_default},
    {"default", "default_value boolean", 0, f_default},
    {"dictsort", "case_sensitive by reverse", 0, f_dictsort},
    {"e", "", 0, f_escape},
    {"escape", "", 0, f_escape},
    {"filesizeformat", "binary", 0, f_filesizeformat},
    {"first", "", 0, f_first},
    {"float", "default", 0, f_float},
    {"forceescape", "", 0, f_forceescape},
    {"format", NULL, 0, f_format},
    {"groupby", "attribute default case_sensitive", 1, f_groupby},
    {"indent", "width first blank", 0, f_indent},
    {"int", "default base", 0, f_int},
    {"items", "", 0, f_items},
    {"join", "d attribute", 0, f_join},
    {"last", "", 0, f_last},
    {"length", "", 0, f_length},
    {"list", "", 0, f_list},
    {"lower", "", 0, f_lower},
    {"map", NULL, 0, f_map},
    {"max", "case_sensitive attribute", 0, f_max},
    {"min", "case_sensitive attribute", 0, f_min},
    {"pprint", NULL, 0, f_refused},
    {"random", NULL, 0, f_refused},
    {"reject", NULL, 0, f_reject},
    {"rejectattr", NULL, 0, f_rejectattr},
    {"replace", "old new count", 2, f_replace},
    {"reverse", "", 0, f_reverse},
    {"round", "precision method", 0, f_round},
    {"safe", "", 0, f_safe},
    {"select", NULL, 0, f_select},
    {"selectattr", NULL, 0, f_selectattr},
    {"slice", "slices fill_with", 1, f_slice},
    {"sort", "reverse case_sensitive attribute", 0, f_sort},
    {"string", "", 0, f_string},
    {"striptags", NULL, 0, f_refused},
    {"sum", "attribute start", 0, f_sum},
    {"title", "", 0, f_title},
    {"tojson", "ensure_ascii indent separators sort_keys", 0, f_tojson},
    {"trim", "chars", 0, f_trim},
    {"truncate", "length killwords end leeway", 0, f_truncate},
    {"unique", "case_sensitive attribute", 0, f_unique},
    {"upper", "", 0, f_upper},
    {"urlencode", "", 0, f_urlencode},
    {"urlize", NULL, 0, f_refused},
    {"wordcount", "", 0, f_wordcount},
    {"wordwrap", NULL, 0, f_refused},
    {"xmlattr", "autospace", 0, f_xmlattr},
};

const struct builtin *find_filter(struct str name)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (str_is(name, filters[i].name))
            return &filters[i];
    return NULL;
}
