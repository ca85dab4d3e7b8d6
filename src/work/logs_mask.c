/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_mask: see logs_mask.h. One pass: at each start of a word it is looked at what the word
 * is. */
#include "work/logs_mask.h"

#include <string.h>

#include "work/logs_word.h"

static bool digit(char c)
{
    return logs_is(c, LOGS_DIGIT);
}

static bool name_char(char c)
{
    return logs_is(c, LOGS_ALPHA | LOGS_DIGIT) || c == '_' || c == '-';
}

/* Whether the n bytes at p, lower-cased, hold the name of a secret at their end. */
static bool is_secret_name(const char *p, size_t n)
{
    static const char *const names[] = {"password",   "passwd",      "passphrase", "pwd",
                                        "secret",     "token",       "apikey",     "api_key",
                                        "api-key",    "private_key", "access_key", "access-key",
                                        "secret_key", "credential",  "credentials"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t k = strlen(names[i]), j = 0;
        if (k > n)
            continue;
        while (j < k && (p[n - k + j] == names[i][j] || (char)(p[n - k + j] | 0x20) == names[i][j]))
            j++;
        if (j == k)
            return true;
    }
    return false;
}

/* The value of a secret behind its name: where it begins; 0: there is none. */
static size_t secret_value(struct str s, size_t at)
{
    size_t from = at;
    while (at < s.n && strchr("\"' ", s.p[at]) && at < from + 2)
        at++;
    if (at >= s.n || (s.p[at] != '=' && s.p[at] != ':'))
        return 0;
    at++;
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '"' || s.p[at] == '\''))
        at++;
    return at;
}

static size_t value_end(struct str s, size_t at)
{
    while (at < s.n && !logs_is(s.p[at], LOGS_BLANK) && !memchr("\"',;&)}]>", s.p[at], 9))
        at++;
    return at;
}

/* A few digits, a switch or a variable of a template are no secret. */
static bool is_harmless(struct str v)
{
    size_t digits = 0;
    while (digits < v.n && digit(v.p[digits]))
        digits++;
    return !v.n || (digits == v.n && v.n < 6) || str_starts(v, STR("<*>")) ||
           str_starts(v, STR("***")) || (v.n <= 5 && logs_word_is_truth(v.p, (uint32_t)v.n));
}

/* Tokens that begin with what they are; their length, 0: none. */
static size_t known_token(struct str s)
{
    static const struct {
        const char *prefix;
        size_t least;
    } all[] = {{"AKIA", 20},        {"ASIA", 20},   {"ghp_", 30},  {"gho_", 30},  {"ghs_", 30},
               {"github_pat_", 40}, {"glpat-", 20}, {"xoxb-", 20}, {"xoxp-", 20}, {"sk-", 24},
               {"hf_", 24},         {"eyJ", 40},    {"AIza", 35}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!str_starts(s, str_of(all[i].prefix)))
            continue;
        size_t n = 0;
        while (n < s.n && (name_char(s.p[n]) || s.p[n] == '.'))
            n++;
        if (n >= all[i].least)
            return n;
    }
    return 0;
}

/* A card number that begins here, with blanks or dashes between groups of four; 0: none. */
static size_t card(struct str s)
{
    int sum = 0, digits[19];
    size_t n = 0, at = 0;
    while (at < s.n && n < 19 &&
           (digit(s.p[at]) || (n && n % 4 == 0 && (s.p[at] == ' ' || s.p[at] == '-'))))
        if (digit(s.p[at++]))
            digits[n++] = s.p[at - 1] - '0';
    while (at && !digit(s.p[at - 1]))
        at--;
    if (n < 13 || digits[0] < 3 || digits[0] > 6 ||
        (at < s.n && (name_char(s.p[at]) || s.p[at] == '.')))
        return 0;
    for (size_t i = 0; i < n; i++) {
        int d = digits[n - 1 - i] << (i % 2);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 ? 0 : at;
}

/* "://user:password@": where the password stands, behind "://". */
static size_t url_password(struct str s, size_t at, size_t *n)
{
    size_t colon = 0, i = at;
    for (; i < s.n && !logs_is(s.p[i], LOGS_BLANK) && s.p[i] != '/' && s.p[i] != '@'; i++)
        if (s.p[i] == ':' && !colon)
            colon = i;
    if (i >= s.n || s.p[i] != '@' || !colon)
        return 0;
    *n = i - colon - 1;
    return colon + 1;
}

/* The secret that the word at `at` (n bytes) is or announces: its place and length. */
static bool secret_of_word(struct str s, size_t at, size_t n, size_t *place, size_t *len)
{
    struct str w = str_sub(s, at, n), rest = str_from(s, at);
    size_t v = 0;
    *len = digit(w.p[0]) ? card(rest) : known_token(rest);
    *place = at;
    if (*len)
        return true;
    if ((str_is(w, "Bearer") || str_is(w, "Basic")) && at + n < s.n && s.p[at + n] == ' ')
        v = at + n + 1;
    else if (n >= 3 && is_secret_name(w.p, n))
        v = secret_value(s, at + n);
    else if (at + n + 3 < s.n && memcmp(s.p + at + n, "://", 3) == 0)
        return (*place = url_password(s, at + n + 3, len)) != 0 && *len;
    if (!v)
        return false;
    *place = v;
    *len = value_end(s, v) - v;
    bool word = str_is(w, "Bearer") || str_is(w, "Basic");
    return !is_harmless(str_sub(s, v, *len)) && (!word || *len >= 12);
}

bool logs_mask(struct str s, struct buf *out)
{
    size_t done = 0;
    bool masked = false;
    for (size_t i = 0; i < s.n;) {
        size_t end = i, place = 0, len = 0;
        while (end < s.n && name_char(s.p[end]))
            end++;
        if (end == i) {
            i++;
            continue;
        }
        bool found = secret_of_word(s, i, end - i, &place, &len);
        i = end;
        if (!found || place < done)
            continue;
        buf_add(out, s.p + done, place - done);
        buf_cstr(out, "***");
        i = done = place + len;
        masked = true;
    }
    buf_add(out, s.p + done, s.n - done);
    return masked;
}
