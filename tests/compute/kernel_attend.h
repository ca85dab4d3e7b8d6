/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_attend: attention of every table against sums in double, on odd sizes, for
 * every type of cache; and (I1) of compute/attend.h: a query has the same bits alone. */
#ifndef MOAT_TESTS_KERNEL_ATTEND_H
#define MOAT_TESTS_KERNEL_ATTEND_H

#include "kernel_cache.h"

enum { KEYS = 150, BLOCKS = KEYS / 16 + 1, MOST_QUERIES = 30 };

struct attention {
    struct attend_run r; /* first: block_of gets it */
    _Alignas(64) char k[BLOCKS][MOST_D * 64 + 512], v[BLOCKS][MOST_D * 64 + 512];
    float q[MOST_QUERIES][MOST_D], out[MOST_QUERIES][MOST_D];
    uint32_t n, from[MOST_QUERIES], to[MOST_QUERIES];
    float max, sum; /* of a query before its first key: a score that only takes weight */
};

static void block_of(const struct attend_run *r, uint32_t b, const void **k, const void **v)
{
    const struct attention *a = (const struct attention *)(const void *)r;
    assert_true(b >= r->first / 16 && b <= r->last / 16);
    *k = a->k[b];
    *v = a->v[b];
}

/* Queries that see all keys, some, or of this run none. */
static void make_attention(const struct kernels *k, struct attention *a, enum kv_type type,
                           uint32_t d, uint32_t d_v, uint32_t n, bool cap)
{
    a->r = (struct attend_run){.type = type,
                               .d = d,
                               .d_v = d_v,
                               .scale = 0.5f / sqrtf((float)d),
                               .softcap = cap ? 5.0f : 0.0f,
                               .first = random32() % 3 ? 0 : random32() % KEYS,
                               .block = block_of};
    a->r.last = a->r.first + random32() % (KEYS - a->r.first);
    a->n = n;
    a->sum = random32() % 2 ? 1 : 0;
    a->max = a->sum > 0 ? random_float() : -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < d; c++)
            a->q[i][c] = 4 * random_float();
        a->from[i] = random32() % 3 ? 0 : random32() % KEYS;
        a->to[i] = random32() % 3 ? a->from[i] + random32() % (KEYS - a->from[i]) : KEYS + 10;
    }
    a->from[0] = a->to[0] = a->r.first;
    fill_cache(k, type, a->k[0], a->v[0], sizeof a->k[0], BLOCKS, KEYS, d, d_v);
}

/* Queries from..from + n of the table's function -> a->out, not yet divided; their sums. */
static void run_attention(const struct kernels *k, struct attention *a, uint32_t from, uint32_t n,
                          float *sums)
{
    static float *scratch;
    struct attend_query q[MOST_QUERIES];
    if (!scratch)
        scratch = new_items(attend_run_floats(MOST_QUERIES, MOST_D, MOST_D), 4);
    for (uint32_t i = 0; i < n; i++) {
        memset(a->out[from + i], 0, sizeof a->out[0]);
        q[i] = (struct attend_query){.q = a->q[from + i],
                                     .out = a->out[from + i],
                                     .max = a->max,
                                     .sum = a->sum,
                                     .from = a->from[from + i],
                                     .to = a->to[from + i]};
    }
    k->attend(&a->r, q, n, scratch);
    for (uint32_t i = 0; i < n; i++)
        sums[i] = q[i].sum;
}

static double score_of(const struct attention *a, uint32_t i, uint32_t j)
{
    const struct attend_run *r = &a->r;
    double s = 0, cap = (double)r->softcap;
    for (uint32_t c = 0; c < r->d; c++)
        s += (double)a->q[i][c] * (double)kv_key_at(r->type, a->k[j / 16], r->d, j % 16, c);
    s *= (double)r->scale;
    return cap > 0 ? cap * tanh(s / cap) : s;
}

/* A score errs by some roundings of d products, a weight by as much; by a step of queries and
 * weights where these are rounded for dot products. */
static double attention_limit(const struct kernels *k, const struct attend_run *r)
{
    bool q8 = r->type == KV_Q8 && strncmp(k->isa, "avx512", 6) == 0;
    bool bf16 = r->type == KV_BF16 && strcmp(k->isa, "avx512bf16") == 0;
    return U * (8 * r->d + 100) + (q8 ? 1e-2 : bf16 ? 2e-2 : 0);
}

static void check_query(const struct kernels *k, const struct attention *a, uint32_t i, float sum)
{
    const struct attend_run *r = &a->r;
    double want[MOST_D] = {0}, total = a->sum > 0 ? exp((double)a->max) : 0;
    for (uint32_t j = r->first; j <= r->last; j++) {
        if (j < a->from[i] || j > a->to[i])
            continue;
        double p = exp(score_of(a, i, j));
        total += p;
        for (uint32_t c = 0; c < r->d_v; c++)
            want[c] += p * (double)kv_value_at(r->type, a->v[j / 16], r->d_v, j % 16, c);
    }
    for (uint32_t c = 0; c < r->d_v; c++) {
        double got = total > 0 ? (double)a->out[i][c] / (double)sum : (double)a->out[i][c];
        double error = fabs(got - (total > 0 ? want[c] / total : 0));
        if (!(error <= attention_limit(k, r)))
            fail_msg("%s attend %s: d %u, d_v %u, query %u of %u, value %u is off by %.3g", k->isa,
                     kv_type_name(r->type), r->d, r->d_v, i, a->n, c, error);
    }
}

static void check_attention(const struct kernels *k, struct attention *a)
{
    static float together[MOST_QUERIES][MOST_D];
    const struct attend_run whole = a->r;
    float sums[MOST_QUERIES], one;
    run_attention(k, a, 0, a->n, sums);
    for (uint32_t i = 0; i < a->n; i++)
        check_query(k, a, i, sums[i]);
    memcpy(together, a->out, sizeof together);
    for (uint32_t i = 0; i < a->n; i++) { /* alone, in a run no longer than its keys */
        a->r.first = a->from[i] > whole.first ? a->from[i] : whole.first;
        a->r.last = a->to[i] < whole.last ? a->to[i] : whole.last;
        if (a->r.first > a->r.last)
            continue;
        run_attention(k, a, i, 1, &one);
        if (one != sums[i] || memcmp(a->out[i], together[i], sizeof together[i]) != 0)
            fail_msg("%s attend %s: d %u, query %u of %u has other bits when alone", k->isa,
                     kv_type_name(whole.type), whole.d, i, a->n);
    }
}

static void attention(void **state)
{
    static struct attention a;
    static const uint32_t d[] = {1, 7, 16, 24, 64, 80, 128, 192},
                          d_v[] = {1, 5, 8, 33, 64, 100, 128, 199};
    problem_seed = 7;
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t n = 1; n <= MOST_QUERIES; n += n < 10 ? 1 : 5)
            for (enum kv_type t = 0; t < KV_TYPES; t++) {
                make_attention(*state, &a, t, d[i], d_v[(i + n) % 8], n, n % 3 == 0);
                check_attention(*state, &a);
            }
}

#endif
