/* SPDX-License-Identifier: Apache-2.0 */
/* engine/forward: see forward.h. */
#include "engine/forward.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "compute/ops.h"
#include "compute/pack.h"
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/rope.h"

/* Hands out 64-byte aligned arrays from one block; with base NULL only counts. */
struct layout {
    char *base;
    size_t n;
};

static void *place(struct layout *l, uint64_t n, size_t size)
{
    void *p = l->base ? l->base + l->n : NULL;
    l->n += (n * size + 63) & ~(size_t)63;
    return p;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Floats of per-thread scratch: decoded rows of the widest matrix, or attention's needs. */
static uint64_t scratch_floats(const struct hparams *h)
{
    uint64_t cols = max_u64(max_u64(h->d_model, h->widest), (uint64_t)h->n_head * h->d_head_v);
    uint64_t matmul = kernel_scratch_floats((uint32_t)max_u64(cols, hparams_widest_ffn(h)));
    uint32_t group = h->n_head / h->n_head_kv;
    uint64_t run = attend_run_floats((uint64_t)run_tokens(group) * group, h->d_head, h->d_head_v);
    uint64_t attention = run_query_floats(group) + run;
    return (max_u64(matmul, attention) + 15) & ~(uint64_t)15;
}

/* Values of n rows of k, in whole tiles. */
static uint64_t act_values(uint64_t n, uint64_t k)
{
    return (n + 15) / 16 * ((k + 31) / 32) * 512;
}

/* Room for so many values in every form. */
static void lay_out_act(struct layout *l, uint64_t values, struct act *a)
{
    a->q = place(l, values, sizeof *a->q);
    a->d = place(l, values / 32, sizeof *a->d);
    a->sum32 = place(l, values / 32, sizeof *a->sum32);
    a->sum16 = place(l, values / 16, sizeof *a->sum16);
    a->bf16 = place(l, values, sizeof *a->bf16);
}

/* Rows of gathered pairs: each expert's are padded to a whole tile. */
static uint64_t pair_rows(const struct hparams *h, uint64_t n)
{
    uint64_t pairs = n * h->n_expert_used, experts = h->n_expert < pairs ? h->n_expert : pairs;
    return (pairs + 15 * experts + 15) & ~(uint64_t)15;
}

static void lay_out_experts(struct layout *l, const struct hparams *h, uint64_t n,
                            struct activations *a)
{
    uint64_t pairs = n * h->n_expert_used, rows = pair_rows(h, n);
    a->route = place(l, n * h->n_expert, sizeof *a->route);
    a->choice = place(l, n * h->n_expert, sizeof *a->choice);
    a->pair_token = place(l, rows, sizeof *a->pair_token);
    a->pair_of = place(l, pairs, sizeof *a->pair_of);
    a->pair_weight = place(l, pairs, sizeof *a->pair_weight);
    a->expert_from = place(l, (uint64_t)h->n_expert + 1, sizeof *a->expert_from);
    a->expert_n = place(l, h->n_expert, sizeof *a->expert_n);
    a->px = place(l, rows * h->d_model, sizeof *a->px);
}

/* What decoding keeps of the parts of a context: none where it is never cut. */
static uint64_t parts_floats(const struct hparams *h, const struct kv_params *p)
{
    uint64_t rows = p->n_batch < DECODE_TOKENS ? p->n_batch : DECODE_TOKENS;
    return p->n_ctx > PART_KEYS ? rows * h->n_head * ATTEND_PARTS * attend_part_floats(h->d_head_v)
                                : 0;
}

static size_t lay_out(struct forward *f, char *base)
{
    const struct hparams *h = &f->m->h;
    struct activations *a = &f->act;
    struct layout l = {.base = base};
    uint64_t n = f->p.kv.n_batch;
    uint64_t pairs = h->n_expert ? pair_rows(h, n) : 0, d_ff = max_u64(h->d_ff, h->d_ff_shared);
    uint64_t ffn = max_u64(n * d_ff, pairs * h->d_ff_expert);
    uint64_t widest = max_u64(max_u64(h->d_model, h->widest), (uint64_t)h->n_head * h->d_head_v);
    uint64_t in = max_u64(act_values(n, widest), act_values(pairs, h->d_model));
    uint64_t tiles = (n + 15) & ~(uint64_t)15;
    in = max_u64(in, tiles * h->d_input);
    a->x = place(&l, n * h->d_model, sizeof(float));
    a->h = place(&l, n * h->d_model, sizeof(float));
    a->o = place(&l, n * h->d_model, sizeof(float));
    a->q = place(&l, n * h->n_head * h->d_head, sizeof(float));
    a->k = place(&l, n * h->n_head_kv * h->d_head, sizeof(float));
    a->v = place(&l, n * h->n_head_kv * h->d_head_v, sizeof(float));
    a->a = place(&l, n * h->n_head * h->d_head_v, sizeof(float));
    a->g = place(&l, max_u64(2 * ffn, parts_floats(h, &f->p.kv)), sizeof(float));
    a->parts = a->g;
    a->u = a->g ? a->g + ffn : NULL;
    uint64_t mid = max_u64(act_values(n, d_ff), act_values(pairs, h->d_ff_expert));
    lay_out_act(&l, max_u64(in, mid), &a->in); /* fused gate and up leave theirs there */
    lay_out_act(&l, mid, &a->mid);
    for (int i = 0; i < 4; i++)
        a->spare[i] = place(&l, tiles * h->d_spare[i], sizeof(float));
    for (int i = 0; i < 2; i++)
        a->angles[i] = place(&l, n * h->n_rot, sizeof(float));
    lay_out_experts(&l, h, n, a);
    a->lora = place(&l, n * f->m->lora_width, sizeof(float));
    f->lora_scale = place(&l, (uint64_t)f->p.kv.n_seq * f->m->n_adapters, sizeof(float));
    f->hidden = place(&l, n * h->d_model, sizeof(float));
    f->logits = place(&l, (uint64_t)f->p.n_logits * h->n_vocab, sizeof(float));
    f->scratch_floats = scratch_floats(h);
    f->scratch = place(&l, f->scratch_floats * f->p.n_threads, sizeof(float));
    return l.n;
}

uint64_t forward_bytes(const struct model *m, const struct forward_params *p)
{
    struct forward f = {.m = m, .p = *p};
    return lay_out(&f, NULL);
}

struct forward *forward_new(const struct model *m, const struct forward_params *p, struct err *e)
{
    struct forward *f;
    if (m->positions.data && p->kv.n_ctx > m->positions.rows) {
        fail(e, ERR_LIMIT,
             "the model knows %u positions, a context of %u is beyond it; lower it "
             "with --context",
             m->positions.rows, p->kv.n_ctx);
        return NULL;
    }
    f = mem_new(1, sizeof *f, e);
    if (!f)
        return NULL;
    f->m = m;
    f->p = *p;
    f->memory_bytes = lay_out(f, NULL);
    bool ok = (f->kernels = kernel_init(e)) != NULL &&
              (f->memory = mem_new_lazy(f->memory_bytes, 1, e)) != NULL &&
              (f->kv = kv_new(m, &p->kv, e)) != NULL && batch_new(&f->batch, p->kv.n_batch, e) &&
              (f->workers = p->workers ? p->workers : workers_new(p->n_threads, e)) != NULL;
    if (!ok) {
        forward_free(f);
        return NULL;
    }
    os_use_large_pages(f->memory, f->memory_bytes);
    lay_out(f, f->memory);
    return f;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    if (!f->p.workers)
        workers_free(f->workers);
    kv_free(f->kv);
    batch_free(&f->batch);
    mem_free_lazy(f->memory, f->memory_bytes, 1);
    mem_free(f);
}

static struct task task_of(struct forward *f, uint32_t id, uint32_t n_rows)
{
    return (struct task){.f = f,
                         .id = id,
                         .n_rows = n_rows,
                         .n_tok = n_rows,
                         .clock = id == 0 ? f->clock : NULL,
                         .scratch = f->scratch + id * f->scratch_floats};
}

/* A token's embedding, and what its position and type add where the model has these. */
static void embed_row(struct task *t, uint32_t i, float *x)
{
    const struct forward *f = t->f;
    const struct model *m = f->m;
    float scale = m->h.arch->embed_scale ? m->h.arch->embed_scale(&m->h) : 1.0f;
    float *position = t->scratch + m->h.d_model;
    must(f->batch.token[i] < m->h.n_vocab);
    mat_decode_row(&m->embed, f->batch.token[i], x, t->scratch);
    if (scale != 1.0f)
        f->kernels->scale(x, scale, m->h.d_model);
    if (m->positions.data) {
        must(f->batch.pos[i] < m->positions.rows);
        mat_decode_row(&m->positions, f->batch.pos[i], position, t->scratch);
        f->kernels->axpy(x, 1.0f, position, m->h.d_model);
    }
    if (m->token_types) {
        must(f->batch.type[i] < m->h.n_token_types);
        const float *type = m->token_types + (size_t)f->batch.type[i] * m->h.d_model;
        f->kernels->axpy(x, 1.0f, type, m->h.d_model);
    }
    if (m->embed_norm.weight)
        row_norm(f, x, m->embed_norm, x);
}

/* Token embeddings into x, rotation angles of every row. */
static void embed(struct task *t)
{
    struct forward *f = t->f;
    const struct model *m = f->m;
    bool extended = m->rope_extended.inv_freq && f->p.kv.n_ctx > m->h.rope_n_ctx;
    const struct rope *rope = extended ? &m->rope_extended : &m->rope;
    uint32_t from, to;
    task_share(t, f->batch.n, &from, &to);
    task_count(t, f->batch.n * m->embed.row_bytes, 0);
    for (uint32_t i = from; i < to; i++) {
        embed_row(t, i, f->act.x + (size_t)i * m->h.d_model);
        rope_angles(rope, f->batch.pos[i], f->act.angles[0] + (size_t)i * m->h.n_rot);
        rope_angles(&m->rope_local, f->batch.pos[i], f->act.angles[1] + (size_t)i * m->h.n_rot);
    }
    task_barrier(t);
}

/* The rows that want logits, normalised: all that the last layer has left in x, or some. */
static void final_norm(struct task *t)
{
    struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    uint32_t from, to;
    task_share(t, f->batch.n_out, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        uint32_t row = t->n_tok < f->batch.n ? i : f->batch.out[i];
        const float *x = f->act.x + (size_t)row * h->d_model;
        float *out = f->hidden + (size_t)i * h->d_model;
        if (f->m->output_norm.weight)
            row_norm(f, x, f->m->output_norm, out);
        else
            memcpy(out, x, h->d_model * sizeof *out);
    }
}

/* All threads get the same answer. */
static bool is_stopped(struct task *t)
{
    struct forward *f = t->f;
    if (!f->look)
        return false;
    if (t->id == 0) {
        mem_guard(false);
        f->stopped = f->look(f->look_arg);
        mem_guard(true);
    }
    task_barrier(t);
    return f->stopped;
}

static void run_layers(void *arg, uint32_t id)
{
    struct forward *f = arg;
    struct task t = task_of(f, id, f->batch.n);
    mem_guard(true);
    task_enter(&t, STAGE_EMBED);
    embed(&t);
    for (uint32_t i = 0; i < f->m->h.n_layer && !is_stopped(&t); i++)
        f->m->h.arch->layer(&t, &f->m->layers[i]);
    task_enter(&t, STAGE_LOGITS);
    if (!f->stopped)
        final_norm(&t);
    mem_guard(false);
}

void forward_adapt(struct forward *f, uint32_t seq, const float *scale)
{
    size_t n = f->m->n_adapters;
    must(seq < f->p.kv.n_seq);
    for (size_t i = 0; i < n; i++)
        f->lora_scale[seq * n + i] = scale ? scale[i] : 0;
}

static bool is_adapted(const struct forward *f)
{
    size_t n = f->m->n_adapters;
    for (uint32_t i = 0; n && i < f->batch.n; i++)
        for (size_t j = 0; j < n; j++)
            if (f->lora_scale[f->batch.seq[i] * n + j] != 0)
                return true;
    return false;
}

void forward(struct forward *f)
{
    f->stopped = false;
    f->adapted = is_adapted(f);
    if (f->batch.n)
        workers_run(f->workers, run_layers, f);
    if (f->clock)
        stages_enter(f->clock, STAGE_OUTSIDE);
}

struct logits_job {
    struct forward *f;
    uint32_t first, n;
};

static void finish_logits(const struct logits_job *j, uint32_t row0, uint32_t row1)
{
    const struct hparams *h = &j->f->m->h;
    float cap = h->logit_softcap;
    for (uint32_t i = 0; i < j->n; i++) {
        float *row = j->f->logits + (size_t)i * h->n_vocab;
        if (h->logit_scale != 1)
            j->f->kernels->scale(row + row0, h->logit_scale, row1 - row0);
        for (uint32_t r = row0; cap > 0 && r < row1; r++)
            row[r] = cap * tanhf(row[r] / cap);
    }
}

static void run_logits(void *arg, uint32_t id)
{
    const struct logits_job *j = arg;
    struct task t = task_of(j->f, id, j->n);
    t.rows = j->f->batch.out + j->first;
    const struct product out = {
        .w = &j->f->m->output, .bias = j->f->m->output_bias, .y = j->f->logits};
    uint32_t d_model = j->f->m->h.d_model, from, to;
    mem_guard(true);
    task_enter(&t, STAGE_LOGITS);
    block_input(&t, j->f->hidden + (size_t)j->first * d_model, j->n, d_model, &out, 1);
    block_products(&t, &out, 1);
    task_share(&t, out.w->rows, &from, &to);
    finish_logits(j, from, to);
    mem_guard(false);
}

const float *forward_logits(struct forward *f, uint32_t first, uint32_t n)
{
    must(n <= f->p.n_logits && first + n <= f->batch.n_out);
    struct logits_job j = {f, first, n};
    if (n)
        workers_run(f->workers, run_logits, &j);
    if (f->clock)
        stages_enter(f->clock, STAGE_OUTSIDE);
    return f->logits;
}
