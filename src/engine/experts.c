/* SPDX-License-Identifier: Apache-2.0 */
/* engine/experts: a mixture of experts, rows grouped by expert so that each reads its weights once.
 *
 * A pair is (token, one of its chosen experts). Pairs are sorted by expert; their rows are
 * gathered, multiplied expert by expert, and added up per token in the order of its choice. In a
 * prompt every expert's rows start at a whole tile of 16, as AMX wants them. */
#include <math.h>
#include <string.h>

#include "compute/ops.h"
#include "engine/blocks.h"

#define PADDING UINT32_MAX

/* What the choice goes by: the weights, and the router's own bias (DeepSeek-AI 2024). */
static void rate_experts(const struct hparams *h, const struct layer *l, float *p, float *rate)
{
    if (h->expert_gating == EXPERTS_SOFTMAX)
        softmax(p, h->n_expert);
    for (uint32_t x = 0; x < h->n_expert; x++) {
        if (h->expert_gating == EXPERTS_SIGMOID)
            p[x] = sigmoid(p[x]);
        rate[x] = l->b_select ? p[x] + l->b_select[x] : p[x];
    }
}

static uint32_t best_of(const float *rate, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (rate[i] > rate[best])
            best = i;
    return best;
}

/* A group counts as much as its two best experts. */
static float group_rate(const float *rate, uint32_t n)
{
    uint32_t best = best_of(rate, n);
    float second = -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        if (i != best && rate[i] > second)
            second = rate[i];
    return n > 1 ? rate[best] + second : rate[best];
}

/* Leaves only the best groups to choose from. */
static void drop_groups(const struct hparams *h, float *rate)
{
    uint32_t size = h->n_expert / h->n_group;
    for (uint32_t dropped = h->n_group_used; dropped < h->n_group; dropped++) {
        uint32_t worst = UINT32_MAX;
        float least = 0;
        for (uint32_t i = 0; i < h->n_group; i++) {
            float r = group_rate(rate + (size_t)i * size, size);
            if (r > -INFINITY && (worst == UINT32_MAX || r <= least)) {
                least = r;
                worst = i;
            }
        }
        for (uint32_t x = 0; worst != UINT32_MAX && x < size; x++)
            rate[(size_t)worst * size + x] = -INFINITY;
    }
}

static void weigh_experts(const struct hparams *h, float *weight)
{
    float sum = 0;
    if (h->expert_gating == EXPERTS_SOFTMAX_CHOSEN)
        softmax(weight, h->n_expert_used);
    for (uint32_t j = 0; j < h->n_expert_used; j++)
        sum += weight[j];
    float scale = h->expert_scale;
    if (h->expert_norm)
        scale /= sum > 6.103515625e-5f ? sum : 6.103515625e-5f;
    for (uint32_t j = 0; j < h->n_expert_used; j++)
        weight[j] *= scale;
}

/* The n_used best experts of row i, ties to the lower index, with their weights. */
static void choose_experts(struct forward *f, const struct layer *l, uint32_t i, uint32_t *chosen)
{
    const struct hparams *h = &f->m->h;
    float *p = f->act.route + (size_t)i * h->n_expert;
    float *rate = f->act.choice + (size_t)i * h->n_expert;
    float *weight = f->act.pair_weight + (size_t)i * h->n_expert_used;
    rate_experts(h, l, p, rate);
    if (h->n_group)
        drop_groups(h, rate);
    for (uint32_t j = 0; j < h->n_expert_used; j++) {
        chosen[j] = best_of(rate, h->n_expert);
        weight[j] = p[chosen[j]];
        rate[chosen[j]] = -INFINITY;
    }
    weigh_experts(h, weight);
}

/* Counting sort by expert; tokens keep their order within one. pair_of turns from experts into
 * rows. */
static void sort_pairs(const struct task *t, const struct layer *l)
{
    const struct hparams *h = &t->f->m->h;
    struct activations *a = &t->f->act;
    uint32_t n = t->n_tok * h->n_expert_used,
             tile = batch_kernel_rows(&t->f->batch, t->n_rows) > DECODE_TOKENS ? 16 : 1;
    memset(a->expert_n, 0, h->n_expert * sizeof *a->expert_n);
    for (uint32_t i = 0; i < t->n_tok; i++)
        choose_experts(t->f, l, i, a->pair_of + (size_t)i * h->n_expert_used);
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

/* Rows row..row + rows, as far as there are any, of one expert's matrix times its gathered rows. */
static void expert_chunk(struct task *t, const struct mat *w, const float *bias, float *y,
                         uint32_t expert, uint32_t row, uint32_t rows)
{
    const struct activations *a = &t->f->act;
    uint32_t from = a->expert_from[expert], left = w->rows - row;
    struct mat one = mat_expert(w, expert);
    struct act x = act_rows(&t->in, from, a->expert_n[expert]);
    struct matmul m = {.w = &one,
                       .x = &x,
                       .form = task_form(t, w),
                       .y = y + (size_t)from * w->rows,
                       .n = x.n,
                       .y_stride = w->rows,
                       .bias = bias ? bias + (size_t)expert * w->rows : NULL};
    t->f->kernels->matmul(&m, row, row + (left < rows ? left : rows), t->scratch);
}

static void count_experts(const struct task *t, const struct mat *w)
{
    for (uint32_t x = 0; t->clock && x < w->n_expert; x++)
        task_count_mat(t, w, 1, t->f->act.expert_n[x]);
}

/* y = w[expert] times the rows of every expert + bias, as one list of (expert, rows) chunks. */
static void experts_products(struct task *t, const struct mat *w, const float *bias, float *y)
{
    uint32_t rows = task_chunk_rows(t, w, task_form(t, w)), c;
    uint32_t per_expert = (w->rows + rows - 1) / rows;
    count_experts(t, w);
    while (task_next(t, per_expert * w->n_expert, &c))
        if (t->f->act.expert_n[c / per_expert])
            expert_chunk(t, w, bias, y, c / per_expert, c % per_expert * rows, rows);
    task_barrier(t);
}

/* Gate and up of every expert and their gated product, converted while it is in the cache: what
 * `down` reads is task.in afterwards. */
static void experts_gate_up(struct task *t, const struct layer *l, enum gating act,
                            const struct product *down, uint32_t n_rows)
{
    const struct activations *a = &t->f->act;
    const struct mat *gate = &l->w_gate_exps, *up = &l->w_up_exps;
    const struct block_pieces mid = block_pieces(t, a->g, n_rows, gate->rows, down);
    uint32_t rows = task_chunk_rows(t, gate, task_form(t, gate)), c;
    uint32_t per_expert = (gate->rows + rows - 1) / rows;
    count_experts(t, gate);
    count_experts(t, up);
    while (task_next(t, per_expert * gate->n_expert, &c)) {
        uint32_t expert = c / per_expert, row = c % per_expert * rows, left = gate->rows - row;
        uint32_t from = a->expert_from[expert], n = a->expert_n[expert];
        if (n == 0)
            continue;
        expert_chunk(t, gate, l->b_gate_exps, a->g, expert, row, rows);
        expert_chunk(t, up, l->b_up_exps, a->u, expert, row, rows);
        block_gate_piece(t, &mid, act, a->u, from, n, row, row + (left < rows ? left : rows));
    }
    t->in = mid.in;
    task_barrier(t);
}

/* The gated rows stay where they are: `stride` apart. */
static void gate_rows(struct task *t, enum gating act, uint32_t n_rows, uint32_t d_ff,
                      uint32_t stride, const float *u)
{
    float *g = t->f->act.g;
    uint32_t from, to;
    task_share(t, n_rows, &from, &to);
    for (uint32_t r = from; r < to; r++)
        t->f->kernels->gated(g + (size_t)r * stride, u + (size_t)r * stride, act, d_ff);
    task_barrier(t);
}

static void clear_rows(struct task *t, float *y)
{
    uint32_t d_model = t->f->m->h.d_model, from, to;
    task_share(t, t->n_tok, &from, &to);
    memset(y + (size_t)from * d_model, 0, (size_t)(to - from) * d_model * sizeof *y);
    task_barrier(t);
}

static void scatter_pairs(struct task *t, float *y, bool add)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, t->n_tok, &from, &to);
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

/* px = gated gate and up of all pairs, times down. */
static void run_experts(struct task *t, const struct layer *l, enum gating act, uint32_t n_rows)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product in[] = {{.w = &l->w_gate_exps}, {.w = &l->w_up_exps}};
    const struct product fused = {.w = &l->w_gate_up_exps}, down = {.w = &l->w_down_exps};
    uint32_t d_ff = h->d_ff_expert;
    if (l->w_gate_up_exps.data) {
        block_input(t, a->px, n_rows, h->d_model, &fused, 1);
        experts_products(t, &l->w_gate_up_exps, NULL, a->g);
        gate_rows(t, act, n_rows, d_ff, 2 * d_ff, a->g + d_ff);
        block_rows(t, a->g, n_rows, d_ff, 2 * d_ff, &down, 1);
    } else {
        block_input(t, a->px, n_rows, h->d_model, in, 2);
        experts_gate_up(t, l, act, &down, n_rows);
    }
    experts_products(t, &l->w_down_exps, l->b_down_exps, a->px);
}

/* y += sigmoid(gate . h) times what the shared expert made of the rows in px. */
static void add_weighed(struct task *t, const float *gate, float *y)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    uint32_t from, to;
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        size_t at = (size_t)i * h->d_model;
        float weight = sigmoid(t->f->kernels->dot(gate, a->h + at, h->d_model));
        t->f->kernels->axpy(y + at, weight, a->px + at, h->d_model);
    }
    task_barrier(t);
}

/* The expert all tokens pass, a feed-forward block of its own; reads task.in, adds to y. */
static void run_shared(struct task *t, const struct layer *l, enum gating act, float *y)
{
    const struct layer shared = {
        .w_gate = l->w_gate_shared, .w_up = l->w_up_shared, .w_down = l->w_down_shared};
    if (!l->shared_gate) {
        block_ffn_normed(t, &shared, act, y, true);
        return;
    }
    block_ffn_normed(t, &shared, act, t->f->act.px, false);
    add_weighed(t, l->shared_gate, y);
}

void block_experts(struct task *t, const struct layer *l, enum gating act, const float *x, float *y,
                   bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product in[] = {{.w = &l->w_router, .bias = l->b_router, .y = a->route},
                                 {.w = &l->w_gate_shared},
                                 {.w = &l->w_up_shared}};
    bool shared = l->w_up_shared.data != NULL;
    task_enter(t, STAGE_EXPERTS);
    block_norm(t, x, l->ffn_norm, in, shared ? 3 : 1);
    block_products(t, in, 1);
    if (t->id == 0)
        sort_pairs(t, l);
    if (shared) {
        if (!add)
            clear_rows(t, y);
        run_shared(t, l, act, y);
        task_enter(t, STAGE_EXPERTS);
    } else {
        task_barrier(t);
    }
    uint32_t n_rows = a->expert_from[h->n_expert];
    gather_pairs(t, n_rows);
    run_experts(t, l, act, n_rows);
    scatter_pairs(t, y, add || shared);
}
