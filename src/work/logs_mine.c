/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_mine: see logs_mine.h. */
#include "work/logs_mine.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "work/logs_refine.h"

#define CHUNK_BYTES ((size_t)2 << 20) /* fixed, so that condensing happens at the same places */
#define PER_THREAD  2u                /* chunks a thread in one round */

/* One chunk on its way. */
struct task {
    struct logs_chunk chunk;
    struct logs_shapes shapes;
    uint32_t *line;
    size_t cap_line;
    struct err e;
    bool ok;
};

struct round {
    struct logs_mine *m;
    struct task *task;
    uint32_t n_task, cap_task;
    struct logs_shape **scratch; /* [threads] */
    struct buf *field;           /* [threads] */
};

/* --- in a thread ---------------------------------------------------------------------------------
 */

static bool scan_chunk(struct task *t, struct logs_lines lines, struct logs_shape *shape)
{
    struct str message;
    uint32_t id;
    t->chunk.n_line = 0;
    logs_shapes_reset(&t->shapes);
    while (logs_lines_next(&lines, &message)) {
        logs_scan(message, shape);
        if (!logs_shapes_add(&t->shapes, shape, message, t->chunk.n_line, &id, &t->e) ||
            !mem_grow(&t->line, t->chunk.n_line, &t->cap_line, sizeof *t->line, &t->e))
            return false;
        t->line[t->chunk.n_line++] = id;
    }
    return true;
}

static void scan_chunks(void *arg, uint32_t id)
{
    struct round *r = arg;
    uint32_t i;
    while (workers_next(r->m->workers, id, r->n_task, &i)) {
        struct logs_lines lines = {r->task[i].chunk.text, r->m->lines.column, &r->field[id],
                                   .format = r->m->lines.format, .mapped = r->m->mapped};
        r->task[i].ok = scan_chunk(&r->task[i], lines, r->scratch[id]);
    }
}

/* --- putting together ----------------------------------------------------------------------------
 */

static bool condense(struct logs_mine *m, struct err *e)
{
    struct logs_shapes refined = {0};
    if (!mem_grow(&m->generation, m->n_generation, &m->cap_generation, sizeof *m->generation, e))
        return false;
    uint32_t *map = mem_new(m->shapes.n + 1, sizeof *map, e);
    if (!map)
        return false;
    map[m->shapes.n] = UINT32_MAX; /* its end */
    m->generation[m->n_generation++] = map;
    if (!logs_refine(&m->shapes, &refined, map, e)) {
        logs_shapes_clear(&refined);
        return false;
    }
    logs_shapes_clear(&m->shapes);
    m->shapes = refined;
    m->full = m->shapes.n > LIMIT_LOGS_SHAPES / 2 || m->n_generation > 250;
    return true;
}

static bool put_anything(struct logs_mine *m, struct logs_entry entry, uint32_t *id, struct err *e)
{
    static const uint8_t anything[] = {SHAPE_SLOT, SHAPE_VAR, SHAPE_END}, type = LOGS_TEXT;
    entry.n = sizeof anything;
    entry.n_slot = 1;
    entry.hash = logs_shapes_hash(anything, sizeof anything);
    return logs_shapes_put(&m->shapes, anything, &type, entry, id, e);
}

/* The shapes of a chunk into the table of all. map[i] becomes the number there of its shape i. */
static bool put_shapes(struct logs_mine *m, const struct task *t, uint32_t *map, struct err *e)
{
    for (uint32_t i = 0; i < t->shapes.n; i++) {
        struct logs_entry entry = t->shapes.v[i];
        const uint8_t *p = t->shapes.bytes + entry.at;
        entry.first += m->n_line;
        bool left_out =
            m->full && logs_shapes_find(&m->shapes, p, entry.n, entry.hash) == UINT32_MAX;
        if (left_out ? !put_anything(m, entry, &map[i], e)
                     : !logs_shapes_put(&m->shapes, p, p + entry.n, entry, &map[i], e))
            return false;
    }
    return true;
}

static bool keep_lines(struct logs_mine *m, const struct task *t, const uint32_t *map,
                       struct err *e)
{
    if (!m->keep_lines)
        return true;
    uint64_t had = m->n_line - m->first_line;
    if (had + t->chunk.n_line > LIMIT_LOGS_LINES)
        return fail(e, ERR_LIMIT,
                    "more than %u lines: split the file, or leave out what needs the event of "
                    "every line",
                    LIMIT_LOGS_LINES);
    for (uint32_t i = 0; i < t->chunk.n_line; i++) {
        if (!mem_grow(&m->line, had + i, &m->cap_line, sizeof *m->line, e))
            return false;
        m->line[had + i] = map[t->line[i]];
    }
    return true;
}

static bool take_chunk(struct logs_mine *m, struct task *t, struct err *e)
{
    if (!t->ok) {
        *e = t->e;
        return false;
    }
    if (!m->full &&
        (m->shapes.n + t->shapes.n > LIMIT_LOGS_SHAPES ||
         m->shapes.n_bytes + t->shapes.n_bytes > LIMIT_LOGS_SHAPE_BYTES) &&
        !condense(m, e))
        return false;
    uint32_t *map = mem_new(t->shapes.n + 1, sizeof *map, e);
    bool ok = map && put_shapes(m, t, map, e) && keep_lines(m, t, map, e) &&
              mem_grow(&m->chunk, m->n_chunk, &m->cap_chunk, sizeof *m->chunk, e);
    mem_free(map);
    if (!ok)
        return false;
    t->chunk.first_line = m->n_line;
    t->chunk.generation = (uint32_t)m->n_generation;
    m->chunk[m->n_chunk++] = t->chunk;
    m->n_line += t->chunk.n_line;
    return true;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static void round_clear(struct round *r)
{
    uint32_t threads = workers_count(r->m->workers);
    for (uint32_t i = 0; r->task && i < r->cap_task; i++) {
        logs_shapes_clear(&r->task[i].shapes);
        mem_free(r->task[i].line);
    }
    for (uint32_t i = 0; i < threads; i++) {
        if (r->scratch)
            mem_free(r->scratch[i]);
        if (r->field)
            buf_clear(&r->field[i]);
    }
    mem_free(r->task);
    mem_free(r->scratch);
    mem_free(r->field);
}

static bool round_init(struct round *r, struct err *e)
{
    uint32_t threads = workers_count(r->m->workers);
    r->cap_task = threads * PER_THREAD;
    r->task = mem_new(r->cap_task, sizeof *r->task, e);
    r->scratch = r->task ? mem_new(threads, sizeof *r->scratch, e) : NULL;
    r->field = r->scratch ? mem_new(threads, sizeof *r->field, e) : NULL;
    for (uint32_t i = 0; r->field && i < threads; i++) {
        buf_init(&r->field[i], LIMIT_LOGS_FIELD);
        if (!(r->scratch[i] = mem_new(1, sizeof **r->scratch, e)))
            return false;
    }
    return r->field;
}

static bool one_round(struct round *r, struct logs_lines *lines, struct err *e)
{
    for (r->n_task = 0; r->n_task < r->cap_task && lines->rest.n; r->n_task++) {
        size_t n = logs_lines_cut(lines, CHUNK_BYTES);
        r->task[r->n_task].chunk.text = str_sub(lines->rest, 0, n);
        lines->rest = str_from(lines->rest, n);
    }
    const char *from = r->task[0].chunk.text.p;
    workers_run(r->m->workers, scan_chunks, r);
    if (r->m->mapped)
        os_map_forget(from, (uint64_t)(lines->rest.p - from));
    for (uint32_t i = 0; i < r->n_task; i++)
        if (!take_chunk(r->m, &r->task[i], e))
            return false;
    return true;
}

/* Generations later than a map's own are applied to it, the last first. */
static void compose(struct logs_mine *m)
{
    for (size_t g = m->n_generation; g-- > 1;) {
        uint32_t *earlier = m->generation[g - 1];
        for (uint32_t i = 0; earlier[i] != UINT32_MAX; i++)
            earlier[i] = m->generation[g][earlier[i]];
    }
}

bool logs_mine_run(struct logs_mine *m, struct err *e)
{
    struct round r = {.m = m};
    struct logs_lines lines = m->lines;
    lines.mapped = m->mapped;
    size_t total = lines.rest.n;
    bool ok = round_init(&r, e);
    m->first_line = m->n_line;
    while (ok && lines.rest.n && !(m->stop && atomic_load(m->stop))) {
        ok = one_round(&r, &lines, e);
        if (m->progress)
            m->progress(m->progress_ctx, total - lines.rest.n);
    }
    round_clear(&r);
    m->stopped = lines.rest.n > 0;
    if (ok && m->keep)
        ok = m->keep(m->keep_ctx, m, total - lines.rest.n, e);
    if (!ok || !condense(m, e))
        return false;
    compose(m);
    return logs_events_make(&m->shapes, !m->unmasked, &m->events, e);
}

void logs_mine_clear(struct logs_mine *m)
{
    for (size_t i = 0; i < m->n_generation; i++)
        mem_free(m->generation[i]);
    mem_free(m->generation);
    mem_free(m->chunk);
    mem_free(m->line);
    logs_shapes_clear(&m->shapes);
    logs_events_clear(&m->events);
    *m = (struct logs_mine){0};
}

uint32_t logs_mine_event(const struct logs_mine *m, const struct logs_chunk *c, uint32_t i)
{
    uint32_t shape = m->line[c->first_line - m->first_line + i];
    return m->events.of_shape[m->generation[c->generation][shape]];
}
