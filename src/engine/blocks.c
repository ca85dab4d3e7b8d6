/* SPDX-License-Identifier: Apache-2.0 */
/* engine/blocks: see blocks.h. */
#include "engine/blocks.h"

#include "compute/ops.h"

#define CHUNK_ROWS 64u /* rows of a weight matrix handed out at once */

void block_norm(struct task *t, const float *in, const float *weight, float *out)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t from, to;
    task_share(t, t->f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++)
        rms_norm(in + (size_t)i * h->d_model, weight, h->norm_eps, out + (size_t)i * h->d_model,
                 h->d_model);
    task_barrier(t);
}

void block_add_normed(struct task *t, const float *o, const float *weight, float *x)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t from, to;
    task_share(t, t->f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        size_t at = (size_t)i * h->d_model;
        rms_norm(o + at, weight, h->norm_eps, t->scratch, h->d_model);
        t->f->kernels->axpy(x + at, 1.0f, t->scratch, h->d_model);
    }
    task_barrier(t);
}

/* One multiplication, rows handed out as threads get to them. */
static void run_matmul(struct task *t, const struct matmul *m)
{
    uint32_t n_chunks = (m->w->rows + CHUNK_ROWS - 1) / CHUNK_ROWS, c;
    while (workers_next(t->f->workers, n_chunks, &c)) {
        uint32_t row = c * CHUNK_ROWS, left = m->w->rows - row;
        t->f->kernels->matmul(m, row, row + (left < CHUNK_ROWS ? left : CHUNK_ROWS), t->scratch);
    }
    task_barrier(t);
}

void block_linear(struct task *t, const struct mat *w, const float *bias, const float *x, float *y,
                  bool add)
{
    struct matmul m = {.w = w,
                       .x = x,
                       .y = y,
                       .n = t->f->batch.n,
                       .x_stride = w->cols,
                       .y_stride = w->rows,
                       .bias = bias,
                       .add = add};
    run_matmul(t, &m);
}

/* Per-head norm and rotation of n_head heads of every row, in place. */
static void norm_and_rotate(struct task *t, const struct layer *l, float *x, uint32_t n_head,
                            const float *norm)
{
    const struct hparams *h = &t->f->m->h;
    const float *angles = t->f->act.angles[l->rope == &t->f->m->rope_local];
    uint32_t from, to;
    task_share(t, t->f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++)
        for (uint32_t j = 0; j < n_head; j++) {
            float *head = x + ((size_t)i * n_head + j) * h->d_head;
            if (norm)
                rms_norm(head, norm, h->norm_eps, head, h->d_head);
            if (!l->rope)
                continue;
            const float *cs = angles + (size_t)i * h->n_rot;
            (l->rope->neox ? rope_neox : rope_norm)(head, cs, h->n_rot);
        }
}

void block_attention(struct task *t, const struct layer *l, float *y, bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    block_linear(t, &l->wq, l->bq, a->h, a->q, false);
    block_linear(t, &l->wk, l->bk, a->h, a->k, false);
    block_linear(t, &l->wv, l->bv, a->h, a->v, false);
    norm_and_rotate(t, l, a->q, h->n_head, l->q_norm);
    norm_and_rotate(t, l, a->k, h->n_head_kv, l->k_norm);
    task_barrier(t);
    attend(t, l);
    block_linear(t, &l->wo, l->bo, a->a, y, add);
}

/* g = act(g) * u over n rows of d_ff. */
static void gate(struct task *t, enum activation act, uint32_t n_rows, uint32_t d_ff)
{
    struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, n_rows, &from, &to);
    for (size_t i = (size_t)from * d_ff; i < (size_t)to * d_ff; i++)
        a->g[i] = (act == ACT_SILU ? silu(a->g[i]) : gelu_tanh(a->g[i])) * a->u[i];
    task_barrier(t);
}

void block_ffn(struct task *t, const struct layer *l, enum activation act, float *y, bool add)
{
    const struct activations *a = &t->f->act;
    block_linear(t, &l->w_gate, l->b_gate, a->h, a->g, false);
    block_linear(t, &l->w_up, l->b_up, a->h, a->u, false);
    gate(t, act, t->f->batch.n, l->w_gate.rows);
    block_linear(t, &l->w_down, l->b_down, a->g, y, add);
}

/* The n_used most probable experts of row i, ties to the lower index, with weights summing to the
 * model's expert scale. */
static void choose_experts(struct forward *f, uint32_t i, uint32_t *chosen)
{
    const struct hparams *h = &f->m->h;
    float *p = f->act.route + (size_t)i * h->n_expert;
    float *weight = f->act.pair_weight + (size_t)i * h->n_expert_used;
    softmax(p, h->n_expert);
    float sum = 0;
    for (uint32_t j = 0; j < h->n_expert_used; j++) {
        uint32_t best = 0;
        for (uint32_t x = 1; x < h->n_expert; x++)
            if (p[x] > p[best])
                best = x;
        chosen[j] = best;
        weight[j] = p[best];
        sum += p[best];
        p[best] = -1;
    }
    for (uint32_t j = 0; j < h->n_expert_used; j++)
        weight[j] *= h->expert_scale / (sum > 6.103515625e-5f ? sum : 6.103515625e-5f);
}

/* Counting sort of (token, expert) pairs by expert; tokens keep their order within one. */
static void sort_pairs(struct forward *f)
{
    const struct hparams *h = &f->m->h;
    struct activations *a = &f->act;
    uint32_t n = f->batch.n * h->n_expert_used;
    uint32_t *from = a->expert_from;
    for (uint32_t x = 0; x <= h->n_expert; x++)
        from[x] = 0;
    for (uint32_t i = 0; i < f->batch.n; i++)
        choose_experts(f, i, a->pair_of + (size_t)i * h->n_expert_used);
    for (uint32_t p = 0; p < n; p++)
        from[a->pair_of[p] + 1]++;
    for (uint32_t x = 0; x < h->n_expert; x++)
        from[x + 1] += from[x];
    for (uint32_t p = 0; p < n; p++) {
        uint32_t expert = a->pair_of[p];
        a->pair_of[p] = from[expert];
        a->pair_token[from[expert]++] = p / h->n_expert_used;
    }
    for (uint32_t x = h->n_expert; x > 0; x--) /* the loop above moved each start to its end */
        from[x] = from[x - 1];
    from[0] = 0;
}

/* y = w[expert] x for the pairs of every expert: one list of (expert, rows) chunks for all. */
static void experts_linear(struct task *t, const struct mat *w, const float *x, float *y)
{
    const struct activations *a = &t->f->act;
    uint32_t per_expert = (w->rows + CHUNK_ROWS - 1) / CHUNK_ROWS, c;
    while (workers_next(t->f->workers, per_expert * w->n_expert, &c)) {
        uint32_t expert = c / per_expert, row = c % per_expert * CHUNK_ROWS;
        uint32_t from = a->expert_from[expert], left = w->rows - row;
        struct mat one = mat_expert(w, expert);
        struct matmul m = {.w = &one,
                           .x = x + (size_t)from * w->cols,
                           .y = y + (size_t)from * w->rows,
                           .n = a->expert_from[expert + 1] - from,
                           .x_stride = w->cols,
                           .y_stride = w->rows};
        if (m.n)
            t->f->kernels->matmul(&m, row, row + (left < CHUNK_ROWS ? left : CHUNK_ROWS),
                                  t->scratch);
    }
    task_barrier(t);
}

static void gather_pairs(struct task *t)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, t->f->batch.n * h->n_expert_used, &from, &to);
    for (uint32_t p = from; p < to; p++)
        for (uint32_t k = 0; k < h->d_model; k++)
            a->px[(size_t)p * h->d_model + k] = a->h[(size_t)a->pair_token[p] * h->d_model + k];
    task_barrier(t);
}

static void scatter_pairs(struct task *t, float *y, bool add)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, t->f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        float *row = y + (size_t)i * h->d_model;
        if (!add)
            t->f->kernels->scale(row, 0, h->d_model);
        for (uint32_t j = 0; j < h->n_expert_used; j++) {
            size_t slot = (size_t)i * h->n_expert_used + j;
            t->f->kernels->axpy(row, a->pair_weight[slot],
                                a->px + (size_t)a->pair_of[slot] * h->d_model, h->d_model);
        }
    }
    task_barrier(t);
}

void block_experts(struct task *t, const struct layer *l, float *y, bool add)
{
    struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    block_linear(t, &l->w_router, NULL, a->h, a->route, false);
    if (t->id == 0)
        sort_pairs(t->f);
    task_barrier(t);
    gather_pairs(t);
    experts_linear(t, &l->w_gate_exps, a->px, a->g);
    experts_linear(t, &l->w_up_exps, a->px, a->u);
    gate(t, ACT_SILU, t->f->batch.n * h->n_expert_used, h->d_ff_expert);
    experts_linear(t, &l->w_down_exps, a->g, a->px);
    scatter_pairs(t, y, add);
}
