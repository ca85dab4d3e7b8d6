/* SPDX-License-Identifier: Apache-2.0 */
/* base/str: see str.h. */
#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct str str_of(const char *c_string)
{
    return (struct str){c_string ? c_string : "", c_string ? strlen(c_string) : 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *c_string)
{
    return str_eq(a, str_of(c_string));
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

struct str str_from(struct str s, size_t at)
{
    if (at > s.n)
        at = s.n;
    return at ? (struct str){s.p + at, s.n - at} : s; /* s.p may be NULL */
}

struct str str_sub(struct str s, size_t at, size_t n)
{
    s = str_from(s, at);
    if (n < s.n)
        s.n = n;
    return s;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_from(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(struct str hay, struct str needle)
{
    if (needle.n == 0)
        return 0;
    if (needle.n > hay.n)
        return SIZE_MAX;
    const char *at = memmem(hay.p, hay.n, needle.p, needle.n);
    return at ? (size_t)(at - hay.p) : SIZE_MAX;
}

bool str_cut(struct str *rest, char sep, struct str *head)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    *head = at ? str_sub(*rest, 0, (size_t)(at - rest->p)) : *rest;
    *rest = at ? str_from(*rest, head->n + 1) : (struct str){NULL, 0};
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_f64(struct str s, double *out)
{
    char text[1024]; /* every digit that can count fits */
    if (s.n == 0 || s.n >= sizeof text || is_space(s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++) /* decimal notation only: no "inf", "nan", "0x" */
        if (!memchr("0123456789+-.eE", s.p[i], 15))
            return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    static locale_t c_locale;
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end;
    double v = strtod_l(text, &end, c_locale);
    if (end != text + s.n || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* Length of the character at p (n bytes left), 0 when it is invalid, and whether more bytes could
 * still make it valid. Rules of Unicode table 3-7: no overlong forms, no surrogates. */
static size_t utf8_length(const unsigned char *p, size_t n, bool *cut)
{
    *cut = false;
    if (p[0] < 0x80)
        return 1;
    size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    unsigned lo = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned hi = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < need; i++) {
        if (i >= n) {
            *cut = true;
            return 0;
        }
        if (p[i] < lo || p[i] > hi)
            return 0;
        lo = 0x80;
        hi = 0xbf;
    }
    return need;
}

uint32_t str_utf8_next(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p + *at;
    bool cut;
    size_t n = utf8_length(p, s.n - *at, &cut);
    if (n == 0) {
        *at += 1;
        return 0xfffd;
    }
    *at += n;
    if (n == 1)
        return p[0];
    uint32_t c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

size_t str_utf8_put(uint32_t c, char out[4])
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> n) | c);
    return n;
}

bool str_utf8_valid(struct str s)
{
    bool cut;
    for (size_t at = 0, n; at < s.n; at += n)
        if (!(n = utf8_length((const unsigned char *)s.p + at, s.n - at, &cut)))
            return false;
    return true;
}

size_t str_utf8_whole(struct str s)
{
    size_t back = s.n < 3 ? s.n : 3;
    for (size_t at = s.n - back; at < s.n; at++) {
        bool cut;
        utf8_length((const unsigned char *)s.p + at, s.n - at, &cut);
        if (cut)
            return at;
    }
    return s.n;
}

size_t str_utf8_floor(const char *p, size_t at)
{
    while (at > 0 && ((unsigned char)p[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static bool is_printable(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool bidi = c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
    return !control && !bidi && c != 0xfffd;
}

void str_make_printable(char *c_string)
{
    struct str s = str_of(c_string);
    size_t out = 0;
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        if (is_printable(str_utf8_next(s, &at))) {
            memmove(c_string + out, c_string + from, at - from);
            out += at - from;
        } else {
            c_string[out++] = '?';
        }
    }
    c_string[out] = '\0';
}
