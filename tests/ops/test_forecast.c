/* SPDX-License-Identifier: Apache-2.0 */
/* ops/forecast and lab/decode_speed: what is counted and how it becomes a speed. Whole machines:
 * doctor.test.py. */
#include "ops/forecast.h"

#include <math.h>

#include "test.h"

static void sizes_grow(void **state)
{
    struct forecast f[FORECASTS];
    (void)state;
    forecast_sizes(f);
    for (int i = 0; i < FORECASTS; i++) {
        assert_true(f[i].weights > 0 && f[i].memory > f[i].weights);
        assert_true(decode_work_bytes(&f[i].work) <= f[i].weights);
        if (i % FORECAST_QUANTS) /* formats from the smallest */
            assert_true(f[i].weights > f[i - 1].weights);
        if (i >= FORECAST_QUANTS) /* sizes too */
            assert_true(f[i].weights > f[i - FORECAST_QUANTS].weights);
    }
}

/* 1 GB at 10 GB/s, and ten layers of a millisecond: 0.11 s. */
static void speed_is_bytes_and_layers(void **state)
{
    struct decode_speed s = {.layer_s = 1e-3};
    struct decode_work w = {.n_layer = 10};
    (void)state;
    s.rate[DTYPE_Q8_0] = 10e9;
    w.bytes[DTYPE_Q8_0] = 1000000000;
    assert_true(fabs(decode_speed_predict(&s, &w) - 1 / 0.11) < 1e-9);
    w.bytes[DTYPE_Q4_K] = 1; /* a format that was not measured */
    assert_true(decode_speed_predict(&s, &w) == 0);
}

static void fits_by_memory(void **state)
{
    struct forecast f[FORECASTS];
    struct host h = {.memory = {.total = 64ull << 30,
                                .available = 8ull << 30,
                                .limit = UINT64_MAX,
                                .left = UINT64_MAX}};
    const struct measured m = {0};
    (void)state;
    forecast_sizes(f);
    for (int i = 0; i < FORECASTS; i++)
        forecast_judge(&f[i], &h, &m);
    const struct forecast *best = forecast_best(f, 0);
    assert_true(best && str_is(str_of(best->size), "7B"));
    assert_int_equal(f[FORECASTS - FORECAST_QUANTS].fits, FITS_FREED); /* 32B in four bits */
    assert_int_equal(f[FORECASTS - 1].fits, FITS_NOT);                 /* and in sixteen */
    assert_null(forecast_best(f, 1));                                  /* no speed is known */
    h.memory.limit = h.memory.left = 1ull << 30;                       /* a small container */
    for (int i = 0; i < FORECASTS; i++)
        forecast_judge(&f[i], &h, &m);
    assert_null(forecast_best(f, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_grow),
                                       cmocka_unit_test(speed_is_bytes_and_layers),
                                       cmocka_unit_test(fits_by_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
