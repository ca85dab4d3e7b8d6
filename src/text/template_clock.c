/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_clock: strftime_now, in the C locale whatever the user's is: a prompt must not
 * depend on it. Directives are those of C, with glibc's flags "-_0^#"; %f, %z and %Z are Python's
 * for a time without fraction and zone. An unknown directive stays as it is. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text/template_filters.h"

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* ISO 8601 week and the year it belongs to. */
static int iso_week(const struct tm *t, int *year)
{
    int day = (t->tm_wday + 6) % 7, week = (t->tm_yday - day + 10) / 7;
    *year = t->tm_year + 1900;
    int first = (day - t->tm_yday % 7 + 7) % 7; /* weekday of 1 January, Monday is 0 */
    int weeks = first == 3 || (first == 2 && is_leap(*year)) ? 53 : 52;
    if (week < 1) {
        *year -= 1;
        int before = (first - (is_leap(*year) ? 2 : 1) + 7) % 7;
        return before == 3 || (before == 2 && is_leap(*year)) ? 53 : 52;
    }
    if (week > weeks) {
        *year += 1;
        return 1;
    }
    return week;
}

/* A directive that is a number: its value, width and usual padding; false where it is none. */
static bool number_of(const struct tm *t, char c, int *value, int *width, char *pad)
{
    int hour = t->tm_hour % 12 ? t->tm_hour % 12 : 12, year = t->tm_year + 1900, iso = 0;
    int week = strchr("VGg", c) ? iso_week(t, &iso) : 0;
    *pad = strchr("ekl", c) ? '_' : '0';
    *width = strchr("uw", c) ? 1 : strchr("YG", c) ? 4 : c == 'j' ? 3 : 2;
    switch (c) {
    case 'd':
    case 'e':
        *value = t->tm_mday;
        return true;
    case 'H':
    case 'k':
        *value = t->tm_hour;
        return true;
    case 'I':
    case 'l':
        *value = hour;
        return true;
    case 'j':
        *value = t->tm_yday + 1;
        return true;
    case 'm':
        *value = t->tm_mon + 1;
        return true;
    case 'M':
        *value = t->tm_min;
        return true;
    case 'S':
        *value = t->tm_sec;
        return true;
    case 'u':
        *value = t->tm_wday ? t->tm_wday : 7;
        return true;
    case 'w':
        *value = t->tm_wday;
        return true;
    case 'U':
        *value = (t->tm_yday + 7 - t->tm_wday) / 7;
        return true;
    case 'W':
        *value = (t->tm_yday + 7 - (t->tm_wday + 6) % 7) / 7;
        return true;
    case 'V':
        *value = week;
        return true;
    case 'G':
    case 'g':
        *value = c == 'G' ? iso : iso % 100;
        return true;
    case 'Y':
        *value = year;
        return true;
    case 'y':
    case 'C':
        *value = c == 'y' ? year % 100 : year / 100;
        return true;
    default:
        return false;
    }
}

static void write_number(int value, int width, char pad, char flag, struct buf *out)
{
    pad = flag == '-' || flag == '_' || flag == '0' ? flag : pad;
    if (pad == '-')
        buf_fmt(out, "%d", value);
    else
        buf_fmt(out, pad == '_' ? "%*d" : "%0*d", width, value);
}

/* A directive that is a word; NULL where it is none. */
static const char *word_of(const struct tm *t, char c)
{
    switch (c) {
    case 'a':
    case 'A':
        return days[t->tm_wday];
    case 'b':
    case 'B':
    case 'h':
        return months[t->tm_mon];
    case 'p':
        return t->tm_hour < 12 ? "AM" : "PM";
    case 'P':
        return t->tm_hour < 12 ? "am" : "pm";
    case 'f':
        return "000000";
    case 'z':
    case 'Z':
        return "";
    case 'n':
        return "\n";
    case 't':
        return "\t";
    case '%':
        return "%";
    default:
        return NULL;
    }
}

static void write_word(const char *word, char c, char flag, struct buf *out)
{
    size_t n = strchr("abh", c) ? 3 : strlen(word);
    for (size_t i = 0; i < n; i++) {
        char k = word[i];
        if (flag == '#' && c == 'p')
            k = (char)(k | 32);
        else if ((flag == '^' || flag == '#') && k >= 'a' && k <= 'z')
            k = (char)(k - 32);
        buf_byte(out, k);
    }
}

/* What a directive that stands for several is short for; NULL where it is none. */
static const char *long_form(char c)
{
    static const char *const form[][2] = {{"c", "%a %b %e %H:%M:%S %Y"},
                                          {"D", "%m/%d/%y"},
                                          {"F", "%Y-%m-%d"},
                                          {"r", "%I:%M:%S %p"},
                                          {"R", "%H:%M"},
                                          {"T", "%H:%M:%S"},
                                          {"x", "%m/%d/%y"},
                                          {"X", "%H:%M:%S"}};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++)
        if (form[i][0][0] == c)
            return form[i][1];
    return NULL;
}

static void write_time(const struct tm *t, struct str f, int depth, struct buf *out)
{
    for (size_t i = 0; i < f.n; i++) {
        size_t start = i;
        char flag = 0, pad;
        int value, width;
        if (f.p[i] != '%' || i + 1 == f.n) {
            buf_byte(out, f.p[i]);
            continue;
        }
        while (i + 2 < f.n && f.p[i + 1] && strchr("-_0^#EO", f.p[i + 1]))
            flag = f.p[++i];
        char c = f.p[++i];
        const char *form = depth ? NULL : long_form(c), *word = word_of(t, c);
        if (form)
            write_time(t, str_of(form), depth + 1, out);
        else if (word)
            write_word(word, c, flag, out);
        else if (number_of(t, c, &value, &width, &pad))
            write_number(value, width, pad, flag, out);
        else
            buf_str(out, str_sub(f, start, i + 1 - start));
    }
}

bool g_strftime_now(struct render *r, UNUSED struct value self, const struct args *a,
                    struct value *out)
{
    struct str f;
    struct buf b;
    if (!arg_str(r, a->v[0], &f) || !spend(r, f.n))
        return false;
    text_start(&b);
    write_time(r->now, f, 0, &b);
    return text_done(r, &b, spend(r, 2 * b.n), out);
}
