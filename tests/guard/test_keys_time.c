/* SPDX-License-Identifier: Apache-2.0 */
/* Does the time of a key's check say how much of its hash was right?
 *
 * After Reparaz, Balasch and Verbauwhede, "dude, is my code constant time?" (2017): a fixed class
 * and another are measured in random order, the slowest measurements are cropped, and Welch's t
 * says whether their means differ: |t| < 4.5 is no evidence of it. Here the stored hash differs
 * from that of the key that is given in its first byte, or in its last one only. A comparison that
 * stops at the first difference is measured too: the test must notice that one.
 *
 * MOAT_SAMPLES: how many (100,000); tests/guard/keys_time.check.py takes 1,000,000. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "guard/keys.h"
#include "test.h"

enum { BATCH = 16 }; /* checks in one measurement: the clock's own grain is no finer */

struct sample {
    bool last; /* the class */
    double ns;
};

static uint64_t seed = 88172645463325252u;

static bool coin(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed >> 40 & 1;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;
    return (x > y) - (x < y);
}

/* Welch's t of the two classes among the first n. */
static double welch(const struct sample *s, size_t n)
{
    double mean[2] = {0}, square[2] = {0}, count[2] = {0};
    for (size_t i = 0; i < n; i++) {
        bool c = s[i].last;
        double d = s[i].ns - mean[c];
        count[c]++;
        mean[c] += d / count[c];
        square[c] += d * (s[i].ns - mean[c]);
    }
    double spread = square[0] / (count[0] - 1) / count[0] + square[1] / (count[1] - 1) / count[1];
    return (mean[0] - mean[1]) / sqrt(spread);
}

/* The largest |t| of several croppings: a difference may show in the quick ones only. */
static double worst(struct sample *s, size_t n)
{
    static const double parts[] = {0.5, 0.75, 0.9, 0.97};
    double most = 0;
    qsort(s, n, sizeof *s, by_time);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double t = fabs(welch(s, (size_t)((double)n * parts[i])));
        most = t > most ? t : most;
    }
    return most;
}

static const struct key *match(const struct keys *k, struct str text)
{
    return keys_match(k, text);
}

/* What nobody should write. */
static const struct key *match_early(const struct keys *k, struct str text)
{
    struct hash h;
    const volatile uint8_t *a = k->v[0].hash.b;
    if (keys_match(k, text) || !hash_of(&text, 1, &h, NULL))
        return k->v;
    for (size_t i = 0; i < HASH_BYTES; i++)
        if (a[i] != h.b[i])
            return NULL;
    return k->v;
}

static double measure(const struct key *(*check)(const struct keys *, struct str), size_t n)
{
    static const struct key_terms usual = {.scopes = KEY_USUAL};
    struct keys k = {0};
    struct err e;
    char text[KEY_TEXT + 1];
    struct hash wrong[2];
    struct sample *s = mem_new(n, sizeof *s, &e);
    assert_true(s && keys_add(&k, STR("a"), &usual, text, &e));
    wrong[0] = wrong[1] = k.v[0].hash;
    wrong[0].b[0] ^= 1;
    wrong[1].b[HASH_BYTES - 1] ^= 1;
    for (size_t i = 0; i < n; i++) {
        s[i].last = coin();
        memcpy(&k.v[0].hash, &wrong[s[i].last], sizeof wrong[0]);
        uint64_t t0 = os_now_ns();
        for (int j = 0; j < BATCH; j++)
            assert_null(check(&k, (struct str){text, KEY_TEXT}));
        s[i].ns = (double)(os_now_ns() - t0);
    }
    double t = worst(s, n);
    keys_clear(&k);
    mem_free(s);
    return t;
}

static void test_time(void **state)
{
    (void)state;
    const char *asked = getenv("MOAT_SAMPLES");
    if (getenv("MOAT_SANITIZED")) /* it has times of its own */
        skip();
    size_t n = asked ? strtoul(asked, NULL, 10) : 100000;
    double t = 0, early = measure(match_early, n / 4);
    for (int tries = 0; tries < 3; tries++) { /* a machine that does other things wanders */
        t = measure(match, n);
        print_message("# %zu measurements of %d checks: |t| %.2f; of one that stops early %.1f\n",
                      n, BATCH, t, early);
        if (t < 4.5)
            break;
    }
    assert_true(t < 4.5);
    assert_true(early > 4.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
