/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_csv: see logs_csv.h. */
#include "work/logs_csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "work/logs_mask.h"

enum {
    LONG_PIECE = 4 << 20,  /* bytes of a message that are masked and written at a time */
    LONG_CHUNK = 16 << 20, /* of a chunk whose rows are written as they come */
    LONG_WORD = 4096       /* looked back for a place to cut, and for the name of a secret */
};

/* Quotes doubled, without those around it. */
static void add_quoted(struct buf *out, struct str s)
{
    for (const char *quote; s.n && (quote = memchr(s.p, '"', s.n)) != NULL;) {
        size_t n = (size_t)(quote - s.p) + 1;
        buf_add(out, s.p, n);
        buf_byte(out, '"');
        s = str_from(s, n);
    }
    buf_str(out, s);
}

static void add_field(struct buf *out, struct str s)
{
    bool plain = true;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = s.p[i] != ',' && s.p[i] != '"' && s.p[i] != '\n' && s.p[i] != '\r';
    if (!plain)
        buf_byte(out, '"');
    add_quoted(out, s);
    if (!plain)
        buf_byte(out, '"');
}

static void add_number(struct buf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    buf_add(out, digits + at, sizeof digits - at);
}

/* --- structured lines ----------------------------------------------------------------------------
 */

struct writer {
    const struct logs_mine *m;
    struct str *tail; /* of the row of each event */
    size_t from, n;   /* chunks of this round */
    struct buf *out;  /* [n] */
    struct buf *field;
    const struct logs_sink *sink; /* where rows of the chunk go as they come; NULL: into out */
    struct err *e;
    bool failed; /* the sink */
};

/* --- a message that is too long to be held whole ---------------------------------------------- */

/* What is there goes out, where it may. */
static void hand_on(struct writer *w, struct buf *out)
{
    if (!w->sink || w->failed)
        return;
    w->failed = !buf_ok(out, "the rows of a chunk", w->e) ||
                !w->sink->write(w->sink->ctx, out->p, out->n, w->e);
    buf_reset(out);
}

/* The last blank before `want`, so that no word is cut; else `want`. */
static size_t word_cut(struct str s, size_t want)
{
    for (size_t at = want; at > want - LONG_WORD; at--)
        if (s.p[at - 1] == ' ')
            return at;
    return want;
}

/* Bytes from `from` to `to` of it, masked with what stands before them: a secret and its name may
 * lie on two sides of the cut. Where masking takes in both, the word behind the cut is one. */
static void add_piece(struct buf *out, struct str s, size_t from, size_t to)
{
    size_t back = from < LONG_WORD ? 0 : from - LONG_WORD;
    struct buf before, all;
    buf_init(&before, SIZE_MAX / 2);
    buf_init(&all, SIZE_MAX / 2);
    logs_mask(str_sub(s, back, from - back), &before);
    logs_mask(str_sub(s, back, to - back), &all);
    if (str_starts(buf_view(&all), buf_view(&before))) {
        add_quoted(out, str_from(buf_view(&all), before.n));
    } else {
        struct str rest = str_sub(s, from, to - from), word;
        buf_cstr(out, str_cut(&rest, ' ', &word) ? "*** " : "");
        buf_reset(&all);
        logs_mask(rest, &all);
        add_quoted(out, buf_view(&all));
    }
    buf_clear(&before);
    buf_clear(&all);
}

static void add_long(struct writer *w, struct buf *out, struct str s)
{
    buf_byte(out, '"');
    for (size_t from = 0, to; from < s.n; from = to) {
        to = s.n - from > LONG_PIECE ? word_cut(s, from + LONG_PIECE) : s.n;
        if (w->m->unmasked)
            add_quoted(out, str_sub(s, from, to - from));
        else
            add_piece(out, s, from, to);
        if (w->m->mapped)
            os_map_forget(s.p + from, to - from);
        hand_on(w, out);
    }
    buf_byte(out, '"');
}

/* --- rows ------------------------------------------------------------------------------------- */

/* ",Time,Level,Component,Pid" */
static void add_header(struct buf *out, const struct logs_record *r)
{
    char when[32];
    buf_byte(out, ',');
    buf_cstr(out, logs_time_text(r->ms, when));
    buf_byte(out, ',');
    add_field(out, r->level);
    buf_byte(out, ',');
    add_field(out, r->component);
    buf_byte(out, ',');
    add_field(out, r->pid);
}

static void write_chunk(struct writer *w, const struct logs_chunk *c, struct buf *out,
                        struct buf *field)
{
    struct logs_lines lines = {c->text, w->m->lines.column, field, .format = w->m->lines.format,
                               .mapped = w->m->mapped};
    struct str message;
    struct buf masked;
    buf_init(&masked, SIZE_MAX / 2);
    for (uint32_t i = 0; i < c->n_line && logs_lines_next(&lines, &message); i++) {
        add_number(out, c->first_line + i + 1);
        buf_byte(out, ',');
        if (message.n > LONG_PIECE) {
            add_long(w, out, message);
        } else if (w->m->unmasked) {
            add_field(out, message);
        } else {
            buf_reset(&masked);
            logs_mask(message, &masked);
            add_field(out, buf_view(&masked));
        }
        buf_str(out, w->tail[logs_mine_event(w->m, c, i)]);
        if (lines.format)
            add_header(out, &lines.record);
        buf_byte(out, '\n');
    }
    buf_clear(&masked);
}

static void write_chunks(void *arg, uint32_t id)
{
    struct writer *w = arg;
    uint32_t i;
    while (workers_next(w->m->workers, id, (uint32_t)w->n, &i))
        write_chunk(w, &w->m->chunk[w->from + i], &w->out[i], &w->field[id]);
}

/* ",EventId,EventTemplate,Types" of every event. */
static bool make_tails(struct writer *w, struct buf *text, struct err *e)
{
    const struct logs_events *t = &w->m->events;
    size_t *at = mem_new(t->n + 1, sizeof *at, e);
    if (!at)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        at[i] = text->n;
        buf_byte(text, ',');
        buf_cstr(text, t->v[i].id);
        buf_byte(text, ',');
        add_field(text, t->v[i].text);
        buf_byte(text, ',');
        add_field(text, t->v[i].types);
    }
    at[t->n] = text->n;
    w->tail = mem_new(t->n + 1, sizeof *w->tail, e);
    for (size_t i = 0; w->tail && i < t->n; i++)
        w->tail[i] = (struct str){text->p + at[i], at[i + 1] - at[i]};
    mem_free(at);
    return w->tail && buf_ok(text, "the templates", e);
}

/* A chunk with a line of many megabytes: its rows go out in pieces. */
static bool write_alone(struct writer *w, const struct logs_sink *sink, struct err *e)
{
    w->n = 1;
    w->sink = sink;
    w->e = e;
    write_chunk(w, &w->m->chunk[w->from], &w->out[0], &w->field[0]);
    hand_on(w, &w->out[0]);
    w->sink = NULL;
    buf_clear(&w->out[0]);
    buf_init(&w->out[0], SIZE_MAX / 2);
    return !w->failed;
}

static bool is_long(const struct writer *w, size_t chunk)
{
    return w->m->chunk[chunk].text.n > LONG_CHUNK;
}

static bool write_rounds(struct writer *w, size_t per_round, struct logs_sink sink, struct err *e)
{
    const struct logs_mine *m = w->m;
    for (; w->from < m->n_chunk; w->from += w->n) {
        if (is_long(w, w->from)) {
            if (!write_alone(w, &sink, e))
                return false;
            continue;
        }
        for (w->n = 0; w->n < per_round && w->from + w->n < m->n_chunk; w->n++) {
            if (is_long(w, w->from + w->n))
                break;
            buf_reset(&w->out[w->n]);
        }
        workers_run(m->workers, write_chunks, w);
        struct str last = m->chunk[w->from + w->n - 1].text;
        if (m->mapped)
            os_map_forget(m->chunk[w->from].text.p,
                          (uint64_t)(last.p + last.n - m->chunk[w->from].text.p));
        for (size_t i = 0; i < w->n; i++)
            if (!buf_ok(&w->out[i], "the rows of a chunk", e) ||
                !sink.write(sink.ctx, w->out[i].p, w->out[i].n, e))
                return false;
    }
    return true;
}

bool logs_csv_lines(const struct logs_mine *m, struct logs_sink sink, struct err *e)
{
    const char *head = m->lines.format
                           ? "LineId,Content,EventId,EventTemplate,Types,Time,Level,Component,Pid\n"
                           : "LineId,Content,EventId,EventTemplate,Types\n";
    struct writer w = {.m = m};
    struct buf text;
    uint32_t threads = workers_count(m->workers);
    size_t per_round = (size_t)threads * 2;
    buf_init(&text, 8 * (size_t)LIMIT_LOGS_SHAPE_BYTES);
    w.out = mem_new(per_round, sizeof *w.out, e);
    w.field = w.out ? mem_new(threads, sizeof *w.field, e) : NULL;
    for (size_t i = 0; w.field && i < per_round; i++)
        buf_init(&w.out[i], SIZE_MAX / 2);
    for (size_t i = 0; w.field && i < threads; i++)
        buf_init(&w.field[i], LIMIT_LOGS_FIELD);
    bool ok = w.field && make_tails(&w, &text, e) && sink.write(sink.ctx, head, strlen(head), e) &&
              write_rounds(&w, per_round, sink, e);
    for (size_t i = 0; w.field && i < per_round; i++)
        buf_clear(&w.out[i]);
    for (size_t i = 0; w.field && i < threads; i++)
        buf_clear(&w.field[i]);
    mem_free(w.field);
    mem_free(w.out);
    mem_free(w.tail);
    buf_clear(&text);
    return ok;
}

/* --- events --------------------------------------------------------------------------------------
 */

struct rank {
    uint64_t count;
    uint32_t event;
};

static int by_count(const void *pa, const void *pb)
{
    const struct rank *a = pa, *b = pb;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->event < b->event ? -1 : 1;
}

uint32_t *logs_events_ranked(const struct logs_events *t, struct err *e)
{
    struct rank *rank = mem_new(t->n + 1, sizeof *rank, e);
    uint32_t *out = rank ? mem_new(t->n + 1, sizeof *out, e) : NULL;
    for (uint32_t i = 0; out && i < t->n; i++)
        rank[i] = (struct rank){t->v[i].count, i};
    if (out)
        qsort(rank, t->n, sizeof *rank, by_count);
    for (uint32_t i = 0; out && i < t->n; i++)
        out[i] = rank[i].event;
    mem_free(rank);
    return out;
}

bool logs_csv_events(const struct logs_mine *m, struct logs_sink sink, struct err *e)
{
    uint32_t *order = logs_events_ranked(&m->events, e);
    struct buf out;
    if (!order)
        return false;
    buf_init(&out, 8 * (size_t)LIMIT_LOGS_SHAPE_BYTES);
    buf_cstr(&out, "EventId,EventTemplate,Occurrences,FirstLine,Types\n");
    for (size_t i = 0; i < m->events.n; i++) {
        const struct logs_event *v = &m->events.v[order[i]];
        buf_cstr(&out, v->id);
        buf_byte(&out, ',');
        add_field(&out, v->text);
        buf_fmt(&out, ",%llu,%llu,", (unsigned long long)v->count,
                (unsigned long long)v->first + 1);
        add_field(&out, v->types);
        buf_byte(&out, '\n');
    }
    bool ok = buf_ok(&out, "the templates", e) && sink.write(sink.ctx, out.p, out.n, e);
    buf_clear(&out);
    mem_free(order);
    return ok;
}
