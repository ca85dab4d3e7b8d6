/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_ops: Python's arithmetic and comparisons. Integers that leave 64 bits are refused.
 */
#include <math.h>
#include <string.h>

#include "text/template_run.h"

bool do_unary(struct render *r, char op, struct value v, struct value *out)
{
    if (v.kind == V_UNDEFINED)
        return oops_undefined(r, v);
    if (v.kind == V_FLOAT) {
        *out = v_float(op == '-' ? -v.f : v.f);
        return true;
    }
    if (!v_is_int(v))
        return oops(r, "bad operand type for unary %c: %s", op, v_type(v));
    if (op == '-' && v.i == INT64_MIN)
        return oops(r, "the integer is too large");
    *out = v_int(op == '-' ? -v.i : v.i);
    return true;
}

static double as_double(struct value v)
{
    return v.kind == V_FLOAT ? v.f : (double)v.i;
}

static bool int_power(struct render *r, int64_t base, int64_t exponent, struct value *out)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0)
            return oops(r, "0 cannot be raised to a negative power");
        *out = v_float(pow((double)base, (double)exponent));
        return true;
    }
    for (bool big = false; exponent; exponent >>= 1) {
        if (exponent & 1 && (big || __builtin_mul_overflow(result, base, &result)))
            return oops(r, "the integer is too large");
        big = __builtin_mul_overflow(base, base, &base);
    }
    *out = v_int(result);
    return true;
}

static bool int_op(struct render *r, enum binary op, int64_t a, int64_t b, struct value *out)
{
    int64_t c = 0;
    bool over = false;
    switch (op) {
    case B_ADD:
        over = __builtin_add_overflow(a, b, &c);
        break;
    case B_SUB:
        over = __builtin_sub_overflow(a, b, &c);
        break;
    case B_MUL:
        over = __builtin_mul_overflow(a, b, &c);
        break;
    case B_POW:
        return int_power(r, a, b, out);
    case B_DIV:
        if (b == 0)
            return oops(r, "division by zero");
        *out = v_float((double)a / (double)b);
        return true;
    case B_FLOORDIV:
    case B_MOD: /* both round towards minus infinity */
        if (b == 0)
            return oops(r, "division by zero");
        over = a == INT64_MIN && b == -1;
        if (!over) {
            int64_t q = a / b, rest = a % b;
            bool down = rest && (rest < 0) != (b < 0);
            c = op == B_FLOORDIV ? q - down : rest + (down ? b : 0);
        }
        break;
    }
    *out = v_int(c);
    return !over || oops(r, "the integer is too large");
}

static bool float_op(struct render *r, enum binary op, double a, double b, struct value *out)
{
    if (b == 0 && (op == B_DIV || op == B_FLOORDIV || op == B_MOD))
        return oops(r, "division by zero");
    double mod = op == B_FLOORDIV || op == B_MOD ? fmod(a, b) : 0;
    switch (op) {
    case B_ADD:
        *out = v_float(a + b);
        break;
    case B_SUB:
        *out = v_float(a - b);
        break;
    case B_MUL:
        *out = v_float(a * b);
        break;
    case B_DIV:
        *out = v_float(a / b);
        break;
    case B_FLOORDIV: {
        double div = (a - mod) / b;
        if (mod != 0 && (b < 0) != (mod < 0))
            div -= 1;
        double down = floor(div);
        *out = v_float(div == 0 ? copysign(0, a / b) : div - down > 0.5 ? down + 1 : down);
        break;
    }
    case B_MOD:
        if (mod == 0)
            mod = copysign(0, b);
        else if ((b < 0) != (mod < 0))
            mod += b;
        *out = v_float(mod);
        break;
    case B_POW:
        if (a == 0 && b < 0)
            return oops(r, "0 cannot be raised to a negative power");
        if (a < 0 && b != floor(b))
            return oops(r, "complex numbers are not supported");
        *out = v_float(pow(a, b));
        return !isinf(out->f) || isinf(a) || isinf(b) || oops(r, "the result is too large");
    }
    return true;
}

/* HTML-escapes what is not markup, as Markup does with what is joined to it. */
static bool escaped(struct render *r, struct value v, struct value *out)
{
    *out = v;
    if (v.flag & STR_MARKUP)
        return true;
    struct buf b;
    text_start(&b);
    size_t steps = write_escaped(as_str(v), &b);
    return text_done(r, &b, spend(r, steps), out);
}

static bool add_texts(struct render *r, struct value a, struct value b, struct value *out)
{
    bool markup = (a.flag | b.flag) & STR_MARKUP;
    if (markup && (!escaped(r, a, &a) || !escaped(r, b, &b)))
        return false;
    if (!text_concat(r, as_str(a), as_str(b), out))
        return false;
    out->flag = markup ? STR_MARKUP : 0;
    return true;
}

static bool add_sequences(struct render *r, struct value a, struct value b, struct value *out)
{
    struct value *v = take(r, (size_t)a.n + b.n, sizeof *v);
    if (!v || !spend(r, (a.n + b.n) / 4))
        return false;
    if (a.n)
        memcpy(v, a.items, a.n * sizeof *v);
    if (b.n)
        memcpy(v + a.n, b.items, b.n * sizeof *v);
    *out = v_seq((enum value_kind)a.kind, v, a.n + b.n);
    return true;
}

static bool repeat(struct render *r, struct value s, int64_t times, struct value *out)
{
    size_t n;
    times = times < 0 ? 0 : times;
    if (s.kind == V_STR)
        return text_repeat(r, s, (size_t)times, out);
    if (!mem_mul(s.n, (size_t)times, &n) || n > UINT32_MAX)
        return oops_limit(r);
    struct value *v = take(r, n, sizeof *v);
    if (!v || !spend(r, n / 4))
        return false;
    for (size_t i = 0; i < n; i++)
        v[i] = s.items[i % s.n];
    *out = v_seq((enum value_kind)s.kind, v, (uint32_t)n);
    return true;
}

static bool is_sequence(struct value v)
{
    return v.kind == V_STR || v.kind == V_LIST || v.kind == V_TUPLE;
}

bool do_binary(struct render *r, enum binary op, struct value a, struct value b, struct value *out)
{
    static const char *const sign[] = {"+", "-", "*", "/", "//", "%", "**"};
    if (v_is_int(a) && v_is_int(b))
        return int_op(r, op, a.i, b.i, out);
    if (v_is_number(a) && v_is_number(b))
        return float_op(r, op, as_double(a), as_double(b), out);
    if (op == B_MOD && a.kind == V_STR)
        return format_percent(r, a, b, out);
    if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
        return oops_undefined(r, a.kind == V_UNDEFINED ? a : b);
    if (op == B_ADD && a.kind == b.kind && is_sequence(a))
        return a.kind == V_STR ? add_texts(r, a, b, out) : add_sequences(r, a, b, out);
    if (op == B_MUL && is_sequence(a) && v_is_int(b))
        return repeat(r, a, b.i, out);
    if (op == B_MUL && is_sequence(b) && v_is_int(a))
        return repeat(r, b, a.i, out);
    if (op == B_ADD && a.kind == V_STR)
        return oops(r, "can only concatenate str (not %s) to str", v_type(b));
    return oops(r, "unsupported operands for %s: %s and %s", sign[op], v_type(a), v_type(b));
}

bool do_compare(struct render *r, enum compare op, struct value a, struct value b, bool *out)
{
    static const char *const sign[] = {[C_LT] = "<", [C_LE] = "<=", [C_GT] = ">", [C_GE] = ">="};
    int order = 0;
    switch (op) {
    case C_EQ:
    case C_NE:
        if (!v_equal(r, a, b, out))
            return false;
        *out ^= op == C_NE;
        return true;
    case C_IN:
    case C_NOT_IN:
        if (!contains(r, b, a, out))
            return false;
        *out ^= op == C_NOT_IN;
        return true;
    default:
        if (!v_order(r, a, b, sign[op], &order))
            return false;
        *out = order != UNORDERED && (op == C_LT   ? order < 0
                                      : op == C_LE ? order <= 0
                                      : op == C_GT ? order > 0
                                                   : order >= 0);
        return true;
    }
}
