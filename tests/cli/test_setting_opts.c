/* SPDX-License-Identifier: Apache-2.0 */
/* Settings on the command line: each is an option, options override the file, values are shown as
 * they are written. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/setting_opts.h"
#include "test.h"

static struct setting_opts so;
static struct settings s;
static struct err e;

static void give(const char *name, const char *value)
{
    for (const struct opt *o = so.table; o->name; o++)
        if (strcmp(o->name, name) == 0) {
            if (!o->call(o->out, str_of(value), &e))
                fail_msg("--%s %s: %s\n", name, value, e.msg);
            return;
        }
    fail_msg("no option --%s\n", name);
}

static void shows(const char *key, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    setting_show(&s, settings_find(str_of(key)), &out);
    if (strcmp(buf_c(&out), want) != 0)
        fail_msg("%s is shown as %s, not %s\n", key, buf_c(&out), want);
    buf_clear(&out);
}

static void test_shown_as_written(void **state)
{
    (void)state;
    settings_init(&s);
    shows("temperature", "0.8");
    shows("top_k", "40");
    shows("repeat_last_n", "64");
    shows("dry_penalty_last_n", "-1");
    shows("stop_sequences", "[]");
    shows("dry_sequence_breakers", "[\"\\n\",\":\",\"\\\"\",\"*\"]");
    shows("samplers", "penalties;dry;top_k;typical_p;top_p;min_p;xtc;temperature");
    shows("logit_bias", "");
    shows("seed", "another each time");
    setting_opts_init(&so);
    give("logit-bias", "5=-1.5");
    give("logit-bias", "6=false");
    give("seed", "42");
    give("samplers", "xtc,top_k");
    assert_true(setting_opts_apply(&so, NULL, &s, &e));
    shows("logit_bias", "5=-1.5 6=false");
    shows("seed", "42");
    shows("samplers", "xtc;top_k");
    settings_clear(&s);
}

static void test_options_override_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/moat-test-XXXXXX";
    const char *text = "{\"temperature\": 0.1, \"top_k\": 9, \"stop_sequences\": [\"a\", \"b\"]}";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    settings_init(&s);
    setting_opts_init(&so);
    give("top-k", "3");
    give("stop-sequences", "x");
    give("stop-sequences", "y");
    assert_true(setting_opts_apply(&so, path, &s, &e));
    shows("temperature", "0.1");
    shows("top_k", "3");
    shows("stop_sequences", "[\"x\",\"y\"]");
    settings_clear(&s);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown_as_written),
        cmocka_unit_test(test_options_override_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
