/* SPDX-License-Identifier: Apache-2.0 */
/* engine/task: one thread's view of the running pass, and how threads share its work.
 *
 * Every thread of the team has its own; they go through the same steps together. */
#ifndef MOAT_ENGINE_TASK_H
#define MOAT_ENGINE_TASK_H

#include "engine/forward.h"

/* One thread's view of the running pass. */
struct task {
    struct forward *f;
    uint32_t id;
    uint32_t n_rows; /* of the job: the batch, or the logits asked for */
    uint32_t n_tok;  /* rows of x: the batch; from block_keep_wanted on those that want logits */
    const uint32_t *rows; /* of the batch that those of x stand for; NULL: the same */
    struct stages *clock; /* thread 0's, or NULL */
    struct act in;        /* rows block_norm or block_input made ready; the same for all threads */
    float *scratch;       /* [f->scratch_floats], this thread's own */
};

/* Rows of a job that belong to thread t->id when `n` items are cut into equal runs. */
static inline void task_share(const struct task *t, uint32_t n, uint32_t *from, uint32_t *to)
{
    uint32_t threads = workers_count(t->f->workers);
    *from = (uint32_t)((uint64_t)n * t->id / threads);
    *to = (uint32_t)((uint64_t)n * (t->id + 1) / threads);
}

/* Whether block_keep_wanted leaves some rows out in this layer. */
static inline bool task_narrows(const struct task *t, const struct layer *l)
{
    return l->index + 1 == t->f->m->h.n_layer && t->f->batch.n_out < t->f->batch.n;
}

/* What follows is work of this kind, see stages.h. */
static inline void task_enter(const struct task *t, enum stage s)
{
    if (t->clock)
        stages_enter(t->clock, s);
}

static inline void task_count(const struct task *t, uint64_t bytes, uint64_t macs)
{
    if (t->clock)
        stages_add(t->clock, bytes, macs);
}

/* n matrices of this kind, each times n_rows rows in all. */
static inline void task_count_mat(const struct task *t, const struct mat *w, uint64_t n,
                                  uint64_t n_rows)
{
    if (w->data && n_rows)
        task_count(t, n * w->rows * w->row_bytes, n_rows * w->rows * w->cols);
}

static inline void task_barrier(struct task *t)
{
    workers_barrier(t->f->workers, t->id);
}

/* The next of n chunks this thread is to do, see workers_next. */
static inline bool task_next(const struct task *t, uint32_t n, uint32_t *chunk)
{
    return workers_next(t->f->workers, t->id, n, chunk);
}

static inline enum act_form task_form(const struct task *t, const struct mat *w)
{
    return t->f->kernels->form(w, batch_kernel_rows(&t->f->batch, t->n_rows),
                               w->precise ? PRECISION_EXACT : t->f->p.precision);
}

#endif
