/* SPDX-License-Identifier: Apache-2.0 */
/* engine/attention: keys and values into the cache, then softmax(q k) v block by block
 * (compute/attend.h).
 *
 * A task is one KV head and a run of batch tokens of the same sequence: a block is converted to F32
 * once and shared by all query heads of the group and all tokens of the run. A run may be cut
 * anywhere: a query's sums depend on its own keys only. */
#include <math.h>
#include <string.h>

#include "engine/blocks.h"

_Static_assert(sizeof(struct attend_query) == QUERY_FLOATS * sizeof(float),
               "scratch is sized for it");
_Static_assert(KV_BLOCK == ATTEND_KEYS, "a block of the cache is what the kernels take");

/* Keys lie coordinate by coordinate, so a token's key is spread over its block. */
static void store_head(const struct forward *f, const float *k, const float *v, void *k_block,
                       void *v_block, uint32_t slot, uint16_t *half)
{
    const struct hparams *h = &f->m->h;
    if (kv_type_of(f->kv) == KV_F16) {
        uint16_t *keys = k_block;
        f->kernels->to_f16(k, half, h->d_head);
        for (uint32_t c = 0; c < h->d_head; c++)
            keys[c * KV_BLOCK + slot] = half[c];
        f->kernels->to_f16(v, (uint16_t *)v_block + slot * h->d_head_v, h->d_head_v);
        return;
    }
    float *keys = k_block;
    for (uint32_t c = 0; c < h->d_head; c++)
        keys[c * KV_BLOCK + slot] = k[c];
    memcpy((float *)v_block + slot * h->d_head_v, v, h->d_head_v * sizeof *v);
}

static void store_rows(const struct task *t, const struct layer *l, uint32_t i)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    uint32_t block = f->batch.pos[i] / KV_BLOCK, slot = f->batch.pos[i] % KV_BLOCK;
    for (uint32_t j = 0; j < h->n_head_kv; j++)
        store_head(f, f->act.k + ((size_t)i * h->n_head_kv + j) * h->d_head,
                   f->act.v + ((size_t)i * h->n_head_kv + j) * h->d_head_v,
                   kv_key_block(f->kv, l, f->batch.seq[i], block, j),
                   kv_value_block(f->kv, l, f->batch.seq[i], block, j), slot,
                   (uint16_t *)(void *)t->scratch);
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

static uint32_t first_key(const struct layer *l, uint32_t pos)
{
    return l->window && pos + 1 > l->window ? pos + 1 - l->window : 0;
}

/* The last key a query at pos sees: its own, or the end of the text. */
static uint32_t last_key(const struct forward *f, uint32_t seq, uint32_t pos)
{
    return f->m->h.bidirectional ? kv_length(f->kv, seq) - 1 : pos;
}

/* Queries of one KV head for tokens i .. i+n of one sequence. */
static uint32_t start_queries(const struct forward *f, const struct layer *l, uint32_t head,
                              uint32_t i, uint32_t n, struct attend_query *q)
{
    const struct hparams *h = &f->m->h;
    uint32_t group = h->n_head / h->n_head_kv, n_q = 0;
    for (uint32_t t = i; t < i + n; t++)
        for (uint32_t j = head * group; j < (head + 1) * group; j++) {
            float *out = f->act.a + ((size_t)t * h->n_head + j) * h->d_head_v;
            memset(out, 0, h->d_head_v * sizeof *out);
            q[n_q++] =
                (struct attend_query){.q = f->act.q + ((size_t)t * h->n_head + j) * h->d_head,
                                      .out = out,
                                      .max = l->sinks ? l->sinks[j] : -INFINITY,
                                      .sum = l->sinks ? 1.0f : 0.0f,
                                      .from = first_key(l, f->batch.pos[t]),
                                      .to = last_key(f, f->batch.seq[t], f->batch.pos[t])};
        }
    return n_q;
}

/* Which keys of the block at `base` a query sees. */
static void set_range(struct attend_query *q, uint32_t base)
{
    q->first = q->from > base ? q->from - base : 0;
    q->last = q->to - base < KV_BLOCK ? q->to - base : KV_BLOCK - 1;
    if (q->to < base || q->from >= base + KV_BLOCK) {
        q->first = 1;
        q->last = 0;
    }
}

/* A run whose keys one kernel takes in all. */
struct prompt_run {
    struct attend_run r; /* first: what r->block is given is this */
    const struct layer *l;
    uint32_t seq, head;
};

static void prompt_block(const struct attend_run *r, uint32_t b, const uint16_t **k,
                         const uint16_t **v)
{
    const struct prompt_run *p = (const struct prompt_run *)(const void *)r;
    *k = kv_key_block(r->cache, p->l, p->seq, b, p->head);
    *v = kv_value_block(r->cache, p->l, p->seq, b, p->head);
}

/* n_q queries of tokens i .. i+n; false: not for one kernel. */
static bool attend_prompt(const struct forward *f, const struct layer *l, uint32_t head, uint32_t i,
                          uint32_t n, struct attend_query *queries, uint32_t n_q, float *scratch)
{
    const struct hparams *h = &f->m->h;
    if (!f->kernels->attend_run || f->p.precision == PRECISION_EXACT ||
        kv_type_of(f->kv) != KV_F16 || batch_kernel_rows(&f->batch, f->batch.n) <= DECODE_TOKENS)
        return false;
    const struct prompt_run p = {
        .r = {.d = h->d_head,
              .d_v = h->d_head_v,
              .scale = h->attn_scale,
              .softcap = h->attn_softcap,
              .first = first_key(l, f->batch.pos[i]),
              .last = last_key(f, f->batch.seq[i], f->batch.pos[i + n - 1]),
              .cache = f->kv,
              .block = prompt_block},
        .l = l,
        .seq = f->batch.seq[i],
        .head = head};
    return f->kernels->attend_run(&p.r, queries, n_q, scratch);
}

/* queries: room for those of run_tokens. scratch: two F32 blocks, or what attend_prompt wants. */
static void attend_run(const struct forward *f, const struct layer *l, uint32_t head, uint32_t i,
                       uint32_t n, struct attend_query *queries, float *scratch)
{
    const struct hparams *h = &f->m->h;
    uint32_t n_q = start_queries(f, l, head, i, n, queries), seq = f->batch.seq[i];
    if (attend_prompt(f, l, head, i, n, queries, n_q, scratch))
        return;
    uint32_t last = last_key(f, seq, f->batch.pos[i + n - 1]);
    struct attend_block block = {
        .d = h->d_head, .d_v = h->d_head_v, .scale = h->attn_scale, .softcap = h->attn_softcap};
    for (uint32_t b = first_key(l, f->batch.pos[i]) / KV_BLOCK; b <= last / KV_BLOCK; b++) {
        block.k = block_f32(f, kv_key_block(f->kv, l, seq, b, head), KV_BLOCK * h->d_head, scratch);
        block.v = block_f32(f, kv_value_block(f->kv, l, seq, b, head), KV_BLOCK * h->d_head_v,
                            scratch + (size_t)KV_BLOCK * h->d_head);
        for (uint32_t j = 0; j < n_q; j++)
            set_range(&queries[j], b * KV_BLOCK);
        f->kernels->attend(&block, queries, n_q);
    }
    for (uint32_t j = 0; j < n_q; j++)
        f->kernels->scale(queries[j].out, 1.0f / queries[j].sum, h->d_head_v);
}

/* Length of the run that starts at batch row i: same sequence, following positions. */
static uint32_t run_length(const struct batch *b, uint32_t most, uint32_t i)
{
    uint32_t n = 1;
    while (n < most && i + n < b->n && b->seq[i + n] == b->seq[i])
        n++;
    return n;
}

static uint32_t count_runs(const struct batch *b, uint32_t most)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i += run_length(b, most, i))
        n++;
    return n;
}

/* Whether a row of i .. i+n is one whose logits are wanted. */
static bool any_wanted(const struct batch *b, uint32_t i, uint32_t n)
{
    uint32_t low = 0, high = b->n_out;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->out[middle] < i)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->n_out && b->out[low] < i + n;
}

static void count_attention(const struct task *t, const struct layer *l)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    const struct batch *b = &f->batch;
    uint64_t width = (uint64_t)h->d_head + h->d_head_v, read = 0, seen = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t to = last_key(f, b->seq[i], b->pos[i]);
        if (i == 0 || b->seq[i] != b->seq[i - 1])
            read += to + 1 - first_key(l, b->pos[i]);
        else
            read += to - last_key(f, b->seq[i], b->pos[i - 1]);
        if (!task_narrows(t, l) || any_wanted(b, i, 1))
            seen += to + 1 - first_key(l, b->pos[i]);
    }
    task_count(t, read * h->n_head_kv * width * (kv_type_of(f->kv) == KV_F16 ? 2 : 4),
               seen * h->n_head * width);
}

void attend(struct task *t, const struct layer *l)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    uint32_t from, to;
    task_enter(t, STAGE_ATTENTION);
    if (t->clock)
        count_attention(t, l);
    task_share(t, f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++)
        store_rows(t, l, i);
    task_barrier(t);
    struct attend_query *queries = (struct attend_query *)(void *)t->scratch;
    const uint32_t group = h->n_head / h->n_head_kv, most = run_tokens(group);
    float *scratch = t->scratch + run_query_floats(group);
    uint32_t n_jobs = count_runs(&f->batch, most) * h->n_head_kv, run = 0, i = 0, job;
    while (task_next(t, n_jobs, &job)) {
        uint32_t wanted = job / h->n_head_kv;
        if (wanted < run)
            run = i = 0;
        for (; run < wanted; run++)
            i += run_length(&f->batch, most, i);
        uint32_t n = run_length(&f->batch, most, i);
        if (task_narrows(t, l) && !any_wanted(&f->batch, i, n))
            continue;
        attend_run(f, l, job % h->n_head_kv, i, n, queries, scratch);
    }
    task_barrier(t);
}
