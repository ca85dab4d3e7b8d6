/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_word: see logs_word.h. */
#include "work/logs_word.h"

#include <string.h>

#define LETTER (LOGS_ALPHA | LOGS_WORD | LOGS_IN_WORD | LOGS_PATH_CHAR | LOGS_VALUE)
#define MIDDLE (LOGS_IN_WORD | LOGS_PATH_CHAR | LOGS_VALUE)
#define OTHER  (LOGS_PATH_CHAR | LOGS_VALUE)

const uint16_t logs_class[256] = {
    [0 ... 8] = OTHER,
    ['\t' ... '\r'] = LOGS_BLANK,
    [14 ... 31] = OTHER,
    [' '] = LOGS_BLANK,
    ['!'] = OTHER,
    ['#'] = OTHER,
    ['$'] = LOGS_WORD | MIDDLE | LOGS_MARK,
    ['%'] = OTHER,
    ['&'] = LOGS_PATH_CHAR,
    ['*'] = LOGS_WORD | MIDDLE | LOGS_MARK,
    ['+'] = MIDDLE | LOGS_MARK,
    ['-'] = MIDDLE | LOGS_MARK,
    ['.'] = MIDDLE | LOGS_MAY_PATH | LOGS_MARK,
    ['/'] = MIDDLE | LOGS_MAY_PATH | LOGS_MARK,
    ['0' ... '9'] = LOGS_DIGIT | LOGS_WORD | MIDDLE | LOGS_HEX_DIGIT,
    [':'] = OTHER,
    ['='] = LOGS_PATH_CHAR,
    ['?'] = OTHER,
    ['@'] = OTHER,
    ['A' ... 'F'] = LETTER | LOGS_HEX_DIGIT,
    ['G' ... 'Z'] = LETTER,
    ['\\'] = LOGS_WORD | MIDDLE | LOGS_MAY_PATH | LOGS_MARK,
    ['^'] = OTHER,
    ['_'] = LOGS_WORD | MIDDLE,
    ['`'] = OTHER,
    ['a' ... 'f'] = LETTER | LOGS_HEX_DIGIT,
    ['g' ... 'z'] = LETTER,
    ['~'] = LOGS_WORD | MIDDLE | LOGS_MARK,
    [127] = OTHER,
    [128 ... 255] = LETTER,
};

static bool digit(char c)
{
    return logs_is(c, LOGS_DIGIT);
}

static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool hex(char c)
{
    return logs_is(c, LOGS_HEX_DIGIT);
}

/* "eth0", "ssh2": one to ten letters, then one or two digits. */
static bool is_numbered(const char *w, uint32_t n)
{
    uint32_t a = 0;
    while (a < n && alpha(w[a]))
        a++;
    return a && a <= 10 && n - a >= 1 && n - a <= 2 && digit(w[a]) && digit(w[n - 1]);
}

bool logs_word_is_truth(const char *w, uint32_t n)
{
    static const struct {
        char text[6];
        uint32_t n;
    } all[] = {{"true", 4},  {"false", 5}, {"True", 4}, {"False", 5}, {"TRUE", 4},
               {"FALSE", 5}, {"null", 4},  {"NULL", 4}, {"nil", 3}};
    if (n < 3 || n > 5 || !memchr("tfTFnN", w[0], 6))
        return false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].n == n && memcmp(all[i].text, w, n) == 0)
            return true;
    return false;
}

/* "core.2275", "jetty-6.1.26", "MININT-FNANLI5": letters, then a number or a code; the bytes before
 * that, 0: no such word. */
static uint32_t fixed_prefix(const char *w, uint32_t n)
{
    uint32_t at = 0, parts = 0;
    for (;;) {
        uint32_t a = at;
        while (a < n && alpha(w[a]))
            a++;
        if (a - at < 2 || a >= n || (w[a] != '.' && w[a] != '-'))
            break;
        uint32_t code = a + 1;
        while (code < n && (upper(w[code]) || digit(w[code])))
            code++;
        if (a + 1 < n && (digit(w[a + 1]) || code >= a + 5)) {
            parts = a + 1;
            break;
        }
        at = a + 1;
    }
    for (uint32_t i = parts; i < n; i++)
        if (!logs_is(w[i], LOGS_WORD) && w[i] != '.' && w[i] != '-')
            return 0;
    return parts;
}

struct look {
    uint32_t digits, digit_runs, longest_run, letters;
    bool all_hex, hex_and_dashes, joined; /* joined: '_' or '-' beside a digit, or a '/' */
};

static struct look look_at(const char *w, uint32_t n)
{
    struct look l = {.all_hex = true, .hex_and_dashes = true};
    uint32_t run = 0, letters = 0;
    for (uint32_t i = 0; i < n; i++) {
        char c = w[i], b = i ? w[i - 1] : 'x';
        run = digit(c) ? run + 1 : 0;
        letters = alpha(c) ? letters + 1 : 0;
        l.digits += digit(c);
        l.digit_runs += run == 1;
        l.longest_run = run > l.longest_run ? run : l.longest_run;
        l.letters = letters > l.letters ? letters : l.letters;
        l.all_hex = l.all_hex && hex(c);
        l.hex_and_dashes = l.hex_and_dashes && (hex(c) || c == '-');
        l.joined =
            l.joined || c == '/' || (digit(c) && (b == '_' || b == '-')) || (c == '_' && digit(b));
    }
    return l;
}

uint32_t logs_word_keep(const char *w, uint32_t n)
{
    struct look l = look_at(w, n);
    if (!l.digits)
        return logs_word_is_truth(w, n) || (l.all_hex && n >= 8) ? 0 : n;
    if (digit(w[0]) || ((w[0] == '-' || w[0] == '+') && n > 1 && digit(w[1])))
        return 0;
    if (is_numbered(w, n))
        return n;
    if (l.hex_and_dashes && n >= 8) /* "fe1a2b3c-409b-b8cc": an id */
        return 0;
    if (memchr(w, ':', n))
        return 0;
    uint32_t prefix = fixed_prefix(w, n);
    if (prefix)
        return prefix;
    return l.longest_run < 3 && !l.joined && l.digit_runs == 1 && l.letters >= 3 ? n : 0;
}

bool logs_word_varies(const char *w, uint32_t n)
{
    if (logs_word_is_truth(w, n))
        return true;
    if (is_numbered(w, n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (digit(w[i]))
            return true;
    return false;
}

bool logs_word_is_function(const char *w, uint32_t n)
{
    uint32_t lower = 0, most = 0, run = 0;
    if (!alpha(w[0]) && w[0] != '_')
        return false;
    for (uint32_t i = 0; i < n; i++) {
        lower = w[i] >= 'a' && w[i] <= 'z' ? lower + 1 : 0;
        most = lower > most ? lower : most;
        run = digit(w[i]) ? run + 1 : 0;
        if (run >= 3 || w[i] == '.' || w[i] == '-' || w[i] == '/' || w[i] == ':')
            return false;
    }
    return most >= 3;
}

bool logs_word_holds_colon(const char *w, uint32_t left, uint32_t n)
{
    if (memchr(w, '-', left))
        return true;
    for (uint32_t i = 0; i < left; i++)
        if (digit(w[i]))
            return !is_numbered(w, left);
    uint32_t label = left, port = left + 1; /* "example.com:443" */
    while (label && alpha(w[label - 1]))
        label--;
    if (!label || w[label - 1] != '.' || left - label < 2 || left - label > 6)
        return false;
    for (uint32_t i = label + 1; i < left; i++)
        if (upper(w[i]) != upper(w[label]))
            return false;
    while (port < n && digit(w[port]))
        port++;
    uint32_t digits = port - left - 1;
    return digits >= 2 && digits <= 5 &&
           (port == n || (!logs_is(w[port], LOGS_WORD) && w[port] != '.'));
}

/* --- values of several words ---------------------------------------------------------------------
 */

static bool one_of(const char *s, uint32_t n, const char *threes)
{
    for (; n >= 3 && *threes; threes += 3)
        if (memcmp(s, threes, 3) == 0)
            return true;
    return false;
}

static uint32_t number(const char *s, uint32_t n, uint32_t at)
{
    while (at < n && digit(s[at]))
        at++;
    return at;
}

static uint32_t date(const char *s, uint32_t n)
{
    if (n < 19 || !one_of(s, n, "MonTueWedThuFriSatSun"))
        return 0;
    uint32_t i = 3;
    i += s[i] == ',';
    if (s[i++] != ' ' || !one_of(s + i, n - i, "JanFebMarAprMayJunJulAugSepOctNovDec"))
        return 0;
    for (i += 3; i < n && s[i] == ' '; i++)
        ;
    uint32_t day = number(s, n, i);
    if (day == i || day - i > 2 || n < day + 9 || s[day] != ' ' || !digit(s[day + 1]) ||
        s[day + 3] != ':' || s[day + 6] != ':' || !digit(s[day + 8]))
        return 0;
    i = day + 9;
    uint32_t zone = i + 1;
    while (i < n && s[i] == ' ' && zone < n && upper(s[zone]))
        zone++;
    if (zone - i >= 4 && zone - i <= 5)
        i = zone;
    if (i + 5 <= n && s[i] == ' ' && number(s, n, i + 1) == i + 5)
        i += 5;
    return i;
}

uint32_t logs_size_unit(const char *s, uint32_t n)
{
    uint32_t i = 1;
    if (n < 2 || s[0] != ' ')
        return 0;
    if (memchr("KMGTk", s[1], 5) && n > 2)
        i = s[2] == 'i' && n > 3 && s[1] != 'k' ? 3 : 2;
    if (i >= n || s[i] != 'B' || (i + 1 < n && logs_is(s[i + 1], LOGS_WORD)))
        return 0;
    return i + 1;
}

static uint32_t size(const char *s, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && (digit(s[i]) || s[i] == '.'))
        i++;
    uint32_t unit = i && digit(s[0]) ? logs_size_unit(s + i, n - i) : 0;
    return unit ? i + unit : 0;
}

static uint32_t ip6(const char *s, uint32_t n)
{
    uint32_t i = 0, colons = 0, doubles = 0;
    for (;;) {
        uint32_t g = i;
        while (g < n && g - i < 5 && hex(s[g]))
            g++;
        if (g - i > 4)
            return 0;
        i = g;
        if (i >= n || s[i] != ':')
            break;
        bool pair = i + 1 < n && s[i + 1] == ':';
        if (!pair && (i + 1 >= n || !hex(s[i + 1])))
            break;
        colons++;
        doubles += pair;
        i += pair ? 2 : 1;
    }
    if (i < n && (logs_is(s[i], LOGS_WORD) || s[i] == '.'))
        return 0;
    return doubles == 1 ? i : doubles == 0 && colons >= 4 ? i : 0;
}

uint32_t logs_compound(const char *s, uint32_t n)
{
    uint32_t j = 0;
    if (digit(s[0])) {
        j = size(s, n);
        if (j)
            return j;
    } else if (upper(s[0]) && (j = date(s, n))) {
        return j;
    }
    while (j < n && j < 5 && hex(s[j]))
        j++;
    return j && j < 5 && j < n && s[j] == ':' && (digit(s[0]) || j + 1 >= n || s[j + 1] != ' ')
               ? ip6(s, n)
               : 0;
}

uint32_t logs_less_than(const char *s, uint32_t n)
{
    static const char *const units[] = {"sec", "secs", "seconds", "ms",
                                        "s",   "min",  "minutes", "us"};
    uint32_t i = n > 1 && s[0] == '<' ? number(s, n, 1) : 1;
    if (i < 2 || i >= n || s[i] != ' ')
        return 0;
    uint32_t end = ++i;
    while (end < n && alpha(s[end]))
        end++;
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        if (strlen(units[u]) == end - i && memcmp(units[u], s + i, end - i) == 0)
            return end;
    return 0;
}
