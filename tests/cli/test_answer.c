/* SPDX-License-Identifier: Apache-2.0 */
/* The split of an answer into thinking and text must not depend on how the text is cut into pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's macro of this name hides base/err's function. */
#undef fail

#include "cli/answer.h"

static const struct {
    const char *prompt, *raw, *thinking, *text;
} cases[] = {
    {"", "plain", "", "plain"},
    {"", "", "", ""},
    {"", "<think>why</think>because", "why", "because"},
    {"", "\n<think>\nwhy\n\n</think>\n\nbecause\n", "why", "because\n"},
    {"", "<think>\n\n</think>\n\nno thought", "", "no thought"},
    {"", "<think>never closed", "never closed", ""},
    {"", "<think>cut </thi", "cut </thi", ""},
    {"", "<thin", "", "<thin"},
    {"", "<thinking>is another tag", "", "<thinking>is another tag"},
    {"", "say <think>x</think>", "", "say <think>x</think>"}, /* only at the very start */
    {"", "<think>a < b </ c</think>d", "a < b </ c", "d"},
    {"", "<think>a</think>b</think>c", "a", "b</think>c"},
    {"user: hi\n<think>\n", "why</think>because", "why", "because"},
    {"<think>", "", "", ""},
    {"", "  indented", "", "  indented"},
    {"", "<think>\xe4\xbd\xa0</think>\xe5\xa5\xbd", "\xe4\xbd\xa0", "\xe5\xa5\xbd"},
};

static void check(size_t i, size_t step)
{
    struct answer a;
    struct str raw = str_of(cases[i].raw);
    struct err e;
    assert_true(answer_begin(&a, NULL, NULL, str_of(cases[i].prompt), true, &e));
    for (size_t at = 0; at < raw.n; at += step)
        assert_true(answer_piece(&a, str_sub(raw, at, step)));
    assert_true(answer_end(&a, &e));
    if (strcmp(buf_c(&a.raw), cases[i].raw) != 0 ||
        strcmp(buf_c(&a.reasoning), cases[i].thinking) != 0 ||
        strcmp(buf_c(&a.content), cases[i].text) != 0) {
        print_error("\"%s\" by %zu: thinking \"%s\", text \"%s\"\n", cases[i].raw, step,
                    buf_c(&a.reasoning), buf_c(&a.content));
        _fail(__FILE__, __LINE__);
    }
    answer_clear(&a);
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 24; step++)
            check(i, step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_cut)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
