/* SPDX-License-Identifier: Apache-2.0 */
/* How often each token is drawn, mirostat, and what the sampler promises about its draws. */
#include "sample_reference.h"

/* --- the draw ------------------------------------------------------------------------------ */

/* Chi-square of N draws against the reference's candidates at temperature t. */
static void check_frequencies(struct sampler *s, double t)
{
    enum { N = 20000 };
    static uint32_t count[MAX_VOCAB];
    memset(count, 0, sizeof count);
    for (int i = 0; i < N; i++) {
        uint32_t id = sample(s, logits, NULL);
        assert_true(id < s->n_vocab);
        count[id]++;
    }
    double top = ref.v[0].logit, z = 0, chi = 0;
    uint32_t seen = 0, cells = 0;
    for (uint32_t i = 0; i < ref.n; i++)
        z += exp((ref.v[i].logit - top) / t);
    for (uint32_t i = 0; i < ref.n; i++) {
        double want = N * exp((ref.v[i].logit - top) / t) / z, got = count[ref.v[i].id];
        seen += count[ref.v[i].id];
        if (want > 5) {
            chi += (got - want) * (got - want) / want;
            cells++;
        }
    }
    assert_int_equal(seen, N); /* nothing else was drawn */
    double freedom = cells > 1 ? cells - 1 : 1;
    if (chi > freedom + 4.5 * sqrt(2 * freedom) + 5)
        fail_msg("chi-square %g with %g degrees of freedom", chi, freedom);
}

static void test_frequencies(void **state)
{
    (void)state;
    static const uint32_t vocab[] = {7, 60, 300, 4100};
    for (size_t i = 0; i < 4; i++)
        for (enum shape shape = PEAKED; shape <= WIDE; shape++) {
            struct sample_params p = only(SAMPLE_TEMPERATURE, SAMPLE_END, 0);
            struct sampler *s = make(&p, vocab[i]);
            fill(logits, vocab[i], shape);
            ref_load(logits, vocab[i]);
            check_frequencies(s, 0.8);
            sample_free(s);
            s = make(&defaults, vocab[i]);
            ref_top_k(40);
            ref_top_p(0.95);
            ref_min_p(0.05);
            check_frequencies(s, 0.8);
            sample_free(s);
        }
}

static void test_xtc_chance(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_XTC, SAMPLE_END, 0);
    p.xtc_probability = 0.25f;
    p.xtc_threshold = 0.3f;
    struct sampler *s = make(&p, 3);
    const float v[3] = {logf(0.5f), logf(0.4f), logf(0.1f)};
    uint32_t count[3] = {0};
    for (int i = 0; i < 40000; i++)
        count[sample(s, v, NULL)]++;
    double want[3] = {0.75 * 0.5, 0.75 * 0.4 + 0.25 * 0.8, 0.75 * 0.1 + 0.25 * 0.2};
    for (int i = 0; i < 3; i++)
        assert_true(fabs(count[i] / 40000.0 - want[i]) < 0.012);
    sample_free(s);
}

static void test_order_matters(void **state)
{
    (void)state;
    const float v[4] = {logf(0.5f), logf(0.3f), logf(0.15f), logf(0.05f)};
    for (int hot_first = 0; hot_first < 2; hot_first++) {
        struct sample_params p = hot_first ? only(SAMPLE_TEMPERATURE, SAMPLE_TOP_P, 0)
                                           : only(SAMPLE_TOP_P, SAMPLE_TEMPERATURE, 0);
        p.temperature = 10;
        p.top_p = 0.7f;
        struct sampler *s = make(&p, 4);
        uint32_t seen = 0;
        for (int i = 0; i < 200; i++)
            seen |= 1u << sample(s, v, NULL);
        assert_int_equal(seen, hot_first ? 7 : 3); /* hot: nearly even, three reach 0.7 */
        sample_free(s);
    }
}

static void test_mirostat(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_TEMPERATURE, SAMPLE_TOP_K, 0);
    p.mirostat = 2;
    p.top_k = 1; /* truncating stages have no part */
    p.temperature = 1;
    p.mirostat_tau = 3;
    struct sampler *s = make(&p, 2000);
    double mu = 6, total = 0;
    for (int i = 0; i < 3000; i++) {
        fill(logits, 2000, WIDE);
        uint32_t id = sample(s, logits, NULL), n = 0;
        ref_load(logits, 2000);
        double z = ref_sum();
        while (n < ref.n && -log2(ref_p(n, z)) <= mu)
            n++;
        ref.n = n ? n : 1;
        z = ref_sum();
        uint32_t at = 0;
        while (at < ref.n && ref.v[at].id != id)
            at++;
        assert_true(at < ref.n);
        mu -= (double)p.mirostat_eta * (-log2(ref_p(at, z)) - 3);
        assert_true(fabs(mu - s->mu) < 1e-3);
        mu = s->mu; /* no drift between the two */
        total += i >= 1000 ? -log2(ref_p(at, z)) : 0;
    }
    assert_true(fabs(total / 2000 - 3) < 0.1); /* that is what it is for */
    sample_free(s);
}

/* --- promises ------------------------------------------------------------------------------ */

static void test_same_seed_same_tokens(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.seed = 42;
    p.xtc_probability = 0.3f;
    p.repeat_penalty = 1.1f;
    p.dry_multiplier = 0.5f;
    p.typical_p = 0.99f;
    static const uint32_t golden[16] = {266, 526,  828,  2291, 2686, 2516, 1812, 1518,
                                        468, 1319, 2249, 541,  2564, 1023, 2769, 292};
    for (int again = 0; again < 2; again++) {
        struct sampler *s = make(&p, 3000);
        for (int pass = 0; pass < 2; pass++) {
            lcg_state = 99;
            for (int i = 0; i < 16; i++) {
                for (uint32_t j = 0; j < 3000; j++) /* exact on every machine, unlike fill() */
                    logits[j] = (float)(next01() * 12);
                uint32_t id = sample(s, logits, NULL);
                sample_accept(s, id);
                assert_int_equal(id, golden[i]);
            }
            sample_reset(s);
        }
        sample_free(s);
    }
    p.seed = 43;
    struct sampler *s = make(&p, 3000);
    uint32_t same = 0;
    lcg_state = 99;
    for (int i = 0; i < 16; i++) {
        for (uint32_t j = 0; j < 3000; j++)
            logits[j] = (float)(next01() * 12);
        same += sample(s, logits, NULL) == golden[i];
    }
    assert_true(same < 8);
    sample_free(s);
}

static void test_no_allocation(void **state)
{
    (void)state;
    struct sample_params p = defaults;
    p.repeat_penalty = 1.1f;
    p.dry_multiplier = 1;
    p.typical_p = 0.9f;
    p.top_k = 0;
    struct sampler *s = make(&p, 5000);
    fill(logits, 5000, WIDE);
    mem_guard(true); /* fatal in builds that check it */
    for (int i = 0; i < 100; i++)
        sample_accept(s, sample(s, logits, NULL));
    mem_guard(false);
    sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies),           cmocka_unit_test(test_xtc_chance),
        cmocka_unit_test(test_order_matters),         cmocka_unit_test(test_mirostat),
        cmocka_unit_test(test_same_seed_same_tokens), cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
