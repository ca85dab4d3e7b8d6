/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_time: see logs_time.h. A pattern is read letter by letter: Y year, y its last two
 * digits, M month, D day (also one digit, or a blank and one), b name of a month, a name of a day,
 * h m s; E seconds, F milliseconds since 1970; anything else stands for itself. */
#include "work/logs_time.h"

#include <stdio.h>
#include <string.h>

#include "work/logs_word.h"

static const char *const patterns[] = {
    "Y-M-D h:m:s", "Y-M-DTh:m:s",   "Y/M/D h:m:s", "Y-M-D-h.m.s", "Y.M.D h:m:s",
    "YMD-h:m:s",   "a b D h:m:s Y", "b D h:m:s",   "D/b/Y:h:m:s", "y/M/D h:m:s",
    "M-D h:m:s",   "M.D h:m:s",     "D.M.Y h:m:s", "M/D/Y h:m:s", "yMD hms",
    "Y.M.D",       "Y-M-D",         "F",           "E",           "h:m:s",
};

struct clock {
    int64_t year, month, day, hour, minute, second, ms, epoch_ms;
};

static bool digits(struct str s, size_t *at, size_t n, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (*at + i >= s.n || !logs_is(s.p[*at + i], LOGS_DIGIT))
            return false;
        *out = *out * 10 + (s.p[*at + i] - '0');
    }
    *at += n;
    return true;
}

static bool name_of(struct str s, size_t *at, const char *threes, int64_t *out)
{
    for (int64_t i = 0; threes[3 * i] && *at + 3 <= s.n; i++)
        if (memcmp(s.p + *at, threes + 3 * i, 3) == 0) {
            *at += 3;
            *out = i + 1;
            return true;
        }
    return false;
}

static bool day_of(struct str s, size_t *at, int64_t *out)
{
    if (*at < s.n && s.p[*at] == ' ')
        ++*at;
    size_t n =
        *at + 1 < s.n && logs_is(s.p[*at], LOGS_DIGIT) && logs_is(s.p[*at + 1], LOGS_DIGIT) ? 2 : 1;
    return digits(s, at, n, out) && *out >= 1 && *out <= 31;
}

static bool epoch(struct str s, size_t *at, size_t n, struct clock *c)
{
    int64_t v;
    if (s.n < *at + n || (s.p[*at] != '1' && s.p[*at] != '2') || !digits(s, at, n, &v) ||
        (*at < s.n && logs_is(s.p[*at], LOGS_WORD)))
        return false;
    c->epoch_ms = n == 10 ? v * 1000 : v;
    return true;
}

static bool letter(char p, struct str s, size_t *at, struct clock *c)
{
    int64_t unused;
    switch (p) {
    case 'Y':
        return digits(s, at, 4, &c->year) && c->year >= 1900 && c->year < 2200;
    case 'y':
        c->year = 0;
        return digits(s, at, 2, &c->year) && (c->year += c->year < 70 ? 2000 : 1900);
    case 'M':
        return digits(s, at, 2, &c->month) && c->month >= 1 && c->month <= 12;
    case 'D':
        return day_of(s, at, &c->day);
    case 'b':
        return name_of(s, at, "JanFebMarAprMayJunJulAugSepOctNovDec", &c->month);
    case 'a':
        return name_of(s, at, "MonTueWedThuFriSatSun", &unused);
    case 'h':
        return digits(s, at, 2, &c->hour) && c->hour < 25;
    case 'm':
        return digits(s, at, 2, &c->minute) && c->minute < 60;
    case 's':
        return digits(s, at, 2, &c->second) && c->second < 62;
    case 'E':
        return epoch(s, at, 10, c);
    case 'F':
        return epoch(s, at, 13, c);
    default:
        return *at < s.n && s.p[*at] == p && ++*at;
    }
}

/* ".123", ",123456", ":606", then "Z" or "+02:00". */
static void tail(struct str s, size_t *at, struct clock *c)
{
    size_t i = *at + 1, scale = 100;
    if (*at < s.n && strchr(".,:", s.p[*at]) && i < s.n && logs_is(s.p[i], LOGS_DIGIT)) {
        for (; i < s.n && i < *at + 10 && logs_is(s.p[i], LOGS_DIGIT); i++, scale /= 10)
            c->ms += (int64_t)scale * (s.p[i] - '0');
        *at = i;
    }
    size_t zone = *at;
    int64_t hours, minutes;
    if (zone < s.n && s.p[zone] == 'Z') {
        ++*at;
        return;
    }
    zone += zone < s.n && s.p[zone] == ' ';
    if (zone >= s.n || (s.p[zone] != '+' && s.p[zone] != '-'))
        return;
    bool west = s.p[zone++] == '-';
    if (!digits(s, &zone, 2, &hours))
        return;
    zone += zone < s.n && s.p[zone] == ':';
    if (!digits(s, &zone, 2, &minutes) || hours > 14)
        return;
    *at = zone;
    c->ms += (west ? 1 : -1) * (hours * 60 + minutes) * 60000;
}

static int64_t to_ms(const struct clock *c)
{
    if (c->epoch_ms)
        return c->epoch_ms + c->ms;
    int64_t y = c->month <= 2 ? c->year - 1 : c->year, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return ((days * 24 + c->hour) * 60 + c->minute) * 60000 + c->second * 1000 + c->ms;
}

size_t logs_time_match(struct str s, int64_t *ms)
{
    if (s.n < 8 || !(logs_is(s.p[0], LOGS_DIGIT) || (s.p[0] >= 'A' && s.p[0] <= 'Z')))
        return 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct clock c = {.year = 1970, .month = 1, .day = 1};
        size_t at = 0;
        const char *p = patterns[i];
        while (*p && letter(*p, s, &at, &c))
            p++;
        if (*p)
            continue;
        tail(s, &at, &c);
        if (at < s.n && (logs_is(s.p[at], LOGS_WORD) || s.p[at] == '.'))
            continue;
        *ms = to_ms(&c);
        return at;
    }
    return 0;
}

const char *logs_time_text(int64_t ms, char out[32])
{
    int64_t days = ms / 86400000 - (ms % 86400000 < 0), of_day = (ms - days * 86400000) / 1000;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    out[0] = 0;
    if (ms != LOGS_NO_TIME && year > -10000 && year < 10000)
        snprintf(out, 32, "%04d-%02d-%02d %02d:%02d:%02d", (int)year, (int)month,
                 (int)(doy - (153 * mp + 2) / 5 + 1), (int)(of_day / 3600), (int)(of_day / 60 % 60),
                 (int)(of_day % 60));
    return out;
}
