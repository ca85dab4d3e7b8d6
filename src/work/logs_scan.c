/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_scan: see logs_scan.h. The order of the tries at a place: blank, value of a key, path,
 * word (which may turn out to be a date, size, IPv6 address or URL), sign of a number, punctuation.
 */
#include "work/logs_scan.h"

#include <string.h>

#include "work/logs_word.h"

/* Where the scan stands. */
struct scan {
    struct logs_shape *out;
    const char *s;
    uint32_t n, i;
};

static char peek(const struct scan *k, uint32_t ahead)
{
    return k->i + ahead < k->n ? k->s[k->i + ahead] : ' ';
}

static char before(const struct scan *k)
{
    return k->i ? k->s[k->i - 1] : ' ';
}

/* --- writing the shape ---------------------------------------------------------------------------
 */

static void literal(struct scan *k, char c)
{
    uint8_t b = (uint8_t)c;
    k->out->p[k->out->n++] = b < ' ' || b == 0x7f ? '?' : b;
}

/* A slot for the n bytes at `at`: `keep` of them as they are, then SHAPE_VAR where `var`. */
static void slot(struct scan *k, uint32_t at, uint32_t n, uint32_t keep, bool var)
{
    struct logs_shape *o = k->out;
    if (o->n_slot >= LOGS_SLOTS) /* within one very long word */
        return;
    o->slot[o->n_slot++] = (struct logs_slot){at, n};
    o->p[o->n++] = SHAPE_SLOT;
    memcpy(o->p + o->n, k->s + at, keep);
    o->n += keep;
    if (var)
        o->p[o->n++] = SHAPE_VAR;
    o->p[o->n++] = SHAPE_END;
}

static void variable(struct scan *k, uint32_t n)
{
    slot(k, k->i, n, 0, true);
    k->i += n;
}

static void value(struct scan *k, uint32_t at, uint32_t n)
{
    uint32_t keep = logs_word_keep(k->s + at, n);
    slot(k, at, n, keep, keep < n);
}

/* A word without its full stops and dashes at the end, which are punctuation. */
static void word_and_tail(struct scan *k, uint32_t at, uint32_t n)
{
    uint32_t end = n;
    while (n > 1 && (k->s[at + n - 1] == '.' || k->s[at + n - 1] == '-' || k->s[at + n - 1] == '/'))
        if (k->s[at + n - 1] == '-' && n == 2 && logs_is(k->s[at], LOGS_ALPHA))
            break; /* "x-", an axis and its sign */
        else
            n--;
    value(k, at, n);
    for (; n < end; n++)
        literal(k, k->s[at + n]);
}

/* A word, cut where it has a row of dots ("enable......0"). */
static void dotted_word(struct scan *k, uint32_t at, uint32_t n)
{
    uint32_t from = 0;
    for (uint32_t j = 0; j + 1 < n; j++) {
        if (k->s[at + j] != '.' || k->s[at + j + 1] != '.')
            continue;
        if (j > from)
            word_and_tail(k, at + from, j - from);
        for (; j < n && k->s[at + j] == '.'; j++)
            literal(k, '.');
        from = j;
        if (k->out->n_slot >= LOGS_SLOTS)
            break;
    }
    if (from < n)
        word_and_tail(k, at + from, n - from);
}

/* --- what a place may hold -----------------------------------------------------------------------
 */

/* The end of a path or URL that begins here: it stops at blanks, quotes and brackets, but goes on
 * over "[...]" without blanks, and does not end in a full stop or colon. */
static uint32_t reach(const struct scan *k, uint32_t from)
{
    uint32_t j = from, end = from;
    while (j < k->n) {
        if (k->s[j] == '[') {
            uint32_t close = j + 1;
            while (close < k->n && k->s[close] != ']' && k->s[close] != '[' && k->s[close] != ' ')
                close++;
            if (close >= k->n || k->s[close] != ']')
                break;
            end = j = close + 1;
        } else if (!logs_is(k->s[j], LOGS_PATH_CHAR)) {
            break;
        } else {
            j++;
            if (k->s[j - 1] != '.' && k->s[j - 1] != ':')
                end = j;
        }
    }
    return end;
}

static bool starts_path(const struct scan *k)
{
    char b = before(k), c = peek(k, 0), d = peek(k, 1);
    if (logs_is(b, LOGS_WORD) || b == '.' || b == ']' || b == ')' || b == '/')
        return false;
    if (c == '.')
        return d == '/' || (d == '.' && peek(k, 2) == '/');
    if (d == ':')
        return peek(k, 2) == '\\';
    return c == '/' || c == '\\';
}

static bool path(struct scan *k)
{
    if (!starts_path(k))
        return false;
    uint32_t end = reach(k, k->i);
    if (end < k->i + 2)
        return false;
    variable(k, end - k->i);
    return true;
}

/* The value of a key, which may be any bytes. */
static void any_value(struct scan *k, uint32_t at, uint32_t n)
{
    bool var = logs_word_varies(k->s + at, n);
    slot(k, at, n, var ? 0 : n, var);
    for (uint32_t j = 0; !var && j < n; j++) {
        uint8_t *b = &k->out->p[k->out->n - 1 - n + j];
        *b = *b < ' ' || *b == 0x7f ? '?' : *b;
    }
}

/* Behind "=": a quoted text, or everything up to the next separator, with its "{...}". */
static bool key_value(struct scan *k)
{
    uint32_t j = k->i;
    if (before(k) != '=' || k->out->n_slot == 0)
        return false;
    if (k->s[j] == '"') {
        for (j++; j < k->n && k->s[j] != '"' && k->s[j] != '='; j++)
            ;
        if (j >= k->n || k->s[j] != '"' || j == k->i + 1)
            return false;
        literal(k, '"');
        any_value(k, k->i + 1, j - k->i - 1);
        k->i = j;
        return true;
    }
    while (j < k->n && logs_is(k->s[j], LOGS_VALUE))
        j++;
    if (j == k->i)
        return false;
    uint32_t end = j;
    while (end > k->i + 1 && (k->s[end - 1] == '.' || k->s[end - 1] == ':'))
        end--;
    if (end == j && j < k->n && k->s[j] == '{') {
        for (j++; j < k->n && !logs_is(k->s[j], LOGS_BLANK) && !memchr("{}=", k->s[j], 3); j++)
            ;
        if (j < k->n && k->s[j] == '}')
            end = j + 1;
    }
    any_value(k, k->i, end - k->i);
    k->i = end;
    return true;
}

/* "1024 bytes (1.0 KB)": the same size again is no news. */
static void skip_restated_size(struct scan *k)
{
    const struct logs_shape *o = k->out;
    static const uint8_t bytes[] = {SHAPE_SLOT, SHAPE_VAR, SHAPE_END, ' ', SHAPE_SLOT, 'b',
                                    'y',        't',       'e',       's', SHAPE_END};
    uint32_t j = k->i;
    if (j + 5 >= k->n || k->s[j] != ' ' || k->s[j + 1] != '(' || !logs_is(k->s[j + 2], LOGS_DIGIT))
        return;
    if (o->n < sizeof bytes || memcmp(o->p + o->n - sizeof bytes, bytes, sizeof bytes) != 0)
        return;
    for (j += 2; j < k->n && (logs_is(k->s[j], LOGS_DIGIT) || k->s[j] == '.'); j++)
        ;
    uint32_t unit = logs_size_unit(k->s + j, k->n - j);
    if (unit && j + unit < k->n && k->s[j + unit] == ')')
        k->i = j + unit + 1;
}

/* Words and colons: "host:80" and "10:20:30" stay whole, "uid:10037" is a key and a number. */
static void words(struct scan *k, uint32_t at, uint32_t n)
{
    if (at + n < k->n && k->s[at + n] == '(' && logs_word_is_function(k->s + at, n)) {
        slot(k, at, n, n, false);
        return;
    }
    for (;;) {
        const char *colon = memchr(k->s + at, ':', n);
        uint32_t left = colon ? (uint32_t)(colon - (k->s + at)) : n;
        if (!colon || !left || logs_word_holds_colon(k->s + at, left, n))
            break;
        dotted_word(k, at, left);
        literal(k, ':');
        at += left + 1;
        n -= left + 1;
        if (k->out->n_slot >= LOGS_SLOTS)
            break;
    }
    dotted_word(k, at, n);
}

/* Words of letters only and plain numbers, which most words are. */
static bool plain_word(struct scan *k)
{
    uint16_t any = 0, all = UINT16_MAX;
    uint32_t j = k->i, n;
    for (; j < k->n && logs_is(k->s[j], LOGS_IN_WORD); j++) {
        any |= logs_class[(uint8_t)k->s[j]];
        all &= logs_class[(uint8_t)k->s[j]];
    }
    n = j - k->i;
    if (j < k->n && k->s[j] == ':')
        return false;
    if (all & LOGS_DIGIT) {
        variable(k, n + (j < k->n ? logs_size_unit(k->s + j, k->n - j) : 0));
        return true;
    }
    if (any & (LOGS_DIGIT | LOGS_MARK))
        return false;
    if (n == 3 && logs_compound(k->s + k->i, k->n - k->i))
        return false;
    bool var = (n <= 5 && logs_word_is_truth(k->s + k->i, n)) || (n >= 8 && all & LOGS_HEX_DIGIT);
    slot(k, k->i, n, var ? 0 : n, var);
    k->i = j;
    if (n == 5)
        skip_restated_size(k);
    return true;
}

static void word(struct scan *k)
{
    const char *s = k->s;
    if (plain_word(k) || (peek(k, 1) == ':' && path(k)))
        return;
    uint32_t n = logs_compound(s + k->i, k->n - k->i); /* a date, a size, an IPv6 address */
    if (n) {
        variable(k, n);
        return;
    }
    uint32_t j = k->i + 1;
    for (;;) {
        while (j < k->n && logs_is(s[j], LOGS_IN_WORD))
            j++;
        if (j + 1 >= k->n || s[j] != ':' || !logs_is(s[j + 1], LOGS_DIGIT))
            break;
        j += 2;
    }
    if (j + 3 < k->n && s[j] == ':' && s[j + 1] == '/' && s[j + 2] == '/' &&
        logs_is(s[k->i], LOGS_ALPHA)) {
        variable(k, reach(k, j + 2) - k->i);
        return;
    }
    uint32_t at = k->i;
    k->i = j;
    words(k, at, j - at);
}

static void blanks(struct scan *k)
{
    while (k->i < k->n && logs_is(k->s[k->i], LOGS_BLANK))
        k->i++;
    if (k->out->n && k->i < k->n)
        literal(k, ' ');
}

static bool starts_number(const struct scan *k)
{
    char b = before(k);
    return (k->s[k->i] == '-' || k->s[k->i] == '+') && logs_is(peek(k, 1), LOGS_DIGIT) &&
           !logs_is(b, LOGS_WORD) && b != ')' && b != ']';
}

void logs_scan(struct str line, struct logs_shape *out)
{
    struct scan k = {out, line.p, (uint32_t)(line.n < LOGS_LINE_BYTES ? line.n : LOGS_LINE_BYTES),
                     0};
    out->n = out->n_slot = 0;
    while (k.i < k.n && out->n_slot < LOGS_SLOTS - 8) {
        char c = k.s[k.i];
        if (logs_is(c, LOGS_BLANK))
            blanks(&k);
        else if (c == '<' && logs_less_than(k.s + k.i, k.n - k.i))
            variable(&k, logs_less_than(k.s + k.i, k.n - k.i));
        else if (logs_is(c, LOGS_MAY_PATH) && path(&k))
            ;
        else if (k.i && k.s[k.i - 1] == '=' && key_value(&k))
            ;
        else if (logs_is(c, LOGS_WORD) || starts_number(&k))
            word(&k);
        else
            literal(&k, k.s[k.i++]);
    }
    if (k.i < line.n) { /* too long, or too many words */
        uint32_t rest = (uint32_t)(line.n - k.i < UINT32_MAX ? line.n - k.i : UINT32_MAX);
        out->slot[out->n_slot++] = (struct logs_slot){k.i, rest};
        memcpy(out->p + out->n, (const uint8_t[]){SHAPE_SLOT, SHAPE_VAR, SHAPE_END}, 3);
        out->n += 3;
    }
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
}
