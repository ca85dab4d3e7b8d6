/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_find: see logs_find.h. */
#include "work/logs_find.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SUSPECTS_KEPT 200u

/* An event of one source over time. */
struct course {
    uint32_t source, event;
    uint64_t count, first_line, last_line;
    uint64_t start_line; /* start: of what is unusual */
    int64_t first_ms, start_ms;
    int severity;
    bool known, report; /* known: in the baseline */
    double surprise;    /* of its beginning or burst, in units of chance */
    double mass;        /* lines more than expected, for symptoms */
    uint32_t start_bucket;
    uint32_t bucket[LOGS_BUCKETS];
};

struct run {
    struct logs_find *f;
    struct course *course;
    size_t n;
    size_t *of_source; /* first course of each source */
};

static uint32_t bucket_of(const struct logs_find *f, int64_t ms)
{
    double span = (double)(f->to_ms - f->from_ms) + 1;
    double at = (double)(ms - f->from_ms) / span * LOGS_BUCKETS;
    return at < 0 ? 0 : at >= LOGS_BUCKETS ? LOGS_BUCKETS - 1 : (uint32_t)at;
}

static double width_ms(const struct logs_find *f)
{
    return ((double)(f->to_ms - f->from_ms) + 1) / LOGS_BUCKETS;
}

/* Times without a year are of 1970: they get the year of a log that has one. */
static void give_years(struct logs_find *f)
{
    const int64_t year_ms = 366 * (int64_t)86400000, day_ms = 86400000;
    int64_t dated = 0;
    for (size_t i = 0; i < f->n_source; i++)
        if (f->source[i].timed && f->source[i].mine.n_line &&
            f->source[i].ms[f->source[i].mine.n_line / 2] > year_ms)
            dated = f->source[i].ms[f->source[i].mine.n_line / 2];
    char text[32];
    int64_t ms;
    if (!dated || strlen(logs_time_text(dated, text)) < 19)
        return;
    int64_t year = strtol(text, NULL, 10);
    snprintf(text, sizeof text, "%04d-01-01 00:00:00", (int)year);
    bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
    if (!logs_time_match(str_of(text), &ms))
        return;
    for (size_t i = 0; i < f->n_source; i++)
        for (uint64_t k = 0; k < f->source[i].mine.n_line && f->source[i].timed; k++)
            if (f->source[i].ms[k] < year_ms && f->source[i].ms[k] >= 0)
                f->source[i].ms[k] += ms + (leap && f->source[i].ms[k] >= 59 * day_ms ? day_ms : 0);
}

/* The span without stray times: what lies outside the middle 99.8 % by more than its length does
 * not count (a clock that jumped). */
static int by_ms(const void *pa, const void *pb)
{
    int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;
    return a < b ? -1 : a > b;
}

static bool find_span(struct logs_find *f, struct err *e)
{
    size_t n = 0, at = 0, step = 1;
    for (size_t i = 0; i < f->n_source; i++)
        n += f->source[i].mine.n_line;
    step = n / 100000 + 1;
    int64_t *ms = mem_new(n / step + f->n_source + 1, sizeof *ms, e);
    if (!ms)
        return false;
    for (size_t i = 0; i < f->n_source; i++)
        for (uint64_t k = 0; k < f->source[i].mine.n_line; k += step)
            ms[at++] = f->source[i].ms[k];
    qsort(ms, at, sizeof *ms, by_ms);
    int64_t low = at ? ms[at / 1000] : 0, high = at ? ms[at - 1 - at / 1000] : 0;
    f->from_ms = at && ms[0] > low - (high - low) ? ms[0] : low;
    f->to_ms = at && ms[at - 1] < high + (high - low) ? ms[at - 1] : high;
    mem_free(ms);
    return true;
}

/* --- courses -------------------------------------------------------------------------------------
 */

static bool init_courses(struct run *r, struct err *e)
{
    struct logs_find *f = r->f;
    r->of_source = mem_new(f->n_source + 1, sizeof *r->of_source, e);
    for (size_t i = 0; r->of_source && i < f->n_source; i++) {
        r->of_source[i] = r->n;
        r->n += f->source[i].mine.events.n;
    }
    r->course = r->of_source ? mem_new(r->n + 1, sizeof *r->course, e) : NULL;
    if (!r->course)
        return false;
    for (size_t i = 0; i < f->n_source; i++)
        for (uint32_t k = 0; k < f->source[i].mine.events.n; k++) {
            const struct logs_event *v = &f->source[i].mine.events.v[k];
            struct course *c = &r->course[r->of_source[i] + k];
            uint32_t known = 0;
            *c = (struct course){.source = (uint32_t)i, .event = k};
            c->report = logs_is_report(v->text);
            c->known = f->baseline && map_get(&f->baseline->events, str_of(v->id), &known);
        }
    return true;
}

static void count_line(struct run *r, size_t source, uint64_t line, uint32_t event)
{
    const struct logs_source *s = &r->f->source[source];
    struct course *c = &r->course[r->of_source[source] + event];
    int64_t ms = s->ms[line];
    if (!c->count++ || ms < c->first_ms) {
        c->first_ms = ms;
        c->first_line = line;
    }
    c->last_line = line;
    c->bucket[bucket_of(r->f, ms)]++;
    if (s->level[line] > c->severity || c->count == 1)
        c->severity = c->count == 1 ? s->level[line]
                                    : (c->severity > s->level[line] ? c->severity : s->level[line]);
}

static void count_lines(struct run *r)
{
    for (size_t i = 0; i < r->f->n_source; i++) {
        const struct logs_mine *m = &r->f->source[i].mine;
        for (size_t c = 0; c < m->n_chunk; c++)
            for (uint32_t k = 0; k < m->chunk[c].n_line; k++)
                count_line(r, i, m->chunk[c].first_line + k, logs_mine_event(m, &m->chunk[c], k));
    }
    for (size_t i = 0; i < r->n; i++) {
        struct course *c = &r->course[i];
        c->severity =
            logs_severity(r->f->source[c->source].mine.events.v[c->event].text, c->severity);
    }
}

/* Minus the decimal logarithm of the chance of n or more where `mean` are expected. */
static double chance(double n, double mean)
{
    if (n <= mean)
        return 0;
    double log_p = n * log(mean > 1e-9 ? mean : 1e-9) - mean - lgamma(n + 1);
    return log_p < 0 ? -log_p / log(10) : 0;
}

/* Where the course leaves its usual ways for the first time: the largest surprise of three buckets
 * after what was before them. */
static void find_start(struct run *r, struct course *c)
{
    double sum = 0;
    for (uint32_t b = 0; b < LOGS_BUCKETS; b++) {
        double now = c->bucket[b];
        for (uint32_t k = 1; k < 3 && b + k < LOGS_BUCKETS; k++)
            now += c->bucket[b + k];
        double high = sum + 0.5 + 2 * sqrt(sum); /* what is known of it errs by so much */
        double mean = 3 * high / (b + 1.0), s = c->bucket[b] ? chance(now, mean) : 0;
        if (b >= 2 && s > c->surprise * 1.5 && now > 2 * mean) {
            c->surprise = s;
            c->start_bucket = b;
        }
        sum += c->bucket[b];
    }
    double before = 0, all = 0;
    for (uint32_t b = 0; b < LOGS_BUCKETS; b++) {
        before += b < c->start_bucket ? c->bucket[b] : 0;
        all += b >= c->start_bucket ? c->bucket[b] : 0;
    }
    double rate = c->start_bucket ? before / c->start_bucket : 0;
    c->mass = all - rate * (LOGS_BUCKETS - c->start_bucket);
    c->start_ms = r->f->from_ms + (int64_t)(c->start_bucket * width_ms(r->f));
    if (before <= 0) {
        c->start_ms = c->first_ms;
        c->start_line = c->first_line;
    }
}

/* The first line of each burst: known only once the buckets are. */
static bool find_lines(struct run *r, struct err *e)
{
    bool *found = mem_new(r->n + 1, sizeof *found, e);
    for (size_t i = 0; found && i < r->f->n_source; i++) {
        const struct logs_source *s = &r->f->source[i];
        const struct logs_mine *m = &s->mine;
        for (size_t k = 0; k < m->n_chunk; k++)
            for (uint32_t j = 0; j < m->chunk[k].n_line; j++) {
                uint64_t line = m->chunk[k].first_line + j;
                size_t at = r->of_source[i] + logs_mine_event(m, &m->chunk[k], j);
                struct course *c = &r->course[at];
                if (found[at] || s->ms[line] < c->start_ms)
                    continue;
                found[at] = true;
                c->start_line = line;
                c->start_ms = s->ms[line];
            }
    }
    mem_free(found);
    return found;
}

/* --- the onset -----------------------------------------------------------------------------------
 */

static bool is_symptom(const struct course *c)
{
    return c->severity >= 3 && c->count >= 3 && c->surprise >= 4 && c->mass >= 3;
}

static double weight(const struct course *c)
{
    return log2(1 + c->mass) * (c->severity - 2);
}

static int by_start(const void *pa, const void *pb)
{
    const struct course *a = *(const struct course *const *)pa,
                        *b = *(const struct course *const *)pb;
    if (a->start_ms != b->start_ms)
        return a->start_ms < b->start_ms ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* The earliest symptom with half the weight of all within a tenth of the span behind it. */
static bool find_onset(struct run *r, const struct course **onset, struct err *e)
{
    double tenth = width_ms(r->f) * LOGS_BUCKETS / 10, total = 0, near = 0;
    size_t n = 0, to = 0;
    const struct course **all = mem_new(r->n + 1, sizeof(struct course *), e);
    *onset = NULL;
    for (size_t i = 0; all && i < r->n; i++)
        if (is_symptom(&r->course[i])) {
            all[n++] = &r->course[i];
            total += weight(&r->course[i]);
        }
    if (n)
        qsort(all, n, sizeof(struct course *), by_start);
    for (size_t i = 0; i < n && !*onset; i++) {
        while (to < n && (double)(all[to]->start_ms - all[i]->start_ms) <= tenth)
            near += weight(all[to++]);
        if (2 * near >= total * 0.999999)
            *onset = all[i];
        near -= weight(all[i]);
    }
    mem_free(all);
    return all;
}

/* --- suspects ------------------------------------------------------------------------------------
 */

static unsigned reasons(const struct run *r, const struct course *c, const struct course *onset,
                        uint64_t before)
{
    unsigned why = 0;
    double late = (double)(c->first_ms - r->f->from_ms) / (width_ms(r->f) * LOGS_BUCKETS);
    why |= r->f->baseline && !c->known ? LOGS_WHY_NEW : 0;
    why |= !before && late > 0.1 ? LOGS_WHY_APPEARED : 0;
    why |= before && c->surprise >= 3 ? LOGS_WHY_BURST : 0;
    why |= c->count <= 3 ? LOGS_WHY_RARE : 0;
    why |= c->severity >= 3 ? LOGS_WHY_BAD : 0;
    why |= c == onset ? LOGS_WHY_FIRST : 0;
    why |= onset && c != onset && c->start_ms <= onset->start_ms ? LOGS_WHY_BEFORE : 0;
    return why;
}

static uint64_t lines_before(const struct run *r, const struct course *c)
{
    uint64_t n = 0;
    uint32_t at = bucket_of(r->f, c->start_ms);
    if (c->start_line == c->first_line)
        return 0;
    for (uint32_t b = 0; b < at; b++)
        n += c->bucket[b];
    return n;
}

/* How unusual it is that the event came then, 0 to 1. */
static double novelty(const struct run *r, const struct course *c, uint64_t before)
{
    if (r->f->baseline && !c->known)
        return 1;
    uint32_t at = bucket_of(r->f, c->start_ms);
    double rate = ((double)before + 0.5) / (at + 1.0), s = c->surprise;
    if (s <= 0)
        s = chance(1, 2 * rate);
    return s > 3 ? 1 : s / 3;
}

/* Whether two templates differ in one word. */
static bool are_siblings(struct str a, struct str b)
{
    struct str x, y;
    size_t words = 0, differ = 0;
    while (differ < 2) {
        bool more_a = str_cut(&a, ' ', &x), more_b = str_cut(&b, ' ', &y);
        if (more_a != more_b)
            return false;
        if (!more_a)
            break;
        words++;
        differ += !str_eq(x, y);
    }
    return differ == 1 && words > 2;
}

/* Whether the like of it came before, with another word. */
static bool has_elder(const struct run *r, const struct course *c)
{
    const struct logs_events *t = &r->f->source[c->source].mine.events;
    for (uint32_t k = 0; k < t->n; k++) {
        const struct course *o = &r->course[r->of_source[c->source] + k];
        if (o->first_ms < c->start_ms && k != c->event &&
            are_siblings(t->v[k].text, t->v[c->event].text))
            return true;
    }
    return false;
}

static double score(const struct run *r, const struct course *c, const struct course *onset,
                    uint64_t before)
{
    double novel = novelty(r, c, before), bad = c->severity > 2 ? c->severity - 2 : 0;
    double span = width_ms(r->f) * LOGS_BUCKETS, unknown = r->f->baseline && !c->known ? 1.5 : 1;
    if (!onset) /* no trouble: the new and the bad */
        return unknown * novel * (0.2 + bad);
    double off = (double)(c->start_ms - onset->start_ms) / span;
    if (c == onset)
        return 4 * unknown;
    if (off > 0) /* later: symptoms, the sooner the more */
        return unknown * novel * (0.4 + 0.2 * bad) * exp(-off * 40);
    if (before && c->surprise < 3) /* came before, and comes as it did */
        return 0.1 * novel * exp(off * 20);
    return unknown * (0.4 + 0.6 * novel) * (1.5 + 0.5 * bad) * exp(off * 20);
}

/* Came all the time, and has not for the last tenth and more. */
static bool has_stopped(const struct course *c, uint32_t *last)
{
    uint32_t there = 0;
    *last = 0;
    for (uint32_t b = 0; b < LOGS_BUCKETS; b++) {
        there += c->bucket[b] > 0;
        *last = c->bucket[b] ? b : *last;
    }
    return *last < LOGS_BUCKETS * 9 / 10 && *last >= LOGS_BUCKETS / 4 &&
           there * 10 >= (*last + 1) * 9 && c->count >= 3ull * (*last + 1);
}

static int by_score(const void *pa, const void *pb)
{
    const struct logs_suspect *a = pa, *b = pb;
    if (a->score < b->score || a->score > b->score)
        return a->score > b->score ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->event < b->event ? -1 : 1;
}

static bool add_suspect(struct run *r, const struct course *c, const struct course *onset,
                        struct err *e)
{
    struct logs_find *f = r->f;
    uint64_t before = lines_before(r, c);
    double points = c->report ? 0.3 * score(r, c, onset, before) : score(r, c, onset, before);
    uint32_t last;
    bool stopped = has_stopped(c, &last);
    points = stopped && points < 0.8 ? 0.8 : points;
    if (points < 0.05)
        return true;
    if (!mem_grow(&f->suspect, f->n_suspect, &f->cap_suspect, sizeof *f->suspect, e))
        return false;
    struct logs_suspect *s = &f->suspect[f->n_suspect++];
    *s = (struct logs_suspect){.source = c->source,
                               .event = c->event,
                               .line = c->start_line,
                               .ms = c->start_ms,
                               .score = points,
                               .severity = c->severity,
                               .why = reasons(r, c, onset, before),
                               .count = c->count,
                               .before = before};
    memcpy(s->bucket, c->bucket, sizeof s->bucket);
    if (stopped) {
        s->why |= LOGS_WHY_STOPPED;
        s->line = c->last_line;
        s->ms = f->source[c->source].ms[c->last_line];
    }
    return true;
}

/* Of those kept only: each is compared with all events of its log. */
static void weigh_elders(struct run *r, const struct course *onset)
{
    struct logs_find *f = r->f;
    for (size_t i = 0; i < f->n_suspect; i++) {
        struct logs_suspect *s = &f->suspect[i];
        const struct course *c = &r->course[r->of_source[s->source] + s->event];
        if (c != onset && has_elder(r, c))
            s->score *= 0.5;
    }
    if (f->n_suspect)
        qsort(f->suspect, f->n_suspect, sizeof *f->suspect, by_score);
}

bool logs_find_run(struct logs_find *f, struct err *e)
{
    struct run r = {.f = f};
    f->onset_ms = LOGS_NO_TIME;
    give_years(f);
    bool ok = find_span(f, e) && init_courses(&r, e);
    if (ok) {
        count_lines(&r);
        for (size_t i = 0; i < r.n; i++)
            find_start(&r, &r.course[i]);
        ok = find_lines(&r, e);
        const struct course *onset = NULL;
        ok = ok && find_onset(&r, &onset, e);
        f->onset_ms = onset ? onset->start_ms : LOGS_NO_TIME;
        for (size_t i = 0; i < r.n && ok; i++)
            ok = add_suspect(&r, &r.course[i], onset, e);
        if (f->n_suspect)
            qsort(f->suspect, f->n_suspect, sizeof *f->suspect, by_score);
        if (f->n_suspect > SUSPECTS_KEPT)
            f->n_suspect = SUSPECTS_KEPT;
        weigh_elders(&r, onset);
    }
    mem_free(r.course);
    mem_free(r.of_source);
    return ok;
}

void logs_find_clear(struct logs_find *f)
{
    mem_free(f->suspect);
    f->suspect = NULL;
    f->n_suspect = f->cap_suspect = 0;
}
