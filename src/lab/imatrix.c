/* SPDX-License-Identifier: Apache-2.0 */
/* lab/imatrix: see imatrix.h. */
#include "lab/imatrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "gguf/gguf_write.h"

/* Of one tensor: sums [n_expert][cols] and tokens [n_expert]. */
struct entry {
    const struct gguf_tensor *t;
    double *sums;
    uint64_t *tokens;
};

struct imatrix {
    struct lab *l;
    const struct kernels *real;
    struct kernels watched;
    struct entry *entries; /* [n], by where their data lie */
    uint64_t n, chunks;
    struct arena arena;
};

/* The kernels table has no room for a pointer of ours. */
static struct imatrix *current;

/* --- watching --------------------------------------------------------------------------------- */

/* The tensor whose data p lies in. */
static struct entry *entry_at(const struct imatrix *m, const unsigned char *p)
{
    uint64_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (m->entries[mid].t->data <= p)
            lo = mid + 1;
        else
            hi = mid;
    }
    struct entry *e = lo ? &m->entries[lo - 1] : NULL;
    return e && p < e->t->data + e->t->n_bytes ? e : NULL;
}

static void add_squares(double *sums, const struct act *x)
{
    for (uint32_t t = 0; t < x->n; t++) {
        const float *row = x->f32 + (size_t)t * x->stride;
        for (uint32_t k = 0; k < x->k; k++)
            sums[k] += (double)row[k] * (double)row[k];
    }
}

/* The chunk with a matrix's first row counts for all of it; of matrices that are parts of one
 * tensor, the first. */
static void watch(const struct matmul *w)
{
    struct entry *e = entry_at(current, w->w->data);
    if (!e || w->w->cols != e->t->ne[0])
        return;
    uint64_t size = e->t->n_bytes / e->t->ne[2], at = (uint64_t)(w->w->data - e->t->data);
    if (at % size)
        return;
    uint64_t expert = at / size;
    struct act x = *w->x;
    x.n = w->n;
    add_squares(e->sums + expert * e->t->ne[0], &x);
    e->tokens[expert] += w->n;
}

static void watched_matmul(const struct matmul *w, uint32_t row0, uint32_t row1, float *scratch)
{
    if (row0 == 0)
        watch(w);
    current->real->matmul(w, row0, row1, scratch);
}

/* Its parts are taken one by one then, and seen. */
static bool no_gated_matmul(const struct gated_matmul *w, uint32_t row0, uint32_t row1,
                            float *scratch)
{
    (void)w, (void)row0, (void)row1, (void)scratch;
    return false;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int by_data(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->t->data < y->t->data ? -1 : x->t->data > y->t->data;
}

static bool add_entry(struct imatrix *m, const struct gguf_tensor *t, struct err *e)
{
    struct entry *n = &m->entries[m->n];
    size_t sums;
    if (!mem_mul((size_t)t->ne[0], (size_t)t->ne[2], &sums))
        return fail(e, ERR_LIMIT, "not enough memory");
    n->t = t;
    n->sums = arena_new(&m->arena, sums, sizeof *n->sums, e);
    n->tokens = n->sums ? arena_new(&m->arena, (size_t)t->ne[2], sizeof *n->tokens, e) : NULL;
    m->n++;
    return n->tokens;
}

static bool find_matrices(struct imatrix *m, struct err *e)
{
    const struct gguf *g = m->l->g;
    m->entries = arena_new(&m->arena, (size_t)g->n_tensors, sizeof *m->entries, e);
    for (uint64_t i = 0; m->entries && i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        if (t->n_dim >= 2 && t->ne[3] == 1 && str_ends(t->name, STR(".weight")) &&
            !add_entry(m, t, e))
            return false;
    }
    if (m->entries)
        qsort(m->entries, m->n, sizeof *m->entries, by_data);
    return m->entries;
}

struct imatrix *imatrix_new(struct lab *l, struct err *e)
{
    struct imatrix *m = mem_new(1, sizeof *m, e);
    must(!current);
    if (!m)
        return NULL;
    m->l = l;
    if (!find_matrices(m, e)) {
        arena_clear(&m->arena);
        mem_free(m);
        return NULL;
    }
    m->real = l->f->kernels;
    m->watched = *m->real;
    m->watched.matmul = watched_matmul;
    m->watched.gated_matmul = no_gated_matmul;
    l->f->kernels = &m->watched;
    current = m;
    return m;
}

void imatrix_free(struct imatrix *m)
{
    if (!m)
        return;
    m->l->f->kernels = m->real;
    current = NULL;
    arena_clear(&m->arena);
    mem_free(m);
}

/* All rows are wanted, so that the last layer sees them all; their logits are not. */
bool imatrix_add(struct imatrix *m, const uint32_t *token, uint32_t n, struct err *e)
{
    struct forward *f = m->l->f;
    struct batch *b = &f->batch;
    (void)kv_truncate(f->kv, 0, 0);
    for (uint32_t at = 0; at < n; at += b->n) {
        uint32_t step = n - at < b->max ? n - at : b->max;
        if (!kv_reserve(f->kv, 0, at, step, e))
            return false;
        batch_reset(b, true);
        for (uint32_t i = at; i < at + step; i++) {
            if (token[i] >= m->l->m->h.n_vocab)
                return fail(e, ERR_USAGE, "token id %u is not below the vocabulary's %u", token[i],
                            m->l->m->h.n_vocab);
            batch_add(b, 0, i, token[i], true);
        }
        forward(f);
    }
    m->chunks++;
    return true;
}

static bool put_entry(struct gguf_writer *w, const struct entry *n, struct arena *arena,
                      struct err *e)
{
    uint64_t cols = n->t->ne[0], experts = n->t->ne[2], any = 0;
    char name[LIMIT_GGUF_TENSOR_NAME + 16];
    for (uint64_t i = 0; i < experts; i++)
        any |= n->tokens[i];
    if (!any)
        return true;
    float *sums = arena_new(arena, (size_t)(cols * experts), sizeof *sums, e);
    float *counts = sums ? arena_new(arena, (size_t)experts, sizeof *counts, e) : NULL;
    if (!counts)
        return false;
    for (uint64_t i = 0; i < cols * experts; i++)
        sums[i] = (float)n->sums[i];
    for (uint64_t i = 0; i < experts; i++)
        counts[i] = (float)n->tokens[i];
    snprintf(name, sizeof name, "%.*s.in_sum2", (int)n->t->name.n, n->t->name.p);
    gguf_write_tensor(w, name, DTYPE_F32, 2, (uint64_t[]){cols, experts}, sums);
    snprintf(name, sizeof name, "%.*s.counts", (int)n->t->name.n, n->t->name.p);
    gguf_write_tensor(w, name, DTYPE_F32, 2, (uint64_t[]){1, experts}, counts);
    return true;
}

bool imatrix_write(const struct imatrix *m, const char *path, const char *dataset, uint32_t chunk,
                   struct err *e)
{
    struct gguf_writer w;
    struct arena arena = {0};
    struct str name = str_of(dataset);
    bool ok = true;
    gguf_write_init(&w, 32);
    gguf_write_str(&w, "general.type", STR("imatrix"));
    gguf_write_strs(&w, "imatrix.datasets", &name, 1);
    gguf_write_u32(&w, "imatrix.chunk_count", (uint32_t)m->chunks);
    gguf_write_u32(&w, "imatrix.chunk_size", chunk);
    for (uint64_t i = 0; ok && i < m->n; i++)
        ok = put_entry(&w, &m->entries[i], &arena, e);
    ok = ok && gguf_write_file(&w, path, e);
    gguf_write_clear(&w);
    arena_clear(&arena);
    return ok;
}
