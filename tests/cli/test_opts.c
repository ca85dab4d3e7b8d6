/* SPDX-License-Identifier: Apache-2.0 */
/* Option parsing: every kind, every spelling, every mistake. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's macro of this name hides base/err's function. */
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#include "base/near.h"
#include "cli/opts.h"

static int never(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static const struct command cmd = {"try", "MODEL [PROMPT]", "tries things", NULL, never};

static struct {
    bool json, stream, helped;
    const char *system;
    uint32_t threads;
    uint64_t seed, memory;
    float temperature;
    char called[64];
    struct args args;
    const char *words[16];
    struct err e;
} got;

static bool append(void *out, struct str value, struct err *e)
{
    if (str_is(value, "bad"))
        return fail(e, ERR_USAGE, "refused");
    size_t n = strlen(out);
    snprintf((char *)out + n, sizeof got.called - n, "[%.*s]", STR_ARG(value));
    return true;
}

static const struct opt table[] = {
    {"", 0, OPT_GROUP, NULL, NULL, "Options", 0, 0, NULL},
    {"json", 'j', OPT_FLAG, &got.json, NULL, "h", 0, 0, NULL},
    {"no-stream", 0, OPT_NO_FLAG, &got.stream, NULL, "h", 0, 0, NULL},
    {"system", 0, OPT_TEXT, &got.system, "TEXT", "h", 0, 0, NULL},
    {"threads", 't', OPT_U32, &got.threads, "N", "h", 1, 1024, NULL},
    {"seed", 0, OPT_U64, &got.seed, "N", "h", 0, 0, NULL},
    {0},
};
static const struct opt more[] = {
    {"memory", 0, OPT_SIZE, &got.memory, "SIZE", "h", 0, 0, NULL},
    {"temperature", 0, OPT_F32, &got.temperature, "T", "h", 0, 100, NULL},
    {"presence", 0, OPT_F32, &got.temperature, "T", "h", -2, 2, NULL},
    {"stop", 0, OPT_CALL, got.called, "TEXT", "h", 0, 0, append},
    {0},
};
static const struct opt *const tables[] = {table, more, NULL};

static bool parse(uint32_t min, uint32_t max, int argc, ...)
{
    char *argv[16] = {(char *)(uintptr_t) "try"};
    va_list ap;
    va_start(ap, argc);
    for (int i = 1; i <= argc; i++)
        argv[i] = va_arg(ap, char *);
    va_end(ap);
    memset(&got, 0, sizeof got);
    got.stream = true;
    got.args.v = got.words;
    return opts_parse(&cmd, tables, argc + 1, argv, &got.args, min, max, &got.helped, &got.e);
}

static void refuses(const char *part, bool parsed)
{
    assert_false(parsed);
    assert_int_equal(got.e.code, ERR_USAGE);
    if (!strstr(got.e.msg, part))
        fail_msg("\"%s\" is not in \"%s\"", part, got.e.msg);
}

static void test_spellings(void **state)
{
    (void)state;
    assert_true(parse(1, 2, 6, "m", "--threads", "4", "--json", "--system=a=b", "hello"));
    assert_int_equal(got.threads, 4);
    assert_true(got.json);
    assert_string_equal(got.system, "a=b");
    assert_int_equal(got.args.n, 2);
    assert_string_equal(got.args.v[1], "hello");
    assert_true(parse(0, 0, 1, "-jt8"));
    assert_true(got.json && got.threads == 8);
    assert_true(parse(0, 0, 2, "-t", "9"));
    assert_int_equal(got.threads, 9);
    assert_true(parse(0, 0, 1, "--no-stream"));
    assert_false(got.stream);
    assert_true(parse(0, 0, 2, "--seed", "18446744073709551615"));
    assert_true(got.seed == UINT64_MAX);
}

static void test_values(void **state)
{
    (void)state;
    assert_true(parse(0, 0, 2, "--presence", "-0.5"));
    assert_true(got.temperature == -0.5f);
    assert_true(parse(0, 0, 3, "--stop=x", "--stop", ""));
    assert_string_equal(got.called, "[x][]");
    assert_true(parse(0, 0, 2, "--system", ""));
    assert_string_equal(got.system, "");
    assert_true(parse(0, 0, 2, "--system", "--unlike any option"));
    assert_string_equal(got.system, "--unlike any option");
}

static void test_arguments(void **state)
{
    (void)state;
    assert_true(parse(1, 2, 3, "-", "--", "--json"));
    assert_int_equal(got.args.n, 2);
    assert_string_equal(got.args.v[0], "-");
    assert_string_equal(got.args.v[1], "--json");
    assert_false(got.json);
    refuses("usage: moat try MODEL [PROMPT]", parse(1, 2, 0));
    refuses("unexpected argument \"c\"", parse(1, 2, 3, "a", "b", "c"));
}

static void test_mistakes(void **state)
{
    (void)state;
    refuses("did you mean --threads?", parse(0, 0, 2, "--thraeds", "4"));
    refuses("see moat help try", parse(0, 0, 1, "--completely-else"));
    refuses("unknown option -x", parse(0, 0, 1, "-x"));
    refuses("--threads needs a value", parse(0, 0, 1, "--threads"));
    refuses("option --json follows", parse(0, 0, 2, "--system", "--json"));
    refuses("takes no value", parse(0, 0, 1, "--json=yes"));
    refuses("not a whole number", parse(0, 0, 1, "--threads=four"));
    refuses("not a whole number", parse(0, 0, 1, "--threads=-1"));
    refuses("not a whole number", parse(0, 0, 1, "--threads="));
    refuses("1 to 1024", parse(0, 0, 1, "--threads=0"));
    refuses("1 to 1024", parse(0, 0, 1, "--threads=1025"));
    refuses("1 to 1024", parse(0, 0, 1, "--threads=4294967300"));
    refuses("not a whole number", parse(0, 0, 1, "--seed=18446744073709551616"));
    refuses("not a number", parse(0, 0, 1, "--temperature=warm"));
    refuses("not a number", parse(0, 0, 1, "--temperature=nan"));
    refuses("0 to 100", parse(0, 0, 1, "--temperature=100.5"));
    refuses("--memory: \"12Q\" is not a size", parse(0, 0, 1, "--memory=12Q"));
    refuses("refused", parse(0, 0, 1, "--stop=bad"));
    refuses("did you mean --help?", parse(0, 0, 1, "--hlep"));
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"4096", 4096},
                {"1K", 1024},
                {"512M", 512ull << 20},
                {"12G", 12ull << 30},
                {"1.5G", 3ull << 29},
                {"2t", 2ull << 40},
                {"12GB", 12ull << 30},
                {"12GiB", 12ull << 30},
                {"7B", 7}};
    static const char *const bad[] = {"",   "G", "-1G", "1.5.G", "1 G",        "GiB",
                                      "1X", "B", "inf", "nan",   "999999999T", "1e30G"};
    struct err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t v = 1;
        if (!opts_size(str_of(good[i].text), &v, &e) || v != good[i].bytes)
            fail_msg("%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t v;
        if (opts_size(str_of(bad[i]), &v, &e))
            fail_msg("\"%s\" is taken for a size", bad[i]);
        assert_int_equal(e.code, ERR_USAGE);
    }
}

static const char *nearest(const char *word)
{
    static const char *const known[] = {"temperature", "top_k", "top_p", "max_tokens", "seed"};
    struct near n;
    near_init(&n, str_of(word));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        near_offer(&n, known[i]);
    return near_best(&n);
}

static void test_near(void **state)
{
    (void)state;
    assert_string_equal(nearest("temprature"), "temperature");
    assert_string_equal(nearest("Temperature"), "temperature");
    assert_string_equal(nearest("max-tokens"), "max_tokens");
    assert_string_equal(nearest("top-q"), "top_k");
    assert_string_equal(nearest("sede"), "seed");
    assert_null(nearest("banana"));
    assert_null(nearest(""));
    char longest[5000];
    memset(longest, 't', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(nearest(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings), cmocka_unit_test(test_values),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_near),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
