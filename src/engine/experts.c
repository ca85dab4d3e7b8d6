/* SPDX-License-Identifier: Apache-2.0 */
/* engine/experts: a mixture of experts, rows grouped by expert so that each reads its weights once.
 *
 * A pair is (token, one of its chosen experts). Pairs are sorted by expert; their rows are
 * gathered, multiplied expert by expert, and added up per token in the order of its choice. In a
 * prompt every expert's rows start at a whole tile of 16, as AMX wants them. */
#include <string.h>

#include "compute/ops.h"
#include "engine/blocks.h"

#define PADDING UINT32_MAX

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

/* Counting sort by expert; tokens keep their order within one. pair_of turns from experts into
 * rows. */
static void sort_pairs(struct forward *f)
{
    const struct hparams *h = &f->m->h;
    struct activations *a = &f->act;
    uint32_t n = f->batch.n * h->n_expert_used,
             tile = batch_kernel_rows(&f->batch, f->batch.n) > DECODE_TOKENS ? 16 : 1;
    memset(a->expert_n, 0, h->n_expert * sizeof *a->expert_n);
    for (uint32_t i = 0; i < f->batch.n; i++)
        choose_experts(f, i, a->pair_of + (size_t)i * h->n_expert_used);
    for (uint32_t p = 0; p < n; p++)
        a->expert_n[a->pair_of[p]]++;
    a->expert_from[0] = 0;
    for (uint32_t x = 0; x < h->n_expert; x++) {
        a->expert_from[x + 1] = a->expert_from[x] + (a->expert_n[x] + tile - 1) / tile * tile;
        a->expert_n[x] = 0;
    }
    for (uint32_t r = 0; r < a->expert_from[h->n_expert]; r++)
        a->pair_token[r] = PADDING;
    for (uint32_t p = 0; p < n; p++) {
        uint32_t expert = a->pair_of[p], row = a->expert_from[expert] + a->expert_n[expert]++;
        a->pair_of[p] = row;
        a->pair_token[row] = p / h->n_expert_used;
    }
}

static void gather_pairs(struct task *t, uint32_t n_rows)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, n_rows, &from, &to);
    for (uint32_t r = from; r < to; r++) {
        float *row = a->px + (size_t)r * h->d_model;
        if (a->pair_token[r] == PADDING)
            memset(row, 0, h->d_model * sizeof *row);
        else
            memcpy(row, a->h + (size_t)a->pair_token[r] * h->d_model, h->d_model * sizeof *row);
    }
    task_barrier(t);
}

/* y = w[expert] times the rows of every expert, as one list of (expert, rows) chunks. */
static void experts_products(struct task *t, const struct mat *w, float *y)
{
    const struct activations *a = &t->f->act;
    enum act_form form = task_form(t, w);
    uint32_t rows = task_chunk_rows(t, w, form), per_expert = (w->rows + rows - 1) / rows, c;
    while (workers_next(t->f->workers, per_expert * w->n_expert, &c)) {
        uint32_t expert = c / per_expert, row = c % per_expert * rows;
        uint32_t from = a->expert_from[expert], left = w->rows - row;
        if (a->expert_n[expert] == 0)
            continue;
        struct mat one = mat_expert(w, expert);
        struct act x = act_rows(&t->in, from, a->expert_n[expert]);
        struct matmul m = {.w = &one,
                           .x = &x,
                           .form = form,
                           .y = y + (size_t)from * w->rows,
                           .n = x.n,
                           .y_stride = w->rows};
        t->f->kernels->matmul(&m, row, row + (left < rows ? left : rows), t->scratch);
    }
    task_barrier(t);
}

static void gate_rows(struct task *t, uint32_t n_rows, uint32_t d_ff)
{
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, n_rows, &from, &to);
    t->f->kernels->gated(a->g + (size_t)from * d_ff, a->u + (size_t)from * d_ff, GATE_SILU,
                         (to - from) * d_ff);
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
            memset(row, 0, h->d_model * sizeof *row);
        for (uint32_t j = 0; j < h->n_expert_used; j++) {
            size_t slot = (size_t)i * h->n_expert_used + j;
            t->f->kernels->axpy(row, a->pair_weight[slot],
                                a->px + (size_t)a->pair_of[slot] * h->d_model, h->d_model);
        }
    }
    task_barrier(t);
}

void block_experts(struct task *t, const struct layer *l, const float *x, float *y, bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product router = {.w = &l->w_router, .y = a->route};
    const struct product in[] = {{.w = &l->w_gate_exps}, {.w = &l->w_up_exps}};
    const struct product down = {.w = &l->w_down_exps};
    block_norm(t, x, l->ffn_norm, &router, 1);
    block_products(t, &router, 1);
    if (t->id == 0)
        sort_pairs(t->f);
    task_barrier(t);
    uint32_t n_rows = a->expert_from[h->n_expert];
    gather_pairs(t, n_rows);
    block_input(t, a->px, n_rows, h->d_model, in, 2);
    experts_products(t, &l->w_gate_exps, a->g);
    experts_products(t, &l->w_up_exps, a->u);
    gate_rows(t, n_rows, h->d_ff_expert);
    block_input(t, a->g, n_rows, h->d_ff_expert, &down, 1);
    experts_products(t, &l->w_down_exps, a->px);
    scatter_pairs(t, y, add);
}
