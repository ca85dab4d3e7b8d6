/* SPDX-License-Identifier: Apache-2.0 */
/* Model names: what is taken, and that nothing else can become a path. */
#include <stdio.h>

#include "store/name.h"
#include "test.h"

static void accept(const char *text, const char *model, const char *tag)
{
    struct name n;
    struct err e;
    if (!name_parse(&n, str_of(text), &e))
        fail_msg("%s refused: %s\n", text, e.msg);
    assert_string_equal(n.model, model);
    assert_string_equal(n.tag, tag);
}

static void refuse(struct str text)
{
    struct name n;
    struct err e;
    if (name_parse(&n, text, &e))
        fail_msg("\"%.*s\" accepted as %s\n", STR_ARG(text), n.text);
    assert_int_equal(e.code, ERR_USAGE);
}

static void test_names(void **state)
{
    (void)state;
    accept("smollm2", "smollm2", "latest");
    accept("smollm2:135m", "smollm2", "135m");
    accept("Qwen2.5-Coder_x:Q4_K_M", "Qwen2.5-Coder_x", "Q4_K_M");
    accept("7", "7", "latest");
    accept("a..b:1", "a..b", "1"); /* odd, but safe: no slash can come near it */
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         ":",    "a:",  ":a",    "a:b:c", "a/b",  "../a",
                                      "a:../b",   ".",    "..",  ".a",    "a:.b",  "a.",   "a:b.",
                                      "-a",       "_a",   "a b", "a\tb",  "a\n",   "a\\b", "a:b/c",
                                      "\xc3\xa9", "a*",   "a?",  "a;b",   "$a",    "a|b",  "a\"",
                                      "/abs",     "a:/b", "~",   "C:\\x", "a%2f",  "a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(str_of(bad[i]));
    refuse((struct str){"a\0b", 3});
    refuse((struct str){NULL, 0});
}

static void test_lengths(void **state)
{
    (void)state;
    char text[2 * NAME_PART + 3];
    memset(text, 'x', sizeof text);
    text[NAME_PART] = ':';
    struct name n;
    struct err e;
    assert_true(name_parse(&n, (struct str){text, 2 * NAME_PART + 1}, &e));
    assert_int_equal(strlen(n.text), 2 * NAME_PART + 1);
    refuse((struct str){text, 2 * NAME_PART + 2});
    refuse((struct str){text + NAME_PART + 1, NAME_PART + 1});
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(name_is_path(STR("./a")) && name_is_path(STR("a/b")) && name_is_path(STR("/")));
    assert_true(name_is_path(STR("model.gguf")) && name_is_path(STR("model.GGUF")));
    assert_false(name_is_path(STR("model")) || name_is_path(STR("gguf")) || name_is_path(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
