/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_type: what kind of value a variable holds, by its first look (see logs_scan.h). */
#include <string.h>

#include "work/logs_scan.h"
#include "work/logs_word.h"

/* How many bytes of each sort. */
struct count {
    uint32_t digit, hex, dot, colon, dash, slash, other;
};

static struct count count(struct str v)
{
    struct count c = {0};
    for (size_t i = 0; i < v.n; i++) {
        char b = v.p[i];
        if (logs_is(b, LOGS_DIGIT))
            c.digit++;
        else if ((b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F'))
            c.hex++;
        else if (b == '.')
            c.dot++;
        else if (b == ':')
            c.colon++;
        else if (b == '-')
            c.dash++;
        else if (b == '/' || b == '\\')
            c.slash++;
        else
            c.other++;
    }
    return c;
}

static bool ends_in(struct str v, const char *const *units, size_t n)
{
    size_t i = v.n;
    while (i && !logs_is(v.p[i - 1], LOGS_DIGIT))
        i--;
    struct str unit = str_trim(str_from(v, i));
    for (size_t u = 0; u < n; u++)
        if (str_is(unit, units[u]))
            return true;
    return false;
}

static enum logs_type address(struct str v, struct count c)
{
    if (c.colon == 5 && c.digit + c.hex == 12)
        return LOGS_MAC;
    if (c.dot == 3 && !c.hex && !c.other && c.colon <= 1 && c.digit >= 4)
        return LOGS_IP;
    if (c.colon >= 2 && !c.other && !c.dot && c.hex + c.digit <= 32 && (c.hex || c.colon > 2))
        return LOGS_IP;
    if (c.colon >= 2 && c.digit >= 5 && c.other <= 6)
        return LOGS_TIME;
    return v.n && logs_is(v.p[0], LOGS_ALPHA) && c.dot ? LOGS_HOST : LOGS_ID;
}

enum logs_type logs_type_of(struct str v)
{
    static const char *const sizes[] = {"B",   "KB",  "MB",  "GB",  "TB",
                                        "KiB", "MiB", "GiB", "TiB", "kB"};
    static const char *const times[] = {"ns",      "us",  "ms",      "s", "sec", "secs",
                                        "seconds", "min", "minutes", "m", "h"};
    if (v.n > LOGS_LINE_BYTES) /* the rest of a line without end, which nobody is to read */
        return LOGS_TEXT;
    struct count c = count(v);
    if (v.n <= 5 && v.n && logs_word_is_truth(v.p, (uint32_t)v.n))
        return LOGS_BOOL;
    if (v.n > 2 && v.p[0] == '0' && (v.p[1] == 'x' || v.p[1] == 'X'))
        return LOGS_HEX;
    if (str_find(v, STR("://")) != SIZE_MAX)
        return LOGS_URL;
    if (c.digit && ends_in(v, sizes, sizeof sizes / sizeof *sizes))
        return LOGS_SIZE;
    if (c.digit && c.dash <= 1 && !c.slash && c.other &&
        ends_in(v, times, sizeof times / sizeof *times) &&
        c.digit + c.dot + c.other + c.hex + c.dash == v.n && c.other <= 8)
        return LOGS_DURATION;
    if (c.slash && (!c.digit || c.other || c.slash > 2))
        return LOGS_PATH;
    if (c.colon)
        return address(v, c);
    if (c.dot == 3 && !c.hex && !c.other && !c.slash)
        return LOGS_IP;
    if (c.digit && !c.hex && !c.other && c.dot <= 1 && c.dash <= 1 && !c.slash)
        return LOGS_NUMBER;
    if (c.digit + c.hex == v.n && v.n >= 4 && c.digit)
        return LOGS_HEX;
    if (c.dash == 2 && c.digit >= 6 && !c.other && !c.hex)
        return LOGS_TIME;
    return c.digit ? LOGS_ID : c.dot >= 2 ? LOGS_HOST : LOGS_TEXT;
}

const char *logs_type_name(enum logs_type type)
{
    static const char *const names[LOGS_TYPES] = {"number", "hex",  "ip",       "mac",  "path",
                                                  "url",    "time", "duration", "size", "bool",
                                                  "id",     "host", "text"};
    return names[type];
}
