/* SPDX-License-Identifier: Apache-2.0 */
/* tests/compute/kernel_attend: attention and norms of every table against sums in double, on sizes
 * that no vector divides; and (I1) of compute/attend.h: what a query sums up does not depend on
 * those beside it. */
#ifndef MOAT_TESTS_KERNEL_ATTEND_H
#define MOAT_TESTS_KERNEL_ATTEND_H

#include "kernel_expected.h"

enum { BLOCKS = 3, MOST_QUERIES = 30, MOST_D = 200 };

struct attention {
    struct attend_block block[BLOCKS];
    float k[BLOCKS][MOST_D * ATTEND_KEYS], v[BLOCKS][MOST_D * ATTEND_KEYS];
    float q[MOST_QUERIES][MOST_D], out[MOST_QUERIES][MOST_D];
    uint32_t n, first[BLOCKS][MOST_QUERIES], last[BLOCKS][MOST_QUERIES];
    float max, sum; /* of a query before its first key: a score that only takes weight */
};

/* Queries that see all keys of a block, some or none. */
static void make_attention(struct attention *a, uint32_t d, uint32_t d_v, uint32_t n, bool cap)
{
    a->n = n;
    a->sum = random32() % 2 ? 1 : 0;
    a->max = a->sum > 0 ? random_float() : -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < d; c++)
            a->q[i][c] = 4 * random_float();
    for (uint32_t b = 0; b < BLOCKS; b++) {
        a->block[b] = (struct attend_block){a->k[b], a->v[b], d, d_v, 0.5f, cap ? 5.0f : 0.0f};
        for (uint32_t c = 0; c < MOST_D * ATTEND_KEYS; c++)
            a->k[b][c] = random_float(), a->v[b][c] = random_float();
        for (uint32_t i = 0; i < n; i++) {
            uint32_t kind = random32() % 4, from = kind == 1 ? random32() % ATTEND_KEYS : 0;
            a->first[b][i] = kind == 0 ? 1 : from;
            a->last[b][i] = kind == 0 ? 0 : ATTEND_KEYS - 1;
            if (kind == 1)
                a->last[b][i] = from + random32() % (ATTEND_KEYS - from);
        }
    }
    a->first[0][0] = a->last[0][0] = 3;
}

/* Queries from..from + n of the table's function -> a->out, not yet divided; their sums. */
static void run_attention(const struct kernels *k, struct attention *a, uint32_t from, uint32_t n,
                          float *sums)
{
    struct attend_query q[MOST_QUERIES];
    for (uint32_t i = 0; i < n; i++) {
        memset(a->out[from + i], 0, sizeof a->out[0]);
        q[i] = (struct attend_query){
            .q = a->q[from + i], .out = a->out[from + i], .max = a->max, .sum = a->sum};
    }
    for (uint32_t b = 0; b < BLOCKS; b++) {
        for (uint32_t i = 0; i < n; i++) {
            q[i].first = a->first[b][from + i];
            q[i].last = a->last[b][from + i];
        }
        k->attend(&a->block[b], q, n);
    }
    for (uint32_t i = 0; i < n; i++)
        sums[i] = q[i].sum;
}

static double score_of(const struct attention *a, uint32_t b, uint32_t i, uint32_t j)
{
    const struct attend_block *block = &a->block[b];
    double s = 0, cap = (double)block->softcap;
    for (uint32_t c = 0; c < block->d; c++)
        s += (double)a->q[i][c] * (double)a->k[b][c * ATTEND_KEYS + j];
    s *= (double)block->scale;
    return cap > 0 ? cap * tanh(s / cap) : s;
}

/* A score errs by some roundings of d products, and a weight by as much. */
static void check_query(const struct kernels *k, const struct attention *a, uint32_t i, float sum)
{
    const uint32_t d = a->block[0].d, d_v = a->block[0].d_v;
    double want[MOST_D] = {0}, total = a->sum > 0 ? exp((double)a->max) : 0;
    for (uint32_t b = 0; b < BLOCKS; b++)
        for (uint32_t j = a->first[b][i]; j <= a->last[b][i] && j < ATTEND_KEYS; j++) {
            double p = exp(score_of(a, b, i, j));
            total += p;
            for (uint32_t c = 0; c < d_v; c++)
                want[c] += p * (double)a->v[b][j * d_v + c];
        }
    for (uint32_t c = 0; c < d_v; c++) {
        double got = total > 0 ? (double)a->out[i][c] / (double)sum : (double)a->out[i][c];
        double error = fabs(got - (total > 0 ? want[c] / total : 0));
        if (!(error <= U * (8 * d + 100)))
            fail_msg("%s attend: d %u, d_v %u, query %u of %u, value %u is off by %.3g", k->isa, d,
                     d_v, i, a->n, c, error);
    }
}

static void check_attention(const struct kernels *k, struct attention *a)
{
    static float together[MOST_QUERIES][MOST_D];
    float sums[MOST_QUERIES], one;
    run_attention(k, a, 0, a->n, sums);
    for (uint32_t i = 0; i < a->n; i++)
        check_query(k, a, i, sums[i]);
    memcpy(together, a->out, sizeof together);
    for (uint32_t i = 0; i < a->n; i++) {
        run_attention(k, a, i, 1, &one);
        assert_true(one == sums[i]);
        assert_memory_equal(a->out[i], together[i], sizeof together[i]);
    }
}

static void attention(void **state)
{
    static struct attention a;
    static const uint32_t d[] = {1, 7, 16, 24, 64, 80, 128, 192},
                          d_v[] = {1, 5, 8, 33, 64, 100, 128, 199};
    problem_seed = 7;
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t n = 1; n <= MOST_QUERIES; n += n < 15 ? 1 : 5) {
            make_attention(&a, d[i], d_v[(i + n) % 8], n, n % 3 == 0);
            check_attention(*state, &a);
        }
}

static void norms(void **state)
{
    const struct kernels *k = *state;
    enum { N = 1537 };
    static float x[N], weight[N], out[N + 1];
    problem_seed = 8;
    for (uint32_t n = 1; n <= N; n += n < 70 ? 1 : 163) {
        double squares = 0, eps = (double)1e-5f;
        for (uint32_t i = 0; i < n; i++) {
            x[i] = (n % 2 ? 100.0f : 1e-3f) * random_float();
            weight[i] = random_float();
            squares += (double)x[i] * (double)x[i];
        }
        out[n] = 3;
        memcpy(out, x, n * sizeof *x);
        k->norm(out, weight, 1e-5f, out, n);
        for (uint32_t i = 0; i < n; i++) {
            double want = (double)x[i] * (double)weight[i] / sqrt(squares / n + eps);
            assert_true(fabs((double)out[i] - want) <= U * (n / 8 + 12) * fabs(want));
        }
        assert_true(out[n] == 3);
    }
}

#endif
