/* SPDX-License-Identifier: Apache-2.0 */
/* engine/blocks: see blocks.h. */
#include "engine/blocks.h"

#include <math.h>
#include <string.h>

#include "compute/ops.h"
#include "engine/arch.h"
#include "engine/lora.h"

#define CHUNK_ROWS 64u  /* a decode chunk: small enough to share out, large enough to stream */
#define PANEL_ROWS 256u /* a prefill chunk at most: one expanded panel */
#define MAX_LIST   4u   /* products of a list */

/* The forms other than F32 that the matrices of a list want, as a bit set. */
static unsigned wanted_forms(const struct task *t, const struct product *p, uint32_t n)
{
    unsigned forms = 0;
    for (uint32_t i = 0; i < n; i++)
        forms |= 1u << task_form(t, p[i].w);
    return forms & ~(1u << ACT_F32);
}

static void convert(const struct task *t, unsigned forms, uint32_t row, uint32_t k0, uint32_t k1)
{
    for (unsigned form = 0; form < ACT_FORMS; form++)
        if (forms >> form & 1)
            t->f->kernels->act(&t->in, (enum act_form)form, row, k0, k1);
}

static void set_input(struct task *t, const struct act *room, const float *x, uint32_t n_rows,
                      uint32_t k)
{
    t->in = *room;
    t->in.f32 = x;
    t->in.n = n_rows;
    t->in.k = t->in.stride = k;
}

/* A layer norm (Ba et al. 2016) is the RMS norm of what a row without its mean is. */
void row_norm(const struct forward *f, const float *x, struct norm norm, float *out)
{
    const struct hparams *h = &f->m->h;
    if (h->arch->layer_norm) {
        float mean = (float)row_mean(x, h->d_model);
        for (uint32_t i = 0; i < h->d_model; i++)
            out[i] = x[i] - mean;
        x = out;
    }
    f->kernels->norm(x, norm.weight, h->norm_eps, out, h->d_model);
    if (norm.bias)
        f->kernels->axpy(out, 1.0f, norm.bias, h->d_model);
}

void block_norm(struct task *t, const float *x, struct norm norm, const struct product *p,
                uint32_t n)
{
    const struct hparams *h = &t->f->m->h;
    if (!norm.weight) {
        block_input(t, x, t->n_tok, h->d_model, p, n);
        return;
    }
    struct activations *a = &t->f->act;
    unsigned forms = wanted_forms(t, p, n);
    uint32_t from, to;
    set_input(t, &a->in, a->h, t->n_tok, h->d_model);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        size_t at = (size_t)i * h->d_model;
        row_norm(t->f, x + at, norm, a->h + at);
        convert(t, forms, i, 0, h->d_model);
    }
    task_barrier(t);
}

void block_input(struct task *t, const float *x, uint32_t n_rows, uint32_t k,
                 const struct product *p, uint32_t n)
{
    block_rows(t, x, n_rows, k, k, p, n);
}

void block_rows(struct task *t, const float *x, uint32_t n_rows, uint32_t k, uint32_t stride,
                const struct product *p, uint32_t n)
{
    unsigned forms = wanted_forms(t, p, n);
    uint32_t from, to;
    set_input(t, &t->f->act.in, x, n_rows, k);
    t->in.stride = stride;
    if (!forms)
        return;
    task_share(t, n_rows, &from, &to);
    for (uint32_t i = from; i < to; i++)
        convert(t, forms, i, 0, k);
    task_barrier(t);
}

/* Rows move towards the front, so that columns can be shared out: nobody writes what others read.
 */
static void keep_rows(const struct task *t, float *x, uint32_t width, uint32_t stride)
{
    const struct batch *b = &t->f->batch;
    uint32_t from, to;
    task_share(t, width, &from, &to);
    for (uint32_t i = 0; i < b->n_out && from < to; i++)
        memmove(x + (size_t)i * stride + from, x + (size_t)b->out[i] * stride + from,
                (to - from) * sizeof *x);
}

void block_keep_wanted(struct task *t, const struct layer *l, float *a, uint32_t width,
                       uint32_t stride)
{
    if (!task_narrows(t, l))
        return;
    keep_rows(t, t->f->act.x, t->f->m->h.d_model, t->f->m->h.d_model);
    keep_rows(t, a, width, stride);
    t->n_tok = t->f->batch.n_out;
    t->rows = t->f->batch.out;
    task_barrier(t);
}

void block_keep_too(struct task *t, float *a, uint32_t width, uint32_t stride)
{
    if (t->n_tok == t->f->batch.n)
        return;
    keep_rows(t, a, width, stride);
    task_barrier(t);
}

void block_add_normed(struct task *t, const float *o, struct norm norm, float *x)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t from, to;
    task_enter(t, STAGE_NORMS);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        size_t at = (size_t)i * h->d_model;
        row_norm(t->f, o + at, norm, t->scratch);
        t->f->kernels->axpy(x + at, 1.0f, t->scratch, h->d_model);
    }
    task_barrier(t);
}

void block_normalise(struct task *t, float *x, struct norm norm)
{
    size_t d_model = t->f->m->h.d_model;
    uint32_t from, to;
    task_enter(t, STAGE_NORMS);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++)
        row_norm(t->f, x + i * d_model, norm, x + i * d_model);
    task_barrier(t);
}

void block_add_scaled(struct task *t, const float *o, float scale, float *x)
{
    size_t d_model = t->f->m->h.d_model;
    uint32_t from, to;
    task_enter(t, STAGE_NORMS);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++)
        t->f->kernels->axpy(x + i * d_model, scale, o + i * d_model, (uint32_t)d_model);
    task_barrier(t);
}

uint32_t task_chunk_rows(const struct task *t, const struct mat *w, enum act_form form)
{
    if (form != ACT_BF16)
        return CHUNK_ROWS;
    uint32_t share = w->rows / (3 * workers_count(t->f->workers)); /* three chunks a thread */
    share = (share + 31) & ~31u;
    return share < CHUNK_ROWS ? CHUNK_ROWS : share > PANEL_ROWS ? PANEL_ROWS : share;
}

static struct matmul matmul_of(const struct task *t, const struct product *p)
{
    return (struct matmul){.w = p->w,
                           .x = &t->in,
                           .form = task_form(t, p->w),
                           .y = p->y,
                           .n = t->in.n,
                           .y_stride = p->w->rows,
                           .bias = p->bias,
                           .add = p->add};
}

static void run_chunk(struct task *t, const struct product *p, uint32_t row, uint32_t rows)
{
    struct matmul m = matmul_of(t, p);
    uint32_t left = p->w->rows - row;
    uint32_t end = row + (left < rows ? left : rows);
    t->f->kernels->matmul(&m, row, end, t->scratch);
    lora_finish(t, p, row, end);
}

void block_products(struct task *t, const struct product *p, uint32_t n)
{
    uint32_t rows[MAX_LIST], end[MAX_LIST], total = 0, c;
    must(n <= MAX_LIST);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = task_chunk_rows(t, p[i].w, task_form(t, p[i].w));
        end[i] = total += (p[i].w->rows + rows[i] - 1) / rows[i];
    }
    lora_begin(t, p, n);
    for (uint32_t i = 0; i < n; i++)
        task_count_mat(t, p[i].w, 1, t->in.n);
    while (t->in.n && task_next(t, total, &c)) {
        uint32_t i = 0;
        while (c >= end[i])
            i++;
        uint32_t first = i ? end[i - 1] : 0;
        run_chunk(t, &p[i], (c - first) * rows[i], rows[i]);
    }
    task_barrier(t);
}

/* A head of q or k by itself, weight [d_head]: as the architecture's other norms are. */
static void norm_head(const struct task *t, float *head, const float *weight)
{
    const struct hparams *h = &t->f->m->h;
    if (h->arch->layer_norm) {
        float mean = (float)row_mean(head, h->d_head);
        for (uint32_t i = 0; i < h->d_head; i++)
            head[i] -= mean;
    }
    t->f->kernels->norm(head, weight, h->norm_eps, head, h->d_head);
}

void norm_and_rotate(struct task *t, const struct layer *l, uint32_t row, float *x, uint32_t n_head,
                     const float *norm)
{
    const struct hparams *h = &t->f->m->h;
    const struct arch *arch = h->arch;
    const float *angles = t->f->act.angles[l->rope == &t->f->m->rope_local];
    float *all = x + (size_t)row * n_head * h->d_head;
    if (norm && arch->qk_norm == QK_NORM_WHOLE) {
        t->f->kernels->norm(all, norm, h->norm_eps, all, n_head * h->d_head);
        norm = NULL;
    }
    for (uint32_t j = 0; j < n_head; j++) {
        float *head = all + (size_t)j * h->d_head;
        const float *weight =
            norm && arch->qk_norm == QK_NORM_OWN ? norm + (size_t)j * h->d_head : norm;
        if (weight && arch->qk_norm != QK_NORM_ROTATED)
            norm_head(t, head, weight);
        if (l->rope)
            (l->rope->neox ? rope_neox : rope_norm)(head, angles + (size_t)row * h->n_rot,
                                                    h->n_rot);
        if (weight && arch->qk_norm == QK_NORM_ROTATED)
            norm_head(t, head, weight);
    }
}

void warm_query(const struct task *t, uint32_t row, float *q, uint32_t width)
{
    const struct hparams *h = &t->f->m->h;
    if (h->attn_temp_scale == 0)
        return;
    float periods = (float)(t->f->batch.pos[row] / h->attn_temp_length);
    t->f->kernels->scale(q, logf(periods + 1.0f) * h->attn_temp_scale + 1.0f, width);
}

void block_attention(struct task *t, const struct layer *l, const float *x, float *y, bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product qkv[] = {
        {.w = &l->wq, .bias = l->bq, .y = a->q},
        {.w = &l->wk, .bias = l->bk, .y = a->k},
        {.w = &l->wv, .bias = l->bv, .y = a->v},
    };
    const struct product out = {.w = &l->wo, .bias = l->bo, .y = y, .add = add};
    uint32_t from, to;
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, qkv, 3);
    block_products(t, qkv, 3);
    task_enter(t, STAGE_ATTENTION);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        norm_and_rotate(t, l, i, a->q, h->n_head, l->q_norm);
        norm_and_rotate(t, l, i, a->k, h->n_head_kv, l->k_norm);
        warm_query(t, i, a->q + (size_t)i * h->n_head * h->d_head, h->n_head * h->d_head);
    }
    attend(t, l);
    block_keep_wanted(t, l, a->a, h->n_head * h->d_head_v, h->n_head * h->d_head_v);
    task_enter(t, STAGE_OUTPUT);
    block_input(t, a->a, t->n_tok, h->n_head * h->d_head_v, &out, 1);
    block_products(t, &out, 1);
}

struct block_pieces block_pieces(struct task *t, const float *g, uint32_t n_rows, uint32_t k,
                                 const struct product *next)
{
    struct task mid = *t;
    set_input(&mid, &t->f->act.mid, g, n_rows, k);
    return (struct block_pieces){.in = mid.in, .forms = wanted_forms(t, next, 1)};
}

void block_gate_piece(const struct task *t, const struct block_pieces *p, enum gating act,
                      const float *u, uint32_t from, uint32_t n, uint32_t k0, uint32_t k1)
{
    struct task mid = *t;
    mid.in = p->in;
    for (uint32_t i = from; i < from + n; i++) {
        size_t at = (size_t)i * p->in.k + k0;
        t->f->kernels->gated(t->f->act.g + at, u ? u + at : NULL, act, k1 - k0);
        convert(&mid, p->forms, i, k0, k1);
    }
}

/* Gate and up of rows row..end and their gated product, converted while it is in the cache. Without
 * a gate, up takes its place. */
static void gate_chunk(struct task *t, const struct product *gate, const struct product *up,
                       enum gating act, const struct block_pieces *mid, uint32_t row, uint32_t end)
{
    const bool gated = gate->w->data != NULL;
    if (gated)
        run_chunk(t, gate, row, end - row);
    run_chunk(t, up, row, end - row);
    block_gate_piece(t, mid, act, gated ? t->f->act.u : NULL, 0, t->in.n, row, end);
}

/* act.mid = act(gate h) * up h in the forms `down` wants. Where it reads nothing but BF16 tiles,
 * one kernel makes these from the sums of both. */
static void gate_and_up(struct task *t, const struct layer *l, enum gating act,
                        const struct product *down)
{
    const struct activations *a = &t->f->act;
    const bool gated = l->w_gate.data != NULL;
    const struct product up = {.w = &l->w_up, .bias = l->b_up, .y = gated ? a->u : a->g};
    const struct product gate = {.w = &l->w_gate, .bias = l->b_gate, .y = a->g};
    const struct product in[] = {up, gate};
    const struct mat *first = gated ? &l->w_gate : &l->w_up;
    uint32_t d_ff = l->w_up.rows, rows = task_chunk_rows(t, first, task_form(t, first)), c;
    const struct block_pieces mid = block_pieces(t, a->g, t->in.n, d_ff, down);
    bool tiles =
        gated && !t->f->adapted && mid.forms == 1u << ACT_BF16 && down->w->rows % MATMUL_ROWS == 0;
    struct gated_matmul both = {.up = matmul_of(t, &up), .act = act, .out = &mid.in};
    if (gated)
        both.gate = matmul_of(t, &gate);
    lora_begin(t, in, gated ? 2 : 1);
    rows = tiles ? (rows / 2 + 31) & ~31u : rows; /* whole tiles of the next input */
    task_count_mat(t, &l->w_gate, 1, t->in.n);
    task_count_mat(t, &l->w_up, 1, t->in.n);
    while (t->in.n && task_next(t, (d_ff + rows - 1) / rows, &c)) {
        uint32_t row = c * rows, end = d_ff - row < rows ? d_ff : row + rows;
        if (!tiles || !t->f->kernels->gated_matmul ||
            !t->f->kernels->gated_matmul(&both, row, end, t->scratch))
            gate_chunk(t, &gate, &up, act, &mid, row, end);
    }
    t->in = mid.in;
    task_barrier(t);
}

void block_ffn(struct task *t, const struct layer *l, enum gating act, const float *x, float *y,
               bool add)
{
    const struct product in[] = {{.w = &l->w_up}, {.w = &l->w_gate}};
    task_enter(t, STAGE_GATE_UP);
    block_norm(t, x, l->ffn_norm, in, l->w_gate.data ? 2 : 1);
    block_ffn_normed(t, l, act, y, add);
}

void block_ffn_normed(struct task *t, const struct layer *l, enum gating act, float *y, bool add)
{
    const struct product down = {.w = &l->w_down, .bias = l->b_down, .y = y, .add = add};
    task_enter(t, STAGE_GATE_UP);
    gate_and_up(t, l, act, &down);
    task_enter(t, STAGE_DOWN);
    block_products(t, &down, 1);
}

void block_ffn_or_experts(struct task *t, const struct layer *l, enum gating act, const float *x,
                          float *y, bool add)
{
    const bool experts = hparams_has_experts(&t->f->m->h, l->index);
    (experts ? block_experts : block_ffn)(t, l, act, x, y, add);
}
