/* SPDX-License-Identifier: Apache-2.0 */
/* serve/range: see range.h. */
#include "serve/range.h"

static bool is_tag(struct str text, struct str tag)
{
    return text.n == tag.n + 2 && text.p[0] == '"' && text.p[text.n - 1] == '"' &&
           str_eq(str_sub(text, 1, tag.n), tag);
}

/* A list of tags, or "*". That one of them is weak is no matter here (RFC 9110 section 13.1.2). */
static bool holds_tag(struct str list, struct str tag)
{
    struct str one;
    if (str_is(str_trim(list), "*"))
        return true;
    while (str_cut(&list, ',', &one)) {
        one = str_trim(one);
        if (is_tag(str_starts(one, STR("W/")) ? str_from(one, 2) : one, tag))
            return true;
    }
    return false;
}

/* Digits; more than fit mean "as far as there is". */
static bool read_place(struct str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        unsigned digit = (unsigned)(text.p[i] - '0');
        *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
    }
    return text.n > 0;
}

/* The last n bytes. */
static struct range suffix(uint64_t n, uint64_t size)
{
    if (n == 0 || size == 0)
        return (struct range){.kind = RANGE_OUTSIDE};
    n = n < size ? n : size;
    return (struct range){RANGE_PART, size - n, n};
}

struct range range_of(const struct range_asked *asked, uint64_t size, struct str tag)
{
    const struct range whole = {RANGE_WHOLE, 0, size};
    struct str first, last = str_from(asked->range, 6);
    uint64_t from, to = UINT64_MAX;
    if (asked->if_none_match.n && holds_tag(asked->if_none_match, tag))
        return (struct range){.kind = RANGE_SAME};
    if (!str_starts(asked->range, STR("bytes=")) ||
        (asked->if_range.n && !is_tag(asked->if_range, tag)))
        return whole;
    bool dash = str_find(last, STR("-")) != SIZE_MAX;
    if (!dash || !str_cut(&last, '-', &first))
        return whole;
    first = str_trim(first);
    last = str_trim(last);
    if (first.n == 0)
        return read_place(last, &from) ? suffix(from, size) : whole;
    if (!read_place(first, &from) || (last.n && (!read_place(last, &to) || to < from)))
        return whole;
    if (from >= size)
        return (struct range){.kind = RANGE_OUTSIDE};
    to = to < size - 1 ? to : size - 1;
    return (struct range){RANGE_PART, from, to - from + 1};
}
