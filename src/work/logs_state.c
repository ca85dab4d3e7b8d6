/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_state: see logs_state.h. */
#include "work/logs_state.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/os.h"

#define MAGIC       "MOATLOGS"
#define FILE_BYTES  (2 * (size_t)LIMIT_LOGS_SHAPE_BYTES)
#define SHAPE_BYTES (3u * LOGS_LINE_BYTES + 64u)

enum { VERSION = 1, LEARNT = 1 };

/* --- writing -------------------------------------------------------------------------------------
 */

static void put32(struct buf *out, uint32_t x)
{
    buf_add(out, &x, sizeof x);
}

static void put64(struct buf *out, uint64_t x)
{
    buf_add(out, &x, sizeof x);
}

static void put_format(struct buf *out, const struct logs_format *f)
{
    put32(out, f->n);
    put32(out, f->bars);
    for (uint32_t i = 0; i < LOGS_FIELDS; i++)
        put32(out, i < f->n ? (uint32_t)f->kind[i] : 0);
}

bool logs_state_put(const struct logs_state *s, struct buf *out, struct err *e)
{
    struct hash h;
    buf_init(out, FILE_BYTES);
    buf_add(out, MAGIC, 8);
    put32(out, VERSION);
    put32(out, s->learnt ? LEARNT : 0);
    put64(out, s->n_line);
    put64(out, s->file_lines);
    put64(out, s->bytes);
    buf_add(out, s->start.b, HASH_BYTES);
    buf_add(out, s->end.b, HASH_BYTES);
    put_format(out, &s->format);
    put64(out, s->shapes.n);
    for (size_t i = 0; i < s->shapes.n; i++) {
        const struct logs_entry *v = &s->shapes.v[i];
        put64(out, v->count);
        put64(out, v->first);
        put32(out, v->n);
        put32(out, v->n_slot);
        buf_add(out, s->shapes.bytes + v->at, (size_t)v->n + v->n_slot);
    }
    struct str all = buf_view(out);
    if (!buf_ok(out, "the state of a log", e) || !hash_of(&all, 1, &h, e))
        return false;
    buf_add(out, h.b, HASH_BYTES);
    return buf_ok(out, "the state of a log", e);
}

/* A name that was mistyped must not cost its owner another file. */
static bool may_replace(const char *path, struct err *e)
{
    struct os_map map = {.fd = -1};
    if (access(path, F_OK) != 0)
        return true;
    if (!os_map_open(&map, path, e))
        return false;
    bool ours = map.n >= 8 && memcmp(map.p, MAGIC, 8) == 0;
    os_map_close(&map);
    return ours || fail(e, ERR_USAGE, "%s is there and is no state of moat logs", path);
}

bool logs_state_replace(const struct buf *state, const char *path, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    bool ok = may_replace(path, e) && os_atomic_open(&f, path, e);
    f.mode = 0600; /* it has the words of the log */
    ok = ok && os_atomic_write(&f, state->p, state->n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

/* --- reading -------------------------------------------------------------------------------------
 */

struct reader {
    struct str rest;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    static const uint8_t nothing[2 * HASH_BYTES];
    if (r->rest.n < n) {
        r->bad = true;
        return nothing;
    }
    const uint8_t *p = (const uint8_t *)r->rest.p;
    r->rest = str_from(r->rest, n);
    return p;
}

static uint32_t take32(struct reader *r)
{
    uint32_t x;
    memcpy(&x, take(r, sizeof x), sizeof x);
    return x;
}

static uint64_t take64(struct reader *r)
{
    uint64_t x;
    memcpy(&x, take(r, sizeof x), sizeof x);
    return x;
}

static void take_format(struct reader *r, struct logs_format *f)
{
    *f = (struct logs_format){.n = take32(r)};
    f->bars = take32(r) != 0;
    for (uint32_t i = 0; i < LOGS_FIELDS; i++) {
        uint32_t kind = take32(r);
        r->bad = r->bad || kind >= LOGS_FIELD_KINDS;
        f->kind[i] = r->bad ? LOGS_FIELD_WORD : (enum logs_kind)kind;
    }
    r->bad = r->bad || f->n > LOGS_FIELDS;
}

/* Slots that begin and end, as many as there are types: what work/logs_refine relies on. */
static bool is_shape(const uint8_t *p, uint32_t n, uint32_t n_slot)
{
    uint32_t slots = 0;
    bool in = false;
    for (uint32_t i = 0; i < n; i++) {
        if (p[i] == SHAPE_SLOT ? in : p[i] == SHAPE_END && !in)
            return false;
        if (!in && (p[i] == SHAPE_VAR || p[i] == SHAPE_ANY))
            return false;
        slots += p[i] == SHAPE_SLOT;
        in = p[i] == SHAPE_SLOT || (in && p[i] != SHAPE_END);
    }
    for (uint32_t i = 0; i < n_slot; i++)
        if (p[n + i] >= LOGS_TYPES)
            return false;
    return !in && slots == n_slot;
}

static bool take_shape(struct reader *r, struct logs_state *s, struct err *e)
{
    struct logs_entry v = {.count = take64(r), .first = take64(r)};
    uint32_t id;
    v.n = take32(r);
    v.n_slot = take32(r);
    if (r->bad || v.n > SHAPE_BYTES || v.n_slot > LOGS_SLOTS + 1 ||
        r->rest.n < (size_t)v.n + v.n_slot) {
        r->bad = true;
        return true;
    }
    const uint8_t *p = take(r, (size_t)v.n + v.n_slot);
    r->bad =
        !is_shape(p, v.n, v.n_slot) || v.count == 0 || v.count > s->n_line || v.first >= s->n_line;
    v.hash = logs_shapes_hash(p, v.n);
    return r->bad || logs_shapes_put(&s->shapes, p, p + v.n, v, &id, e);
}

static bool take_all(struct reader *r, struct logs_state *s, struct err *e)
{
    s->learnt = take32(r) & LEARNT;
    s->n_line = take64(r);
    s->file_lines = take64(r);
    s->bytes = take64(r);
    memcpy(s->start.b, take(r, HASH_BYTES), HASH_BYTES);
    memcpy(s->end.b, take(r, HASH_BYTES), HASH_BYTES);
    take_format(r, &s->format);
    uint64_t n = take64(r);
    bool ok = true;
    r->bad = r->bad || n > 2ull * LIMIT_LOGS_SHAPES || s->file_lines > s->n_line;
    for (uint64_t i = 0; i < n && ok && !r->bad; i++)
        ok = take_shape(r, s, e);
    return ok;
}

bool logs_state_take(struct logs_state *s, struct str file, const char *name, struct err *e)
{
    struct hash h;
    *s = (struct logs_state){0};
    if (file.n < 8 || memcmp(file.p, MAGIC, 8) != 0)
        return fail(e, ERR_CORRUPT, "%s is no state of moat logs", name);
    size_t n = file.n - (file.n < HASH_BYTES ? file.n : HASH_BYTES);
    struct str all = str_sub(file, 0, n);
    struct reader r = {.rest = str_from(all, 8)};
    uint32_t version = take32(&r);
    if (!r.bad && version != VERSION)
        return fail(e, ERR_UNSUPPORTED, "%s is of another version of moat; begin a new one", name);
    if (!hash_of(&all, 1, &h, e))
        return false;
    bool whole = memcmp(h.b, file.p + n, file.n - n) == 0 && file.n - n == HASH_BYTES;
    if (!take_all(&r, s, e)) {
        logs_state_clear(s);
        return false;
    }
    if (whole && !r.bad && r.rest.n == 0)
        return true;
    logs_state_clear(s);
    return fail(e, ERR_CORRUPT, "%s was cut off or altered; begin a new one", name);
}

bool logs_state_read(struct logs_state *s, const char *path, struct err *e)
{
    struct os_map map = {.fd = -1};
    *s = (struct logs_state){0};
    if (access(path, F_OK) != 0)
        return true;
    if (!os_map_open(&map, path, e))
        return false;
    bool ok = map.n <= FILE_BYTES ||
              fail(e, ERR_LIMIT, "%s is larger than a state of moat logs can be", path);
    ok = ok && logs_state_take(s, (struct str){(const char *)map.p, map.n}, path, e);
    os_map_close(&map);
    return ok;
}

void logs_state_clear(struct logs_state *s)
{
    logs_shapes_clear(&s->shapes);
    *s = (struct logs_state){0};
}

/* --- which log -----------------------------------------------------------------------------------
 */

bool logs_state_mark(struct logs_state *s, uint64_t bytes, struct str first, struct str last,
                     struct err *e)
{
    s->bytes = bytes;
    return hash_of(&first, 1, &s->start, e) && hash_of(&last, 1, &s->end, e);
}

bool logs_state_same(const struct logs_state *s, struct str first, struct str last)
{
    struct hash start, end;
    struct err ignored;
    return hash_of(&first, 1, &start, &ignored) && hash_of(&last, 1, &end, &ignored) &&
           hash_eq(&start, &s->start) && hash_eq(&end, &s->end);
}
