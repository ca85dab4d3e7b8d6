/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_literal: calls in the notation of another language, read when they are whole, and
 * written as JSON.
 *
 * Python: [name(key='text', n=3), other()], the brackets may be missing. Gemma 4:
 * call:name{key:<|"|>text<|"|>,n:3}. Values are texts, numbers, True, False and None in both
 * spellings, lists, tuples and dictionaries, nested LIMIT_JSON_DEPTH deep at most. Numbers that are
 * JSON already keep every digit. A key of a dictionary may come again, as readers of JSON and
 * Python take the last; one of a call's arguments may not. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/toolcall_private.h"

struct literal {
    struct str s; /* what is left */
    bool gemma;
    uint32_t depth;
};

static void skip_blanks(struct literal *l)
{
    l->s = str_from(l->s, toolcall_blanks(l->s));
}

static bool take(struct literal *l, const char *word)
{
    skip_blanks(l);
    if (!str_starts(l->s, str_of(word)))
        return false;
    l->s = str_from(l->s, strlen(word));
    return true;
}

static struct str take_word(struct literal *l)
{
    size_t n = 0;
    skip_blanks(l);
    while (n < l->s.n && !strchr(" \n\t\r,:=()[]{}'\"<>", l->s.p[n]))
        n++;
    struct str word = str_sub(l->s, 0, n);
    l->s = str_from(l->s, n);
    return word;
}

/* --- texts -------------------------------------------------------------------------------------
 */

static bool hex_number(struct str s, size_t digits, uint32_t *out)
{
    static const char all[] = "0123456789abcdefABCDEF";
    *out = 0;
    if (s.n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char *at = s.p[i] ? strchr(all, s.p[i]) : NULL;
        if (!at)
            return false;
        uint32_t d = (uint32_t)(at - all);
        *out = *out << 4 | (d > 15 ? d - 6 : d);
    }
    return true;
}

/* Two halves of a pair, as JSON writes a character beyond U+FFFF, are one here too. */
static bool take_hex(struct literal *l, size_t digits, struct buf *out)
{
    uint32_t c, low;
    if (!hex_number(l->s, digits, &c))
        return false;
    l->s = str_from(l->s, digits);
    bool high = digits == 4 && c >> 10 == 0xd800 >> 10 && str_starts(l->s, STR("\\u"));
    if (high && hex_number(str_from(l->s, 2), 4, &low) && low >> 10 == 0xdc00 >> 10) {
        l->s = str_from(l->s, 6);
        c = 0x10000 + ((c & 1023) << 10 | (low & 1023));
    }
    buf_utf8(out, c);
    return true;
}

static bool take_escape(struct literal *l, struct buf *out)
{
    static const char from[] = "ntrbf0\\'\"/", to[] = "\n\t\r\b\f\0\\'\"/";
    if (!l->s.n)
        return false;
    char c = l->s.p[0];
    l->s = str_from(l->s, 1);
    if (c == 'x' || c == 'u' || c == 'U')
        return take_hex(l, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        buf_byte(out, '\\'); /* as Python keeps it */
    buf_byte(out, at ? to[at - from] : c);
    return true;
}

static bool take_quoted(struct literal *l, char quote, struct buf *out)
{
    while (l->s.n && l->s.p[0] != quote) {
        char c = l->s.p[0];
        l->s = str_from(l->s, 1);
        if (c != '\\')
            buf_byte(out, c);
        else if (!take_escape(l, out))
            return false;
    }
    if (!l->s.n)
        return false;
    l->s = str_from(l->s, 1);
    return true;
}

/* Gemma's marker instead of a quotation mark: nothing inside is an escape. */
static bool take_marked(struct literal *l, struct str mark, struct buf *out)
{
    size_t n = str_find(l->s, mark);
    if (n == SIZE_MAX)
        return false;
    buf_str(out, str_sub(l->s, 0, n));
    l->s = str_from(l->s, n + mark.n);
    return true;
}

static bool take_text(struct literal *l, struct buf *out)
{
    static const struct str mark = STR("<|\"|>");
    if (take(l, "<|\"|>"))
        return take_marked(l, mark, out);
    if (take(l, "'"))
        return take_quoted(l, '\'', out);
    return take(l, "\"") && take_quoted(l, '"', out);
}

/* --- values ------------------------------------------------------------------------------------
 */

static bool take_value(struct literal *l, struct buf *out);

static size_t digits_at(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

static bool is_json_number(struct str s)
{
    size_t at = s.n && s.p[0] == '-', n = digits_at(s, at);
    if (!n || (n > 1 && s.p[at] == '0'))
        return false;
    at += n;
    if (at < s.n && s.p[at] == '.') {
        n = digits_at(s, at + 1);
        at = n ? at + 1 + n : SIZE_MAX;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.n && (s.p[at] == '+' || s.p[at] == '-');
        n = digits_at(s, at);
        at = n ? at + n : SIZE_MAX;
    }
    return at == s.n;
}

/* 007, .5, 5. and the like */
static bool put_other_number(struct str word, struct buf *out)
{
    double f;
    uint64_t n;
    struct err ignored;
    bool minus = word.n && word.p[0] == '-';
    json_t *j = NULL;
    if (str_to_u64(str_from(word, minus), &n) && n <= INT64_MAX)
        j = json_integer(minus ? -(json_int_t)n : (json_int_t)n);
    else if (str_to_f64(word, &f))
        j = json_real(f);
    bool ok = j && json_write(j, 0, out, &ignored);
    json_decref(j);
    return ok;
}

static bool put_word(struct str word, struct buf *out)
{
    static const char *const known[][2] = {{"True", "true"},   {"true", "true"}, {"False", "false"},
                                           {"false", "false"}, {"None", "null"}, {"null", "null"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(word, known[i][0])) {
            buf_cstr(out, known[i][1]);
            return true;
        }
    if (!is_json_number(word))
        return put_other_number(word, out);
    buf_str(out, word);
    return true;
}

static bool take_list(struct literal *l, const char *end, struct buf *out)
{
    buf_byte(out, '[');
    for (bool first = true; !take(l, end); first = false) {
        if (!first && !take(l, ","))
            return false;
        if (!first && take(l, end)) /* a comma at the end */
            break;
        buf_cstr(out, first ? "" : ", ");
        if (!take_value(l, out))
            return false;
    }
    buf_byte(out, ']');
    return true;
}

static bool begins_text(const struct literal *l)
{
    return l->s.n && l->s.p[0] && strchr("'\"<", l->s.p[0]);
}

static bool take_text_value(struct literal *l, struct buf *out)
{
    struct buf text;
    buf_init(&text, LIMIT_TOOLCALL_BYTES);
    bool ok = take_text(l, &text) && toolcall_put_text(buf_view(&text), out);
    buf_clear(&text);
    return ok;
}

static bool take_key(struct literal *l, struct buf *out)
{
    skip_blanks(l);
    if (begins_text(l))
        return take_text_value(l, out);
    struct str word = take_word(l);
    return word.n && toolcall_put_text(word, out);
}

/* key, `is`, value, .. up to `end`; seen: the keys so far, where none may come again */
static bool take_members(struct literal *l, const char *is, const char *end, json_t *seen,
                         struct buf *out)
{
    buf_byte(out, '{');
    for (bool first = true; !take(l, end); first = false) {
        if (!first && !take(l, ","))
            return false;
        buf_cstr(out, first ? "" : ", ");
        size_t from = out->n;
        if (!take_key(l, out))
            return false;
        struct str key = str_from(buf_view(out), from);
        if (seen && (json_object_getn(seen, key.p, key.n) ||
                     json_object_setn_new(seen, key.p, key.n, json_true()) != 0))
            return false;
        buf_cstr(out, ": ");
        if (!take(l, is) || !take_value(l, out))
            return false;
    }
    buf_byte(out, '}');
    return true;
}

static bool take_value(struct literal *l, struct buf *out)
{
    bool ok;
    skip_blanks(l);
    if (++l->depth > LIMIT_JSON_DEPTH || out->bad)
        return false;
    if (take(l, "["))
        ok = take_list(l, "]", out);
    else if (take(l, "("))
        ok = take_list(l, ")", out);
    else if (take(l, "{"))
        ok = take_members(l, ":", "}", NULL, out);
    else if (begins_text(l))
        ok = take_text_value(l, out);
    else
        ok = put_word(take_word(l), out);
    l->depth--;
    return ok;
}

/* --- tags --------------------------------------------------------------------------------------
 */

/* MiniMax M3 writes what is inside a value as tags: <item> for each of a list, else the key. */
static const struct str tag = STR("]<]minimax[>[<");

static bool at_tag(const struct literal *l)
{
    return str_starts(l->s, tag) && !str_starts(str_from(l->s, tag.n), STR("/"));
}

static bool take_tags(struct literal *l, struct buf *out);

static bool take_tagged(struct literal *l, struct buf *out)
{
    if (at_tag(l))
        return take_tags(l, out);
    size_t n = str_find(l->s, tag);
    struct str text = str_sub(l->s, 0, n == SIZE_MAX ? l->s.n : n);
    struct literal inner = {.s = text};
    struct str word = take_word(&inner);
    l->s = str_from(l->s, text.n);
    return (inner.s.n == 0 && put_word(word, out)) || toolcall_put_text(text, out);
}

static bool take_tags(struct literal *l, struct buf *out)
{
    bool first = true, list = false;
    if (++l->depth >= LIMIT_JSON_DEPTH || out->bad)
        return false;
    for (; at_tag(l); first = false) {
        l->s = str_from(l->s, tag.n);
        struct str name = take_word(l);
        bool item = str_is(name, "item");
        if (first)
            list = item;
        if (!name.n || item != list || !take(l, ">"))
            return false;
        buf_cstr(out, !first ? ", " : list ? "[" : "{");
        if (!list && !toolcall_put_text(name, out))
            return false;
        buf_cstr(out, list ? "" : ": ");
        if (!take_tagged(l, out) || !take(l, "]<]minimax[>[</") || !str_eq(take_word(l), name) ||
            !take(l, ">"))
            return false;
    }
    l->depth--;
    buf_cstr(out, first ? "{}" : list ? "]" : "}");
    return true;
}

bool toolcall_literal(struct str text, struct buf *out)
{
    struct literal l = {.s = text};
    size_t from = out->n;
    bool ok = str_starts(text, tag) ? take_tags(&l, out) : take_value(&l, out);
    skip_blanks(&l);
    if (ok && l.s.n == 0)
        return true;
    if (!out->bad)
        out->n = from;
    return false;
}

/* --- calls -------------------------------------------------------------------------------------
 */

static bool take_call(struct literal *l, struct toolcall *t, toolcall_literal_fn *f)
{
    if (l->gemma && !take(l, "call:"))
        return false;
    struct str name = take_word(l);
    if (!name.n || !take(l, l->gemma ? "{" : "("))
        return false;
    json_t *seen = json_object();
    struct buf args;
    buf_init(&args, LIMIT_TOOLCALL_BYTES * 8u);
    bool ok = seen && (l->gemma ? take_members(l, ":", "}", NULL, &args)
                                : take_members(l, "=", ")", seen, &args));
    ok = ok && !args.bad && f(t, name, buf_view(&args));
    buf_clear(&args);
    json_decref(seen);
    return ok;
}

static bool ignore(struct toolcall *t, struct str name, struct str args)
{
    (void)t;
    (void)args;
    return name.n > 0;
}

static bool take_calls(struct literal l, struct toolcall *t, toolcall_literal_fn *f)
{
    bool list = take(&l, "[");
    do
        if (!take_call(&l, t, f))
            return false;
    while (!l.gemma && take(&l, ","));
    if (list && !take(&l, "]"))
        return false;
    skip_blanks(&l);
    return l.s.n == 0;
}

/* All of them are read before the first is passed on. */
bool toolcall_literals(struct toolcall *t, struct str text, toolcall_literal_fn *f)
{
    struct literal l = {.s = text, .gemma = t->f->flags & TOOLCALL_GEMMA};
    return take_calls(l, t, ignore) && take_calls(l, t, f);
}
