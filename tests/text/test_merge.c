/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/merge: rows of every length give what merging the best pair again and again gives.
 *
 * Symbols are small numbers; which pairs merge, with what priority and into what, is a random
 * table, so priorities repeat and new pairs may come before old ones. */
#include "base/os.h"
#include "test.h"
#include "text/merge.h"

enum { KINDS = 40 };

struct table {
    uint32_t priority[KINDS][KINDS], id[KINDS][KINDS]; /* priority 0: may not merge */
};

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void fill(struct table *t, uint32_t priorities, uint32_t density)
{
    for (size_t a = 0; a < KINDS; a++)
        for (size_t b = 0; b < KINDS; b++) {
            t->priority[a][b] = below(100) < density ? 1 + below(priorities) : 0;
            t->id[a][b] = below(KINDS);
        }
}

static bool table_pair(const void *arg, const char *text, const struct symbol *a,
                       const struct symbol *b, uint32_t *priority, uint32_t *id)
{
    const struct table *t = arg;
    (void)text;
    *priority = t->priority[a->id][b->id];
    *id = t->id[a->id][b->id];
    return *priority != 0;
}

static size_t naive(const struct table *t, struct symbol *s, size_t n)
{
    for (;;) {
        size_t best = n;
        uint32_t least = UINT32_MAX;
        for (size_t i = 0; i + 1 < n; i++)
            if (t->priority[s[i].id][s[i + 1].id] && t->priority[s[i].id][s[i + 1].id] < least) {
                best = i;
                least = t->priority[s[i].id][s[i + 1].id];
            }
        if (best == n)
            return n;
        s[best].id = t->id[s[best].id][s[best + 1].id];
        s[best].n += s[best + 1].n;
        n--;
        memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
    }
}

static void same(const struct table *t, size_t n, uint32_t kinds)
{
    struct err e = {0};
    struct symbol *a = mem_new(n, sizeof *a, &e), *b = mem_new(n, sizeof *b, &e);
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] = (struct symbol){(uint32_t)i, 1, below(kinds)};
    size_t want = naive(t, b, n), got = n;
    assert_true(merge_row(t, "", table_pair, a, &got, &e));
    assert_int_equal(got, want);
    assert_memory_equal(a, b, want * sizeof *a);
    mem_free(a);
    mem_free(b);
}

static void rows_of_every_length(void **unused)
{
    (void)unused;
    struct table t;
    for (size_t n = 0; n < 3 * MERGE_SHORT; n++) {
        fill(&t, 1 + below(50), 5 + below(90));
        same(&t, n, 1 + below(KINDS));
    }
}

static void long_rows(void **unused)
{
    (void)unused;
    struct table t;
    for (size_t round = 0; round < 20; round++) {
        fill(&t, round % 2 ? 3 : 1000, 20 + below(60));
        same(&t, 1000 + below(2000), 1 + below(KINDS));
    }
}

/* Long enough that the heap becomes a run more than once. */
static void very_long_rows(void **unused)
{
    (void)unused;
    struct table t = {0};
    /* symbol k and k make k + 1, as in the vocabulary of a text of one letter */
    for (size_t k = 0; k + 1 < KINDS; k++) {
        t.priority[k][k] = (uint32_t)k + 1;
        t.id[k][k] = (uint32_t)k + 1;
    }
    same(&t, 20000, 1);
    same(&t, 20000, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_length),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(very_long_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
