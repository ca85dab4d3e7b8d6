/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_show: see logs_show.h. */
#include "cli/logs_show.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/os.h"
#include "cli/opts.h"
#include "cli/table.h"
#include "cli/term.h"
#include "work/logs_mask.h"

#define AROUND_BEFORE 5u /* lines shown with a suspect */
#define AROUND_AFTER  3u
#define TEXT_BYTES    4096u /* of a line shown */
#define BROKEN_SHOWN  1000u

static const struct {
    unsigned why;
    const char *word, *text;
} reasons[] = {
    {LOGS_WHY_FIRST, "first", N_("the trouble begins here")},
    {LOGS_WHY_BEFORE, "before", N_("shortly before the trouble")},
    {LOGS_WHY_NEW, "new", N_("not in the baseline")},
    {LOGS_WHY_APPEARED, "appeared", N_("never before")},
    {LOGS_WHY_BURST, "burst", N_("far more often than before")},
    {LOGS_WHY_STOPPED, "stopped", N_("came all the time, and no longer does")},
    {LOGS_WHY_RARE, "rare", N_("rare")},
    {LOGS_WHY_BAD, "bad", N_("bad by its level or words")},
};
enum { N_REASONS = sizeof reasons / sizeof *reasons };

static size_t shown(const struct logs_shown *s)
{
    return s->top && s->top < s->find->n_suspect ? s->top : s->find->n_suspect;
}

/* Text of a log for people: masked, and clean for a terminal. */
static void add_text(const struct logs_shown *s, struct str text, struct buf *out)
{
    struct buf masked;
    text = str_sub(text, 0, TEXT_BYTES);
    buf_init(&masked, 4 * TEXT_BYTES);
    if (s->unmasked)
        buf_str(&masked, text);
    else
        logs_mask(text, &masked);
    term_clean(out, buf_view(&masked));
    buf_clear(&masked);
}

static json_t *text_json(const struct logs_shown *s, struct str text)
{
    struct buf out;
    buf_init(&out, 16 * TEXT_BYTES);
    add_text(s, text, &out);
    json_t *j = json_stringn(buf_c(&out), out.n);
    buf_clear(&out);
    return j;
}

static json_t *time_json(int64_t ms)
{
    char text[32];
    return ms == LOGS_NO_TIME ? json_null() : json_string(logs_time_text(ms, text));
}

static json_t *buckets_json(const uint32_t *bucket)
{
    json_t *j = json_array();
    for (uint32_t i = 0; i < LOGS_BUCKETS; i++)
        json_array_append_new(j, json_integer(bucket[i]));
    return j;
}

/* --- table ---------------------------------------------------------------------------------------
 */

/* Sixty numbers as twenty blocks of eight heights. */
static void sparkline(const uint32_t *bucket, char out[64])
{
    uint32_t most = 1, v[20], at = 0;
    for (uint32_t i = 0; i < 20; i++) {
        v[i] = bucket[3 * i] + bucket[3 * i + 1] + bucket[3 * i + 2];
        most = v[i] > most ? v[i] : most;
    }
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t h = v[i] ? 1 + (uint32_t)((uint64_t)v[i] * 7 / most) : 0;
        if (!h) {
            out[at++] = ' ';
            continue;
        }
        out[at++] = (char)0xe2; /* U+2581 to U+2588 */
        out[at++] = (char)0x96;
        out[at++] = (char)(0x80 + h);
    }
    out[at] = 0;
}

static void add_reasons(unsigned why, struct buf *out)
{
    for (size_t i = 0, n = 0; i < N_REASONS; i++)
        if (why & reasons[i].why)
            buf_fmt(out, "%s%s", n++ ? "; " : "", _(reasons[i].text));
}

static void add_row(const struct logs_shown *s, size_t i, struct table *t)
{
    const struct logs_suspect *x = &s->find->suspect[i];
    const struct logs_source *src = &s->find->source[x->source];
    char when[32], spark[64];
    struct buf text;
    buf_init(&text, 16 * TEXT_BYTES);
    sparkline(x->bucket, spark);
    table_fmt(t, "%zu", i + 1);
    table_fmt(t, "%s:%llu", src->name, (unsigned long long)x->line + 1);
    table_cell(t, str_of(src->timed ? logs_time_text(x->ms, when) : ""));
    table_fmt(t, "%llu", (unsigned long long)x->count);
    table_cell(t, str_of(spark));
    add_reasons(x->why, &text);
    table_cell(t, buf_view(&text));
    buf_reset(&text);
    add_text(s, str_sub(logs_source_text(src, x->line), 0, 160), &text);
    table_cell(t, buf_view(&text));
    buf_clear(&text);
}

static void show_sessions(const struct logs_shown *s)
{
    for (size_t i = 0; i < s->find->n_source; i++) {
        const struct logs_sessions *t = &s->sessions[i];
        if (t->n)
            printf(_("\n%s: %zu sessions by their id (%s), %zu broken\n"), s->find->source[i].name,
                   t->n, t->kind[0] ? t->kind : "UUID", t->n_broken);
        for (size_t k = 0, n = 0; k < t->n && n < 10; k++)
            if (t->v[k].new_events || t->v[k].rare_step) {
                printf("  %.*s  %s:%llu\n", STR_ARG(t->v[k].id), s->find->source[i].name,
                       (unsigned long long)t->v[k].first_line + 1);
                n++;
            }
    }
}

bool logs_show_table(const struct logs_shown *s, struct err *e)
{
    struct table t;
    char when[32];
    table_init(&t, "rllrlll");
    table_cell(&t, STR("#"));
    table_cell(&t, str_of(_("LINE")));
    table_cell(&t, str_of(_("TIME")));
    table_cell(&t, str_of(_("LINES")));
    table_cell(&t, str_of(_("OVER TIME")));
    table_cell(&t, str_of(_("WHY")));
    table_cell(&t, str_of(_("MESSAGE")));
    for (size_t i = 0; i < shown(s); i++)
        add_row(s, i, &t);
    if (s->find->onset_ms != LOGS_NO_TIME)
        printf(_("The trouble begins at %s.\n\n"), logs_time_text(s->find->onset_ms, when));
    else
        puts(_("No trouble begins in this time.\n"));
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    show_sessions(s);
    return ok;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static json_t *around_json(const struct logs_shown *s, const struct logs_source *src, uint64_t line)
{
    json_t *list = json_array();
    uint64_t from = line > AROUND_BEFORE ? line - AROUND_BEFORE : 0;
    for (uint64_t i = from; i <= line + AROUND_AFTER && i < src->mine.n_line; i++)
        json_array_append_new(list, json_pack("{s:I,s:o}", "line", (json_int_t)i + 1, "text",
                                              text_json(s, logs_source_line(src, i))));
    return list;
}

static json_t *suspect_json(const struct logs_shown *s, size_t i)
{
    static const char *const levels[] = {"trace", "debug", "info", "warning", "error", "fatal"};
    const struct logs_suspect *x = &s->find->suspect[i];
    const struct logs_source *src = &s->find->source[x->source];
    const struct logs_event *v = &src->mine.events.v[x->event];
    json_t *why = json_array(), *j;
    for (size_t k = 0; k < N_REASONS; k++)
        if (x->why & reasons[k].why)
            json_array_append_new(why, json_string(reasons[k].word));
    j = json_pack("{s:I,s:f,s:s,s:I,s:o,s:s,s:s}", "rank", (json_int_t)i + 1, "score", x->score,
                  "file", src->name, "line", (json_int_t)x->line + 1, "time",
                  time_json(src->timed ? x->ms : LOGS_NO_TIME), "level", levels[x->severity],
                  "event", v->id);
    json_object_set_new(j, "template", text_json(s, v->text));
    json_object_set_new(j, "message", text_json(s, logs_source_text(src, x->line)));
    json_object_set_new(j, "why", why);
    json_object_set_new(j, "count", json_integer((json_int_t)x->count));
    json_object_set_new(j, "before", json_integer((json_int_t)x->before));
    json_object_set_new(j, "bucket", buckets_json(x->bucket));
    json_object_set_new(j, "around", around_json(s, src, x->line));
    return j;
}

static json_t *file_json(const struct logs_find *f, const struct logs_source *src)
{
    uint32_t bucket[LOGS_BUCKETS] = {0};
    double span = (double)(f->to_ms - f->from_ms) + 1;
    for (uint64_t i = 0; i < src->mine.n_line; i++) {
        double at = (double)(src->ms[i] - f->from_ms) / span * LOGS_BUCKETS;
        if (at >= 0 && at < LOGS_BUCKETS)
            bucket[(size_t)at]++;
    }
    return json_pack("{s:s,s:I,s:I,s:o}", "name", src->name, "lines", (json_int_t)src->mine.n_line,
                     "events", (json_int_t)src->mine.events.n, "bucket", buckets_json(bucket));
}

/* Events of the worst level there is that say more than a value. */
static void add_alerts(const struct logs_source *src, json_t *list)
{
    int worst = 4;
    for (uint64_t i = 0; i < src->mine.n_line; i++)
        worst = src->level[i] > worst ? src->level[i] : worst;
    uint8_t *bad = mem_new(src->mine.events.n + 1, 1, NULL);
    for (uint64_t i = 0; bad && i < src->mine.n_line; i++)
        if (src->level[i] >= worst)
            bad[logs_source_event(src, i)] = 1;
    for (size_t k = 0; bad && k < src->mine.events.n; k++)
        if (bad[k] && !logs_is_report(src->mine.events.v[k].text))
            json_array_append_new(list, json_string(src->mine.events.v[k].id));
    mem_free(bad);
}

static json_t *sessions_json(const struct logs_shown *s, size_t i)
{
    const struct logs_sessions *t = &s->sessions[i];
    json_t *broken = json_array();
    for (size_t k = 0; k < t->n && json_array_size(broken) < BROKEN_SHOWN; k++)
        if (t->v[k].new_events || t->v[k].rare_step)
            json_array_append_new(broken,
                                  json_pack("{s:o,s:I,s:I,s:b,s:b}", "id", text_json(s, t->v[k].id),
                                            "line", (json_int_t)t->v[k].first_line + 1, "lines",
                                            (json_int_t)t->v[k].n_line, "new_events",
                                            t->v[k].new_events, "rare_step", t->v[k].rare_step));
    return json_pack("{s:s,s:s,s:I,s:I,s:o}", "file", s->find->source[i].name, "kind", t->kind,
                     "count", (json_int_t)t->n, "n_broken", (json_int_t)t->n_broken, "broken",
                     broken);
}

json_t *logs_show_json(const struct logs_shown *s, struct err *e)
{
    json_t *files = json_array(), *suspects = json_array(), *alerts = json_array(),
           *sessions = json_array();
    const struct logs_find *f = s->find;
    for (size_t i = 0; i < f->n_source; i++) {
        json_array_append_new(files, file_json(f, &f->source[i]));
        add_alerts(&f->source[i], alerts);
        if (s->sessions[i].n)
            json_array_append_new(sessions, sessions_json(s, i));
    }
    for (size_t i = 0; i < shown(s); i++)
        json_array_append_new(suspects, suspect_json(s, i));
    json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "from", time_json(f->from_ms), "to",
                          time_json(f->to_ms), "onset", time_json(f->onset_ms), "files", files,
                          "suspects", suspects, "alerts", alerts, "sessions", sessions);
    if (!j)
        fail(e, ERR_LIMIT, "not enough memory for the events");
    return j;
}
