/* SPDX-License-Identifier: Apache-2.0 */
/* serve/duration: see duration.h. */
#include "serve/duration.h"

#include <math.h>

static int64_t whole(double seconds)
{
    if (seconds < 0 || seconds > (double)DURATION_MOST)
        return DURATION_EVER;
    return (int64_t)ceil(seconds);
}

/* The unit at the front of the text; 0: there is none. */
static double cut_unit(struct str *s)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, {"ns", 1e-9}, {"h", 3600},
                 {"m", 60},    {"s", 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct str name = str_of(units[i].name);
        if (str_starts(*s, name)) {
            *s = str_from(*s, name.n);
            return units[i].seconds;
        }
    }
    return 0;
}

static bool cut_number(struct str *s, double *v)
{
    size_t n = 0;
    while (n < s->n && ((s->p[n] >= '0' && s->p[n] <= '9') || s->p[n] == '.'))
        n++;
    bool ok = n > 0 && str_to_f64(str_sub(*s, 0, n), v);
    *s = str_from(*s, n);
    return ok;
}

bool duration_parse(struct str text, int64_t *seconds)
{
    double sum = 0, v = 0;
    bool negative = text.n && text.p[0] == '-';
    if (text.n && (negative || text.p[0] == '+'))
        text = str_from(text, 1);
    if (text.n == 0)
        return false;
    for (bool first = true; text.n; first = false) {
        if (!cut_number(&text, &v))
            return false;
        double unit = cut_unit(&text);
        if (unit <= 0 && !(first && text.n == 0))
            return false;
        sum += v * (unit > 0 ? unit : 1);
    }
    *seconds = negative && sum > 0 ? DURATION_EVER : whole(sum);
    return true;
}

bool duration_from_json(const json_t *v, int64_t *seconds)
{
    if (json_is_string(v))
        return duration_parse((struct str){json_string_value(v), json_string_length(v)}, seconds);
    if (!json_is_number(v))
        return false;
    *seconds = whole(json_number_value(v));
    return true;
}

json_t *duration_to_json(int64_t seconds)
{
    return seconds == DURATION_UNSET ? json_null() : json_integer(seconds);
}
