/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_format: see logs_format.h. */
#include "work/logs_format.h"

#include <string.h>

#include "work/logs_word.h"

#define SAMPLE_LINES 2000u
#define SAMPLE_BYTES ((size_t)4 << 20)

/* A field of a line's head. */
struct field {
    enum logs_kind kind;
    size_t at, n;
    bool padded; /* two blanks or more follow */
    int64_t ms;
};

/* --- one line ------------------------------------------------------------------------------------
 */

int logs_level_of(struct str w)
{
    static const struct {
        char name[12];
        int level;
    } all[] = {{"trace", 0},    {"finest", 0}, {"verbose", 0},     {"debug", 1},   {"fine", 1},
               {"info", 2},     {"notice", 2}, {"information", 2}, {"warn", 3},    {"warning", 3},
               {"error", 4},    {"err", 4},    {"severe", 4},      {"failure", 4}, {"fatal", 5},
               {"critical", 5}, {"crit", 5},   {"alert", 5},       {"emerg", 5},   {"panic", 5},
               {"v", 0},        {"d", 1},      {"i", 2},           {"w", 3},       {"e", 4},
               {"f", 5}};
    while (w.n && (w.p[0] == '[' || w.p[0] == '(' || w.p[0] == '<'))
        w = str_from(w, 1);
    while (w.n && strchr("]):,>", w.p[w.n - 1]))
        w.n--;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t n = strnlen(all[i].name, sizeof all[i].name), j = 0;
        if (n != w.n)
            continue;
        while (j < n && (w.p[j] | 0x20) == all[i].name[j])
            j++;
        if (j == n && (n > 1 || w.p[0] < 'a'))
            return all[i].level;
    }
    return -1;
}

static size_t bracket_end(struct str s, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < s.n && i < at + 256; i++) {
        depth += s.p[i] == '[';
        depth -= s.p[i] == ']';
        if (!depth)
            return i + 1;
    }
    return 0;
}

static enum logs_kind kind_of(struct str w)
{
    size_t number = 0;
    while (number < w.n && logs_is(w.p[number], LOGS_DIGIT))
        number++;
    if (number == w.n)
        return LOGS_FIELD_NUMBER;
    if (logs_level_of(w) >= 0)
        return LOGS_FIELD_LEVEL;
    if (w.n == 1 && strchr("-|:>", w.p[0]))
        return LOGS_FIELD_DASH;
    if (w.n > 1 && w.p[w.n - 1] == ':')
        return LOGS_FIELD_COMPONENT;
    return LOGS_FIELD_WORD;
}

/* The field at `at`; the place behind it and the blanks after it. */
static size_t field_at(struct str s, size_t at, bool bars, bool time, struct field *f)
{
    size_t open = at < s.n && s.p[at] == '[';
    size_t n = time ? logs_time_match(str_from(s, at + open), &f->ms) : 0;
    size_t end = at + open + n, bracket = open && !n ? bracket_end(s, at) : 0;
    f->at = at;
    if (n) {
        f->kind = LOGS_FIELD_TIME;
        end += open && end < s.n && s.p[end] == ']';
    } else if (bracket) {
        end = bracket + (bracket < s.n && (s.p[bracket] == ':' || s.p[bracket] == ','));
        f->kind =
            logs_level_of(str_sub(s, at, end - at)) >= 0 ? LOGS_FIELD_LEVEL : LOGS_FIELD_BRACKET;
    } else {
        for (end = at; end < s.n && !logs_is(s.p[end], LOGS_BLANK) && !(bars && s.p[end] == '|');
             end++)
            ;
        f->kind = kind_of(str_sub(s, at, end - at));
    }
    f->n = end - at;
    if (end < s.n && (s.p[end] == ',' || (bars && s.p[end] == '|')))
        end++;
    size_t next = end;
    while (next < s.n && logs_is(s.p[next], LOGS_BLANK))
        next++;
    f->padded = next > end + 1;
    return next;
}

static bool begins_with_bar(struct str line)
{
    int64_t ms;
    size_t n = logs_time_match(line, &ms);
    return n && n < line.n && line.p[n] == '|';
}

static uint32_t fields_of(struct str line, bool bars, struct field *f)
{
    uint32_t n = 0;
    for (size_t at = 0; n < LOGS_FIELDS && at < line.n; n++) {
        size_t end = field_at(line, at, bars, true, &f[n]);
        if (bars && (f[n].at + f[n].n >= line.n || line.p[f[n].at + f[n].n] != '|'))
            break; /* the message */
        at = end;
    }
    return n;
}

/* --- learning ------------------------------------------------------------------------------------
 */

struct sample {
    uint32_t lines, of[LOGS_FIELDS][LOGS_FIELD_KINDS], padded[LOGS_FIELDS], there[LOGS_FIELDS];
    uint32_t bars, few[LOGS_FIELDS]; /* lines whose number equals the first line's */
    uint32_t number[LOGS_FIELDS];
};

static void count_line(struct sample *s, struct str line, bool bars)
{
    struct field f[LOGS_FIELDS];
    uint32_t n = fields_of(line, bars, f);
    s->lines++;
    s->bars += begins_with_bar(line);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t h = 2166136261u;
        for (size_t j = 0; j < f[i].n; j++)
            h = (h ^ (uint8_t)line.p[f[i].at + j]) * 16777619u;
        s->there[i]++;
        s->of[i][f[i].kind]++;
        s->padded[i] += f[i].padded;
        if (!s->number[i])
            s->number[i] = h | 1;
        s->few[i] += s->number[i] == (h | 1);
    }
}

static void take_sample(struct str text, bool bars, struct sample *s)
{
    struct str line;
    *s = (struct sample){0};
    text = str_sub(text, 0, SAMPLE_BYTES);
    while (s->lines < SAMPLE_LINES && text.n && str_cut(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && !logs_is(line.p[0], LOGS_BLANK)) /* what is indented goes on */
            count_line(s, str_sub(line, 0, 1024), bars);
    }
}

static bool most(const struct sample *s, uint32_t count, uint32_t percent)
{
    return (uint64_t)count * 100 >= (uint64_t)s->lines * percent;
}

/* Whether a place belongs to the header for sure, seen what was found before it. */
static bool is_header(const struct sample *s, uint32_t i, bool timed, enum logs_kind *kind)
{
    const uint32_t *of = s->of[i];
    *kind = LOGS_FIELD_WORD;
    for (uint32_t k = 0; k < LOGS_FIELD_KINDS; k++)
        if (most(s, of[k], 70))
            *kind = (enum logs_kind)k;
    if (most(s, of[LOGS_FIELD_TIME], 80) || most(s, of[LOGS_FIELD_LEVEL], 80))
        return true;
    if (!timed)
        return false;
    if (most(s, of[LOGS_FIELD_DASH], 50)) { /* elsewhere it may come a word later */
        *kind = LOGS_FIELD_DASH;
        return true;
    }
    return most(s, of[LOGS_FIELD_COMPONENT], 80) || most(s, of[LOGS_FIELD_BRACKET], 95) ||
           most(s, s->padded[i], 90) ||
           (most(s, of[LOGS_FIELD_NUMBER], 95) && most(s, s->few[i], 95));
}

void logs_format_learn(struct str text, struct logs_format *f)
{
    struct sample s;
    bool timed = false;
    *f = (struct logs_format){0};
    take_sample(text, false, &s);
    if (s.lines && most(&s, s.bars, 90)) {
        f->bars = true;
        take_sample(text, true, &s);
        while (f->n < LOGS_FIELDS && most(&s, s.there[f->n], 95)) {
            is_header(&s, f->n, true, &f->kind[f->n]);
            f->n++;
        }
        return;
    }
    for (uint32_t i = 0; i < LOGS_FIELDS && s.lines && most(&s, s.there[i], 80); i++) {
        if (!is_header(&s, i, timed, &f->kind[i]))
            continue;
        timed = timed || f->kind[i] == LOGS_FIELD_TIME || f->kind[i] == LOGS_FIELD_LEVEL;
        f->n = timed ? i + 1 : f->n;
        if (f->kind[i] == LOGS_FIELD_COMPONENT &&
            !(i + 1 < LOGS_FIELDS && most(&s, s.of[i + 1][LOGS_FIELD_LEVEL], 80)))
            break; /* the message follows */
    }
}

/* --- a description -------------------------------------------------------------------------------
 */

bool logs_format_given(struct logs_format *f, const char *pattern, struct err *e)
{
    *f = (struct logs_format){.given = pattern};
    const char *content = strstr(pattern, "<Content>");
    if (!content || content[9])
        return fail(e, ERR_USAGE,
                    "--format \"%s\" must end in <Content>; an example is \"<Date> <Time> <Level> "
                    "<Component>: <Content>\"",
                    pattern);
    return true;
}

static void take(struct logs_record *r, struct str name, struct str v, struct str *date)
{
    if (str_is(name, "Content"))
        r->message = v;
    else if (str_is(name, "Level"))
        r->level = v;
    else if (str_is(name, "Component"))
        r->component = v;
    else if (str_is(name, "Pid") || str_is(name, "PID"))
        r->pid = v;
    else if (date->p && (str_is(name, "Time") || str_is(name, "Date") || str_is(name, "Day")))
        *date = (struct str){date->p, (size_t)(v.p + v.n - date->p)};
    else if (str_is(name, "Time") || str_is(name, "Date") || str_is(name, "Month") ||
             str_is(name, "Timestamp"))
        *date = v;
}

/* Names take what stands up to the text behind them; a blank there is any number of blanks. */
static void split_given(const char *p, struct str line, struct logs_record *out)
{
    struct str date = {0};
    size_t at = 0;
    struct logs_record r = *out;
    while (*p) {
        if (*p == ' ') {
            for (; *p == ' '; p++)
                ;
            if (at >= line.n || !logs_is(line.p[at], LOGS_BLANK))
                return;
            while (at < line.n && logs_is(line.p[at], LOGS_BLANK))
                at++;
            continue;
        }
        const char *close = *p == '<' ? strchr(p, '>') : NULL;
        if (!close) {
            if (at >= line.n || line.p[at++] != *p++)
                return;
            continue;
        }
        struct str name = {p + 1, (size_t)(close - p - 1)};
        size_t from = at;
        p = close + 1;
        while (at < line.n && *p &&
               !(*p == ' ' ? logs_is(line.p[at], LOGS_BLANK) : line.p[at] == *p))
            at++;
        take(&r, name, str_sub(line, from, *p ? at - from : SIZE_MAX), &date);
        at = *p ? at : line.n;
    }
    r.header = true;
    if (!date.p || !logs_time_match(date, &r.ms))
        r.ms = LOGS_NO_TIME;
    *out = r;
}

/* --- splitting -----------------------------------------------------------------------------------
 */

static void take_component(struct str w, struct logs_record *out)
{
    if (w.n && w.p[w.n - 1] == ':')
        w.n--;
    const char *open = w.n && w.p[w.n - 1] == ']' ? memchr(w.p, '[', w.n) : NULL;
    if (open) {
        out->pid = (struct str){open + 1, (size_t)(w.p + w.n - 1 - (open + 1))};
        w.n = (size_t)(open - w.p);
    }
    out->component = w;
}

static void take_field(const struct logs_format *f, uint32_t i, struct str line,
                       const struct field *x, struct logs_record *out)
{
    struct str w = str_sub(line, x->at, x->n);
    if (x->kind == LOGS_FIELD_TIME && f->kind[i] == LOGS_FIELD_TIME) {
        out->ms = x->ms; /* the last one: the finest, where there are several */
        out->header = true;
    } else if (x->kind == LOGS_FIELD_LEVEL && f->kind[i] == LOGS_FIELD_LEVEL) {
        out->level = w;
        out->header = true;
    } else if (x->kind == LOGS_FIELD_COMPONENT) {
        take_component(w, out);
    } else if (f->kind[i] == LOGS_FIELD_NUMBER && !out->pid.n && out->header) {
        out->pid = w;
    } else if (f->kind[i] == LOGS_FIELD_WORD && out->header) {
        out->component = w;
    }
}

/* The place behind a separator that comes one or two words late; else `at` as it is. */
static size_t behind_dash(struct str line, size_t at, bool bars)
{
    struct field x = {.kind = LOGS_FIELD_WORD};
    size_t next = at;
    for (int i = 0; i < 2 && x.kind != LOGS_FIELD_DASH; i++)
        next = field_at(line, next, bars, false, &x);
    return x.kind == LOGS_FIELD_DASH ? next : at;
}

void logs_format_split(const struct logs_format *f, struct str line, struct logs_record *out)
{
    struct field x;
    size_t at = 0;
    *out = (struct logs_record){.message = line, .ms = LOGS_NO_TIME, .header = !f->n && !f->given};
    if (f->given) {
        split_given(f->given, line, out);
        return;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        at = field_at(line, at, f->bars, f->kind[i] == LOGS_FIELD_TIME, &x);
        if (f->kind[i] == LOGS_FIELD_TIME && x.kind != LOGS_FIELD_TIME) {
            *out = (struct logs_record){.message = line, .ms = LOGS_NO_TIME};
            return;
        }
        take_field(f, i, line, &x, out);
        if (f->kind[i] == LOGS_FIELD_DASH && x.kind != LOGS_FIELD_DASH)
            at = behind_dash(line, at, f->bars);
    }
    if (out->header)
        out->message = str_from(line, at);
    while (out->level.n && strchr("[(<", out->level.p[0]))
        out->level = str_from(out->level, 1);
    while (out->level.n && strchr("]):,>", out->level.p[out->level.n - 1]))
        out->level.n--;
}
