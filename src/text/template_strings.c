/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_strings: the methods of Python's str. Parts of a string (split, strip, partition)
 * are slices of it, not copies. Methods of Markup give Markup and escape what they insert. */
#include <string.h>

#include "text/template_filters.h"
#include "text/template_methods.h"
#include "text/template_unicode.h"

/* ---- case and classes ---- */

#define CASE_METHOD(name, how)                                                                     \
    FILTER(name)                                                                                   \
    {                                                                                              \
        return text_case(r, self, how, out);                                                       \
    }

CASE_METHOD(s_lower, TEXT_LOWER)
CASE_METHOD(s_upper, TEXT_UPPER)
CASE_METHOD(s_title, TEXT_TITLE)
CASE_METHOD(s_capitalize, TEXT_CAPITAL)
CASE_METHOD(s_swapcase, TEXT_SWAP)
CASE_METHOD(s_casefold, TEXT_FOLD)

/* Every character is of one of the classes. */
static bool all_of(struct render *r, struct value self, unsigned classes, bool empty,
                   struct value *out)
{
    bool yes = self.n ? true : empty;
    for (size_t at = 0; at < self.n && yes;)
        yes = char_class(str_utf8_next(as_str(self), &at)) & classes;
    *out = v_bool(yes);
    return spend(r, self.n / 16);
}

#define CLASS_METHOD(name, classes, empty)                                                         \
    FILTER(name)                                                                                   \
    {                                                                                              \
        return all_of(r, self, classes, empty, out);                                               \
    }

CLASS_METHOD(s_isalpha, CHAR_ALPHA, false)
CLASS_METHOD(s_isalnum, CHAR_ALPHA | CHAR_DECIMAL | CHAR_DIGIT | CHAR_NUMERIC, false)
CLASS_METHOD(s_isdecimal, CHAR_DECIMAL, false)
CLASS_METHOD(s_isdigit, CHAR_DECIMAL | CHAR_DIGIT, false)
CLASS_METHOD(s_isnumeric, CHAR_DECIMAL | CHAR_DIGIT | CHAR_NUMERIC, false)
CLASS_METHOD(s_isspace, CHAR_SPACE, false)
CLASS_METHOD(s_isprintable, CHAR_PRINTABLE, true)

FILTER(s_isascii)
{
    bool yes = true;
    for (size_t i = 0; i < self.n && yes; i++)
        yes = (unsigned char)self.s[i] < 128;
    *out = v_bool(yes);
    return spend(r, self.n / 32);
}

FILTER(s_isidentifier)
{
    bool ok = all_of(r, self, CHAR_WORD, false, out);
    size_t at = 0;
    if (self.n && char_class(str_utf8_next(as_str(self), &at)) & CHAR_DECIMAL)
        *out = v_bool(false);
    return ok;
}

static bool is_test(struct render *r, const char *name, struct value self, struct value *out)
{
    return call_builtin(r, find_test(str_of(name)), self, &(struct args){0}, out);
}

FILTER(s_islower)
{
    return is_test(r, "lower", self, out);
}

FILTER(s_isupper)
{
    return is_test(r, "upper", self, out);
}

FILTER(s_istitle)
{
    bool seen = false, clean = true, before = false;
    for (size_t at = 0; at < self.n && clean;) {
        unsigned k = char_class(str_utf8_next(as_str(self), &at));
        bool big = k & (CHAR_UPPER | CHAR_TITLE), small = k & CHAR_LOWER;
        clean = !(big && before) && !(small && !before);
        before = big || small;
        seen |= before;
    }
    *out = v_bool(seen && clean);
    return spend(r, self.n / 16);
}

/* ---- strip, pad ---- */

FILTER(s_strip)
{
    return text_strip(r, self, a->v[0], true, true, out);
}

FILTER(s_lstrip)
{
    return text_strip(r, self, a->v[0], true, false, out);
}

FILTER(s_rstrip)
{
    return text_strip(r, self, a->v[0], false, true, out);
}

FILTER(s_removeprefix)
{
    struct str part;
    if (!arg_str(r, a->v[0], &part))
        return false;
    size_t n = str_starts(as_str(self), part) ? part.n : 0;
    *out = self;
    out->s += n;
    out->n -= (uint32_t)n;
    return true;
}

FILTER(s_removesuffix)
{
    struct str part;
    if (!arg_str(r, a->v[0], &part))
        return false;
    *out = self;
    out->n -= (uint32_t)(str_ends(as_str(self), part) ? part.n : 0);
    return true;
}

static bool pad(struct render *r, struct value self, const struct args *a, int align,
                struct value *out)
{
    struct str fill = STR(" ");
    int64_t width;
    if (!arg_int(r, a->v[0], 0, &width) ||
        (a->v[1].kind != V_MISSING && !arg_str(r, a->v[1], &fill)))
        return false;
    if (utf8_count(fill) != 1)
        return oops(r, "the fill character must be exactly one character long");
    return text_pad(r, self, width, fill, align, out);
}

FILTER(s_center)
{
    return pad(r, self, a, '^', out);
}

FILTER(s_ljust)
{
    return pad(r, self, a, '<', out);
}

FILTER(s_rjust)
{
    return pad(r, self, a, '>', out);
}

FILTER(s_zfill)
{
    int64_t width;
    if (!arg_int(r, a->v[0], 0, &width))
        return false;
    bool sign = self.n && (self.s[0] == '-' || self.s[0] == '+');
    struct value digits = self;
    digits.s += sign;
    digits.n -= sign;
    if (!text_pad(r, digits, width - sign, STR("0"), '>', &digits))
        return false;
    return text_concat(r, str_sub(as_str(self), 0, sign), as_str(digits), out);
}

FILTER(s_expandtabs)
{
    int64_t size, column = 0;
    struct buf b;
    if (!arg_int(r, a->v[0], 8, &size))
        return false;
    if (size > 1024)
        return oops(r, "expandtabs: the size is larger than 1024");
    text_start(&b);
    for (size_t at = 0; at < self.n;) {
        size_t start = at;
        uint32_t c = str_utf8_next(as_str(self), &at);
        if (c != '\t') {
            buf_add(&b, self.s + start, at - start);
            column = c == '\n' || c == '\r' ? 0 : column + 1;
            continue;
        }
        for (int64_t n = size > 0 ? size - column % size : 0; n; n--, column++)
            buf_byte(&b, ' ');
    }
    return text_done(r, &b, spend(r, b.n / 16), out);
}

/* ---- search ---- */

/* The part of self between two optional positions, in bytes; *from is its first code point. */
static bool part_of(struct render *r, struct value self, struct value start, struct value stop,
                    struct str *part, int64_t *from)
{
    struct value slice[3] = {start.kind == V_MISSING ? v_none() : start,
                             stop.kind == V_MISSING ? v_none() : stop, v_none()},
                 v;
    *part = as_str(self);
    *from = 0;
    if (slice[0].kind == V_NONE && slice[1].kind == V_NONE)
        return true;
    if (!get_slice(r, self, slice, &v))
        return false;
    *part = as_str(v);
    *from = (int64_t)utf8_count((struct str){self.s, (size_t)(v.s - self.s)});
    return true;
}

static bool starts_or_ends(struct render *r, struct value self, const struct args *a, bool end,
                           struct value *out)
{
    struct str part, affix;
    int64_t from;
    struct value any = a->v[0];
    if (!part_of(r, self, a->v[1], a->v[2], &part, &from))
        return false;
    bool yes = false;
    if (any.kind != V_TUPLE)
        any = v_seq(V_TUPLE, &any, 1);
    struct value one = a->v[0];
    for (uint32_t i = 0; i < any.n && !yes; i++) {
        if (!arg_str(r, a->v[0].kind == V_TUPLE ? any.items[i] : one, &affix) || !spend(r, 1))
            return false;
        yes = end ? str_ends(part, affix) : str_starts(part, affix);
    }
    /* a start behind the end finds nothing, not even "" */
    int64_t n = a->v[1].kind == V_INT && a->v[1].i > 0 ? a->v[1].i : 0;
    *out = v_bool(yes && (n == 0 || n <= (int64_t)utf8_count(as_str(self))));
    return true;
}

FILTER(s_startswith)
{
    return starts_or_ends(r, self, a, false, out);
}

FILTER(s_endswith)
{
    return starts_or_ends(r, self, a, true, out);
}

/* The last place of part in s, SIZE_MAX for none. Compares whole only where both ends agree, and
 * pays for that, since a bad text could make it do so everywhere. */
static bool find_last(struct render *r, struct str s, struct str part, size_t *out)
{
    size_t paid = 0;
    *out = SIZE_MAX;
    for (size_t at = part.n <= s.n ? s.n - part.n + 1 : 0; at > 0 && *out == SIZE_MAX; at--) {
        const char *p = s.p + at - 1;
        if (part.n && (p[0] != part.p[0] || p[part.n - 1] != part.p[part.n - 1]))
            continue;
        paid += 1 + part.n / 64;
        if (paid > 1000 && !spend(r, paid))
            return false;
        paid = paid > 1000 ? 0 : paid;
        if (str_starts(str_from(s, at - 1), part))
            *out = at - 1;
    }
    return true;
}

static bool find_first(struct render *r, struct str s, struct str part, size_t *out)
{
    *out = str_find(s, part);
    return spend(r, 1);
}

static bool find(struct render *r, struct value self, const struct args *a, bool last,
                 struct value *out)
{
    struct str part, sought;
    int64_t from;
    if (!arg_str(r, a->v[0], &sought) || !part_of(r, self, a->v[1], a->v[2], &part, &from) ||
        !spend(r, part.n / 16))
        return false;
    size_t at;
    if (!(last ? find_last : find_first)(r, part, sought, &at))
        return false;
    *out = v_int(at == SIZE_MAX ? -1 : from + (int64_t)utf8_count(str_sub(part, 0, at)));
    return true;
}

FILTER(s_find)
{
    return find(r, self, a, false, out);
}

FILTER(s_rfind)
{
    return find(r, self, a, true, out);
}

FILTER(s_index)
{
    return find(r, self, a, false, out) && (out->i >= 0 || oops(r, "substring not found"));
}

FILTER(s_rindex)
{
    return find(r, self, a, true, out) && (out->i >= 0 || oops(r, "substring not found"));
}

FILTER(s_count)
{
    struct str part, sought;
    int64_t n = 0, from;
    if (!arg_str(r, a->v[0], &sought) || !part_of(r, self, a->v[1], a->v[2], &part, &from) ||
        !spend(r, part.n / 16))
        return false;
    if (!sought.n)
        n = (int64_t)utf8_count(part) + 1;
    for (size_t at; sought.n && (at = str_find(part, sought)) != SIZE_MAX; n++)
        part = str_from(part, at + sought.n);
    *out = v_int(n);
    return spend(r, sought.n ? (size_t)n : 0);
}

FILTER(s_replace)
{
    struct str from, to;
    int64_t count;
    struct value with = a->v[1];
    if (self.flag & STR_MARKUP &&
        !call_builtin(r, find_filter(STR("escape")), with, &(struct args){0}, &with))
        return false;
    return arg_str(r, a->v[0], &from) && arg_str(r, with, &to) && arg_int(r, a->v[2], -1, &count) &&
           text_replace(r, self, from, to, count, out);
}

/* ---- split and join ---- */

/* A list that grows in the arena. */
struct pieces {
    struct value list;
    uint32_t cap;
    uint8_t flag; /* Markup splits into Markup */
};

static bool add_piece(struct render *r, struct pieces *p, struct str s)
{
    if (p->list.n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 8;
        struct value *wider = take(r, cap, sizeof *wider);
        if (!wider)
            return false;
        if (p->list.n)
            memcpy(wider, p->list.items, p->list.n * sizeof *wider);
        p->list.items = wider;
        p->cap = cap;
    }
    struct value v = v_str(s);
    v.flag = p->flag;
    p->list.items[p->list.n++] = v;
    return spend(r, 1);
}

static bool split_blanks(struct render *r, struct str s, int64_t max, struct pieces *p)
{
    for (;;) {
        s = utf8_strip(s, true, false);
        if (!s.n)
            return true;
        if (max >= 0 && p->list.n >= max)
            return add_piece(r, p, s);
        size_t end = 0, next = 0;
        while (next < s.n && !(char_class(str_utf8_next(s, &next)) & CHAR_SPACE))
            end = next;
        if (!add_piece(r, p, str_sub(s, 0, end)))
            return false;
        s = str_from(s, end);
    }
}

static bool rsplit_blanks(struct render *r, struct str s, int64_t max, struct pieces *p)
{
    for (;;) {
        s = utf8_strip(s, false, true);
        if (!s.n)
            return true;
        if (max >= 0 && p->list.n >= max)
            return add_piece(r, p, s);
        size_t start = s.n;
        while (start > 0) {
            size_t before = utf8_back(s, start), at = before;
            if (char_class(str_utf8_next(s, &at)) & CHAR_SPACE)
                break;
            start = before;
        }
        if (!add_piece(r, p, str_from(s, start)))
            return false;
        s.n = start;
    }
}

static bool split_at(struct render *r, struct str s, struct str by, int64_t max, bool last,
                     struct pieces *p)
{
    while (max < 0 || p->list.n < max) {
        size_t at;
        if (!(last ? find_last : find_first)(r, s, by, &at))
            return false;
        if (at == SIZE_MAX)
            break;
        if (!add_piece(r, p, last ? str_from(s, at + by.n) : str_sub(s, 0, at)))
            return false;
        s = last ? str_sub(s, 0, at) : str_from(s, at + by.n);
    }
    return add_piece(r, p, s);
}

static void reverse(struct value list)
{
    for (uint32_t i = 0, j = list.n; i + 1 < j; i++) {
        struct value v = list.items[i];
        list.items[i] = list.items[--j];
        list.items[j] = v;
    }
}

static bool split(struct render *r, struct value self, const struct args *a, bool last,
                  struct value *out)
{
    struct pieces p = {.list = v_seq(V_LIST, NULL, 0), .flag = self.flag};
    struct str by = {0}, s = as_str(self);
    int64_t max;
    bool blanks = a->v[0].kind == V_MISSING || a->v[0].kind == V_NONE, ok;
    if (!arg_int(r, a->v[1], -1, &max) || (!blanks && !arg_str(r, a->v[0], &by)) ||
        !spend(r, s.n / 16))
        return false;
    if (!blanks && !by.n)
        return oops(r, "split: empty separator");
    if (blanks)
        ok = last ? rsplit_blanks(r, s, max, &p) : split_blanks(r, s, max, &p);
    else
        ok = split_at(r, s, by, max, last, &p);
    *out = p.list;
    if (last)
        reverse(*out);
    return ok;
}

FILTER(s_split)
{
    return split(r, self, a, false, out);
}

FILTER(s_rsplit)
{
    return split(r, self, a, true, out);
}

FILTER(s_splitlines)
{
    struct pieces p = {.list = v_seq(V_LIST, NULL, 0), .flag = self.flag};
    struct str rest = as_str(self), end;
    while (rest.n) {
        struct str line = text_line(&rest, &end);
        if (arg_true(a->v[0]))
            line.n += end.n;
        if (!add_piece(r, &p, line))
            return false;
    }
    *out = p.list;
    return spend(r, self.n / 16);
}

static bool partition(struct render *r, struct value self, const struct args *a, bool last,
                      struct value *out)
{
    struct str by, s = as_str(self);
    struct pieces p = {.list = v_seq(V_TUPLE, NULL, 0), .flag = self.flag};
    if (!arg_str(r, a->v[0], &by) || !spend(r, s.n / 16))
        return false;
    if (!by.n)
        return oops(r, "partition: empty separator");
    size_t at;
    if (!(last ? find_last : find_first)(r, s, by, &at))
        return false;
    bool found = at != SIZE_MAX, all_first = !found && !last;
    struct str none = STR("");
    bool ok = add_piece(r, &p,
                        found       ? str_sub(s, 0, at)
                        : all_first ? s
                                    : none) &&
              add_piece(r, &p, found ? by : none) &&
              add_piece(r, &p,
                        found       ? str_from(s, at + by.n)
                        : all_first ? none
                                    : s);
    *out = p.list;
    return ok;
}

FILTER(s_partition)
{
    return partition(r, self, a, false, out);
}

FILTER(s_rpartition)
{
    return partition(r, self, a, true, out);
}

FILTER(s_join)
{
    struct iter *it = iter_of(r, a->v[0]);
    bool more = true, ok = it != NULL;
    struct buf b;
    text_start(&b);
    for (int64_t i = 0; ok; i++) {
        struct value one;
        if (!(ok = iter_next(r, it, &one, &more)) || !more)
            break;
        if (one.kind != V_STR)
            ok = oops(r, "join: item %lld is no string but %s", (long long)i, v_type(one));
        if (i)
            buf_str(&b, as_str(self));
        if (ok && self.flag & STR_MARKUP && !(one.flag & STR_MARKUP))
            ok = spend(r, write_escaped(as_str(one), &b));
        else if (ok)
            buf_str(&b, as_str(one));
        ok = ok && spend(r, (one.n + self.n) / 64);
    }
    uint8_t flag = self.flag;
    ok = text_done(r, &b, ok, out);
    out->flag = flag;
    return ok;
}

/* ---- the rest ---- */

FILTER(s_format)
{
    return format_braces(r, self, a, out);
}

FILTER(s_format_map)
{
    if (a->v[0].kind != V_DICT)
        return oops(r, "format_map needs a dict");
    struct args named = {.named = a->v[0].dict->pair, .n_named = a->v[0].dict->n};
    return format_braces(r, self, &named, out);
}

FILTER(s_refused)
{
    return oops(r, "this method of str is not supported: encode, maketrans, translate");
}

const struct builtin str_methods[] = {
    {"capitalize", "", 0, s_capitalize},
    {"casefold", "", 0, s_casefold},
    {"center", "/width fillchar", 1, s_center},
    {"count", "/sub start end", 1, s_count},
    {"encode", NULL, 0, s_refused},
    {"endswith", "/suffix start end", 1, s_endswith},
    {"expandtabs", "tabsize", 0, s_expandtabs},
    {"find", "/sub start end", 1, s_find},
    {"format", NULL, 0, s_format},
    {"format_map", "/mapping", 1, s_format_map},
    {"index", "/sub start end", 1, s_index},
    {"isalnum", "", 0, s_isalnum},
    {"isalpha", "", 0, s_isalpha},
    {"isascii", "", 0, s_isascii},
    {"isdecimal", "", 0, s_isdecimal},
    {"isdigit", "", 0, s_isdigit},
    {"isidentifier", "", 0, s_isidentifier},
    {"islower", "", 0, s_islower},
    {"isnumeric", "", 0, s_isnumeric},
    {"isprintable", "", 0, s_isprintable},
    {"isspace", "", 0, s_isspace},
    {"istitle", "", 0, s_istitle},
    {"isupper", "", 0, s_isupper},
    {"join", "/iterable", 1, s_join},
    {"ljust", "/width fillchar", 1, s_ljust},
    {"lower", "", 0, s_lower},
    {"lstrip", "/chars", 0, s_lstrip},
    {"maketrans", NULL, 0, s_refused},
    {"partition", "/sep", 1, s_partition},
    {"removeprefix", "/prefix", 1, s_removeprefix},
    {"removesuffix", "/suffix", 1, s_removesuffix},
    {"replace", "/old new count", 2, s_replace},
    {"rfind", "/sub start end", 1, s_rfind},
    {"rindex", "/sub start end", 1, s_rindex},
    {"rjust", "/width fillchar", 1, s_rjust},
    {"rpartition", "/sep", 1, s_rpartition},
    {"rsplit", "sep maxsplit", 0, s_rsplit},
    {"rstrip", "/chars", 0, s_rstrip},
    {"split", "sep maxsplit", 0, s_split},
    {"splitlines", "keepends", 0, s_splitlines},
    {"startswith", "/prefix start end", 1, s_startswith},
    {"strip", "/chars", 0, s_strip},
    {"swapcase", "", 0, s_swapcase},
    {"title", "", 0, s_title},
    {"translate", NULL, 0, s_refused},
    {"upper", "", 0, s_upper},
    {"zfill", "/width", 1, s_zfill},
    {NULL, NULL, 0, NULL},
};
