/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_format: Python's three ways to format: "%s" % x, "{}".format(x), and the format
 * specification after the colon (format_value). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/template_run.h"
#include "text/template_unicode.h"

#define MAX_WIDTH     65536
#define MAX_PRECISION 400

/* How one value is to look. */
struct spec {
    struct str fill;        /* one character; empty: none given */
    char align, sign, type; /* 0: none given */
    char group;             /* ',' or '_' between thousands */
    bool alternate, zero;
    int64_t width, precision; /* precision -1: none given */
};

/* ---- numbers ---- */

static bool digits_of(uint64_t u, unsigned base, bool upper, struct buf *out)
{
    char text[65];
    size_t at = sizeof text;
    do {
        text[--at] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
        u /= base;
    } while (u);
    buf_add(out, text + at, sizeof text - at);
    return true;
}

/* Sets the digits of the whole part of a number apart in threes. */
static void group_digits(struct str number, char group, struct buf *out)
{
    size_t whole = 0;
    while (whole < number.n && isdigit((unsigned char)number.p[whole]))
        whole++;
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % 3 == 0)
            buf_byte(out, group);
        buf_byte(out, number.p[i]);
    }
    buf_str(out, str_from(number, whole));
}

/* Pads text, whose first `head` bytes (sign and prefix) come before zeros. */
static void write_padded(struct str text, size_t head, const struct spec *s, char align,
                         struct buf *out)
{
    int64_t pad = s->width - (int64_t)utf8_count(text);
    struct str fill = s->fill.n ? s->fill : s->zero ? STR("0") : STR(" ");
    align = s->align ? s->align : s->zero && align == '>' ? '=' : align;
    int64_t left = align == '^' ? pad / 2 : align == '<' ? 0 : pad;
    buf_str(out, align == '=' ? str_sub(text, 0, head) : STR(""));
    write_fill(out, fill, left);
    buf_str(out, align == '=' ? str_from(text, head) : text);
    write_fill(out, fill, pad < left ? 0 : pad - left);
}

static void write_sign(bool minus, const struct spec *s, struct buf *out)
{
    if (minus || s->sign == '+' || s->sign == ' ')
        buf_byte(out, minus ? '-' : s->sign);
}

static bool write_int(struct render *r, int64_t i, const struct spec *s, bool percent,
                      struct buf *out)
{
    char type = s->type ? s->type : 'd';
    unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    struct buf b, digits;
    text_start(&b);
    text_start(&digits);
    write_sign(i < 0, s, &b);
    if (s->alternate && base != 10)
        buf_fmt(&b, "0%c", type);
    size_t head = b.n;
    digits_of(u, base, type == 'X', &digits);
    for (int64_t n = (int64_t)digits.n; percent && n < s->precision; n++)
        buf_byte(&b, '0');
    if (s->group)
        group_digits(buf_view(&digits), s->group, &b);
    else
        buf_str(&b, buf_view(&digits));
    write_padded(buf_view(&b), head, s, '>', out);
    buf_clear(&b);
    buf_clear(&digits);
    return spend(r, (size_t)s->width / 16);
}

static void trim_zeros(struct buf *b)
{
    while (b->n && b->p[b->n - 1] == '0')
        b->n--;
    if (b->n && b->p[b->n - 1] == '.')
        b->n--;
}

/* A float without a type letter: like g, but 1.0 keeps its ".0" and exponents start one earlier. */
static void write_general(double f, int precision, struct buf *out)
{
    struct buf e;
    text_start(&e);
    int p = precision ? precision : 1;
    write_double(&e, 'e', p - 1, false, f);
    size_t at = str_find(buf_view(&e), STR("e"));
    int exponent = 0;
    for (size_t i = at + 2; i < e.n; i++)
        exponent = exponent * 10 + (e.p[i] - '0');
    if (e.p[at + 1] == '-')
        exponent = -exponent;
    if (exponent < -4 || exponent >= p - 1) {
        struct buf mantissa;
        text_start(&mantissa);
        buf_add(&mantissa, e.p, at);
        if (memchr(e.p, '.', at))
            trim_zeros(&mantissa);
        buf_str(out, buf_view(&mantissa));
        buf_add(out, e.p + at, e.n - at);
        buf_clear(&mantissa);
    } else {
        size_t start = out->n;
        write_double(out, 'f', p - 1 - exponent, false, f);
        if (memchr(out->p + start, '.', out->n - start))
            trim_zeros(out);
        if (!memchr(out->p + start, '.', out->n - start))
            buf_cstr(out, ".0");
    }
    buf_clear(&e);
}

static bool write_real(struct render *r, double f, const struct spec *s, struct buf *out)
{
    char type = (char)tolower((unsigned char)s->type);
    struct buf b, number;
    text_start(&b);
    text_start(&number);
    write_sign(signbit(f) && !isnan(f), s, &b);
    size_t head = b.n;
    double size = fabs(f) * (type == '%' ? 100 : 1);
    int precision = (int)(s->precision < 0 ? 6 : s->precision);
    if (isnan(f) || isinf(f))
        buf_cstr(&number, isnan(f) ? "nan" : "inf");
    else if (!type && s->precision < 0)
        write_float(size, &number);
    else if (!type)
        write_general(size, precision, &number);
    else
        write_double(&number,
                     type == '%'   ? 'f'
                     : type == 'n' ? 'g'
                                   : type,
                     precision, s->alternate, size);
    if (isupper((unsigned char)s->type))
        for (size_t i = 0; i < number.n; i++)
            number.p[i] = (char)toupper((unsigned char)number.p[i]);
    if (type == '%')
        buf_byte(&number, '%');
    if (s->group)
        group_digits(buf_view(&number), s->group, &b);
    else
        buf_str(&b, buf_view(&number));
    write_padded(buf_view(&b), head, s, '>', out);
    size_t steps = 24 + b.n / 4 + (size_t)s->width / 32;
    buf_clear(&b);
    buf_clear(&number);
    return spend(r, steps);
}

static bool write_text(struct render *r, struct str text, const struct spec *s, char align,
                       struct buf *out)
{
    if (s->precision >= 0)
        text = str_sub(text, 0, utf8_offset(text, (size_t)s->precision));
    write_padded(text, 0, s, align, out);
    return spend(r, (text.n + (size_t)s->width) / 16);
}

/* ---- the format specification ---- */

static bool read_number(struct str s, size_t *at, int64_t max, int64_t *out)
{
    bool any = false;
    for (*out = 0; *at < s.n && isdigit((unsigned char)s.p[*at]) && *out <= max; ++*at) {
        *out = *out * 10 + (s.p[*at] - '0');
        any = true;
    }
    return any && *out <= max;
}

static bool is_align(struct str s, size_t at)
{
    return at < s.n && memchr("<>=^", s.p[at], 4);
}

static bool take_char(struct str s, size_t *at, const char *set, char *out)
{
    if (*at >= s.n || !s.p[*at] || !strchr(set, s.p[*at]))
        return false;
    *out = s.p[(*at)++];
    return true;
}

static bool read_spec(struct render *r, struct str text, struct spec *s)
{
    size_t at = 0, second = 0;
    char mark;
    *s = (struct spec){.precision = -1};
    if (text.n)
        str_utf8_next(text, &second);
    if (second && is_align(text, second)) {
        s->fill = str_sub(text, 0, second);
        at = second;
    }
    if (is_align(text, at))
        s->align = text.p[at++];
    take_char(text, &at, "+- ", &s->sign);
    s->alternate = take_char(text, &at, "#", &mark);
    s->zero = take_char(text, &at, "0", &mark);
    if (at < text.n && isdigit((unsigned char)text.p[at]) &&
        !read_number(text, &at, MAX_WIDTH, &s->width))
        return oops(r, "format: the width is too large");
    take_char(text, &at, ",_", &s->group);
    if (take_char(text, &at, ".", &mark) && !read_number(text, &at, MAX_PRECISION, &s->precision))
        return oops(r, "format: the precision is missing or too large");
    take_char(text, &at, "bcdeEfFgGnosxX%", &s->type);
    if (at < text.n)
        return oops(r, "invalid format specifier \"%.*s\"", STR_ARG(text));
    return !(s->zero && s->group && s->width) ||
           oops(r, "format: zeros with a thousands separator are not supported");
}

static bool bad_type(struct render *r, const struct spec *s, struct value v)
{
    return oops(r, "unknown format code \"%c\" for a %s", s->type ? s->type : '=', v_type(v));
}

bool format_value(struct render *r, struct value v, struct str text, struct buf *out)
{
    struct spec s;
    if (!text.n)
        return write_str(r, v, out);
    if (v.kind != V_STR && !v_is_number(v))
        return oops(r, "unsupported format string for a %s", v_type(v));
    if (!read_spec(r, text, &s))
        return false;
    if (v.kind == V_STR) {
        if ((s.type && s.type != 's') || s.sign || s.align == '=' || s.alternate || s.group)
            return bad_type(r, &s, v);
        return write_text(r, as_str(v), &s, '<', out);
    }
    bool real = s.type && strchr("eEfFgG%", s.type);
    if (s.type == 's' || (v.kind == V_FLOAT && s.type && !real && s.type != 'n') ||
        (v.kind != V_FLOAT && !real && s.precision >= 0))
        return bad_type(r, &s, v);
    if (s.type == 'c') {
        struct buf c;
        buf_init(&c, 4);
        if (v.i < 0 || v.i > 0x10ffff || (v.i >= 0xd800 && v.i < 0xe000))
            return oops(r, "no character has the code %lld", (long long)v.i);
        buf_utf8(&c, (uint32_t)v.i);
        bool ok = write_text(r, buf_view(&c), &s, '<', out);
        buf_clear(&c);
        return ok;
    }
    if (v.kind == V_FLOAT || real)
        return write_real(r, v.kind == V_FLOAT ? v.f : (double)v.i, &s, out);
    return write_int(r, v.i, &s, false, out);
}

/* ---- "%s" % x ---- */

struct percent {
    struct str f;
    size_t at;
    struct value args;
    uint32_t used;
    bool mapping, markup;
};

static bool next_arg(struct render *r, struct percent *p, struct value *out)
{
    bool tuple = p->args.kind == V_TUPLE;
    if (p->used >= (tuple ? p->args.n : 1))
        return oops(r, "not enough arguments for the format string");
    *out = tuple ? p->args.items[p->used] : p->args;
    p->used++;
    return true;
}

/* "(key)" at p->at */
static bool keyed_arg(struct render *r, struct percent *p, struct value *out)
{
    size_t start = ++p->at;
    for (int depth = 1; p->at < p->f.n; p->at++) {
        depth += (p->f.p[p->at] == '(') - (p->f.p[p->at] == ')');
        if (!depth)
            break;
    }
    if (p->at == p->f.n)
        return oops(r, "incomplete format key");
    struct str key = str_sub(p->f, start, p->at++ - start);
    bool found = false;
    if (p->args.kind != V_DICT)
        return oops(r, "the format needs a dict, not %s", v_type(p->args));
    if (!dict_get(r, p->args.dict, v_str(key), out, &found))
        return false;
    return found || oops(r, "the dict has no key \"%.*s\"", STR_ARG(key));
}

static bool star_or_number(struct render *r, struct percent *p, int64_t max, int64_t *out)
{
    struct value v;
    if (p->at < p->f.n && p->f.p[p->at] == '*') {
        p->at++;
        if (!next_arg(r, p, &v) || !arg_int(r, v, 0, out))
            return false;
        return (*out <= max && *out >= -max) || oops(r, "a width or precision is too large");
    }
    if (p->at < p->f.n && isdigit((unsigned char)p->f.p[p->at]) &&
        !read_number(p->f, &p->at, max, out))
        return oops(r, "a width or precision is too large");
    return true;
}

static bool percent_text(struct render *r, struct percent *p, struct value v, struct spec *s,
                         struct buf *out)
{
    struct buf b, e;
    text_start(&b);
    text_start(&e);
    bool ok = s->type == 's' ? write_str(r, v, &b) : write_repr(r, v, &b);
    bool escape = p->markup && !(s->type == 's' && v.kind == V_STR && v.flag & STR_MARKUP);
    if (escape)
        ok = spend(r, write_escaped(buf_view(&b), &e)) && ok;
    s->zero = false;
    ok = ok && write_text(r, buf_view(escape ? &e : &b), s, '>', out);
    buf_clear(&b);
    buf_clear(&e);
    return ok;
}

static bool percent_value(struct render *r, struct percent *p, struct value v, struct spec *s,
                          struct buf *out)
{
    if (s->type == 's' || s->type == 'r')
        return percent_text(r, p, v, s, out);
    if (v.kind == V_UNDEFINED)
        return oops_undefined(r, v);
    if (s->type == 'c') {
        s->precision = -1;
        s->zero = false;
        if (v.kind == V_STR && utf8_count(as_str(v)) == 1)
            return write_text(r, as_str(v), s, '>', out);
        return v.kind == V_INT ? format_value(r, v, STR("c"), out)
                               : oops(r, "%%c needs an integer or a character");
    }
    if (!v_is_number(v))
        return oops(r, "%%%c format: a number is required, not %s", s->type, v_type(v));
    if (strchr("eEfFgG", s->type))
        return write_real(r, v.kind == V_FLOAT ? v.f : (double)v.i, s, out);
    if (!strchr("diuxXo", s->type))
        return oops(r, "unsupported format character \"%c\"", s->type);
    if (v.kind == V_FLOAT && (strchr("xXo", s->type) || !(fabs(v.f) < 9e18)))
        return oops(r, "%%%c format: an integer is required", s->type);
    s->type = strchr("diu", s->type) ? 'd' : s->type;
    return write_int(r, v.kind == V_FLOAT ? (int64_t)v.f : v.i, s, true, out);
}

/* One "%..." whose percent sign has been passed. */
static bool percent_one(struct render *r, struct percent *p, struct buf *out)
{
    struct spec s = {.precision = -1};
    struct value v = v_missing();
    if (p->at < p->f.n && p->f.p[p->at] == '%') {
        buf_byte(out, p->f.p[p->at++]);
        return true;
    }
    if (p->at < p->f.n && p->f.p[p->at] == '(' && !keyed_arg(r, p, &v))
        return false;
    for (char flag; take_char(p->f, &p->at, "-+ #0", &flag);) {
        s.align = flag == '-' ? '<' : s.align;
        s.sign = flag == '+' || (flag == ' ' && s.sign != '+') ? flag : s.sign;
        s.alternate |= flag == '#';
        s.zero |= flag == '0';
    }
    if (!star_or_number(r, p, MAX_WIDTH, &s.width))
        return false;
    if (s.width < 0) {
        s.align = '<';
        s.width = -s.width;
    }
    if (p->at < p->f.n && p->f.p[p->at] == '.') {
        p->at++;
        s.precision = 0;
        if (!star_or_number(r, p, MAX_PRECISION, &s.precision))
            return false;
        s.precision = s.precision < 0 ? 0 : s.precision;
    }
    char size;
    take_char(p->f, &p->at, "hlL", &size);
    if (p->at == p->f.n)
        return oops(r, "incomplete format");
    s.type = p->f.p[p->at++];
    if (s.align == '<')
        s.zero = false;
    if (v.kind == V_MISSING && !next_arg(r, p, &v))
        return false;
    return percent_value(r, p, v, &s, out);
}

bool format_percent(struct render *r, struct value format, struct value args, struct value *out)
{
    struct percent p = {.f = as_str(format), .args = args, .markup = format.flag & STR_MARKUP};
    p.mapping = args.kind == V_DICT || args.kind == V_LIST || args.kind == V_UNDEFINED ||
                args.kind == V_RANGE;
    struct buf b;
    text_start(&b);
    bool ok = spend(r, p.f.n / 16);
    while (ok && p.at < p.f.n) {
        size_t n = str_find(str_from(p.f, p.at), STR("%"));
        buf_str(&b, str_sub(p.f, p.at, n));
        p.at = n == SIZE_MAX ? p.f.n : p.at + n + 1;
        if (n != SIZE_MAX)
            ok = percent_one(r, &p, &b) && spend(r, 1);
    }
    if (ok && !p.mapping && p.used < (args.kind == V_TUPLE ? args.n : 1))
        ok = oops(r, "not all arguments were converted by the format string");
    ok = text_done(r, &b, ok, out);
    out->flag = format.flag;
    return ok;
}

/* ---- "{}".format(x) ---- */

struct braces {
    const struct args *a;
    int64_t next; /* number of the next "{}", -1 once fields are numbered by hand */
    bool markup;
};

static bool field_start(struct render *r, struct braces *f, struct str name, struct value *out)
{
    uint64_t i = 0;
    if (str_to_u64(name, &i)) {
        if (i >= f->a->n)
            return oops(r, "format: there is no argument %llu", (unsigned long long)i);
        *out = f->a->v[i];
        return true;
    }
    for (uint32_t k = 0; k < f->a->n_named; k++)
        if (f->a->named[k].key.kind == V_STR && str_eq(as_str(f->a->named[k].key), name)) {
            *out = f->a->named[k].value;
            return true;
        }
    return oops(r, "format: there is no argument \"%.*s\"", STR_ARG(name));
}

/* "name.attribute[item]..." */
static bool field_value(struct render *r, struct braces *f, struct str name, struct value *out)
{
    char number[24];
    size_t end = 0;
    uint64_t i;
    while (end < name.n && name.p[end] != '.' && name.p[end] != '[')
        end++;
    struct str first = str_sub(name, 0, end);
    if (!name.n || str_to_u64(name, &i)) {
        if ((!name.n && f->next < 0) || (name.n && f->next > 0))
            return oops(r, "format: fields are numbered by hand and automatically");
        snprintf(number, sizeof number, "%lld", (long long)f->next);
        f->next = name.n ? -1 : f->next + 1;
        first = name.n ? first : str_of(number);
    }
    if (!field_start(r, f, first, out))
        return false;
    while (end < name.n) {
        bool item = name.p[end++] == '[';
        size_t from = end;
        while (end < name.n &&
               (item ? name.p[end] != ']' : name.p[end] != '.' && name.p[end] != '['))
            end++;
        struct str part = str_sub(name, from, end - from);
        end += item;
        bool index = item && str_to_u64(part, &i) && i <= INT64_MAX;
        if (!part.n || end > name.n)
            return oops(r, "format: empty attribute in a field");
        if (!(item ? get_item(r, *out, index ? v_int((int64_t)i) : v_str(part), out)
                   : get_attr(r, *out, part, out)))
            return false;
    }
    return true;
}

static bool expand(struct render *r, struct braces *f, struct str s, int depth, struct buf *out);

static bool write_field(struct render *r, struct braces *f, struct value v, char convert,
                        struct str spec, struct buf *out)
{
    struct buf b;
    text_start(&b);
    bool ok = true;
    if (convert == 'r' || convert == 's') {
        ok = convert == 'r' ? write_repr(r, v, &b) : write_str(r, v, &b);
        ok = text_done(r, &b, ok, &v);
        text_start(&b);
    } else if (convert) {
        ok = oops(r, "format: unknown conversion \"%c\"", convert);
    }
    bool escape = f->markup && !(v.kind == V_STR && v.flag & STR_MARKUP);
    ok = ok && format_value(r, v, spec, escape ? &b : out);
    if (escape)
        ok = spend(r, write_escaped(buf_view(&b), out)) && ok;
    buf_clear(&b);
    return ok;
}

/* The field between its braces: name!conversion:specification */
static bool expand_field(struct render *r, struct braces *f, struct str field, int depth,
                         struct buf *out)
{
    size_t end = 0;
    for (bool in = false; end < field.n; end++) {
        in = field.p[end] == '[' ? true : field.p[end] == ']' ? false : in;
        if (!in && (field.p[end] == ':' || field.p[end] == '!'))
            break;
    }
    struct value v;
    if (!field_value(r, f, str_sub(field, 0, end), &v))
        return false;
    char convert = 0;
    if (end < field.n && field.p[end] == '!') {
        convert = end + 1 < field.n ? field.p[end + 1] : '?';
        end += 2;
        if (end < field.n && field.p[end] != ':')
            return oops(r, "format: expected \":\" after a conversion");
    }
    struct buf spec;
    text_start(&spec);
    bool ok = expand(r, f, str_from(field, end + 1), depth + 1, &spec) &&
              write_field(r, f, v, convert, buf_view(&spec), out);
    buf_clear(&spec);
    return ok;
}

static bool expand(struct render *r, struct braces *f, struct str s, int depth, struct buf *out)
{
    if (depth > 2 && s.n)
        return oops(r, "format: fields are nested too deeply");
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c != '{' && c != '}') {
            buf_byte(out, c);
            continue;
        }
        if (i + 1 < s.n && s.p[i + 1] == c) {
            buf_byte(out, s.p[i++]);
            continue;
        }
        if (c == '}')
            return oops(r, "format: single \"}\"");
        size_t start = ++i;
        int open = 1;
        for (bool in = false; i < s.n; i++) {
            in = s.p[i] == '[' ? true : s.p[i] == ']' ? false : in;
            open += in ? 0 : (s.p[i] == '{') - (s.p[i] == '}');
            if (!open)
                break;
        }
        if (open)
            return oops(r, "format: a \"{\" has no \"}\"");
        if (!expand_field(r, f, str_sub(s, start, i - start), depth, out))
            return false;
    }
    return spend(r, 1 + s.n / 16);
}

bool format_braces(struct render *r, struct value format, const struct args *a, struct value *out)
{
    struct braces f = {.a = a, .markup = format.flag & STR_MARKUP};
    struct buf b;
    text_start(&b);
    bool ok = text_done(r, &b, expand(r, &f, as_str(format), 1, &b), out);
    out->flag = format.flag;
    return ok;
}
