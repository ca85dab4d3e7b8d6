/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_tests: what may follow "is". */
#include <string.h>

#include "text/template_filters.h"
#include "text/template_unicode.h"

static bool answer(bool yes, struct value *out)
{
    *out = v_bool(yes);
    return true;
}

#define TEST(name, condition)                                                                      \
    FILTER(name)                                                                                   \
    {                                                                                              \
        return answer(condition, out);                                                             \
    }

TEST(t_boolean, self.kind == V_BOOL)
TEST(t_defined, self.kind != V_UNDEFINED)
TEST(t_escaped, self.kind == V_STR && self.flag & STR_MARKUP)
TEST(t_false, self.kind == V_BOOL && !self.i)
TEST(t_float, self.kind == V_FLOAT)
TEST(t_integer, self.kind == V_INT)
TEST(t_iterable, is_iterable(self))
TEST(t_mapping, self.kind == V_DICT)
TEST(t_none, self.kind == V_NONE)
TEST(t_number, v_is_number(self))
TEST(t_sameas, v_same(self, a->v[0]))
TEST(t_string, self.kind == V_STR)
TEST(t_true, self.kind == V_BOOL && self.i)
TEST(t_undefined, self.kind == V_UNDEFINED)
TEST(t_filter, self.kind == V_STR && find_filter(as_str(self)))
TEST(t_test, self.kind == V_STR && find_test(as_str(self)))
TEST(t_callable, self.kind == V_FUNCTION || self.kind == V_METHOD || self.kind == V_MACRO ||
                     self.kind == V_LOOP || self.kind == V_JOINER || self.kind == V_UNDEFINED)
TEST(t_sequence, self.kind == V_STR || self.kind == V_LIST || self.kind == V_TUPLE ||
                     self.kind == V_DICT || self.kind == V_RANGE || self.kind == V_UNDEFINED)

static bool cased(struct render *r, struct value self, unsigned wanted, unsigned other,
                  struct value *out)
{
    struct str s;
    bool seen = false, clean = true;
    if (!to_str(r, self, &s))
        return false;
    for (size_t at = 0; at < s.n && clean;) {
        unsigned k = char_class(str_utf8_next(s, &at));
        seen |= (k & wanted) != 0;
        clean = !(k & (other | CHAR_TITLE));
    }
    return answer(seen && clean, out) && spend(r, s.n / 16);
}

FILTER(t_lower)
{
    return cased(r, self, CHAR_LOWER, CHAR_UPPER, out);
}

FILTER(t_upper)
{
    return cased(r, self, CHAR_UPPER, CHAR_LOWER, out);
}

static bool remainder_is(struct render *r, struct value self, struct value by, int64_t wanted,
                         struct value *out)
{
    struct value rest;
    bool yes;
    return do_binary(r, B_MOD, self, by, &rest) && v_equal(r, rest, v_int(wanted), &yes) &&
           answer(yes, out);
}

FILTER(t_odd)
{
    return remainder_is(r, self, v_int(2), 1, out);
}

FILTER(t_even)
{
    return remainder_is(r, self, v_int(2), 0, out);
}

FILTER(t_divisibleby)
{
    return remainder_is(r, self, a->v[0], 0, out);
}

static bool compared(struct render *r, enum compare op, struct value self, const struct args *a,
                     struct value *out)
{
    bool yes;
    return do_compare(r, op, self, a->v[0], &yes) && answer(yes, out);
}

#define COMPARISON(name, op)                                                                       \
    FILTER(name)                                                                                   \
    {                                                                                              \
        return compared(r, op, self, a, out);                                                      \
    }

COMPARISON(t_eq, C_EQ)
COMPARISON(t_ne, C_NE)
COMPARISON(t_lt, C_LT)
COMPARISON(t_le, C_LE)
COMPARISON(t_gt, C_GT)
COMPARISON(t_ge, C_GE)
COMPARISON(t_in, C_IN)

static const struct builtin tests[] = {
    {"!=", "/other", 1, t_ne},
    {"<", "/other", 1, t_lt},
    {"<=", "/other", 1, t_le},
    {"==", "/other", 1, t_eq},
    {">", "/other", 1, t_gt},
    {">=", "/other", 1, t_ge},
    {"boolean", "", 0, t_boolean},
    {"callable", "", 0, t_callable},
    {"defined", "", 0, t_defined},
    {"divisibleby", "num", 1, t_divisibleby},
    {"eq", "/other", 1, t_eq},
    {"equalto", "/other", 1, t_eq},
    {"escaped", "", 0, t_escaped},
    {"even", "", 0, t_even},
    {"false", "", 0, t_false},
    {"filter", "", 0, t_filter},
    {"float", "", 0, t_float},
    {"ge", "/other", 1, t_ge},
    {"greaterthan", "/other", 1, t_gt},
    {"gt", "/other", 1, t_gt},
    {"in", "seq", 1, t_in},
    {"integer", "", 0, t_integer},
    {"iterable", "", 0, t_iterable},
    {"le", "/other", 1, t_le},
    {"lessthan", "/other", 1, t_lt},
    {"lower", "", 0, t_lower},
    {"lt", "/other", 1, t_lt},
    {"mapping", "", 0, t_mapping},
    {"ne", "/other", 1, t_ne},
    {"none", "", 0, t_none},
    {"number", "", 0, t_number},
    {"odd", "", 0, t_odd},
    {"sameas", "other", 1, t_sameas},
    {"sequence", "", 0, t_sequence},
    {"string", "", 0, t_string},
    {"test", "", 0, t_test},
    {"true", "", 0, t_true},
    {"undefined", "", 0, t_undefined},
    {"upper", "", 0, t_upper},
};

const struct builtin *find_test(struct str name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (str_is(name, tests[i].name))
            return &tests[i];
    return NULL;
}
