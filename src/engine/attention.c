/* SPDX-License-Identifier: Apache-2.0 */
/* engine/attention: keys and values into the cache, then softmax(q k) v with a running maximum
 * (Milakov & Gimelshein 2018; Dao et al. 2022), block of 16 keys by block.
 *
 * A task is one KV head and a run of batch tokens of the same sequence: a key block is converted to
 * F32 once and shared by all query heads of the group and all tokens of the run. What a query adds
 * up, and in which order, depends on its own keys only: (I1) a run may be cut anywhere. */
#include <math.h>
#include <string.h>

#include "compute/ops.h"
#include "engine/blocks.h"

struct query { /* running state of one (token, head) */
    const float *q;
    float *out; /* [d_head_v], not yet divided by sum */
    float max, sum;
    uint32_t pos;
};

_Static_assert(sizeof(struct query) == QUERY_FLOATS * sizeof(float), "scratch is sized for it");

static void store_rows(const struct forward *f, const struct layer *l, uint32_t i)
{
    const struct hparams *h = &f->m->h;
    uint32_t block = f->batch.pos[i] / KV_BLOCK, slot = f->batch.pos[i] % KV_BLOCK;
    for (uint32_t j = 0; j < h->n_head_kv; j++) {
        const float *k = f->act.k + ((size_t)i * h->n_head_kv + j) * h->d_head;
        const float *v = f->act.v + ((size_t)i * h->n_head_kv + j) * h->d_head_v;
        void *kb = kv_key_block(f->kv, l, f->batch.seq[i], block, j);
        void *vb = kv_value_block(f->kv, l, f->batch.seq[i], block, j);
        if (kv_type_of(f->kv) == KV_F16) {
            f->kernels->to_f16(k, (uint16_t *)kb + slot * h->d_head, h->d_head);
            f->kernels->to_f16(v, (uint16_t *)vb + slot * h->d_head_v, h->d_head_v);
        } else {
            memcpy((float *)kb + slot * h->d_head, k, h->d_head * sizeof *k);
            memcpy((float *)vb + slot * h->d_head_v, v, h->d_head_v * sizeof *v);
        }
    }
}

/* The block as F32: itself, or converted into scratch. */
static const float *block_f32(const struct forward *f, const void *block, uint32_t n,
                              float *scratch)
{
    if (kv_type_of(f->kv) == KV_F32)
        return block;
    f->kernels->from_f16(block, scratch, n);
    return scratch;
}

/* Adds keys first..last of a block to a query's running softmax. */
static void add_keys(const struct forward *f, struct query *q, const float *k, const float *v,
                     uint32_t first, uint32_t last)
{
    const struct hparams *h = &f->m->h;
    float score[KV_BLOCK], max = q->max;
    for (uint32_t j = first; j <= last; j++) {
        float s = f->kernels->dot(q->q, k + (size_t)j * h->d_head, h->d_head) * h->attn_scale;
        score[j] = h->attn_softcap > 0 ? h->attn_softcap * tanhf(s / h->attn_softcap) : s;
        max = fmaxf(max, score[j]);
    }
    if (max > q->max) {
        float shrink = expf(q->max - max);
        f->kernels->scale(q->out, shrink, h->d_head_v);
        q->sum *= shrink;
        q->max = max;
    }
    for (uint32_t j = first; j <= last; j++) {
        float p = expf(score[j] - max);
        q->sum += p;
        f->kernels->axpy(q->out, p, v + (size_t)j * h->d_head_v, h->d_head_v);
    }
}

static uint32_t first_key(const struct layer *l, uint32_t pos)
{
    return l->window && pos + 1 > l->window ? pos + 1 - l->window : 0;
}

/* Queries of one KV head for tokens i .. i+n of one sequence. */
static uint32_t start_queries(const struct forward *f, uint32_t head, uint32_t i, uint32_t n,
                              struct query *q)
{
    const struct hparams *h = &f->m->h;
    uint32_t group = h->n_head / h->n_head_kv, n_q = 0;
    for (uint32_t t = i; t < i + n; t++)
        for (uint32_t j = head * group; j < (head + 1) * group; j++) {
            float *out = f->act.a + ((size_t)t * h->n_head + j) * h->d_head_v;
            memset(out, 0, h->d_head_v * sizeof *out);
            q[n_q++] = (struct query){.q = f->act.q + ((size_t)t * h->n_head + j) * h->d_head,
                                      .out = out,
                                      .max = -INFINITY,
                                      .pos = f->batch.pos[t]};
        }
    return n_q;
}

/* queries: room for RUN_TOKENS * group. scratch: two F32 blocks. */
static void attend_run(const struct forward *f, const struct layer *l, uint32_t head, uint32_t i,
                       uint32_t n, struct query *queries, float *scratch)
{
    const struct hparams *h = &f->m->h;
    uint32_t n_q = start_queries(f, head, i, n, queries), seq = f->batch.seq[i];
    uint32_t last_pos = f->batch.pos[i + n - 1];
    for (uint32_t b = first_key(l, f->batch.pos[i]) / KV_BLOCK; b <= last_pos / KV_BLOCK; b++) {
        const float *k =
            block_f32(f, kv_key_block(f->kv, l, seq, b, head), KV_BLOCK * h->d_head, scratch);
        const float *v = block_f32(f, kv_value_block(f->kv, l, seq, b, head),
                                   KV_BLOCK * h->d_head_v, scratch + (size_t)KV_BLOCK * h->d_head);
        for (uint32_t j = 0; j < n_q; j++) {
            struct query *q = &queries[j];
            uint32_t from = first_key(l, q->pos), base = b * KV_BLOCK;
            if (q->pos < base || from >= base + KV_BLOCK)
                continue;
            uint32_t last = q->pos - base < KV_BLOCK ? q->pos - base : KV_BLOCK - 1;
            add_keys(f, q, k, v, from > base ? from - base : 0, last);
        }
    }
    for (uint32_t j = 0; j < n_q; j++)
        f->kernels->scale(queries[j].out, 1.0f / queries[j].sum, h->d_head_v);
}

/* Length of the run that starts at batch row i: same sequence, following positions. */
static uint32_t run_length(const struct batch *b, uint32_t i)
{
    uint32_t n = 1;
    while (n < RUN_TOKENS && i + n < b->n && b->seq[i + n] == b->seq[i])
        n++;
    return n;
}

void attend(struct task *t, const struct layer *l)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    uint32_t from, to;
    task_share(t, f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++)
        store_rows(f, l, i);
    task_barrier(t);
    struct query *queries = (struct query *)(void *)t->scratch;
    float *scratch = t->scratch + (size_t)RUN_TOKENS * (h->n_head / h->n_head_kv) * QUERY_FLOATS;
    uint32_t job = 0, mine = 0;
    bool more = workers_next(f->workers, UINT32_MAX, &mine);
    for (uint32_t i = 0, n; i < f->batch.n; i += n) {
        n = run_length(&f->batch, i);
        for (uint32_t head = 0; head < h->n_head_kv; head++, job++) {
            if (!more || job != mine)
                continue;
            attend_run(f, l, head, i, n, queries, scratch);
            more = workers_next(f->workers, UINT32_MAX, &mine);
        }
    }
    task_barrier(t);
}
