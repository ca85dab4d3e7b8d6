/* SPDX-License-Identifier: Apache-2.0 */
/* The length of passes over prompts: what passes cost is found out, and short ones do not make
 * themselves shorter. */
#include "run/prompt_pace.h"
#include "test.h"

/* Passes as a machine would take them, of about so many seconds; the last one's tokens. */
static double run(struct prompt_pace *p, double fixed, double each, double seconds, int passes)
{
    double n = 0, cap = 512;
    for (int i = 0; i < passes; i++) {
        n = prompt_pace_tokens(p, seconds);
        n = n > cap ? cap : n < 16 ? 16 : (double)((unsigned)n & ~15u);
        double noise = 1 + 0.05 * ((i * 37 % 11) / 5.0 - 1);
        prompt_pace_note(p, (unsigned)n, (fixed + each * n) * noise);
    }
    return n;
}

static void test_cheap(void **state)
{
    (void)state;
    struct prompt_pace p;
    prompt_pace_init(&p);
    double n = run(&p, 0.008, 0.0004, 0.050, 60); /* (0.050 - 0.008) / 0.0004 = 105 */
    assert_true(n > 70 && n < 140);
    assert_true(p.tps > 1500 && p.tps < 2500);
}

/* A pass costs nearly all that it may take: as much again is read, not the least there is. */
static void test_dear(void **state)
{
    (void)state;
    struct prompt_pace p;
    prompt_pace_init(&p);
    double n = run(&p, 0.045, 0.0004, 0.050, 100); /* (1.25 * 0.050 - 0.045) / 0.0004 = 44 */
    assert_true(n >= 32 && n <= 80);
}

/* What it learned at one length holds at another; and it follows when the machine gets slower. */
static void test_changes(void **state)
{
    (void)state;
    struct prompt_pace p;
    prompt_pace_init(&p);
    assert_true(run(&p, 0.010, 0.0005, 0.400, 30) > 400);
    double n = run(&p, 0.010, 0.0005, 0.050, 40); /* 80 */
    assert_true(n > 48 && n < 112);
    n = run(&p, 0.010, 0.0020, 0.050, 60); /* 20 */
    assert_true(n >= 16 && n <= 32);
    n = run(&p, 0.010, 0.0005, 0.050, 60);
    assert_true(n > 48 && n < 112);
}

/* Whatever is measured, there is a number. */
static void test_odd(void **state)
{
    (void)state;
    struct prompt_pace p;
    prompt_pace_init(&p);
    prompt_pace_note(&p, 0, 1);
    prompt_pace_note(&p, 5, 0);
    for (int i = 0; i < 50; i++)
        prompt_pace_note(&p, 16, 0.05);
    double n = prompt_pace_tokens(&p, 0.05);
    assert_true(n > 0 && n < 1e4);
    for (unsigned i = 1; i < 200; i++) /* the longer, the quicker: no line of ours */
        prompt_pace_note(&p, i, 1.0 / i);
    n = prompt_pace_tokens(&p, 0.05);
    assert_true(n > 0 && n < 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cheap), cmocka_unit_test(test_dear),
                                       cmocka_unit_test(test_changes), cmocka_unit_test(test_odd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
