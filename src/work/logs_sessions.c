/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_sessions: see logs_sessions.h. */
#include "work/logs_sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "work/logs_word.h"

#define KINDS     64u
#define RARE_STEP 2000u /* a step that fewer than one session of so many takes */

struct kind {
    char name[32];
    uint64_t lines;
};

/* A line that carries an id of the chosen kind. */
struct visit {
    uint32_t session, event;
    uint64_t line;
};

struct find {
    const struct logs_source *s;
    struct kind kind[KINDS];
    size_t n_kind;
    const char *chosen;
    struct map ids; /* value -> session */
    struct logs_session *session;
    size_t n_session, cap_session;
    struct visit *visit;
    size_t n_visit, cap_visit;
    struct logs_shape *shape;
};

/* --- ids -----------------------------------------------------------------------------------------
 */

static bool is_id(struct str v)
{
    size_t digits = 0;
    enum logs_type t = logs_type_of(v);
    if (t != LOGS_ID && !(t == LOGS_HEX && v.n >= 8 && v.p[1] != 'x'))
        return false;
    for (size_t i = 0; i < v.n; i++)
        digits += logs_is(v.p[i], LOGS_DIGIT);
    return digits >= 3 && v.n >= 5;
}

/* "blk_17" -> "blk"; "" for UUIDs, hex and what begins with a digit. */
static void kind_name(struct str v, char name[32])
{
    size_t n = 0, coded = 0;
    while (coded < v.n && (logs_is(v.p[coded], LOGS_HEX_DIGIT) || v.p[coded] == '-'))
        coded++;
    while (coded < v.n && n < v.n && n < 31 && logs_is(v.p[n], LOGS_ALPHA) && v.p[n] > 0)
        n++;
    memcpy(name, v.p, n);
    name[n] = 0;
}

/* Calls fn for the ids of every line until it fails. */
static bool each_id(struct find *f,
                    bool (*fn)(struct find *, struct str, uint64_t, uint32_t, struct err *),
                    struct err *e)
{
    const struct logs_mine *m = &f->s->mine;
    for (size_t c = 0; c < m->n_chunk; c++) {
        struct logs_lines lines = {m->chunk[c].text, LOGS_NO_COLUMN, NULL,
                                   .format = m->lines.format, .mapped = m->mapped};
        struct str message;
        for (uint32_t i = 0; logs_lines_next(&lines, &message); i++) {
            logs_scan(message, f->shape);
            for (uint32_t k = 0; k < f->shape->n_slot; k++) {
                struct str v = str_sub(message, f->shape->slot[k].at, f->shape->slot[k].n);
                if (is_id(v) &&
                    !fn(f, v, m->chunk[c].first_line + i, logs_mine_event(m, &m->chunk[c], i), e))
                    return false;
            }
        }
    }
    return true;
}

static bool count_kind(struct find *f, struct str v, uint64_t line, uint32_t event, struct err *e)
{
    char name[32];
    (void)line;
    (void)event;
    (void)e;
    kind_name(v, name);
    for (size_t i = 0; i < f->n_kind; i++)
        if (strcmp(f->kind[i].name, name) == 0) {
            f->kind[i].lines++;
            return true;
        }
    if (f->n_kind < KINDS) {
        memcpy(f->kind[f->n_kind].name, name, sizeof name);
        f->kind[f->n_kind++].lines = 1;
    }
    return true;
}

static bool visit(struct find *f, struct str v, uint64_t line, uint32_t event, struct err *e)
{
    char name[32];
    uint32_t id;
    kind_name(v, name);
    if (strcmp(name, f->chosen) != 0)
        return true;
    if (!map_get(&f->ids, v, &id)) {
        if (f->n_session >= LIMIT_LOGS_SESSIONS)
            return true;
        id = (uint32_t)f->n_session;
        if (!map_put(&f->ids, v, id, e) ||
            !mem_grow(&f->session, f->n_session, &f->cap_session, sizeof *f->session, e))
            return false;
        f->session[f->n_session++] = (struct logs_session){.id = v, .first_line = line};
    }
    if (!mem_grow(&f->visit, f->n_visit, &f->cap_visit, sizeof *f->visit, e))
        return false;
    if (f->n_visit && f->visit[f->n_visit - 1].line == line &&
        f->visit[f->n_visit - 1].session == id)
        return true; /* named twice in a line */
    f->session[id].n_line++;
    f->visit[f->n_visit++] = (struct visit){id, event, line};
    return true;
}

/* --- what is normal ------------------------------------------------------------------------------
 */

bool logs_normal_put(struct logs_normal *t, bool step, struct str key, uint32_t count,
                     struct err *e)
{
    struct logs_tally *m = step ? &t->steps : &t->vectors;
    uint32_t at;
    if (map_get(&m->ids, key, &at)) {
        m->count[at] += count;
        return true;
    }
    char *own = arena_copy(&t->text, key, e);
    if (!own || !mem_grow(&m->count, m->n, &m->cap, sizeof *m->count, e) ||
        !map_put(&m->ids, (struct str){own, key.n}, (uint32_t)m->n, e))
        return false;
    m->count[m->n++] = count;
    return true;
}

static bool add_tally(struct logs_normal *t, bool step, const struct logs_tally *from,
                      struct err *e)
{
    for (size_t i = 0; i < from->ids.cap; i++) {
        const struct map_slot *s = &from->ids.slots[i];
        if (s->key.p && !logs_normal_put(t, step, s->key, from->count[s->value], e))
            return false;
    }
    return true;
}

bool logs_normal_add(struct logs_normal *t, const struct logs_normal *from, struct err *e)
{
    t->n += from->n;
    return add_tally(t, false, &from->vectors, e) && add_tally(t, true, &from->steps, e);
}

static uint32_t tally(const struct logs_tally *m, struct str key)
{
    uint32_t at;
    return map_get(&m->ids, key, &at) ? m->count[at] : 0;
}

void logs_normal_clear(struct logs_normal *t)
{
    map_clear(&t->vectors.ids);
    map_clear(&t->steps.ids);
    mem_free(t->vectors.count);
    mem_free(t->steps.count);
    arena_clear(&t->text);
    *t = (struct logs_normal){0};
}

static uint64_t fnv(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)p)[i]) * 1099511628211u;
    return h;
}

static struct str hex(uint64_t h, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)h);
    return (struct str){out, 16};
}

static int by_session(const void *pa, const void *pb)
{
    const struct visit *a = pa, *b = pb;
    if (a->session != b->session)
        return a->session < b->session ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The events of a session as sorted names: what they are and how often. */
static uint64_t vector_of(const struct find *f, const struct visit *v, size_t n, const char **names)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        names[i] = f->s->mine.events.v[v[i].event].id;
    qsort(names, n, sizeof *names, by_id);
    for (size_t i = 0; i < n; i++)
        h = fnv(h, names[i], 10);
    return h;
}

static uint64_t step_of(const struct find *f, const struct visit *v, size_t n, size_t i)
{
    uint64_t h = 14695981039346656037u;
    h = i ? fnv(h, f->s->mine.events.v[v[i - 1].event].id, 10) : fnv(h, "begin", 5);
    return i < n ? fnv(h, f->s->mine.events.v[v[i].event].id, 10) : fnv(h, "end", 3);
}

static int by_number(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return a < b ? -1 : a > b;
}

static bool learn(struct find *f, const struct visit *v, size_t n, const char **names,
                  uint64_t *step, struct logs_normal *normal, struct err *e)
{
    char key[17];
    if (!logs_normal_put(normal, false, hex(vector_of(f, v, n, names), key), 1, e))
        return false;
    for (size_t i = 0; i <= n; i++)
        step[i] = step_of(f, v, n, i);
    qsort(step, n + 1, sizeof *step, by_number);
    for (size_t i = 0; i <= n; i++)
        if ((!i || step[i] != step[i - 1]) &&
            !logs_normal_put(normal, true, hex(step[i], key), 1, e))
            return false;
    normal->n++;
    return true;
}

static void judge(struct find *f, const struct visit *v, size_t n, const char **names,
                  const struct logs_normal *normal, bool own)
{
    struct logs_session *s = &f->session[v->session];
    char key[17];
    uint32_t rare = normal->n / RARE_STEP + own;
    s->new_events = tally(&normal->vectors, hex(vector_of(f, v, n, names), key)) <= own;
    for (size_t i = 0; i <= n; i++)
        s->rare_step = s->rare_step || tally(&normal->steps, hex(step_of(f, v, n, i), key)) <= rare;
    if (own) /* no baseline: rare in both ways */
        s->new_events = s->rare_step = s->new_events && s->rare_step && normal->n >= 100;
}

static bool judge_all(struct find *f, struct logs_normal *normal, struct err *e)
{
    bool own = normal->n == 0, ok;
    const char **names = mem_new(f->n_visit + 1, sizeof *names, e);
    uint64_t *step = names ? mem_new(f->n_visit + 2, sizeof *step, e) : NULL;
    ok = step != NULL;
    qsort(f->visit, f->n_visit, sizeof *f->visit, by_session);
    for (int pass = own ? 0 : 1; pass < 2; pass++)
        for (size_t from = 0, to; from < f->n_visit && ok; from = to) {
            for (to = from + 1; to < f->n_visit && f->visit[to].session == f->visit[from].session;
                 to++)
                ;
            if (pass == 0)
                ok = learn(f, f->visit + from, to - from, names, step, normal, e);
            else
                judge(f, f->visit + from, to - from, names, normal, own);
        }
    mem_free(names);
    mem_free(step);
    return ok;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

/* The kind that most lines carry, unless hardly any value comes twice. */
static bool choose(struct find *f, struct err *e)
{
    size_t best = 0;
    if (!each_id(f, count_kind, e))
        return false;
    for (size_t i = 1; i < f->n_kind; i++)
        if (f->kind[i].lines > f->kind[best].lines)
            best = i;
    if (!f->n_kind || f->kind[best].lines * 5 < f->s->mine.n_line)
        return true;
    f->chosen = f->kind[best].name;
    return each_id(f, visit, e);
}

bool logs_sessions_find(const struct logs_source *s, struct logs_normal *normal,
                        struct logs_sessions *out, struct err *e)
{
    struct find f = {.s = s};
    *out = (struct logs_sessions){0};
    f.shape = mem_new(1, sizeof *f.shape, e);
    bool ok = f.shape && choose(&f, e);
    bool enough = f.n_session >= 2 && f.n_visit >= 2 * f.n_session;
    if (ok && enough)
        ok = judge_all(&f, normal, e);
    if (ok && enough) {
        memcpy(out->kind, f.chosen, strlen(f.chosen));
        out->v = f.session;
        out->n = f.n_session;
        f.session = NULL;
        for (size_t i = 0; i < out->n; i++)
            out->n_broken += out->v[i].new_events || out->v[i].rare_step;
    }
    mem_free(f.session);
    mem_free(f.visit);
    mem_free(f.shape);
    map_clear(&f.ids);
    return ok;
}

void logs_sessions_clear(struct logs_sessions *t)
{
    mem_free(t->v);
    *t = (struct logs_sessions){0};
}
