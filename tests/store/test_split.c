/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the parts of a split model: which are some, and what the others are called. */
#include <string.h>

#include "store/split.h"
#include "test.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *second;
        uint32_t no, count;
    } cases[] = {{"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", 1, 3},
                 {"hf:o/r/q/m-00003-of-00003.gguf@v1", "hf:o/r/q/m-00002-of-00003.gguf@v1", 3, 3},
                 {"https://h/a-00001-of-00002/m-00002-of-01024.gguf?x=-00001-of-",
                  "https://h/a-00001-of-00002/m-00002-of-01024.gguf?x=-00001-of-", 2, 1024},
                 {"-00001-of-00002.gguf", "-00002-of-00002.gguf", 1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct split s;
        char out[200];
        struct err e;
        if (!split_find(&s, cases[i].text))
            fail_msg("%s is no part", cases[i].text);
        assert_int_equal(s.no, cases[i].no);
        assert_int_equal(s.count, cases[i].count);
        assert_true(split_text(&s, cases[i].text, 2, out, sizeof out, &e));
        assert_string_equal(out, cases[i].second);
        assert_false(split_text(&s, cases[i].text, 2, out, 8, &e));
    }
}

static void test_others(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "m.gguf",
                                        "m-00001-of-00001.gguf",
                                        "m-00000-of-00002.gguf",
                                        "m-00003-of-00002.gguf",
                                        "m-00001-of-01025.gguf",
                                        "m-00001-of-99999.gguf",
                                        "m-0001-of-00002.gguf",
                                        "m-00001-of-00002.bin",
                                        "m-00001-of-0000x.gguf",
                                        "m-00001-of-00002.ggu",
                                        "m_00001-of-00002.gguf",
                                        "m-00001_of-00002.gguf"};
    struct split s;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (split_find(&s, texts[i]))
            fail_msg("%s is taken for a part", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
