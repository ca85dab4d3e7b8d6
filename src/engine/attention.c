/* SPDX-License-Identifier: Apache-2.0 */
/* engine/attention: keys and values into the cache, then softmax(q k) v (compute/attend.h).
 *
 * A task is one KV head and a run of batch tokens of the same sequence: each tile of the cache is
 * read once for all query heads of the group and all tokens of the run. A run may be cut anywhere:
 * a query's sums depend on its own keys only.
 *
 * While decoding there are few runs, so their keys are cut too, into parts that start at multiples
 * of a length that follows from how many keys the query sees (I1): at most ATTEND_PARTS, however
 * long the context. What a part sums up lies in act.parts until all are done; then each head's are
 * merged in their order. So neither the number of threads nor the company changes a bit. */
#include <math.h>
#include <string.h>

#include "compute/kv_block.h"
#include "engine/blocks.h"

_Static_assert(sizeof(struct attend_query) == QUERY_FLOATS * sizeof(float),
               "scratch is sized for it");
_Static_assert(KV_BLOCK == ATTEND_KEYS, "a block of the cache is what the kernels take");
_Static_assert(PART_KEYS % TILE_KEYS == 0, "a part is whole tiles");

static void store_rows(const struct task *t, const struct layer *l, uint32_t i)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    const enum kv_type type = kv_type_of(f->kv);
    uint32_t block = f->batch.pos[i] / KV_BLOCK, slot = f->batch.pos[i] % KV_BLOCK;
    uint32_t seq = f->batch.seq[i];
    uint16_t *half = (uint16_t *)(void *)t->scratch;
    for (uint32_t j = 0; j < h->n_head_kv; j++) {
        size_t row = (size_t)i * h->n_head_kv + j;
        kv_put_key(f->kernels, type, kv_key_block(f->kv, l, seq, block, j), slot,
                   f->act.k + row * h->d_head, h->d_head, half);
        kv_put_value(f->kernels, type, kv_value_block(f->kv, l, seq, block, j), slot,
                     f->act.v + row * h->d_head_v, h->d_head_v, half);
    }
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

/* Keys that a query at pos sees. */
static uint32_t span(const struct forward *f, const struct layer *l, uint32_t seq, uint32_t pos)
{
    return last_key(f, seq, pos) + 1 - first_key(l, pos);
}

/* Few enough rows for their keys to be cut. */
static bool is_decode(const struct forward *f)
{
    return batch_kernel_rows(&f->batch, f->batch.n) <= DECODE_TOKENS;
}

/* Length of the parts of a query that sees so many keys; a prompt's are not cut. */
static uint32_t part_length(const struct forward *f, uint32_t n_keys)
{
    uint32_t length = PART_KEYS;
    if (!is_decode(f))
        return UINT32_MAX;
    while (n_keys > (ATTEND_PARTS - 2) * length) /* the first may begin in the middle of one */
        length *= 2;
    return length;
}

/* --- runs ---------------------------------------------------------------------------------------
 */

/* Batch rows i..i+n: same sequence, following positions, parts of the same length. */
struct run {
    uint32_t i, n, seq;
    uint32_t first, last; /* keys that any of them sees */
    uint32_t length;      /* of parts */
    uint32_t part, parts; /* the first of them, counted from position 0, and how many */
};

static struct run run_at(const struct forward *f, const struct layer *l, uint32_t most, uint32_t i)
{
    const struct batch *b = &f->batch;
    struct run r = {.i = i, .n = 1, .seq = b->seq[i]};
    r.length = part_length(f, span(f, l, r.seq, b->pos[i]));
    while (r.n < most && i + r.n < b->n && b->seq[i + r.n] == r.seq &&
           part_length(f, span(f, l, r.seq, b->pos[i + r.n])) == r.length)
        r.n++;
    r.first = first_key(l, b->pos[i]);
    r.last = last_key(f, r.seq, b->pos[i + r.n - 1]);
    r.part = r.first / r.length;
    r.parts = r.last / r.length + 1 - r.part;
    return r;
}

/* Jobs of all runs for one KV head. */
static uint32_t count_jobs(const struct forward *f, const struct layer *l, uint32_t most)
{
    uint32_t n = 0;
    for (struct run r = {0}; r.i + r.n < f->batch.n;) {
        r = run_at(f, l, most, r.i + r.n);
        n += r.parts;
    }
    return n;
}

/* --- one job ------------------------------------------------------------------------------------
 */

static size_t part_floats(const struct hparams *h)
{
    return attend_part_floats(h->d_head_v);
}

/* Sum and maximum lie behind the values. */
static float *part_of(const struct forward *f, uint32_t row, uint32_t head, uint32_t part)
{
    size_t i = ((size_t)row * f->m->h.n_head + head) * ATTEND_PARTS + part;
    return f->act.parts + i * part_floats(&f->m->h);
}

/* Queries of one KV head for the tokens of a run; part: of several, or UINT32_MAX. */
static uint32_t start_queries(const struct forward *f, const struct layer *l, uint32_t head,
                              const struct run *r, uint32_t part, struct attend_query *q)
{
    const struct hparams *h = &f->m->h;
    uint32_t group = h->n_head / h->n_head_kv, n_q = 0;
    bool whole = part == UINT32_MAX, sinks = whole && l->sinks;
    for (uint32_t t = r->i; t < r->i + r->n; t++)
        for (uint32_t j = head * group; j < (head + 1) * group; j++) {
            size_t row = (size_t)t * h->n_head + j;
            float *out = whole ? f->act.a + row * h->d_head_v : part_of(f, t, j, part);
            memset(out, 0, h->d_head_v * sizeof *out);
            q[n_q++] = (struct attend_query){.q = f->act.q + row * h->d_head,
                                             .out = out,
                                             .max = sinks ? l->sinks[j] : -INFINITY,
                                             .sum = sinks ? 1.0f : 0.0f,
                                             .slope = f->m->alibi ? f->m->alibi[j] : 0.0f,
                                             .from = first_key(l, f->batch.pos[t]),
                                             .to = last_key(f, r->seq, f->batch.pos[t])};
        }
    return n_q;
}

/* What attend_run.block needs to know. */
struct keys {
    struct attend_run r; /* first: what r->block is given is this */
    const struct layer *l;
    uint32_t seq, head;
};

static void keys_block(const struct attend_run *r, uint32_t b, const void **k, const void **v)
{
    const struct keys *p = (const struct keys *)(const void *)r;
    *k = kv_key_block(r->cache, p->l, p->seq, b, p->head);
    *v = kv_value_block(r->cache, p->l, p->seq, b, p->head);
}

static struct keys keys_of(const struct forward *f, const struct layer *l, uint32_t head,
                           const struct run *r)
{
    const struct hparams *h = &f->m->h;
    return (struct keys){.r = {.type = kv_type_of(f->kv),
                               .d = h->d_head,
                               .d_v = h->d_head_v,
                               .scale = h->attn_scale,
                               .softcap = h->attn_softcap,
                               .first = r->first,
                               .last = r->last,
                               .cache = f->kv,
                               .block = keys_block},
                         .l = l,
                         .seq = r->seq,
                         .head = head};
}

/* All keys of a run. queries: room for those of run_tokens. */
static void attend_whole(const struct forward *f, const struct layer *l, uint32_t head,
                         const struct run *r, struct attend_query *queries, float *scratch)
{
    const struct kernels *k = f->kernels;
    const struct keys keys = keys_of(f, l, head, r);
    uint32_t n_q = start_queries(f, l, head, r, UINT32_MAX, queries);
    if (k->attend_prompt && f->p.precision != PRECISION_EXACT && !is_decode(f) && !f->m->alibi &&
        k->attend_prompt(&keys.r, queries, n_q, scratch))
        return;
    k->attend(&keys.r, queries, n_q, scratch);
    for (uint32_t j = 0; j < n_q; j++)
        k->scale(queries[j].out, 1.0f / queries[j].sum, f->m->h.d_head_v);
}

/* A part of them: its sums stay in act.parts. */
static void attend_part(const struct forward *f, const struct layer *l, uint32_t head,
                        const struct run *r, uint32_t part, struct attend_query *queries,
                        float *scratch)
{
    struct keys keys = keys_of(f, l, head, r);
    const uint32_t base = (r->part + part) * r->length, d_v = f->m->h.d_head_v;
    uint32_t n_q = start_queries(f, l, head, r, part, queries);
    keys.r.first = base > r->first ? base : r->first;
    keys.r.last = r->last - base < r->length ? r->last : base + r->length - 1;
    f->kernels->attend(&keys.r, queries, n_q, scratch);
    for (uint32_t j = 0; j < n_q; j++) {
        queries[j].out[d_v] = queries[j].max;
        queries[j].out[d_v + 1] = queries[j].sum;
    }
}

/* The parts of a head of a row, from..to of its run's, into their weighted mean. */
static void merge_parts(const struct forward *f, const struct layer *l, uint32_t row, uint32_t head,
                        uint32_t from, uint32_t to)
{
    const uint32_t d_v = f->m->h.d_head_v;
    float *out = f->act.a + ((size_t)row * f->m->h.n_head + head) * d_v;
    float max = l->sinks ? l->sinks[head] : -INFINITY, sum;
    for (uint32_t p = from; p <= to; p++)
        max = fmaxf(max, part_of(f, row, head, p)[d_v]);
    sum = l->sinks ? expf(l->sinks[head] - max) : 0.0f;
    memset(out, 0, d_v * sizeof *out);
    for (uint32_t p = from; p <= to; p++) {
        const float *part = part_of(f, row, head, p);
        float by = expf(part[d_v] - max);
        sum += by * part[d_v + 1];
        f->kernels->axpy(out, by, part, d_v);
    }
    f->kernels->scale(out, 1.0f / sum, d_v);
}

/* A query's own parts only: those of its run that it does not see hold nothing. */
static void merge_run(const struct task *t, const struct layer *l, const struct run *r)
{
    const struct forward *f = t->f;
    const uint32_t n_head = f->m->h.n_head;
    uint32_t from, to;
    task_share(t, r->n * n_head, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        uint32_t row = r->i + i / n_head, pos = f->batch.pos[row];
        merge_parts(f, l, row, i % n_head, first_key(l, pos) / r->length - r->part,
                    last_key(f, r->seq, pos) / r->length - r->part);
    }
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
    uint64_t block =
        kv_key_bytes(kv_type_of(f->kv), h->d_head) + kv_value_bytes(kv_type_of(f->kv), h->d_head_v);
    task_count(t, read * h->n_head_kv * block / KV_BLOCK, seen * h->n_head * width);
}

/* All runs, all KV heads, all parts. */
static void run_jobs(struct task *t, const struct layer *l)
{
    const struct forward *f = t->f;
    const uint32_t heads = f->m->h.n_head_kv, group = f->m->h.n_head / heads;
    const uint32_t most = run_tokens(group), n_jobs = count_jobs(f, l, most) * heads;
    struct attend_query *queries = (struct attend_query *)(void *)t->scratch;
    float *scratch = t->scratch + run_query_floats(group);
    struct run r = run_at(f, l, most, 0);
    uint32_t before = 0, job; /* jobs of the runs before r */
    while (task_next(t, n_jobs, &job)) {
        if (job < before) {
            r = run_at(f, l, most, 0);
            before = 0;
        }
        for (; job - before >= r.parts * heads; r = run_at(f, l, most, r.i + r.n))
            before += r.parts * heads;
        if (task_narrows(t, l) && !any_wanted(&f->batch, r.i, r.n))
            continue;
        uint32_t head = (job - before) / r.parts, part = (job - before) % r.parts;
        if (r.parts == 1)
            attend_whole(f, l, head, &r, queries, scratch);
        else
            attend_part(f, l, head, &r, part, queries, scratch);
    }
    task_barrier(t);
}

/* Where keys were cut. */
static void merge_runs(struct task *t, const struct layer *l)
{
    const struct forward *f = t->f;
    const uint32_t most = run_tokens(f->m->h.n_head / f->m->h.n_head_kv);
    bool cut = false;
    for (struct run r = {0}; r.i + r.n < f->batch.n;) {
        r = run_at(f, l, most, r.i + r.n);
        cut |= r.parts > 1;
        if (r.parts > 1 && (!task_narrows(t, l) || any_wanted(&f->batch, r.i, r.n)))
            merge_run(t, l, &r);
    }
    if (cut)
        task_barrier(t);
}

void attend(struct task *t, const struct layer *l)
{
    uint32_t from, to;
    task_enter(t, STAGE_ATTENTION);
    if (t->clock)
        count_attention(t, l);
    task_share(t, t->f->batch.n, &from, &to);
    for (uint32_t i = from; i < to; i++)
        store_rows(t, l, i);
    task_barrier(t);
    run_jobs(t, l);
    if (is_decode(t->f))
        merge_runs(t, l);
}
