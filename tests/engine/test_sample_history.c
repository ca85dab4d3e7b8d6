/* SPDX-License-Identifier: Apache-2.0 */
/* Penalties and DRY against naive computations. */
#include "sample_reference.h"

static void test_penalties(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_TOP_K, SAMPLE_PENALTIES, SAMPLE_END);
    p.repeat_penalty = 1.3f;
    p.presence_penalty = 0.25f;
    p.frequency_penalty = 0.125f;
    p.repeat_last_n = 7;
    for (uint32_t k = 0; k <= 6; k += 6) { /* dense, and a list */
        p.top_k = k;
        struct sampler *s = make(&p, 12);
        uint32_t said[100];
        for (uint32_t n = 0; n < 100; n++) {
            said[n] = (uint32_t)(next01() * 12);
            sample_accept(s, said[n]);
            sample_accept(s, 12); /* not of this vocabulary: not counted */
            load(s, PEAKED);
            sample_top_k(s);
            sample_penalties(s);
            ref_top_k(k);
            for (uint32_t i = 0; i < ref.n; i++) {
                uint32_t c = 0;
                for (uint32_t j = n >= 6 ? n - 6 : 0; j <= n; j++)
                    c += said[j] == ref.v[i].id;
                double *v = &ref.v[i].logit;
                if (c)
                    *v = (*v > 0 ? *v / 1.3 : *v * 1.3) - c * 0.125 - 0.25;
                assert_true(fabs((double)s->work[ref.v[i].id] - *v) < 1e-5);
            }
            ref_sort();
            compare(s, "penalties");
        }
        sample_free(s);
    }
}

/* The longest match by comparing every pair of positions. */
static uint32_t ref_dry_length(const uint32_t *said, uint32_t n, uint32_t run, uint32_t next)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) { /* an earlier occurrence of `next` */
        uint32_t len = 0;
        while (len < i && len < run && said[i - 1 - len] == said[n - 1 - len])
            len++;
        if (said[i] == next && i > 0 && (best == UINT32_MAX || len > best))
            best = len;
    }
    return best;
}

static void check_dry(struct sampler *s, const uint32_t *said, uint32_t n, uint32_t breaker)
{
    for (uint32_t i = 0; i < s->n_vocab; i++)
        logits[i] = 3;
    sample_load(s, logits, NULL);
    sample_dry(s);
    uint32_t window = n < s->dry_n ? n : s->dry_n, run = 0;
    said += n - window;
    while (run < window && said[window - 1 - run] != breaker)
        run++;
    for (uint32_t id = 0; id < s->n_vocab; id++) {
        uint32_t len = ref_dry_length(said, window, run, id);
        double want = 3;
        if (len != UINT32_MAX && len >= s->p.dry_allowed_length)
            want -= 0.8 * pow(1.75, len - s->p.dry_allowed_length);
        if (fabs((double)s->work[id] - want) > 1e-5 * (1 + fabs(want)))
            fail_msg("dry: token %u has %g, not %g", id, (double)s->work[id], want);
    }
}

static void test_dry(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_DRY, 0, 0);
    static const uint32_t breakers[] = {3, 9999};
    p.dry_multiplier = 0.8f;
    p.dry_breakers = breakers;
    p.n_dry_breakers = 2;
    for (uint32_t letters = 2; letters <= 4; letters++)
        for (uint32_t window = 5; window <= 60; window += 11) {
            p.dry_last_n = window;
            p.dry_allowed_length = 1 + window % 3;
            struct sampler *s = make(&p, 5);
            uint32_t said[200];
            for (uint32_t n = 0; n < 200; n++) {
                said[n] = (uint32_t)(next01() * letters);
                sample_accept(s, said[n]);
                check_dry(s, said, n + 1, 3);
            }
            sample_free(s);
        }
}

static void test_dry_is_linear(void **state)
{
    (void)state;
    struct sample_params p = only(SAMPLE_DRY, 0, 0);
    p.dry_multiplier = 0.8f;
    struct err e;
    struct sampler *s = sample_new(&p, 4, 1u << 20, &e);
    assert_non_null(s);
    for (uint32_t i = 0; i < 1u << 20; i++)
        sample_accept(s, 1); /* a million equal tokens: squared, this would not end */
    fill(logits, 4, PEAKED);
    assert_int_not_equal(sample(s, logits, NULL), 1); /* the penalty is beyond any float */
    sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_dry),
        cmocka_unit_test(test_dry_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
