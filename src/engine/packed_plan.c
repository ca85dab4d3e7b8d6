/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_plan: see packed_plan.h. */
#include "engine/packed_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "compute/pack.h"
#include "engine/arch.h"

#define BIG_BYTES   65536u /* from here on a matrix begins a page */
#define AHEAD_BYTES (16ull << 20)
#define RECORD_MOST (R16_ROWS * R16_WEIGHTS * 4u)

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* FNV-1a: it need only notice a file of other tensors, the shapes and the key say the rest. */
static uint64_t name_hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3;
    return h;
}

static void add(struct packed_plan *p, const char *name, struct mat *w)
{
    if (!w->data || w->rows < R16_ROWS || !pack_supported(w->type, w->cols))
        return;
    uint64_t bytes = w->rows * w->row_bytes * w->n_expert;
    uint64_t at = round_up(p->bytes, bytes >= BIG_BYTES ? 4096 : 64);
    p->entry[p->n] = (struct packed_entry){.name = name_hash(name),
                                           .at = at,
                                           .bytes = bytes,
                                           .type = w->type,
                                           .rows = w->rows,
                                           .cols = w->cols,
                                           .n_expert = w->n_expert};
    p->source[p->n] = *w;
    p->target[p->n++] = w;
    p->bytes = at + bytes;
}

static void add_all(struct packed_plan *p, const struct tensor_spec *specs, const char *prefix,
                    void *base)
{
    char name[LIMIT_GGUF_TENSOR_NAME];
    for (const struct tensor_spec *s = specs; s->name; s++) {
        struct mat *w = (struct mat *)((char *)base + s->offset);
        if (tensor_is_values(s) || w == &p->m->embed || w == &p->m->positions)
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, s->name);
        add(p, name, w);
    }
}

static size_t n_specs(const struct tensor_spec *s)
{
    size_t n = 0;
    while (s[n].name)
        n++;
    return n;
}

bool plan_init(struct packed_plan *p, struct model *m, const struct gguf *g, struct err *e)
{
    const struct arch *a = m->h.arch;
    size_t most = n_specs(a->layer_tensors) * m->h.n_layer + n_specs(a->model_tensors) + 1;
    *p = (struct packed_plan){.m = m, .checked = gguf_checked(g)};
    p->entry = mem_new(most, sizeof *p->entry, e);
    p->source = p->entry ? mem_new(most, sizeof *p->source, e) : NULL;
    p->target = p->source ? mem_new(most, sizeof(struct mat *), e) : NULL;
    if (!p->target) {
        plan_clear(p);
        return false;
    }
    for (uint32_t i = 0; i < m->h.n_layer; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blk.%u.", i);
        add_all(p, a->layer_tensors, prefix, &m->layers[i]);
    }
    add_all(p, a->model_tensors, "", m); /* a tied output too: it is the embedding */
    return true;
}

void plan_clear(struct packed_plan *p)
{
    mem_free(p->entry);
    mem_free(p->source);
    mem_free(p->target);
    *p = (struct packed_plan){0};
}

/* --- a part of one matrix -----------------------------------------------------------------------
 */

/* A place in a packed matrix: byte `in_record` of the record of weights k0..k1 of a group, or of a
 * row-major rest (group NULL). */
struct spot {
    const unsigned char *group;
    uint64_t k0, k1, in_record;
    uint64_t left; /* bytes to the end of the record, or of the rest */
};

static struct spot spot_at(const struct mat *w, uint64_t at)
{
    uint64_t group_bytes = R16_ROWS * w->row_bytes;
    uint64_t one = w->rows * w->row_bytes, grouped = w->rows / R16_ROWS * group_bytes;
    uint64_t in_matrix = at % one;
    if (in_matrix >= grouped)
        return (struct spot){.left = one - in_matrix};
    uint64_t in_group = in_matrix % group_bytes;
    uint64_t record =
        (uint64_t)R16_ROWS * R16_WEIGHTS / dtype_block(w->type) * dtype_bytes(w->type);
    uint64_t k0 = in_group / record * R16_WEIGHTS, k1 = k0 + R16_WEIGHTS;
    uint64_t end = k1 < w->cols ? in_group / record * record + record : group_bytes;
    return (struct spot){.group = w->data + at - in_group,
                         .k0 = k0,
                         .k1 = k1 < w->cols ? k1 : w->cols,
                         .in_record = in_group % record,
                         .left = end - in_group};
}

/* A record or rest, or what of it fits n: returns how much that was. */
static uint64_t make_some(const struct mat *w, uint64_t at, uint64_t n, unsigned char *out)
{
    struct spot s = spot_at(w, at);
    uint64_t step = s.left < n ? s.left : n;
    if (!s.group) {
        memcpy(out, w->data + at, step);
    } else if (s.in_record == 0 && step == s.left) {
        pack_records(w->type, s.group, w->cols, s.k0, s.k1, out);
    } else {
        unsigned char record[RECORD_MOST];
        pack_records(w->type, s.group, w->cols, s.k0, s.k1, record);
        memcpy(out, record + s.in_record, step);
    }
    return step;
}

/* --- a part of all ------------------------------------------------------------------------------
 */

/* The first matrix that ends after `at`; n when none does. */
static size_t first_after(const struct packed_plan *p, uint64_t at)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->entry[middle].at + p->entry[middle].bytes > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void plan_make(const struct packed_plan *p, uint64_t at, uint64_t n, unsigned char *out)
{
    uint64_t filled = 0; /* of out */
    for (size_t i = first_after(p, at); i < p->n && p->entry[i].at < at + n; i++) {
        const struct packed_entry *t = &p->entry[i];
        uint64_t from = at > t->at ? at - t->at : 0, end = at + n - t->at;
        uint64_t start = t->at + from - at;
        memset(out + filled, 0, start - filled);
        end = end < t->bytes ? end : t->bytes;
        filled = t->at + end - at;
        while (from < end)
            from += make_some(&p->source[i], from, end - from, out + (t->at + from - at));
    }
    memset(out + filled, 0, n - filled);
}

/* Packed and plain matrices have the same places for the same rows, to within a group. */
static void advise(const struct packed_plan *p, uint64_t at, uint64_t n,
                   void (*give)(const void *p, uint64_t n))
{
    for (size_t i = first_after(p, at); i < p->n && p->entry[i].at < at + n; i++) {
        const struct packed_entry *t = &p->entry[i];
        uint64_t from = at > t->at ? at - t->at : 0, end = at + n - t->at;
        end = end < t->bytes ? end : t->bytes;
        give(p->source[i].data + from, end - from);
    }
}

/* A record is made from all rows of its group: the groups that a part begins and ends in count. */
static bool need(const struct packed_plan *p, uint64_t at, uint64_t n, struct err *e)
{
    for (size_t i = first_after(p, at); i < p->n && p->entry[i].at < at + n; i++) {
        const struct packed_entry *t = &p->entry[i];
        uint64_t group = R16_ROWS * p->source[i].row_bytes;
        uint64_t from = at > t->at ? at - t->at : 0, end = at + n - t->at + group;
        from = from > group ? from - group : 0;
        end = end < t->bytes ? end : t->bytes;
        if (!checked_need(p->checked, p->source[i].data + from, end - from, e))
            return false;
    }
    return true;
}

bool plan_prepare(const struct packed_plan *p, uint64_t at, uint64_t n, struct err *e)
{
    if (p->checked)
        return need(p, at, n, e);
    if (at == 0)
        advise(p, 0, AHEAD_BYTES, os_map_prefetch);
    advise(p, at + AHEAD_BYTES, n, os_map_prefetch);
    return true;
}

void plan_forget(const struct packed_plan *p, uint64_t at, uint64_t n)
{
    if (!p->checked)
        advise(p, at, n, os_map_forget);
    else if (at == 0 && n == p->bytes)
        checked_forget(p->checked);
}

bool plan_covers(const struct packed_plan *p, const unsigned char *data, uint64_t n)
{
    uint64_t covered = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->source[i].data >= data && p->source[i].data < data + n)
            covered += p->entry[i].bytes;
    return covered == n;
}

void plan_install(const struct packed_plan *p, const unsigned char *data)
{
    bool tied = p->m->embed.data == p->m->output.data;
    for (size_t i = 0; i < p->n; i++) {
        p->target[i]->data = data + p->entry[i].at;
        p->target[i]->layout = MAT_R16;
    }
    if (tied)
        p->m->embed = p->m->output;
}
