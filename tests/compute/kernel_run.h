/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_run: attend_prompt of every table that has one, all keys of a run at once,
 * against sums in double; and (I1) of compute/attend.h: a query has the same bits alone. */
#ifndef MOAT_TESTS_KERNEL_RUN_H
#define MOAT_TESTS_KERNEL_RUN_H

#include "kernel_cache.h"

enum { RUN_BLOCKS = 20, RUN_KEYS = RUN_BLOCKS * ATTEND_KEYS, RUN_MOST = 70 };

struct run {
    struct attend_run r;
    _Alignas(64) char k[RUN_BLOCKS][MOST_D * 32 + 512], v[RUN_BLOCKS][MOST_D * 32 + 512];
    float q[RUN_MOST][MOST_D], out[RUN_MOST][MOST_D];
    uint32_t n, from[RUN_MOST], to[RUN_MOST];
    float max, sum;
};

static void run_block(const struct attend_run *r, uint32_t b, const void **k, const void **v)
{
    const struct run *a = r->cache;
    assert_true(b < RUN_BLOCKS && b >= r->first / ATTEND_KEYS && b <= r->last / ATTEND_KEYS);
    *k = a->k[b];
    *v = a->v[b];
}

/* Queries of following positions that see up to `window` keys; what lies after the last key of all
 * is no number, as memory that nobody wrote may be. */
static void make_run(const struct kernels *kernels, struct run *a, enum kv_type type, uint32_t d,
                     uint32_t d_v, uint32_t n, uint32_t window, bool cap)
{
    uint32_t last = n - 1 + random32() % (RUN_KEYS - n + 1);
    a->r = (struct attend_run){.type = type,
                               .d = d,
                               .d_v = d_v,
                               .scale = 0.4f,
                               .softcap = cap ? 5.0f : 0.0f,
                               .cache = a,
                               .block = run_block};
    a->n = n;
    a->sum = random32() % 2 ? 1 : 0;
    a->max = a->sum > 0 ? random_float() : -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        a->to[i] = last - (n - 1 - i) / 3; /* three query heads */
        a->from[i] = a->to[i] + 1 > window ? a->to[i] + 1 - window : 0;
        for (uint32_t c = 0; c < d; c++)
            a->q[i][c] = 4 * random_float();
    }
    fill_cache(kernels, type, a->k[0], a->v[0], sizeof a->k[0], RUN_BLOCKS, last + 1, d, d_v);
}

/* Queries from..from + n; false: the table has no kernel for these sizes. */
static bool run_queries(const struct kernels *k, struct run *a, uint32_t from, uint32_t n)
{
    struct attend_query q[RUN_MOST];
    a->r.first = a->from[from];
    a->r.last = a->to[from + n - 1];
    for (uint32_t i = 0; i < n; i++) {
        memset(a->out[from + i], 0, sizeof a->out[0]);
        q[i] = (struct attend_query){.q = a->q[from + i],
                                     .out = a->out[from + i],
                                     .max = a->max,
                                     .sum = a->sum,
                                     .from = a->from[from + i],
                                     .to = a->to[from + i]};
    }
    uint64_t floats = attend_run_floats(n, a->r.d, a->r.d_v);
    float *room = new_items(floats + 16, 4);
    room[floats] = 12345.0f;
    bool did = k->attend_prompt(&a->r, q, n, room);
    assert_true(room[floats] == 12345.0f);
    mem_free(room);
    return did;
}

/* BF16 is off by 2^-9: a score by 2^-8 of its terms, a weight by what that makes of it and 2^-9. */
static void check_mean(const struct kernels *k, const struct run *a, uint32_t i)
{
    const uint32_t d = a->r.d, d_v = a->r.d_v;
    double want[MOST_D] = {0}, size[MOST_D] = {0}, off = 0,
           total = a->sum > 0 ? exp((double)a->max) : 0;
    for (uint32_t key = a->from[i]; key <= a->to[i]; key++) {
        const uint32_t b = key / ATTEND_KEYS, j = key % ATTEND_KEYS;
        double s = 0, terms = 0, cap = (double)a->r.softcap, scale = (double)a->r.scale;
        for (uint32_t c = 0; c < d; c++) {
            double term = (double)a->q[i][c] * (double)kv_key_at(a->r.type, a->k[b], d, j, c);
            s += scale * term;
            terms += scale * fabs(term);
        }
        off = fmax(off, terms * 0x1p-8);
        double p = exp(cap > 0 ? cap * tanh(s / cap) : s);
        total += p;
        for (uint32_t c = 0; c < d_v; c++) {
            double v = (double)kv_value_at(a->r.type, a->v[b], d_v, j, c);
            want[c] += p * v;
            size[c] += p * fabs(v);
        }
    }
    for (uint32_t c = 0; c < d_v; c++) {
        double error = fabs((double)a->out[i][c] - want[c] / total);
        if (!(error <= size[c] / total * (expm1(2 * off) + 4 * 0x1p-9)))
            fail_msg("%s attend_prompt %s: d %u, d_v %u, query %u of %u, value %u is off by %.3g",
                     k->isa, kv_type_name(a->r.type), d, d_v, i, a->n, c, error);
    }
}

static void check_run(const struct kernels *k, struct run *a)
{
    static float together[RUN_MOST][MOST_D];
    if (!run_queries(k, a, 0, a->n)) {
        assert_true(a->r.d % 16 != 0 || a->r.d_v % 16 != 0 || a->r.d % 32 != 0);
        return;
    }
    for (uint32_t i = 0; i < a->n; i++)
        check_mean(k, a, i);
    memcpy(together, a->out, sizeof together);
    for (uint32_t i = 0; i < a->n; i += 1 + i % 7) {
        uint32_t n = a->n - i < 1 + i % 5 ? a->n - i : 1 + i % 5;
        assert_true(run_queries(k, a, i, n));
        for (uint32_t j = i; j < i + n; j++)
            assert_memory_equal(a->out[j], together[j], a->r.d_v * sizeof(float));
    }
}

static void runs(void **state)
{
    const struct kernels *k = *state;
    static struct run a;
    static const uint32_t d[] = {16, 32, 64, 80, 128, 192, 40}, d_v[] = {16, 64, 48, 128, 192, 24};
    static const enum kv_type types[] = {KV_F16, KV_BF16, KV_Q8};
    static const uint32_t window[] = {1, 20, 70, 1000};
    problem_seed = 9;
    for (uint32_t i = 0; k->attend_prompt && i < 7 * 4; i++)
        for (uint32_t n = 1; n <= RUN_MOST; n += n < 3 ? 1 : 13) {
            make_run(k, &a, types[(i + n) % 3], d[i % 7], d_v[(i + n) % 6], n, window[i % 4],
                     n % 3 == 0);
            check_run(k, &a);
        }
}

#endif
