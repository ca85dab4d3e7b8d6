/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_lex: see template_lex.h. */
#include "text/template_lex.h"

#include <stdio.h>
#include <string.h>

#include "text/template_unicode.h"

void lex_init(struct lexer *l, struct str src)
{
    *l = (struct lexer){.src = src, .line = 1, .line_starting = true};
}

bool lex_normalize(struct str src, struct buf *out, struct err *e)
{
    if (!str_utf8_valid(src))
        return fail(e, ERR_CORRUPT, "the template is not valid UTF-8");
    for (size_t i = 0; i < src.n; i++) {
        if (src.p[i] != '\r')
            buf_byte(out, src.p[i]);
        else if (i + 1 == src.n || src.p[i + 1] != '\n')
            buf_byte(out, '\n');
    }
    if (!buf_ok(out, "template", e))
        return false;
    if (out->n && out->p[out->n - 1] == '\n')
        out->n--;
    return true;
}

static bool at(const struct lexer *l, size_t pos, const char *text)
{
    return str_starts(str_from(l->src, pos), str_of(text));
}

static char byte_at(const struct lexer *l, size_t pos)
{
    return pos < l->src.n ? l->src.p[pos] : '\0';
}

static size_t skip_space(const struct lexer *l, size_t pos)
{
    return l->src.n - utf8_strip(str_from(l->src, pos), true, false).n;
}

/* Moves to pos, counting the lines passed. */
static void move(struct lexer *l, size_t pos)
{
    for (size_t i = l->at; i < pos; i++)
        l->line += l->src.p[i] == '\n';
    l->at = pos;
}

/* The end of a tag at pos, whose closing two bytes are `close`: "-%}" swallows white space, "%}"
 * one line end (not after "}}"), "+%}" nothing. Returns the position after it, 0 when it is none.
 */
static size_t tag_end(const struct lexer *l, size_t pos, const char *close)
{
    char sign = byte_at(l, pos);
    bool print = close[0] == '}';
    if (sign == '-' && at(l, pos + 1, close))
        return skip_space(l, pos + 3);
    if (sign == '+' && !print && at(l, pos + 1, close))
        return pos + 3;
    if (at(l, pos, close))
        return pos + 2 + (!print && byte_at(l, pos + 2) == '\n');
    return 0;
}

static void end_tag(struct lexer *l, size_t pos)
{
    move(l, pos);
    l->line_starting = byte_at(l, pos - 1) == '\n';
    l->where = IN_TEXT;
}

/* The text before a tag, less what its sign or lstrip_blocks takes away. */
static struct str strip_text(const struct lexer *l, struct str text, char sign, bool print)
{
    if (sign == '-')
        return utf8_strip(text, false, true);
    if (sign == '+' || print)
        return text;
    const char *nl = text.n ? memrchr(text.p, '\n', text.n) : NULL;
    size_t line = nl ? (size_t)(nl - text.p) + 1 : 0;
    bool blank = utf8_strip(str_from(text, line), true, false).n == 0;
    if (blank && (line > 0 || l->line_starting))
        text.n = line;
    return text;
}

/* After "{%" and its sign: position behind `word` and the white space around it, 0 if not there. */
static size_t tag_word(const struct lexer *l, size_t pos, const char *word)
{
    pos = skip_space(l, pos);
    return at(l, pos, word) ? skip_space(l, pos + strlen(word)) : 0;
}

static size_t sign_length(const struct lexer *l, size_t pos)
{
    char c = byte_at(l, pos);
    return c == '-' || c == '+';
}

/* Position after "{% raw %}" at tag, 0 when it is another tag. */
static size_t raw_begin(const struct lexer *l, size_t tag)
{
    size_t pos = tag_word(l, tag + 2 + sign_length(l, tag + 2), "raw");
    if (!pos)
        return 0;
    if (at(l, pos, "-%}"))
        return skip_space(l, pos + 3);
    return at(l, pos, "%}") ? pos + 2 : 0;
}

/* Leaves the raw block that l->at stands in; its text goes to *text. */
static bool raw_text(struct lexer *l, struct str *text, struct err *e)
{
    for (size_t tag = l->at; tag < l->src.n; tag++) {
        size_t found = str_find(str_from(l->src, tag), STR("{%"));
        if (found == SIZE_MAX)
            break;
        tag += found;
        size_t pos = tag_word(l, tag + 2 + sign_length(l, tag + 2), "endraw");
        size_t end = pos ? tag_end(l, pos, "%}") : 0;
        if (!end)
            continue;
        *text = strip_text(l, str_sub(l->src, l->at, tag - l->at), byte_at(l, tag + 2), false);
        end_tag(l, end);
        return true;
    }
    return fail(e, ERR_CORRUPT, "line %u: {%% raw %%} has no {%% endraw %%}", l->line);
}

static bool skip_comment(struct lexer *l, size_t tag, struct err *e)
{
    size_t start = tag + 2 + sign_length(l, tag + 2);
    size_t found = str_find(str_from(l->src, start), STR("#}"));
    if (found == SIZE_MAX)
        return fail(e, ERR_CORRUPT, "line %u: a comment {# has no end #}", l->line);
    size_t pos = start + found;
    if (found && sign_length(l, pos - 1))
        pos--;
    end_tag(l, tag_end(l, pos, "#}"));
    return true;
}

static size_t find_tag(const struct lexer *l)
{
    for (size_t i = l->at; i < l->src.n; i++) {
        const char *p = memchr(l->src.p + i, '{', l->src.n - i);
        if (!p)
            break;
        i = (size_t)(p - l->src.p);
        char c = byte_at(l, i + 1);
        if (c == '%' || c == '{' || c == '#')
            return i;
    }
    return l->src.n;
}

static bool data(struct token *t, struct str text)
{
    t->kind = LEX_DATA;
    t->text = text;
    return true;
}

static bool next_in_text(struct lexer *l, struct token *t, struct err *e)
{
    while (l->at < l->src.n) {
        size_t tag = find_tag(l);
        struct str text = str_sub(l->src, l->at, tag - l->at);
        t->line = l->line;
        if (tag == l->src.n) {
            move(l, tag);
            return data(t, text);
        }
        bool print = l->src.p[tag + 1] == '{';
        text = strip_text(l, text, byte_at(l, tag + 2), print);
        move(l, tag);
        if (text.n) {
            return data(t, text);
        } else if (l->src.p[tag + 1] == '#') {
            if (!skip_comment(l, tag, e))
                return false;
        } else if (!print && raw_begin(l, tag)) {
            end_tag(l, raw_begin(l, tag));
            if (!raw_text(l, &text, e))
                return false;
            if (text.n)
                return data(t, text);
        } else {
            move(l, tag + 2 + sign_length(l, tag + 2));
            l->where = print ? IN_PRINT : IN_TAG;
            t->line = l->line;
            t->kind = print ? LEX_PRINT_BEGIN : LEX_TAG_BEGIN;
            return true;
        }
    }
    t->kind = LEX_EOF;
    t->line = l->line;
    return true;
}

static bool is_digit(char c, int base)
{
    int v = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;
    return v < base;
}

/* Digits with single underscores between them; the position after them. */
static size_t digits(const struct lexer *l, size_t pos, int base)
{
    while (is_digit(byte_at(l, pos), base)) {
        do
            pos++;
        while (is_digit(byte_at(l, pos), base));
        if (byte_at(l, pos) != '_' || !is_digit(byte_at(l, pos + 1), base))
            break;
        pos++;
    }
    return pos;
}

static size_t float_end(const struct lexer *l, size_t start)
{
    size_t pos = digits(l, start, 10), end = 0;
    if (pos == start || (start && l->src.p[start - 1] == '.'))
        return 0;
    if (byte_at(l, pos) == '.' && is_digit(byte_at(l, pos + 1), 10))
        end = pos = digits(l, pos + 1, 10);
    if ((byte_at(l, pos) | 32) == 'e') {
        size_t exp = pos + 1 + sign_length(l, pos + 1);
        if (digits(l, exp, 10) > exp)
            end = digits(l, exp, 10);
    }
    return end;
}

static size_t integer_end(const struct lexer *l, size_t pos)
{
    char kind = (char)(byte_at(l, pos + 1) | 32);
    int base = byte_at(l, pos) != '0' ? 10
               : kind == 'b'          ? 2
               : kind == 'o'          ? 8
               : kind == 'x'          ? 16
                                      : 0;
    if (base == 10)
        return digits(l, pos, 10);
    size_t first = pos + 2 + (byte_at(l, pos + 2) == '_');
    if (base && digits(l, first, base) > first)
        return digits(l, first, base);
    return digits(l, pos, 1); /* zeros */
}

static size_t name_end(const struct lexer *l, size_t pos)
{
    while (pos < l->src.n) {
        size_t next = pos;
        if (!(char_class(str_utf8_next(l->src, &next)) & CHAR_WORD))
            break;
        pos = next;
    }
    return pos;
}

static size_t string_end(const struct lexer *l, size_t pos)
{
    char quote = l->src.p[pos];
    for (pos++; pos < l->src.n; pos++) {
        if (l->src.p[pos] == quote)
            return pos + 1;
        pos += l->src.p[pos] == '\\';
    }
    return 0;
}

static size_t operator_length(const struct lexer *l)
{
    static const char two[][3] = {"//", "**", "==", "!=", ">=", "<="};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (at(l, l->at, two[i]))
            return 2;
    return memchr("+-/*%~[](){}><=.:|,;", l->src.p[l->at], 20) != NULL;
}

static bool match_bracket(struct lexer *l, char c, struct err *e)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *o = strchr(open, c), *k = strchr(close, c);
    if (o) {
        if (l->n_brackets == LEX_BRACKETS)
            return fail(e, ERR_LIMIT, "line %u: the expression is nested too deeply", l->line);
        l->brackets[l->n_brackets++] = close[o - open];
    } else if (k) {
        if (!l->n_brackets || l->brackets[l->n_brackets - 1] != c)
            return fail(e, ERR_CORRUPT, "line %u: unexpected \"%c\"", l->line, c);
        l->n_brackets--;
    }
    return true;
}

static bool next_in_tag(struct lexer *l, struct token *t, struct err *e)
{
    const char *close = l->where == IN_PRINT ? "}}" : "%}";
    size_t end = l->n_brackets ? 0 : tag_end(l, l->at, close);
    if (!end) {
        move(l, skip_space(l, l->at));
        end = l->n_brackets ? 0 : tag_end(l, l->at, close);
    }
    t->line = l->line;
    if (end) {
        t->kind = l->where == IN_PRINT ? LEX_PRINT_END : LEX_TAG_END;
        end_tag(l, end);
        return true;
    }
    if (l->at >= l->src.n) {
        t->kind = LEX_EOF;
        return true;
    }
    char c = l->src.p[l->at];
    if (is_digit(c, 10)) {
        end = float_end(l, l->at);
        t->kind = end ? LEX_FLOAT : LEX_INTEGER;
        end = end ? end : integer_end(l, l->at);
    } else if ((end = name_end(l, l->at)) > l->at) {
        t->kind = LEX_NAME;
    } else if ((c == '\'' || c == '"') && (end = string_end(l, l->at))) {
        t->kind = LEX_STRING;
        t->text = str_sub(l->src, l->at + 1, end - l->at - 2);
        move(l, end);
        return true;
    } else if ((end = l->at + operator_length(l)) > l->at) {
        t->kind = LEX_OPERATOR;
        t->op = OP(c, end - l->at == 2 ? l->src.p[l->at + 1] : 0);
        if (!match_bracket(l, c, e))
            return false;
    } else {
        size_t next = l->at;
        str_utf8_next(l->src, &next);
        return fail(e, ERR_CORRUPT, "line %u: unexpected character \"%.*s\"", l->line,
                    STR_ARG(str_sub(l->src, l->at, next - l->at)));
    }
    t->text = str_sub(l->src, l->at, end - l->at);
    move(l, end);
    return true;
}

bool lex_next(struct lexer *l, struct token *t, struct err *e)
{
    *t = (struct token){0};
    return l->where == IN_TEXT ? next_in_text(l, t, e) : next_in_tag(l, t, e);
}

/* Up to `max` digits of an escape at *at (at least `min`). */
static bool escape_digits(struct str s, size_t *at, size_t min, size_t max, int base, uint32_t *out)
{
    size_t n = 0;
    for (*out = 0; n < max && *at < s.n && is_digit(s.p[*at], base); n++, (*at)++) {
        char c = s.p[*at];
        *out = *out * (uint32_t)base + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return n >= min;
}

/* One escape whose backslash is at s.p[*at - 1]. Python keeps the backslash of unknown ones. */
static bool unescape_one(struct str s, size_t *at, char **w)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = s.p[(*at)++];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t cp = 0;
    bool good = true;
    if (c == '\n')
        return true;
    if (simple) {
        *(*w)++ = to[simple - from];
        return true;
    }
    if (c >= '0' && c <= '7') {
        (*at)--;
        good = escape_digits(s, at, 1, 3, 8, &cp);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        good = escape_digits(s, at, n, n, 16, &cp);
    } else if (c == 'N') {
        return false;
    } else if ((unsigned char)c >= 0x80) { /* Python sees the escape that stands for it */
        (*at)--;
        cp = str_utf8_next(s, at);
        *w += snprintf(*w, 11, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        return true;
    } else {
        *(*w)++ = '\\';
        *(*w)++ = c;
        return true;
    }
    if (!good || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return false;
    *w += str_utf8_put(cp, *w);
    return true;
}

bool lex_unescape(struct str text, uint32_t line, struct arena *a, struct str *out, struct err *e)
{
    if (!text.n || !memchr(text.p, '\\', text.n)) {
        *out = text;
        return true;
    }
    char *p = arena_new(a, text.n, 4, e), *w = p;
    if (!p)
        return false;
    for (size_t i = 0; i < text.n;) {
        char c = text.p[i++];
        if (c != '\\' || i == text.n)
            *w++ = c;
        else if (!unescape_one(text, &i, &w))
            return fail(e, ERR_CORRUPT, "line %u: bad escape \"\\%c\" in a string", line,
                        text.p[i - 1]);
    }
    *out = (struct str){p, (size_t)(w - p)};
    return true;
}
