/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_string: Python's string algorithms over UTF-8: case, strip, replace, lines,
 * padding, and the reading of numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/template_run.h"
#include "text/template_unicode.h"

#define CASED (CHAR_LOWER | CHAR_UPPER | CHAR_TITLE)

/* Unicode's Case_Ignorable, as far as it matters beside a sigma. */
static bool case_ignorable(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2019 || c == 0x2018 ||
           k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK;
}

/* A capital sigma from `start` to `end` is lowered to its final form after a letter at the end of
 * a word. */
static bool final_sigma(struct str s, size_t start, size_t end)
{
    bool before = false, after = false;
    while (start > 0 && !before) {
        size_t at = start = utf8_back(s, start);
        uint32_t c = str_utf8_next(s, &at);
        if (!case_ignorable(c) && !(before = char_class(c) & CASED))
            break;
    }
    while (end < s.n && !after) {
        uint32_t c = str_utf8_next(s, &end);
        if (!case_ignorable(c) && !(after = char_class(c) & CASED))
            break;
    }
    return before && !after;
}

static enum char_case case_of(enum text_case how, uint32_t c, bool first, bool after_cased)
{
    switch (how) {
    case TEXT_UPPER:
        return CASE_UPPER;
    case TEXT_TITLE:
        return after_cased ? CASE_LOWER : CASE_TITLE;
    case TEXT_CAPITAL:
        return first ? CASE_TITLE : CASE_LOWER;
    case TEXT_SWAP:
        return char_class(c) & CHAR_LOWER ? CASE_UPPER : CASE_LOWER;
    case TEXT_FOLD:
        return CASE_FOLD;
    default:
        return CASE_LOWER;
    }
}

/* A text of ASCII alone in lower or upper case, or with both exchanged. */
static bool ascii_case(struct render *r, struct value v, enum text_case how, struct value *out)
{
    uint8_t flag = v.flag;
    if (!spend(r, v.n / 32) || !text_copy(r, as_str(v), out))
        return false;
    char *p = r->text - v.n; /* the copy just made */
    for (uint32_t i = 0; i < v.n; i++) {
        bool up = p[i] >= 'A' && p[i] <= 'Z', low = p[i] >= 'a' && p[i] <= 'z';
        if ((up && how != TEXT_UPPER) || (low && (how == TEXT_UPPER || how == TEXT_SWAP)))
            p[i] ^= 32;
    }
    out->flag = flag;
    return true;
}

static bool is_ascii(struct str s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.n; i++)
        all |= (unsigned char)s.p[i];
    return all < 128;
}

bool text_case(struct render *r, struct value v, enum text_case how, struct value *out)
{
    struct str s = as_str(v);
    struct buf b;
    if (how != TEXT_TITLE && how != TEXT_CAPITAL && is_ascii(s))
        return ascii_case(r, v, how, out);
    text_start(&b);
    bool after_cased = false;
    for (size_t i = 0; i < s.n;) {
        size_t start = i;
        uint32_t c = str_utf8_next(s, &i), to[3];
        enum char_case k = case_of(how, c, start == 0, after_cased);
        if (c < 128) {
            bool letter = (c | 32) >= 'a' && (c | 32) <= 'z',
                 low = k == CASE_LOWER || k == CASE_FOLD;
            buf_byte(&b, (char)(!letter ? c : low ? c | 32 : c & ~32u));
            after_cased = letter;
            continue;
        }
        size_t n = char_map(c, k, to);
        if (k == CASE_LOWER && c == 0x3a3 && final_sigma(s, start, i))
            to[0] = 0x3c2;
        for (size_t j = 0; j < n; j++)
            buf_utf8(&b, to[j]);
        after_cased = char_class(c) & CASED;
    }
    bool ok = text_done(r, &b, spend(r, s.n), out);
    out->flag = v.flag;
    return ok;
}

static bool in_set(struct str s, size_t from, size_t to, struct value chars)
{
    if (chars.kind != V_STR) {
        size_t at = from;
        return char_class(str_utf8_next(s, &at)) & CHAR_SPACE;
    }
    return str_find(as_str(chars), str_sub(s, from, to - from)) != SIZE_MAX;
}

bool text_strip(struct render *r, struct value v, struct value chars, bool front, bool back,
                struct value *out)
{
    struct str s = as_str(v);
    if (chars.kind != V_MISSING && chars.kind != V_NONE && !arg_str(r, chars, &(struct str){0}))
        return false;
    size_t cost = 1 + (chars.kind == V_STR ? chars.n / 64 : 0);
    while (front && s.n) {
        size_t end = 0;
        str_utf8_next(s, &end);
        if (!in_set(s, 0, end, chars))
            break;
        s = str_from(s, end);
    }
    while (back && s.n) {
        size_t start = utf8_back(s, s.n);
        if (!in_set(s, start, s.n, chars))
            break;
        s.n = start;
    }
    uint8_t flag = v.flag;
    *out = v_str(s);
    out->flag = flag;
    return spend(r, (v.n - s.n) / 4 * cost);
}

bool text_replace(struct render *r, struct value v, struct str from, struct str to, int64_t count,
                  struct value *out)
{
    struct str s = as_str(v);
    struct buf b;
    text_start(&b);
    size_t at = 0;
    int64_t done = 0;
    for (; count < 0 || done < count; done++) {
        size_t found = str_find(str_from(s, at), from);
        if (found == SIZE_MAX)
            break;
        buf_add(&b, s.p + at, found);
        buf_str(&b, to);
        at += found + from.n;
        if (from.n)
            continue;
        if (at == s.n)
            break;
        size_t start = at; /* an empty text is found before every character and at the end */
        str_utf8_next(s, &at);
        buf_add(&b, s.p + start, at - start);
    }
    buf_str(&b, str_from(s, at));
    bool ok = text_done(r, &b, spend(r, s.n / 32 + (size_t)done), out);
    out->flag = v.flag;
    return ok;
}

static bool ends_line(uint32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

struct str text_line(struct str *rest, struct str *end)
{
    struct str s = *rest;
    for (size_t at = 0; at < s.n;) {
        size_t start = at;
        uint32_t c = str_utf8_next(s, &at);
        if (!ends_line(c))
            continue;
        if (c == '\r' && at < s.n && s.p[at] == '\n')
            at++;
        *end = str_sub(s, start, at - start);
        *rest = str_from(s, at);
        return str_sub(s, 0, start);
    }
    *end = *rest = str_from(s, s.n);
    return s;
}

bool text_pad(struct render *r, struct value v, int64_t width, struct str fill, int align,
              struct value *out)
{
    int64_t n = (int64_t)utf8_count(as_str(v)), pad = width - n;
    *out = v;
    if (pad <= 0)
        return true;
    if ((uint64_t)pad > RENDER_MEMORY)
        return oops_limit(r);
    struct buf b;
    text_start(&b);
    int64_t left = align == '>' ? pad : align == '^' ? pad / 2 + (pad & width & 1) : 0;
    write_fill(&b, fill, left);
    buf_str(&b, as_str(v));
    write_fill(&b, fill, pad - left);
    bool ok = text_done(r, &b, spend(r, b.n / 16), out);
    out->flag = v.flag;
    return ok;
}

/* ASCII digits, letters and signs of a number, white space off, single underscores out; false where
 * that is not what s holds. */
static bool number_text(struct str s, char *text, size_t size)
{
    size_t n = 0;
    bool digit = false;
    s = utf8_strip(s, true, true);
    for (size_t at = 0; at < s.n;) {
        uint32_t c = str_utf8_next(s, &at);
        int d = char_decimal(c);
        if (c == '_') {
            if (!digit || at >= s.n ||
                !(char_class((unsigned char)s.p[at]) & (CHAR_DIGIT | CHAR_ALPHA)))
                return false;
            digit = false;
            continue;
        }
        if (n + 1 >= size || (d < 0 && c >= 128))
            return false;
        digit = d >= 0 || char_class(c) & CHAR_ALPHA;
        text[n++] = d >= 0 ? (char)('0' + d) : (char)c;
    }
    text[n] = '\0';
    return n > 0;
}

bool parse_int(struct str s, int64_t base, int64_t *out, bool *too_large)
{
    char text[512], *p = text;
    *too_large = false;
    if ((base != 0 && (base < 2 || base > 36)) || !number_text(s, text, sizeof text))
        return false;
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    int64_t prefix = *p != '0'            ? 0
                     : (p[1] | 32) == 'x' ? 16
                     : (p[1] | 32) == 'o' ? 8
                     : (p[1] | 32) == 'b' ? 2
                                          : 0;
    if (prefix && (base == 0 || base == prefix)) {
        p += 2;
        base = prefix;
    } else if (base == 0) {
        base = 10;
        if (*p == '0' && strspn(p, "0") != strlen(p))
            return false;
    }
    uint64_t u = 0;
    for (const char *c = p; *c; c++) {
        int64_t d = *c >= '0' && *c <= '9'                       ? *c - '0'
                    : char_class((unsigned char)*c) & CHAR_ALPHA ? (*c | 32) - 'a' + 10
                                                                 : 99;
        if (d >= base)
            return false;
        *too_large |= __builtin_mul_overflow(u, (uint64_t)base, &u) ||
                      __builtin_add_overflow(u, (uint64_t)d, &u);
    }
    *too_large |= u > INT64_MAX;
    *out = minus ? -(int64_t)u : (int64_t)u;
    return *p != '\0';
}

#define FLOAT_DIGITS 40 /* significant digits that can matter, and more */

/* The decimal number in text as 0.DIGITSeEXPONENT; false where it is none. */
static bool decimal_parts(const char *text, char digits[FLOAT_DIGITS + 1], long *exponent)
{
    size_t n = 0;
    bool any = false, point = false;
    *exponent = 0;
    for (; *text && (*text | 32) != 'e'; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (*text < '0' || *text > '9')
            return false;
        any = true;
        *exponent += (n || *text != '0') ? !point : -(long)point;
        if (n < FLOAT_DIGITS && (n || *text != '0'))
            digits[n++] = *text;
    }
    digits[n] = '\0';
    if (*text) {
        char *end;
        text++;
        if (strspn(text + (*text == '-' || *text == '+'), "0123456789") == 0)
            return false;
        long more = strtol(text, &end, 10);
        *exponent += more > 100000 ? 100000 : more < -100000 ? -100000 : more;
        any = any && *end == '\0';
    }
    return any;
}

bool parse_float(struct str s, double *out)
{
    char text[512], digits[FLOAT_DIGITS + 1], number[FLOAT_DIGITS + 32], *p = text;
    long exponent;
    if (!number_text(s, text, sizeof text))
        return false;
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    struct str name = str_of(p);
    for (char *c = p; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 32);
    if (str_is(name, "inf") || str_is(name, "infinity")) {
        *out = INFINITY;
    } else if (str_is(name, "nan")) {
        *out = NAN;
    } else {
        if (!decimal_parts(p, digits, &exponent))
            return false;
        int n = snprintf(number, sizeof number, "0.%se%ld", digits[0] ? digits : "0", exponent);
        if (!digits[0] || exponent < -400)
            *out = 0;
        else if (exponent > 400 || !str_to_f64((struct str){number, (size_t)n}, out))
            *out = INFINITY;
    }
    *out = minus ? -*out : *out;
    return true;
}
