/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler's stages against naive computations: what each keeps, and hostile input. */
#include "sample_reference.h"

static void ref_typical(double limit)
{
    double z = ref_sum(), entropy = 0, sum = 0, top = ref.v[0].logit;
    for (uint32_t i = 0; i < ref.n; i++)
        entropy -= ref_p(i, z) > 0 ? ref_p(i, z) * log(ref_p(i, z)) : 0;
    for (uint32_t i = 0; i < ref.n; i++) /* in logarithms: tiny probabilities stay apart */
        ref.v[i].key = -fabs(log(z) - (ref.v[i].logit - top) - entropy);
    qsort(ref.v, ref.n, sizeof ref.v[0], by_key);
    for (uint32_t i = 0; i < ref.n; i++)
        if ((sum += exp(ref.v[i].logit - top) / z) > limit)
            ref.n = i + 1;
    ref_sort();
}

static void ref_xtc(double threshold)
{
    double z = ref_sum();
    uint32_t above = 0;
    while (above < ref.n && ref_p(above, z) >= threshold)
        above++;
    if (above < 2)
        return;
    memmove(ref.v, ref.v + above - 1, (ref.n - (above - 1)) * sizeof ref.v[0]);
    ref.n -= above - 1;
}

static const uint32_t sizes[] = {1, 2, 3, 15, 16, 17, 47, 48, 49, 255, 257, 2047, 2049, 5003};
#define EACH_INPUT(size, shape)                                                                    \
    for (size_t size##_at = 0; size##_at < sizeof sizes / sizeof *sizes; size##_at++)              \
        for (uint32_t size = sizes[size##_at], shape = 0; shape < SHAPE_COUNT; shape++)

/* --- stages -------------------------------------------------------------------------------- */

static void test_top_k(void **state)
{
    (void)state;
    static const uint32_t ks[] = {0, 1, 2, 40, 300, 1500, 5003, 9000};
    struct sample_params p = only(SAMPLE_TOP_K, 0, 0);
    EACH_INPUT(n, shape)
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        p.top_k = ks[i];
        struct sampler *s = make(&p, n);
        load(s, shape);
        sample_top_k(s);
        ref_top_k(ks[i]);
        compare(s, "top_k");
        sample_free(s);
    }
}

static void test_rerank_with_ties(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.top_k = 1500;
    struct sampler *s = make(&p, 5003);
    load(s, TIES);
    sample_top_k(s);
    ref_top_k(1500);
    for (uint32_t i = 0; i < s->n_vocab; i++)
        s->work[i] = -s->work[i]; /* the order turns round, ids among equals stay */
    sample_rerank(s, s->work);
    compare(s, "rerank");
    sample_free(s);
}

/* Each truncating stage on dense candidates, on a list, and after temperature. */
static void check_cut(void (*stage)(struct sampler *s), void (*reference)(double),
                      struct sample_params *p, float *setting, float value, double margin)
{
    *setting = value;
    EACH_INPUT(n, shape)
    for (uint32_t k = 0; k <= 200; k += 100) {
        if ((shape == TIES || shape == FLAT) && margin > 0)
            continue; /* sums meet the limit exactly: rounding decides */
        p->top_k = k;
        struct sampler *s = make(p, n);
        load(s, shape);
        sample_top_k(s);
        stage(s);
        ref_top_k(k);
        reference((double)value);
        compare(s, "cut");
        sample_free(s);
    }
}

static void test_top_p(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    for (float v = 0; v < 1.2f; v += 0.1937f)
        check_cut(sample_top_p, ref_top_p, &p, &p.top_p, v > 1 ? 1 : v, 1);
}

static void test_min_p(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    for (float v = 0.013f; v < 1; v += 0.1937f)
        check_cut(sample_min_p, ref_min_p, &p, &p.min_p, v, 0);
    check_cut(sample_min_p, ref_min_p, &p, &p.min_p, 1, 0);
}

static void test_typical(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    for (float v = 0.05f; v < 1; v += 0.1937f)
        check_cut(sample_typical, ref_typical, &p, &p.typical_p, v, 1);
}

static void xtc_always(struct sampler *s)
{
    sample_xtc(s, 0);
}

static void test_xtc(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.xtc_probability = 1;
    for (float v = 0.0003f; v < 0.5f; v *= 3.1f)
        check_cut(xtc_always, ref_xtc, &p, &p.xtc_threshold, v, 1);
}

static void test_published_cases(void **state)
{
    (void)state;
    /* probabilities, stage, setting, how many stay and the best of them */
    static const struct {
        double p[5];
        uint32_t n;
        void (*stage)(struct sampler *s);
        float value;
        uint32_t kept, first;
    } cases[] = {
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_top_p, 0, 1, 3},
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_top_p, 0.65f, 2, 3},
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_top_p, 0.75f, 3, 3},
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_min_p, 0.24f, 4, 3},
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_min_p, 0.26f, 3, 3},
        {{0.1, 0.2, 0.3, 0.4}, 4, sample_min_p, 0.76f, 1, 3},
        {{0.97, 0.01, 0.01, 0.01}, 4, sample_typical, 0.5f, 1, 0},
        {{0.4, 0.2, 0.2, 0.2}, 4, sample_typical, 0.5f, 3, 1},
        {{0.4, 0.3, 0.2, 0.1}, 4, xtc_always, 0.09f, 1, 3},
        {{0.4, 0.3, 0.2, 0.1}, 4, xtc_always, 0.19f, 2, 2},
        {{0.4, 0.3, 0.2, 0.1}, 4, xtc_always, 0.29f, 3, 1},
        {{0.4, 0.3, 0.2, 0.1}, 4, xtc_always, 0.39f, 4, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample_params p = defaults;
        p.top_p = p.min_p = p.typical_p = p.xtc_threshold = cases[i].value;
        p.xtc_probability = 1;
        struct sampler *s = make(&p, cases[i].n);
        for (uint32_t j = 0; j < cases[i].n; j++)
            logits[j] = (float)log(cases[i].p[j]);
        sample_load(s, logits, NULL);
        cases[i].stage(s);
        if (s->dense)
            sample_take_top(s, s->work, s->n_vocab);
        assert_int_equal(s->n, cases[i].kept);
        assert_int_equal(sample_rank_id(s->list[0]), cases[i].first);
        sample_free(s);
    }
}

static void test_bias_and_mask(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    const struct sample_bias bias[] = {{2, 50}, {3, -INFINITY}, {0, -1}};
    p.bias = bias;
    p.n_bias = 3;
    p.temperature = 0;
    const float v[5] = {1, 2, 3, 1000, INFINITY};
    uint32_t mask = 0xf, none = 0, banned = 8, two = 3;
    struct sampler *s = make(&p, 5);
    assert_int_equal(sample(s, v, NULL), 4);
    assert_int_equal(sample(s, v, &mask), 2);
    assert_int_equal(sample(s, v, &two), 1);
    assert_int_equal(sample(s, v, &none), UINT32_MAX);
    assert_int_equal(sample(s, v, &banned), UINT32_MAX);
    sample_free(s);
    p.temperature = 1;
    s = make(&p, 5);
    assert_int_equal(sample(s, v, &banned), UINT32_MAX);
    assert_int_equal(sample(s, v, &none), UINT32_MAX);
    assert_int_equal(sample(s, v, &mask), 2);
    sample_free(s);
}

static void test_mask_over_words(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_TEMPERATURE, 0, 0);
    uint32_t mask[4] = {0, UINT32_MAX, 0x10, UINT32_MAX};
    struct sampler *s = make(&p, 101);
    fill(logits, 101, PEAKED);
    ref.n = 0;
    for (uint32_t i = 0; i < 101; i++)
        if (mask[i / 32] >> (i % 32) & 1)
            ref.v[ref.n++] = (struct pick){.logit = (double)logits[i], .id = i};
    ref_sort();
    sample_load(s, logits, mask);
    compare(s, "mask");
    for (int i = 0; i < 1000; i++) {
        uint32_t id = sample(s, logits, mask);
        assert_true(id < 101 && (mask[id / 32] >> (id % 32) & 1));
    }
    assert_int_equal(sample_best(logits, mask, 101), ref.v[0].id);
    sample_free(s);
}

static void test_greedy(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.temperature = 0;
    p.xtc_probability = 1; /* chance has no part in greedy */
    EACH_INPUT(n, shape)
    {
        struct sampler *s = make(&p, n);
        fill(logits, n, shape);
        ref_load(logits, n);
        assert_int_equal(sample(s, logits, NULL), ref.v[0].id); /* ties: the lowest id */
        sample_free(s);
    }
    const float bad[3] = {NAN, -INFINITY, NAN};
    struct sampler *s = make(&p, 3);
    assert_int_equal(sample(s, bad, NULL), UINT32_MAX);
    sample_free(s);
    p.temperature = 0.8f;
    s = make(&p, 3);
    assert_int_equal(sample(s, bad, NULL), UINT32_MAX);
    sample_free(s);
}

static void test_greedy_with_penalty(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.temperature = 0;
    p.repeat_penalty = 2;
    struct sampler *s = make(&p, 3);
    const float v[3] = {5, 4, 3};
    assert_int_equal(sample(s, v, NULL), 0);
    sample_accept(s, 0);
    assert_int_equal(sample(s, v, NULL), 1);
    sample_accept(s, 1);
    assert_int_equal(sample(s, v, NULL), 2);
    sample_reset(s);
    assert_int_equal(sample(s, v, NULL), 0);
    sample_free(s);
}

static void test_extremes(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    const float v[6] = {-FLT_MAX, FLT_MAX, INFINITY, -INFINITY, NAN, 0};
    const float low[6] = {-FLT_MAX, -FLT_MAX, -INFINITY, NAN, -FLT_MAX, -FLT_MAX};
    p.typical_p = 0.5f;
    p.repeat_penalty = 1e-6f;
    p.dry_multiplier = 1e30f;
    p.xtc_probability = 0.5f;
    for (float t = 1e-38f; t < 1e30f; t *= 1e4f)
        for (uint32_t mirostat = 0; mirostat <= 2; mirostat += 2) {
            p.temperature = t;
            p.mirostat = mirostat;
            struct sampler *s = make(&p, 6);
            for (int i = 0; i < 50; i++) {
                uint32_t id = sample(s, v, NULL), other = sample(s, low, NULL);
                assert_true(id == 0 || id == 1 || id == 2 || id == 5);
                assert_true(other == 0 || other == 1 || other == 4 || other == 5);
                sample_accept(s, id);
            }
            sample_free(s);
        }
}

static void test_numbers(void **state)
{
    (void)state;
    for (double x = 0; x > -87; x -= 0.0137) {
        double want = exp((double)(float)x), got = (double)sample_exp((float)x);
        assert_true(fabs(got - want) <= 3e-7 * want);
    }
    assert_true(sample_exp(-88) == 0 && sample_exp(-INFINITY) == 0 && sample_exp(0) == 1);
    for (double x = 1e-30; x < 1e30; x *= 1.37)
        assert_true(fabs(sample_ln(x) - log(x)) <= 4e-16 * (1 + fabs(log(x))));
    assert_true(fabs(sample_power(1.75, 31) / pow(1.75, 31) - 1) < 1e-14);
    static const float order[] = {INFINITY, FLT_MAX, 1, 1e-40f, 0, -1e-40f, -1, -FLT_MAX};
    for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++) {
        assert_true(sample_rank(order[i], 9) < sample_rank(order[i + 1], 3));
        assert_true(sample_rank_logit(sample_rank(order[i], 9)) == order[i]);
    }
    assert_true(sample_rank(-0.0f, 3) == sample_rank(0, 3) &&
                sample_rank(0, 3) < sample_rank(0, 4));
}

static void refuse(const struct sample_params *p, uint32_t n_vocab, const char *part)
{
    struct err e = {0};
    assert_null(sample_new(p, n_vocab, 128, &e));
    if (!strstr(e.msg, part))
        fail_msg("\"%s\" does not name %s", e.msg, part);
}

static void test_refused(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    refuse(&p, 0, "vocabulary");
    refuse(&p, UINT32_MAX, "vocabulary");
    p.temperature = NAN;
    refuse(&p, 10, "temperature");
    p = defaults;
    p.mirostat = 1;
    refuse(&p, 10, "mirostat");
    p = defaults;
    p.order[1] = SAMPLE_PENALTIES;
    refuse(&p, 10, "order");
    for (int i = 0; i < SAMPLE_STAGE_COUNT; i++)
        p.order[i] = SAMPLE_XTC;
    refuse(&p, 10, "order");
    p = defaults;
    struct sample_bias bias = {10, 1};
    p.bias = &bias;
    p.n_bias = 1;
    refuse(&p, 10, "token 10");
    bias = (struct sample_bias){1, NAN};
    refuse(&p, 10, "token 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_rerank_with_ties),
        cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_min_p),
        cmocka_unit_test(test_typical),
        cmocka_unit_test(test_xtc),
        cmocka_unit_test(test_published_cases),
        cmocka_unit_test(test_bias_and_mask),
        cmocka_unit_test(test_mask_over_words),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_greedy_with_penalty),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
