/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_events: see logs_events.h. */
#include "work/logs_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "work/logs_mask.h"

enum { MARK = 3 }; /* bytes of LOGS_VARIABLE */

/* Where the texts of a shape stand in the buffer of all. */
struct piece {
    size_t text, types, list, list_types, end; /* list: the template with lists of one */
    uint32_t shape;
};

struct make {
    const struct logs_shapes *shapes;
    struct buf text;
    struct piece *piece;
    bool mask;
    struct map lists; /* list template -> 0: one template has it, 1: several */
};

/* The template of a shape, with the types of its variables. */
static void render(const struct logs_shapes *t, uint32_t shape, struct buf *text, struct buf *types)
{
    const struct logs_entry *v = &t->v[shape];
    const uint8_t *p = t->bytes + v->at, *type = logs_shapes_types(t, shape);
    uint32_t slot = 0;
    bool first = true;
    for (uint32_t i = 0; i < v->n; i++) {
        if (p[i] == SHAPE_SLOT) {
            slot++;
        } else if (p[i] == SHAPE_VAR || p[i] == SHAPE_ANY) {
            buf_cstr(text, LOGS_VARIABLE);
            if (!first)
                buf_byte(types, ',');
            buf_cstr(types, logs_type_name(type[slot - 1]));
            first = false;
        } else if (p[i] != SHAPE_END) {
            buf_byte(text, (char)p[i]);
        }
    }
}

static bool mark_at(struct str t, size_t i)
{
    return i + MARK <= t.n && memcmp(t.p + i, LOGS_VARIABLE, MARK) == 0;
}

/* Bytes of what separates two variables of a list here, when one follows; else 0. */
static size_t separator(struct str t, size_t i)
{
    static const char *const all[] = {" ", ", ", ",", ",+"};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        size_t n = strlen(all[k]);
        if (i + n <= t.n && memcmp(t.p + i, all[k], n) == 0 && mark_at(t, i + n))
            return n;
    }
    return 0;
}

/* "<*> <*>, <*>" becomes "<*>". */
static void shorten_lists(struct str t, struct str types, struct buf *out, struct buf *out_types)
{
    struct str type;
    bool first = true;
    for (size_t i = 0; i < t.n;) {
        if (!mark_at(t, i)) {
            buf_byte(out, t.p[i++]);
            continue;
        }
        buf_cstr(out, LOGS_VARIABLE);
        if (str_cut(&types, ',', &type)) {
            if (!first)
                buf_byte(out_types, ',');
            buf_str(out_types, type);
            first = false;
        }
        i += MARK;
        for (size_t n; (n = separator(t, i)) != 0; i += n + MARK)
            str_cut(&types, ',', &type);
    }
}

static struct str part(const struct make *m, size_t from, size_t to)
{
    return (struct str){m->text.p + from, to - from};
}

static bool render_all(struct make *m, struct err *e)
{
    struct buf types, list, list_types;
    buf_init(&types, LIMIT_LOGS_SHAPE_BYTES);
    buf_init(&list, LIMIT_LOGS_SHAPE_BYTES);
    buf_init(&list_types, LIMIT_LOGS_SHAPE_BYTES);
    for (uint32_t i = 0; i < m->shapes->n; i++) {
        struct piece *p = &m->piece[i];
        buf_reset(&types);
        buf_reset(&list);
        buf_reset(&list_types);
        p->shape = i;
        p->text = m->text.n;
        if (m->mask) {
            buf_reset(&list);
            render(m->shapes, i, &list, &types);
            logs_mask(buf_view(&list), &m->text);
            buf_reset(&list);
        } else {
            render(m->shapes, i, &m->text, &types);
        }
        p->types = m->text.n;
        buf_str(&m->text, buf_view(&types));
        p->list = m->text.n;
        shorten_lists(part(m, p->text, p->types), buf_view(&types), &list, &list_types);
        buf_str(&m->text, buf_view(&list));
        p->list_types = m->text.n;
        buf_str(&m->text, buf_view(&list_types));
        p->end = m->text.n;
    }
    bool ok = buf_ok(&types, "the types of variables", e) && buf_ok(&list, "a template", e) &&
              buf_ok(&m->text, "the templates", e);
    buf_clear(&types);
    buf_clear(&list);
    buf_clear(&list_types);
    return ok;
}

/* Which list templates stand for more than one template. */
static bool count_lists(struct make *m, struct err *e)
{
    struct map seen = {0};
    bool ok = true;
    for (uint32_t i = 0; i < m->shapes->n && ok; i++) {
        const struct piece *p = &m->piece[i];
        struct str text = part(m, p->text, p->types), list = part(m, p->list, p->list_types);
        uint32_t known;
        if (map_get(&seen, text, &known))
            continue;
        ok = map_put(&seen, text, 1, e) &&
             map_put(&m->lists, list, map_get(&m->lists, list, &known), e);
    }
    map_clear(&seen);
    return ok;
}

static int by_first(const void *pa, const void *pb)
{
    const struct logs_event *a = pa, *b = pb;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return str_cmp(a->text, b->text);
}

static void name_event(struct logs_event *v)
{
    uint32_t h = 2166136261u; /* FNV-1a: stays the same in every release */
    for (size_t i = 0; i < v->text.n; i++)
        h = (h ^ (uint8_t)v->text.p[i]) * 16777619u;
    snprintf(v->id, sizeof v->id, "E%08x", h);
}

/* The template of a shape, with lists of one where lists differ in length only. */
static struct str chosen(const struct make *m, uint32_t shape, struct str *types)
{
    const struct piece *p = &m->piece[shape];
    struct str list = part(m, p->list, p->list_types);
    uint32_t several = 0;
    if (map_get(&m->lists, list, &several) && several) {
        *types = part(m, p->list_types, p->end);
        return list;
    }
    *types = part(m, p->types, p->list);
    return part(m, p->text, p->types);
}

static bool gather(struct make *m, struct logs_events *out, struct err *e)
{
    struct map ids = {0};
    bool ok = true;
    for (uint32_t i = 0; i < m->shapes->n && ok; i++) {
        uint32_t id;
        struct str types, text = chosen(m, i, &types);
        const struct logs_entry *v = &m->shapes->v[i];
        if (!map_get(&ids, text, &id)) {
            id = (uint32_t)out->n++;
            out->v[id] = (struct logs_event){.text = text, .types = types, .first = v->first};
            ok = map_put(&ids, text, id, e);
        }
        out->v[id].count += v->count;
        if (v->first < out->v[id].first)
            out->v[id].first = v->first;
    }
    qsort(out->v, out->n, sizeof *out->v, by_first);
    for (uint32_t i = 0; i < out->n && ok; i++) {
        name_event(&out->v[i]);
        ok = map_put(&ids, out->v[i].text, i, e);
    }
    for (uint32_t i = 0; i < m->shapes->n && ok; i++) {
        struct str types;
        must(map_get(&ids, chosen(m, i, &types), &out->of_shape[i]));
    }
    map_clear(&ids);
    return ok;
}

bool logs_events_make(const struct logs_shapes *shapes, bool mask, struct logs_events *out,
                      struct err *e)
{
    struct make m = {.shapes = shapes, .mask = mask};
    *out = (struct logs_events){0};
    buf_init(&m.text, LIMIT_LOGS_SHAPE_BYTES * 4);
    m.piece = mem_new(shapes->n + 1, sizeof *m.piece, e);
    out->v = m.piece ? mem_new(shapes->n + 1, sizeof *out->v, e) : NULL;
    out->of_shape = out->v ? mem_new(shapes->n + 1, sizeof *out->of_shape, e) : NULL;
    bool ok = out->of_shape && render_all(&m, e) && count_lists(&m, e) && gather(&m, out, e);
    out->text = m.text.p;
    mem_free(m.piece);
    map_clear(&m.lists);
    if (!ok)
        logs_events_clear(out);
    return ok;
}

void logs_events_clear(struct logs_events *t)
{
    mem_free(t->v);
    mem_free(t->of_shape);
    mem_free(t->text);
    *t = (struct logs_events){0};
}
