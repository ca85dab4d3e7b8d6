/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_read: the text of a JSON document (RFC 8259, UTF-8) -> jansson's values.
 *
 * Read by moat itself: jansson 2.14's own reader writes beyond a string where memory ends in the
 * middle of one, has no limit on values and one of 2,048 on depth. A number without fraction and
 * exponent is an integer of 64 bits, or is refused; so is U+0000 in a text.
 *
 * (I1) r->scratch is a stack: who puts a text on it takes it off, and what is read in between
 *      leaves it as it was. A key outlives its value so.
 * (I2) read_value calls itself LIMIT_JSON_DEPTH times at most. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

struct reader {
    struct str text;
    size_t at, values;
    const char *where;
    bool loose;         /* a key may stand twice */
    bool reals;         /* all numbers become reals */
    struct buf scratch; /* texts with escapes */
    struct err *e;
};

/* A text: as it stands, or on the scratch. */
struct span {
    bool decoded;
    size_t at, n;
};

static size_t line_of(const struct reader *r)
{
    size_t line = 1;
    for (size_t i = 0; i < r->at; i++)
        line += r->text.p[i] == '\n';
    return line;
}

/* `why` is a gettext id. Columns count characters. */
static bool bad(const struct reader *r, const char *why)
{
    size_t column = 1;
    for (size_t i = r->at; i > 0 && r->text.p[i - 1] != '\n'; i--)
        column += ((unsigned char)r->text.p[i - 1] & 0xc0) != 0x80;
    return fail(r->e, ERR_USAGE, "%s: not valid JSON: line %zu, column %zu: %s", r->where,
                line_of(r), column, err_text(why));
}

static bool no_memory(const struct reader *r)
{
    return fail(r->e, ERR_LIMIT, "%s: not enough memory for this JSON document", r->where);
}

/* The next byte, or -1 at the end. */
static int peek(const struct reader *r)
{
    return r->at < r->text.n ? (unsigned char)r->text.p[r->at] : -1;
}

static int peek_past_space(struct reader *r)
{
    int c;
    while ((c = peek(r)) == ' ' || c == '\n' || c == '\t' || c == '\r')
        r->at++;
    return c;
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool read_hex(struct reader *r, uint32_t *v)
{
    *v = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r), letter = c | 0x20;
        if (c >= '0' && c <= '9')
            *v = *v << 4 | (uint32_t)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            *v = *v << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return bad(r, N_("\\u takes four hexadecimal digits"));
    }
    return true;
}

/* Behind "\u": one code point, of which UTF-16 may make two such escapes. */
static bool read_code_point(struct reader *r)
{
    uint32_t c, low = 0;
    if (!read_hex(r, &c))
        return false;
    if (c == 0)
        return bad(r, N_("\\u0000 is not allowed in a text"));
    bool high = c >= 0xd800 && c < 0xdc00;
    if (high && str_starts(str_from(r->text, r->at), STR("\\u"))) {
        r->at += 2;
        if (!read_hex(r, &low))
            return false;
    }
    if (c >= 0xd800 && c < 0xe000) {
        if (!high || low < 0xdc00 || low >= 0xe000)
            return bad(r, N_("half of a surrogate pair stands alone"));
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    }
    buf_utf8(&r->scratch, c);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    r->at++;
    int c = peek(r);
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (c != 'u' && !found)
        return bad(r, N_("no such escape: \\ is followed by \" \\ / b f n r t or u"));
    r->at++;
    if (c == 'u')
        return read_code_point(r);
    buf_byte(&r->scratch, values[found - names]);
    return true;
}

/* Up to the closing quote. What stands there as it is has been added to the scratch up to *from,
 * where there are escapes; *utf8: it is more than ASCII. */
static bool read_characters(struct reader *r, size_t *from, bool *utf8)
{
    for (int c; (c = peek(r)) != '"';) {
        if (c < 0)
            return bad(r, N_("a text has no end"));
        if (c < 0x20)
            return bad(r, N_("a control character in a text; it is to be escaped"));
        *utf8 |= c >= 0x80;
        if (c == '\\') {
            buf_add(&r->scratch, r->text.p + *from, r->at - *from);
            if (!read_escape(r))
                return false;
            *from = r->at;
        } else {
            r->at++;
        }
    }
    return true;
}

static bool read_text(struct reader *r, struct span *s)
{
    size_t start = ++r->at, from = start, kept = r->scratch.n;
    bool utf8 = false;
    if (!read_characters(r, &from, &utf8))
        return false;
    if (utf8 && !str_utf8_valid(str_sub(r->text, start, r->at - start))) {
        r->at = start;
        return bad(r, N_("a text is not valid UTF-8"));
    }
    *s = (struct span){from != start, start, r->at - start};
    if (s->decoded) {
        buf_add(&r->scratch, r->text.p + from, r->at - from);
        *s = (struct span){true, kept, r->scratch.n - kept};
    }
    r->at++;
    return !r->scratch.bad || no_memory(r);
}

static struct str text_of(const struct reader *r, const struct span *s)
{
    return (struct str){(s->decoded ? r->scratch.p : r->text.p) + s->at, s->n};
}

/* Takes it off the scratch. */
static void drop_text(struct reader *r, const struct span *s)
{
    if (s->decoded)
        r->scratch.n = s->at;
}

static json_t *read_string(struct reader *r)
{
    struct span s;
    if (!read_text(r, &s))
        return NULL;
    struct str text = text_of(r, &s);
    json_t *j = json_stringn_nocheck(text.p, text.n);
    drop_text(r, &s);
    if (!j)
        no_memory(r);
    return j;
}

/* --- numbers and words ------------------------------------------------------------------------ */

static size_t skip_digits(struct reader *r)
{
    size_t from = r->at;
    for (int c; (c = peek(r)) >= '0' && c <= '9';)
        r->at++;
    return r->at - from;
}

/* Fraction and exponent, where they are there. */
static bool skip_rest(struct reader *r, bool *real)
{
    if (peek(r) == '.') {
        *real = true;
        r->at++;
        if (!skip_digits(r))
            return bad(r, N_("a digit is expected here"));
    }
    if ((peek(r) | 0x20) != 'e')
        return true;
    *real = true;
    r->at++;
    if (peek(r) == '+' || peek(r) == '-')
        r->at++;
    return skip_digits(r) || bad(r, N_("a digit is expected here"));
}

static json_t *make_number(struct reader *r, struct str text, bool real)
{
    bool negative = text.p[0] == '-';
    uint64_t v = 0;
    double f = 0;
    if (real && !str_to_f64(text, &f)) {
        bad(r, N_("the number is too large, or written with too many digits"));
        return NULL;
    }
    if (!real &&
        (!str_to_u64(str_from(text, negative), &v) || v > (uint64_t)INT64_MAX + negative)) {
        bad(r, N_("the integer is too large for 64 bits"));
        return NULL;
    }
    json_t *j = real ? json_real(f) : json_integer((json_int_t)(negative ? -v : v));
    if (!j)
        no_memory(r);
    return j;
}

static json_t *read_number(struct reader *r)
{
    size_t from = r->at;
    bool real = r->reals;
    if (peek(r) == '-')
        r->at++;
    if (peek(r) == '0')
        r->at++;
    else if (!skip_digits(r)) {
        bad(r, r->at > from ? N_("a digit is expected here") : N_("a value is expected here"));
        return NULL;
    }
    if (!skip_rest(r, &real))
        return NULL;
    size_t end = r->at;
    r->at = from; /* for an error */
    json_t *j = make_number(r, str_sub(r->text, from, end - from), real);
    r->at = end;
    return j;
}

static json_t *read_word(struct reader *r)
{
    struct str rest = str_from(r->text, r->at);
    json_t *j = str_starts(rest, STR("true"))    ? json_true()
                : str_starts(rest, STR("false")) ? json_false()
                : str_starts(rest, STR("null"))  ? json_null()
                                                 : NULL;
    if (!j)
        bad(r, N_("a value is expected here"));
    else
        r->at += json_is_false(j) ? 5 : 4;
    return j;
}

/* --- what holds others ------------------------------------------------------------------------ */

static json_t *read_value(struct reader *r, unsigned depth);

/* Adds what was read; j may be NULL. */
static bool read_element(struct reader *r, json_t *array, unsigned depth)
{
    json_t *j = read_value(r, depth);
    return j && (json_array_append_new(array, j) == 0 || no_memory(r));
}

static bool read_member(struct reader *r, json_t *object, unsigned depth)
{
    struct span key;
    if (peek_past_space(r) != '"')
        return bad(r, N_("a key in double quotes is expected here"));
    size_t at = r->at;
    if (!read_text(r, &key))
        return false;
    struct str name = text_of(r, &key);
    if (!r->loose && json_object_getn(object, name.p, name.n)) {
        r->at = at;
        return bad(r, N_("this key is a duplicate"));
    }
    if (peek_past_space(r) != ':')
        return bad(r, N_("a : is expected behind the key"));
    r->at++;
    json_t *j = read_value(r, depth);
    name = text_of(r, &key);
    bool ok = j && (json_object_setn_new_nocheck(object, name.p, name.n, j) == 0 || no_memory(r));
    drop_text(r, &key);
    return ok;
}

/* Everything up to the closing bracket. */
static bool read_members(struct reader *r, json_t *into, unsigned depth)
{
    bool object = json_is_object(into);
    int close = object ? '}' : ']';
    r->at++;
    if (peek_past_space(r) == close) {
        r->at++;
        return true;
    }
    for (;;) {
        if (!(object ? read_member(r, into, depth) : read_element(r, into, depth)))
            return false;
        int c = peek_past_space(r);
        if (c != close && c != ',')
            return bad(r,
                       object ? N_("a , or } is expected here") : N_("a , or ] is expected here"));
        r->at++;
        if (c == close)
            return true;
    }
}

static json_t *read_container(struct reader *r, unsigned depth)
{
    if (depth > LIMIT_JSON_DEPTH) {
        fail(r->e, ERR_LIMIT, "%s: line %zu: JSON is nested deeper than %u", r->where, line_of(r),
             LIMIT_JSON_DEPTH);
        return NULL;
    }
    json_t *j = peek(r) == '{' ? json_object() : json_array();
    if (!j)
        no_memory(r);
    if (j && !read_members(r, j, depth)) {
        json_decref(j);
        j = NULL;
    }
    return j;
}

/* NULL: *e says why. */
static json_t *read_value(struct reader *r, unsigned depth)
{
    int c = peek_past_space(r);
    if (++r->values > LIMIT_JSON_VALUES) {
        fail(r->e, ERR_LIMIT, "%s: line %zu: JSON has more than %u values", r->where, line_of(r),
             LIMIT_JSON_VALUES);
        return NULL;
    }
    if (c == '{' || c == '[')
        return read_container(r, depth + 1);
    if (c == '"')
        return read_string(r);
    return c == 't' || c == 'f' || c == 'n' ? read_word(r) : read_number(r);
}

/* Memory that was short for this document leaves nothing behind that is to be written. */
static json_t *read_document(struct reader r)
{
    buf_init(&r.scratch, r.text.n);
    json_t *j = read_value(&r, 0);
    if (j && peek_past_space(&r) >= 0) {
        bad(&r, N_("the document ends before this"));
        json_decref(j);
        j = NULL;
    }
    if (!j)
        json_start_over();
    buf_clear(&r.scratch);
    return j;
}

json_t *json_parse(struct str text, const char *where, struct err *e)
{
    return read_document((struct reader){.text = text, .where = where, .e = e});
}

json_t *json_parse_loose(struct str text, const char *where, struct err *e)
{
    return read_document((struct reader){.text = text, .where = where, .loose = true, .e = e});
}

json_t *json_parse_reals(struct str text, const char *where, struct err *e)
{
    return read_document((struct reader){.text = text, .where = where, .reals = true, .e = e});
}
