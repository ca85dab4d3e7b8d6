/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_refine: see logs_refine.h. Reads the shapes into matrices of value numbers, has each
 * settled twice (work/logs_matrix), the second time knowing which words varied anywhere, and writes
 * the shapes anew. */
#include "work/logs_refine.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "work/logs_matrix.h"

struct refine {
    const struct logs_shapes *in;
    struct logs_values values;
    struct map value_ids, skeletons;
    struct arena text; /* bytes of values and skeletons */
    struct logs_matrix *matrix;
    size_t n_matrix, cap_matrix;
    uint32_t *matrix_of, *row_of; /* of each shape */
};

static void clear(struct refine *r)
{
    for (size_t i = 0; i < r->n_matrix; i++)
        logs_matrix_clear(&r->matrix[i]);
    mem_free(r->matrix);
    mem_free(r->matrix_of);
    mem_free(r->row_of);
    logs_values_clear(&r->values);
    map_clear(&r->value_ids);
    map_clear(&r->skeletons);
    arena_clear(&r->text);
}

static bool intern(struct refine *r, struct str s, uint32_t *id, struct err *e)
{
    if (map_get(&r->value_ids, s, id))
        return true;
    char *p = arena_copy(&r->text, s, e);
    if (!p || !logs_values_add(&r->values, (struct str){p, s.n}, id, e))
        return false;
    return map_put(&r->value_ids, (struct str){p, s.n}, *id, e);
}

static bool matrix_for(struct refine *r, struct str skeleton, uint32_t n_slot, uint32_t *id,
                       struct err *e)
{
    if (map_get(&r->skeletons, skeleton, id))
        return true;
    char *p = arena_copy(&r->text, skeleton, e);
    if (!p || !mem_grow(&r->matrix, r->n_matrix, &r->cap_matrix, sizeof *r->matrix, e))
        return false;
    *id = (uint32_t)r->n_matrix;
    r->matrix[r->n_matrix++] = (struct logs_matrix){.skeleton = {p, skeleton.n}, .n_col = n_slot};
    return map_put(&r->skeletons, (struct str){p, skeleton.n}, *id, e);
}

/* A shape -> its row. */
static bool read_shape(struct refine *r, uint32_t shape, struct err *e)
{
    const struct logs_entry *v = &r->in->v[shape];
    const uint8_t *p = r->in->bytes + v->at;
    char skeleton[sizeof(struct logs_shape)];
    uint32_t value[LOGS_SLOTS + 1], n = 0, slots = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        skeleton[n++] = (char)p[i];
        if (p[i] != SHAPE_SLOT)
            continue;
        uint32_t from = ++i;
        while (p[i] != SHAPE_END)
            i++;
        if (!intern(r, (struct str){(const char *)p + from, i - from}, &value[slots++], e))
            return false;
    }
    return matrix_for(r, (struct str){skeleton, n}, slots, &r->matrix_of[shape], e) &&
           logs_matrix_add(&r->matrix[r->matrix_of[shape]], value, &r->row_of[shape], e);
}

/* The settled row of a shape -> a shape again. */
static bool write_shape(const struct refine *r, uint32_t shape, struct logs_shapes *out,
                        uint32_t *id, struct err *e)
{
    const struct logs_matrix *m = &r->matrix[r->matrix_of[shape]];
    const uint32_t *row = logs_matrix_row(m, r->row_of[shape]);
    uint8_t p[sizeof(struct logs_shape)];
    struct logs_entry entry = r->in->v[shape];
    uint32_t n = 0, c = 0;
    for (size_t i = 0; i < m->skeleton.n; i++) {
        p[n++] = (uint8_t)m->skeleton.p[i];
        if (m->skeleton.p[i] != SHAPE_SLOT)
            continue;
        struct str v = r->values.v[row[c++]].text;
        memcpy(p + n, v.p, v.n);
        n += (uint32_t)v.n;
        p[n++] = SHAPE_END;
    }
    entry.n = n;
    entry.hash = logs_shapes_hash(p, n);
    return logs_shapes_put(out, p, logs_shapes_types(r->in, shape), entry, id, e);
}

static bool run(struct refine *r, struct logs_shapes *out, uint32_t *remap, struct err *e)
{
    uint32_t any, var;
    static const char any_text[] = {SHAPE_ANY, 0}, var_text[] = {SHAPE_VAR, 0};
    r->matrix_of = mem_new(r->in->n + 1, sizeof *r->matrix_of, e);
    r->row_of = r->matrix_of ? mem_new(r->in->n + 1, sizeof *r->row_of, e) : NULL;
    if (!r->row_of || !intern(r, str_of(any_text), &any, e) ||
        !intern(r, str_of(var_text), &var, e))
        return false;
    must(any == VALUE_ANY && var == VALUE_VAR);
    for (uint32_t i = 0; i < r->in->n; i++)
        if (!read_shape(r, i, e))
            return false;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < r->n_matrix; i++)
            if (!logs_matrix_settle(&r->matrix[i], &r->values, e))
                return false;
        logs_values_learn(&r->values);
    }
    for (uint32_t i = 0; i < r->in->n; i++)
        if (!write_shape(r, i, out, &remap[i], e))
            return false;
    return true;
}

bool logs_refine(const struct logs_shapes *in, struct logs_shapes *out, uint32_t *remap,
                 struct err *e)
{
    struct refine r = {.in = in};
    bool ok = run(&r, out, remap, e);
    clear(&r);
    return ok;
}
