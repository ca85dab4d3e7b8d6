/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: defaults, every kind from JSON and from text, and what each mistake is told. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "run/settings.h"
#include "test.h"

static struct settings s;
static struct err e;

static int fresh(void **state)
{
    (void)state;
    settings_init(&s);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    settings_clear(&s);
    return 0;
}

static bool read_json(const char *text)
{
    json_t *j = json_parse(str_of(text), "test", &e);
    assert_non_null(j);
    bool ok = settings_from_json(&s, j, "c.json", &e);
    json_decref(j);
    return ok;
}

static void accept_json(const char *text)
{
    if (!read_json(text))
        fail_msg("%s refused: %s\n", text, e.msg);
}

static void refuse_json(const char *text, const char *part, enum err_code code)
{
    if (read_json(text))
        fail_msg("%s accepted\n", text);
    if (!strstr(e.msg, part) || strncmp(e.msg, "c.json: ", 8) != 0 || e.code != code)
        fail_msg("%s: \"%s\" does not hold \"%s\"\n", text, e.msg, part);
}

static bool set(const char *key, const char *text)
{
    const struct setting *def = settings_find(str_of(key));
    if (!def)
        fail_msg("no setting %s\n", key);
    return settings_set(&s, def, str_of(text), &e);
}

static void accept(const char *key, const char *text)
{
    if (!set(key, text))
        fail_msg("%s %s refused: %s\n", key, text, e.msg);
}

static void refuse(const char *key, const char *text, const char *part)
{
    if (set(key, text))
        fail_msg("%s %s accepted\n", key, text);
    if (!strstr(e.msg, part))
        fail_msg("%s %s: \"%s\" does not hold \"%s\"\n", key, text, e.msg, part);
}

static void test_defaults(void **state)
{
    (void)state;
    struct sample_params p;
    settings_sample_params(&s, &p);
    assert_true(p.temperature == 0.8f && p.top_k == 40 && p.top_p == 0.95f && p.min_p == 0.05f);
    assert_true(p.typical_p == 1 && p.repeat_penalty == 1 && p.repeat_last_n == 64);
    assert_true(p.dry_multiplier == 0 && p.dry_base == 1.75f && p.dry_allowed_length == 2);
    assert_true(p.dry_last_n == UINT32_MAX && p.xtc_threshold == 0.1f && p.mirostat == 0);
    assert_true(p.mirostat_tau == 5 && p.mirostat_eta == 0.1f && !s.seed_set);
    static const enum sample_stage order[] = {SAMPLE_PENALTIES, SAMPLE_DRY,         SAMPLE_TOP_K,
                                              SAMPLE_TYPICAL,   SAMPLE_TOP_P,       SAMPLE_MIN_P,
                                              SAMPLE_XTC,       SAMPLE_TEMPERATURE, SAMPLE_END};
    assert_memory_equal(p.order, order, sizeof order);
    assert_int_equal(s.dry_sequence_breakers.n, 4);
    assert_string_equal(s.dry_sequence_breakers.v[2], "\"");
    struct sampler *sampler = sample_new(&p, 100, 64, &e);
    assert_non_null(sampler); /* what the table allows by default, the sampler takes */
    sample_free(sampler);
}

static void test_config_example(void **state)
{
    (void)state;
    accept_json("{\"context_window\": 8192, \"temperature\": 0.3, \"stop_sequences\": [\";\", "
                "\"\\n\"], \"max_tokens\": 256}");
    assert_int_equal(s.context_window, 8192);
    assert_int_equal(s.max_tokens, 256);
    assert_true(s.temperature == 0.3f);
    assert_int_equal(s.stop_sequences.n, 2);
    assert_string_equal(s.stop_sequences.v[0], ";");
    assert_string_equal(s.stop_sequences.v[1], "\n");
}

static void test_every_number_at_its_ends(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < settings_count; i++) {
        const struct setting *def = &settings_table[i];
        if (def->kind > SETTING_F32)
            continue;
        char text[64];
        bool mirostat = strcmp(def->key, "mirostat") == 0;
        for (int end = 0; end < 2; end++) {
            double v = end ? def->max : def->min;
            snprintf(text, sizeof text, "%.17g", v);
            if (!mirostat)
                accept(def->key, text);
            snprintf(text, sizeof text, "%.17g", end ? v + 2 : v - 2);
            refuse(def->key, text, def->key);
        }
        struct sample_params p;
        settings_sample_params(&s, &p);
        struct sampler *sampler = sample_new(&p, 100, 64, &e);
        if (!sampler)
            fail_msg("%s: the sampler refuses what the table allows: %s\n", def->key, e.msg);
        sample_free(sampler);
    }
}

static void test_positions_and_full_contexts(void **state)
{
    (void)state;
    assert_true(s.rope.scaling == ROPE_SCALING_UNSET && s.rope.yarn_ext_factor == -1);
    assert_false(s.context_shift);
    accept("rope_scaling", "none");
    assert_int_equal(s.rope.scaling, ROPE_SCALING_NONE);
    accept("rope-scaling", "yarn");
    assert_int_equal(s.rope.scaling, ROPE_SCALING_YARN);
    refuse("rope_scaling", "ntk", "none, linear, yarn");
    refuse("rope_scaling", "", "none, linear, yarn");
    accept("context_shift", "");
    assert_true(s.context_shift);
    accept("context_shift", "false");
    assert_false(s.context_shift);
    refuse("context_shift", "yes", "true or false");
    accept_json(
        "{\"rope_scaling\": \"linear\", \"rope_scale\": 4, \"context_shift\": true, \"keep\": 9}");
    assert_int_equal(s.rope.scaling, ROPE_SCALING_LINEAR);
    assert_true(s.rope.scale == 4 && s.context_shift && s.keep == 9);
}

static void test_numbers_from_text(void **state)
{
    (void)state;
    accept("top-k", "7");
    assert_int_equal(s.top_k, 7);
    accept("top_p", "1e-2");
    assert_true(s.top_p == 0.01f);
    accept("temperature", "0");
    assert_true(s.temperature == 0);
    accept("repeat_last_n", "-1");
    assert_int_equal(s.repeat_last_n, UINT32_MAX);
    accept("seed", "0");
    assert_true(s.seed_set);
    refuse("top_k", "7.5", "expected a whole number from 0 to 4194304, not 7.5");
    refuse("top_k", "many", "not \"many\"");
    refuse("top_k", "", "not \"\"");
    refuse("top_k", "99999999999999999999", "top_k");
    refuse("top_p", "1.01", "expected a number from 0 to 1, not 1.01");
    refuse("top_p", "nan", "not \"nan\"");
    refuse("temperature", "0x1", "not \"0x1\"");
    refuse("mirostat", "1", "version 1");
    refuse("temperature", "\xff", "UTF-8");
    assert_int_equal(s.top_k, 7);
}

static void test_lists_of_texts(void **state)
{
    (void)state;
    accept("stop_sequences", "one");
    accept("stop_sequences", "[two");
    accept("stop_sequences", "[\"\\n\\n\", \"four\"]");
    assert_int_equal(s.stop_sequences.n, 4);
    assert_string_equal(s.stop_sequences.v[1], "[two");
    assert_string_equal(s.stop_sequences.v[2], "\n\n");
    accept("dry_sequence_breakers", "-"); /* replaces the default */
    assert_int_equal(s.dry_sequence_breakers.n, 1);
    accept("dry_sequence_breakers", "+");
    assert_int_equal(s.dry_sequence_breakers.n, 2);
    accept_json("{\"dry_sequence_breakers\": [], \"stop_sequences\": \"x\"}"); /* replaces */
    assert_int_equal(s.dry_sequence_breakers.n, 0);
    assert_int_equal(s.stop_sequences.n, 1);
    refuse("stop_sequences", "", "1 to 1024 bytes");
    refuse_json("{\"stop_sequences\": [\"a\", 5]}", "not one with 5", ERR_USAGE);
    refuse_json("{\"stop_sequences\": {\"a\": 1}}", "expected a list of texts, not {\"a\":1}",
                ERR_USAGE);
    assert_int_equal(s.stop_sequences.n, 1); /* a failure changes nothing */
    assert_string_equal(s.stop_sequences.v[0], "x");
}

static void test_caps(void **state)
{
    (void)state;
    char text[LIMIT_STOP_BYTES + 2];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refuse("stop_sequences", text, "not 1025");
    text[LIMIT_STOP_BYTES] = '\0';
    accept("stop_sequences", text);
    for (uint32_t i = 1; i < LIMIT_STOP_SEQUENCES; i++)
        accept("stop_sequences", "x");
    refuse("stop_sequences", "x", "64 texts are the most");
    json_t *object = json_object(), *settings = json_object();
    for (uint32_t i = 0; i < LIMIT_LOGIT_BIAS; i++) {
        snprintf(text, sizeof text, "%u", i);
        json_object_set_new(object, text, json_integer(1));
    }
    json_object_set_new(settings, "logit_bias", object);
    assert_true(settings_from_json(&s, settings, "test", &e));
    accept("logit_bias", "17=2");
    refuse("logit_bias", "4096=2", "4096 tokens are the most");
    json_decref(settings);
}

static void test_order(void **state)
{
    (void)state;
    accept_json("{\"samplers\": [\"temperature\", \"top_p\"]}");
    assert_int_equal(s.samplers[0], SAMPLE_TEMPERATURE);
    assert_int_equal(s.samplers[1], SAMPLE_TOP_P);
    assert_int_equal(s.samplers[2], SAMPLE_END);
    accept("samplers", " dry; min_p,xtc ;penalties");
    assert_int_equal(s.samplers[3], SAMPLE_PENALTIES);
    accept("samplers", "penalties;dry;top_k;typical_p;top_p;min_p;xtc;temperature");
    accept("samplers", "");
    assert_int_equal(s.samplers[0], SAMPLE_END);
    refuse("samplers", "top_k;topp", "unknown sampler \"topp\"; did you mean \"top_p\"?");
    refuse("samplers", "infill", "known are penalties");
    refuse("samplers", "top_k;dry;top_k", "\"top_k\" is named twice");
    refuse_json("{\"samplers\": \"top_k\"}", "expected a list of sampler names", ERR_USAGE);
    refuse_json("{\"samplers\": [null]}", "not one with null", ERR_USAGE);
}

static void test_bias(void **state)
{
    (void)state;
    accept_json("{\"logit_bias\": {\"42\": -5, \"7\": false, \"042\": 1.5}}");
    assert_int_equal(s.n_logit_bias, 2);
    assert_int_equal(s.logit_bias[0].token, 42);
    assert_true(s.logit_bias[0].bias == 1.5f && isinf(s.logit_bias[1].bias));
    accept("logit_bias", "9=2");
    accept("logit_bias", "7=0.5");
    assert_int_equal(s.n_logit_bias, 3);
    assert_true(s.logit_bias[1].bias == 0.5f);
    accept_json("{\"logit_bias\": {}}"); /* replaces */
    assert_int_equal(s.n_logit_bias, 0);
    refuse("logit_bias", "hello=1", "\"hello\" is not a token id");
    refuse("logit_bias", "5", "not \"\"");
    refuse("logit_bias", "5=", "not \"\"");
    refuse("logit_bias", "=1", "\"\" is not a token id");
    refuse("logit_bias", "5=1001", "from -1000 to 1000 or false");
    refuse_json("{\"logit_bias\": {\"99999999\": 1}}", "is not a token id", ERR_USAGE);
    refuse_json("{\"logit_bias\": {\"1\": true}}", "or false, not true", ERR_USAGE);
    refuse_json("{\"logit_bias\": [1]}", "expected an object", ERR_USAGE);
}

static void test_wrong_json(void **state)
{
    (void)state;
    refuse_json("{\"temperatur\": 1}", "unknown key \"temperatur\"; did you mean \"temperature\"?",
                ERR_USAGE);
    refuse_json("{\"gpu_layers_offloaded\": 1}", "moat help run", ERR_USAGE);
    refuse_json("{\"temperature\": \"hot\"}", "expected a number from 0 to 100, not \"hot\"",
                ERR_USAGE);
    refuse_json("{\"top_k\": 2.0}", "expected a whole number", ERR_USAGE);
    refuse_json("{\"top_k\": true}", "not true", ERR_USAGE);
    refuse_json("{\"top_k\": -1}", "not -1", ERR_USAGE);
    refuse_json("{\"max_tokens\": 99999999999}", "from 0 to 16777216, not 99999999999", ERR_USAGE);
    refuse_json("{\"mirostat\": 1}", "version 1", ERR_UNSUPPORTED);
    refuse_json("[1, 2]", "expected a JSON object", ERR_USAGE);
    refuse_json("{\"temperature\": [\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}",
                "aaa...", ERR_USAGE); /* long values are cut in messages */
    refuse_json("{\"temperature\": \"\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d"
                "\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\\u4e2d\"}",
                "中...", ERR_USAGE);
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/moat-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *text = "{\"top_k\": 3, \"top_k\": 4}";
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_false(settings_load(&s, path, &e)); /* twice the same key */
    assert_non_null(strstr(e.msg, path));
    unlink(path);
    assert_false(settings_load(&s, path, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_positions_and_full_contexts),
        TEST(test_config_example),
        TEST(test_every_number_at_its_ends),
        TEST(test_numbers_from_text),
        TEST(test_lists_of_texts),
        TEST(test_caps),
        TEST(test_order),
        TEST(test_bias),
        TEST(test_wrong_json),
        TEST(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
