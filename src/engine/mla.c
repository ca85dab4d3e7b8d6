/* SPDX-License-Identifier: Apache-2.0 */
/* engine/mla: multi-head latent attention (DeepSeek-AI 2024, section 2.1).
 *
 * Of a token the cache keeps one latent vector of kv_rank, which is key and value of all heads, and
 * one rotated key that they share. A head's query is taken to the latent space (wk_b) and what it
 * attends to back from there (wv_b), so keys and values are never made.
 *
 * Files made before these two matrices were split hold one (wkv_b): from it keys and values are
 * made for every head and cached as those of any other model. */
#include <math.h>
#include <string.h>

#include "compute/ops.h"
#include "engine/blocks.h"

/* Buffers of activations.spare; hparams_mla sizes them. */
enum { SPARE_RANK, SPARE_Q, SPARE_KV, SPARE_HEADS };

static uint32_t padded_rows(const struct task *t)
{
    uint32_t n = t->n_tok;
    return batch_kernel_rows(&t->f->batch, t->n_rows) > DECODE_TOKENS ? (n + 15) & ~15u : n;
}

/* Rows of width k, `stride` apart, normalised into out [n][k]. */
static void norm_rows(struct task *t, const float *x, uint32_t stride, const float *weight,
                      float *out, uint32_t k)
{
    uint32_t from, to;
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++)
        t->f->kernels->norm(x + (size_t)i * stride, weight, t->f->m->h.norm_eps,
                            out + (size_t)i * k, k);
    task_barrier(t);
}

/* Queries as wide as a head without the latent space: spare[SPARE_Q] [n][n_head][d_head_mla]; and
 * the latent vectors with the shared key: spare[SPARE_KV] [n][kv_rank + n_rot]. */
static void project(struct task *t, const struct layer *l, const float *x)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    bool low_rank = h->q_rank > 0;
    const struct product in[] = {
        {.w = low_rank ? &l->wq_a : &l->wq, .y = a->spare[low_rank ? SPARE_RANK : SPARE_Q]},
        {.w = &l->wkv_a, .y = a->spare[SPARE_KV]}};
    const struct product up = {.w = &l->wq_b, .y = a->spare[SPARE_Q]};
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, in, 2);
    block_products(t, in, 2);
    if (!low_rank)
        return;
    norm_rows(t, a->spare[SPARE_RANK], h->q_rank, l->q_a_norm, a->spare[SPARE_RANK], h->q_rank);
    block_input(t, a->spare[SPARE_RANK], t->n_tok, h->q_rank, &up, 1);
    block_products(t, &up, 1);
}

static void rotate(const struct task *t, const struct layer *l, uint32_t row, float *x)
{
    const struct hparams *h = &t->f->m->h;
    const float *angles = t->f->act.angles[0] + (size_t)row * h->n_rot;
    (l->rope->neox ? rope_neox : rope_norm)(x, angles, h->n_rot);
}

/* Turns the last n_rot coordinates of a row's queries and of its shared key. */
static void rotate_row(const struct task *t, const struct layer *l, uint32_t row)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t width = h->n_head * h->d_head_mla;
    float *q = t->f->act.spare[SPARE_Q] + (size_t)row * width;
    for (uint32_t j = 0; j < h->n_head; j++)
        rotate(t, l, row, q + (size_t)(j + 1) * h->d_head_mla - h->n_rot);
    warm_query(t, row, q, width);
    rotate(t, l, row,
           t->f->act.spare[SPARE_KV] + (size_t)row * (h->kv_rank + h->n_rot) + h->kv_rank);
}

/* --- the latent space ---------------------------------------------------------------------------
 */

/* act.k and act.v of a row, and the rotated part of its queries in act.q. */
static void set_latent(const struct task *t, const struct layer *l, uint32_t row)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const float *latent = a->spare[SPARE_KV] + (size_t)row * h->d_head;
    float *k = a->k + (size_t)row * h->d_head;
    rotate_row(t, l, row);
    t->f->kernels->norm(latent, l->kv_a_norm, h->norm_eps, k, h->kv_rank);
    memcpy(k + h->kv_rank, latent + h->kv_rank, h->n_rot * sizeof *k);
    memcpy(a->v + (size_t)row * h->kv_rank, k, h->kv_rank * sizeof *k);
    for (size_t j = (size_t)row * h->n_head; j < (size_t)(row + 1) * h->n_head; j++)
        memcpy(a->q + j * h->d_head + h->kv_rank,
               a->spare[SPARE_Q] + (j + 1) * h->d_head_mla - h->n_rot, h->n_rot * sizeof *k);
}

/* x [n][n_head][stride] becomes the task's input, k values of each: head by head, whole tiles. */
static void gather_heads(struct task *t, const float *x, uint32_t stride, uint32_t k,
                         const struct mat *w)
{
    const struct product p = {.w = w};
    uint32_t n_head = t->f->m->h.n_head, rows = padded_rows(t), from, to;
    float *out = t->f->act.spare[SPARE_HEADS];
    task_share(t, rows * n_head, &from, &to);
    for (uint32_t r = from; r < to; r++) {
        uint32_t head = r / rows, row = r % rows;
        if (row < t->n_tok)
            memcpy(out + (size_t)r * k, x + ((size_t)row * n_head + head) * stride,
                   k * sizeof *out);
        else
            memset(out + (size_t)r * k, 0, k * sizeof *out);
    }
    task_barrier(t);
    block_input(t, out, rows * n_head, k, &p, 1);
}

/* y [n][n_head][stride] = each head's matrix times its rows. */
static void heads_products(struct task *t, const struct mat *w, float *y, uint32_t stride)
{
    enum act_form form = task_form(t, w);
    uint32_t n_head = w->n_expert, chunk = task_chunk_rows(t, w, form), c;
    uint32_t per_head = (w->rows + chunk - 1) / chunk, rows = padded_rows(t);
    task_count_mat(t, w, n_head, (uint64_t)n_head * t->n_tok);
    while (task_next(t, per_head * n_head, &c)) {
        uint32_t head = c / per_head, row = c % per_head * chunk, left = w->rows - row;
        struct mat one = mat_expert(w, head);
        struct act x = act_rows(&t->in, head * rows, t->n_tok);
        struct matmul m = {.w = &one,
                           .x = &x,
                           .form = form,
                           .y = y + (size_t)head * stride,
                           .n = x.n,
                           .y_stride = n_head * stride};
        t->f->kernels->matmul(&m, row, row + (left < chunk ? left : chunk), t->scratch);
    }
    task_barrier(t);
}

static void attend_latent(struct task *t, const struct layer *l)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    uint32_t from, to;
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++)
        set_latent(t, l, i);
    task_barrier(t);
    gather_heads(t, a->spare[SPARE_Q], h->d_head_mla, h->d_head_mla - h->n_rot, &l->wk_b);
    heads_products(t, &l->wk_b, a->q, h->d_head);
    attend(t, l);
    block_keep_wanted(t, l, a->a, h->n_head * h->d_head_v, h->n_head * h->d_head_v);
    task_enter(t, STAGE_OUTPUT);
    gather_heads(t, a->a, h->kv_rank, h->kv_rank, &l->wv_b);
    heads_products(t, &l->wv_b, a->spare[SPARE_Q], h->d_head_v_mla);
}

/* --- keys and values of every head --------------------------------------------------------------
 */

/* act.q, act.k and act.v of a row from what wkv_b made of its latent vector. */
static void set_heads(const struct task *t, const struct layer *l, uint32_t row)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    uint32_t plain = h->d_head - h->n_rot, width = h->n_head * h->d_head;
    const float *shared = a->spare[SPARE_KV] + (size_t)row * (h->kv_rank + h->n_rot) + h->kv_rank;
    rotate_row(t, l, row);
    memcpy(a->q + (size_t)row * width, a->spare[SPARE_Q] + (size_t)row * width,
           width * sizeof *a->q);
    for (size_t j = (size_t)row * h->n_head; j < (size_t)(row + 1) * h->n_head; j++) {
        const float *kv = a->spare[SPARE_HEADS] + j * (plain + h->d_head_v);
        memcpy(a->k + j * h->d_head, kv, plain * sizeof *kv);
        memcpy(a->k + j * h->d_head + plain, shared, h->n_rot * sizeof *kv);
        memcpy(a->v + j * h->d_head_v, kv + plain, h->d_head_v * sizeof *kv);
    }
}

static void attend_heads(struct task *t, const struct layer *l)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product up = {.w = &l->wkv_b, .y = a->spare[SPARE_HEADS]};
    uint32_t from, to;
    norm_rows(t, a->spare[SPARE_KV], h->kv_rank + h->n_rot, l->kv_a_norm, a->spare[SPARE_RANK],
              h->kv_rank);
    block_input(t, a->spare[SPARE_RANK], t->n_tok, h->kv_rank, &up, 1);
    block_products(t, &up, 1);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++)
        set_heads(t, l, i);
    attend(t, l);
    block_keep_wanted(t, l, a->a, h->n_head * h->d_head_v, h->n_head * h->d_head_v);
}

void block_latent_attention(struct task *t, const struct layer *l, const float *x, float *y,
                            bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    const struct product out = {.w = &l->wo, .y = y, .add = add};
    bool latent = l->wk_b.data != NULL;
    project(t, l, x);
    (latent ? attend_latent : attend_heads)(t, l);
    task_enter(t, STAGE_OUTPUT);
    block_input(t, latent ? a->spare[SPARE_Q] : a->a, t->n_tok, h->n_head * h->d_head_v_mla, &out,
                1);
    block_products(t, &out, 1);
}

/* --- sizes --------------------------------------------------------------------------------------
 */

static bool check_mla(const struct hparams *h, bool latent, struct err *e)
{
    uint64_t q = (uint64_t)h->n_head * h->d_head_mla, v = (uint64_t)h->n_head * h->d_head_v_mla;
    if (h->d_head_mla <= h->n_rot || q > LIMIT_WIDTH || v > LIMIT_WIDTH)
        return fail(e, ERR_CORRUPT, "%u heads of %u (%u of them rotated) and %u cannot be",
                    h->n_head, h->d_head_mla, h->n_rot, h->d_head_v_mla);
    if (latent
            ? h->n_head_kv != 1 || h->d_head != h->kv_rank + h->n_rot || h->d_head_v != h->kv_rank
            : h->n_head_kv != h->n_head)
        return fail(e, ERR_CORRUPT,
                    "the model's key and value sizes (%u heads of %u and %u) do not fit its latent "
                    "attention of rank %u",
                    h->n_head_kv, h->d_head, h->d_head_v, h->kv_rank);
    return true;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

bool hparams_mla(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_u32(g, h, "attention.q_lora_rank", 0, LIMIT_WIDTH, &h->q_rank, e) ||
        !hparams_u32(g, h, "attention.kv_lora_rank", 1, LIMIT_WIDTH, &h->kv_rank, e) ||
        !hparams_u32(g, h, "attention.key_length_mla", 0, LIMIT_WIDTH, &h->d_head_mla, e) ||
        !hparams_u32(g, h, "attention.value_length_mla", 0, LIMIT_WIDTH, &h->d_head_v_mla, e))
        return false;
    bool latent = h->d_head_mla && h->d_head_v_mla;
    if (!latent) {
        h->d_head_mla = h->d_head;
        h->d_head_v_mla = h->d_head_v;
    }
    if (!check_mla(h, latent, e))
        return false;
    uint32_t plain = h->d_head_mla - h->n_rot, inner = max_u32(plain, h->kv_rank);
    h->latent = latent;
    h->widest =
        max_u32(max_u32(h->q_rank, h->kv_rank), max_u32(plain, h->n_head * h->d_head_v_mla));
    h->d_spare[SPARE_RANK] = max_u32(h->q_rank, h->kv_rank);
    h->d_spare[SPARE_Q] = (uint64_t)h->n_head * max_u32(h->d_head_mla, h->d_head_v_mla);
    h->d_spare[SPARE_KV] = (uint64_t)h->kv_rank + h->n_rot;
    h->d_spare[SPARE_HEADS] = (uint64_t)h->n_head * (latent ? inner : plain + h->d_head_v);
    h->d_input = latent ? h->n_head * (((uint64_t)inner + 31) & ~31ull) : 0;
    return true;
}
