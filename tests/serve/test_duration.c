/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people and Ollama's clients write them. */
#include "serve/duration.h"
#include "test.h"

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {{"90", 90},
                {"0", 0},
                {"0s", 0},
                {"10m", 600},
                {"1h30m", 5400},
                {"1h0m1s", 3601},
                {"1.5s", 2},
                {"300ms", 1},
                {"1\xc2\xb5s", 1},
                {"+5m", 300},
                {"-1", DURATION_EVER},
                {"-0s", 0},
                {"-10m", DURATION_EVER},
                {"9999999h", DURATION_EVER},
                {"24h", 86400}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = 77;
        assert_true(duration_parse(str_of(rows[i].text), &seconds));
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",  "-",      "m",   "5x",  "5 m",  "1h30", "m5",
                                        ".", "1.2.3s", "--5", "5mm", "ever", "1e3",  "0x10"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t seconds = 77;
        if (duration_parse(str_of(texts[i]), &seconds))
            fail_msg("\"%s\" was read as %lld", texts[i], (long long)seconds);
    }
}

static void test_json(void **state)
{
    (void)state;
    int64_t seconds = 0;
    json_t *values = json_pack("[i f s s i b n]", 300, 0.25, "5m", "soon", -1, 1);
    static const int64_t want[] = {300, 1, 300, 77, DURATION_EVER, 77, 77};
    for (size_t i = 0; i < json_array_size(values); i++) {
        seconds = 77;
        bool ok = duration_from_json(json_array_get(values, i), &seconds);
        assert_int_equal(ok, want[i] != 77);
        assert_int_equal(seconds, want[i]);
    }
    json_decref(values);
    json_t *unset = duration_to_json(DURATION_UNSET);
    assert_true(json_is_null(unset));
    json_decref(unset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
