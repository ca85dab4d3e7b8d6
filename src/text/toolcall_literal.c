/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_literal: calls in the notation of another language, read when they are whole.
 *
 * Python: [name(key='text', n=3), other()], the brackets may be missing. Gemma 4:
 * call:name{key:<|"|>text<|"|>,n:3}. Values are texts, numbers, True, False and None in both
 * spellings, lists, tuples and dictionaries, nested LIMIT_JSON_DEPTH deep at most. */
#include <stdlib.h>
#include <string.h>

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

static bool take_hex(struct literal *l, size_t digits, struct buf *out)
{
    uint32_t c = 0;
    if (l->s.n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char *at = l->s.p[i] ? strchr("0123456789abcdefABCDEF", l->s.p[i]) : NULL;
        if (!at)
            return false;
        uint32_t d = (uint32_t)(at - "0123456789abcdefABCDEF");
        c = c << 4 | (d > 15 ? d - 6 : d);
    }
    l->s = str_from(l->s, digits);
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

static json_t *take_value(struct literal *l);

static json_t *number(struct str word)
{
    double f;
    uint64_t n;
    bool minus = word.n && word.p[0] == '-';
    if (str_to_u64(str_from(word, minus), &n) && n <= INT64_MAX)
        return json_integer(minus ? -(json_int_t)n : (json_int_t)n);
    return str_to_f64(word, &f) ? json_real(f) : NULL;
}

static json_t *take_plain(struct literal *l)
{
    struct str word = take_word(l);
    if (str_is(word, "True") || str_is(word, "true"))
        return json_true();
    if (str_is(word, "False") || str_is(word, "false"))
        return json_false();
    if (str_is(word, "None") || str_is(word, "null"))
        return json_null();
    return number(word);
}

static json_t *take_list(struct literal *l, const char *end)
{
    json_t *list = json_array();
    while (list && !take(l, end)) {
        bool first = json_array_size(list) == 0;
        if ((!first && !take(l, ",")) || json_array_append_new(list, take_value(l)) != 0) {
            if (!first && take(l, end)) /* a comma at the end */
                return list;
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool take_key(struct literal *l, struct buf *key)
{
    if (take_text(l, key))
        return true;
    if (key->n)
        return false;
    buf_str(key, take_word(l));
    return key->n > 0;
}

/* key, `is`, value, .. up to `end` */
static json_t *take_members(struct literal *l, const char *is, const char *end)
{
    json_t *all = json_object();
    struct buf key;
    buf_init(&key, LIMIT_TOOLCALL_BYTES);
    bool ok = all != NULL;
    while (ok && !take(l, end)) {
        buf_reset(&key);
        ok = (json_object_size(all) == 0 || take(l, ",")) && take_key(l, &key) && take(l, is) &&
             !json_object_getn(all, buf_c(&key), key.n) &&
             json_object_setn_new(all, buf_c(&key), key.n, take_value(l)) == 0;
    }
    buf_clear(&key);
    if (ok)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *take_value(struct literal *l)
{
    json_t *j = NULL;
    struct buf text;
    skip_blanks(l);
    if (++l->depth > LIMIT_JSON_DEPTH)
        return NULL;
    if (take(l, "["))
        j = take_list(l, "]");
    else if (take(l, "("))
        j = take_list(l, ")");
    else if (take(l, "{"))
        j = take_members(l, ":", "}");
    else if (l->s.n && strchr("'\"<", l->s.p[0])) {
        buf_init(&text, LIMIT_TOOLCALL_BYTES);
        if (take_text(l, &text))
            j = json_stringn(buf_c(&text), text.n);
        buf_clear(&text);
    } else {
        j = take_plain(l);
    }
    l->depth--;
    return j;
}

/* --- tags --------------------------------------------------------------------------------------
 */

/* MiniMax M3 writes what is inside a value as tags: <item> for each of a list, else the key. */
static const struct str tag = STR("]<]minimax[>[<");

static bool add_tag(json_t *list, json_t *object, struct str name, json_t *value)
{
    if (str_is(name, "item"))
        return json_array_append_new(list, value) == 0;
    bool new = !json_object_getn(object, name.p, name.n);
    return json_object_setn_new(object, name.p, name.n, value) == 0 && new;
}

static json_t *take_tags(struct literal *l);

static json_t *take_tagged(struct literal *l)
{
    if (str_starts(l->s, tag) && !str_starts(str_from(l->s, tag.n), STR("/")))
        return take_tags(l);
    size_t n = str_find(l->s, tag);
    struct str text = str_sub(l->s, 0, n == SIZE_MAX ? l->s.n : n);
    struct literal inner = {.s = text};
    l->s = str_from(l->s, text.n);
    json_t *j = take_plain(&inner);
    if (j && inner.s.n == 0)
        return j;
    json_decref(j);
    return json_stringn(text.p ? text.p : "", text.n);
}

static json_t *take_tags(struct literal *l)
{
    json_t *list = json_array(), *object = json_object();
    bool ok = list && object && ++l->depth < LIMIT_JSON_DEPTH;
    while (ok && str_starts(l->s, tag) && !str_starts(str_from(l->s, tag.n), STR("/"))) {
        l->s = str_from(l->s, tag.n);
        struct str name = take_word(l);
        ok = name.n && take(l, ">") && add_tag(list, object, name, take_tagged(l)) &&
             take(l, "]<]minimax[>[</") && str_eq(take_word(l), name) && take(l, ">");
    }
    l->depth--;
    ok = ok && (json_array_size(list) == 0 || json_object_size(object) == 0);
    bool is_list = json_array_size(list) > 0;
    json_decref(is_list || !ok ? object : list);
    if (ok)
        return is_list ? list : object;
    json_decref(list);
    return NULL;
}

json_t *toolcall_literal(struct str text)
{
    struct literal l = {.s = text};
    json_t *j = str_starts(text, tag) ? take_tags(&l) : take_value(&l);
    skip_blanks(&l);
    if (l.s.n == 0)
        return j;
    json_decref(j);
    return NULL;
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
    json_t *args = l->gemma ? take_members(l, ":", "}") : take_members(l, "=", ")");
    bool ok = args && f(t, name, args);
    json_decref(args);
    return ok;
}

static bool ignore(struct toolcall *t, struct str name, const json_t *args)
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
