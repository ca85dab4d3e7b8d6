/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/workers: everybody runs once, barriers hold, chunks are given out once. */
#include "base/workers.h"

#include <stdatomic.h>
#include <unistd.h>

#include "test.h"

enum { MAX_TEAM = 9, STEPS = 20, CHUNKS = 1000 };

struct shared {
    struct workers *w;
    uint32_t n;
    atomic_uint ran[MAX_TEAM];
    atomic_uint step[MAX_TEAM];
    atomic_uint errors;
    atomic_uint given[CHUNKS];
};

static struct workers *team(uint32_t n)
{
    struct err e;
    struct workers *w = workers_new(n, &e);
    assert_non_null(w);
    assert_int_equal(workers_count(w), n);
    return w;
}

static void run_once(void *arg, uint32_t id)
{
    struct shared *s = arg;
    if (id >= s->n)
        s->errors++;
    else
        s->ran[id]++;
}

static void everybody_runs_once(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MAX_TEAM; n++) {
        static struct shared s;
        s = (struct shared){.w = team(n), .n = n};
        for (uint32_t run = 1; run <= 300; run++) {
            workers_run(s.w, run_once, &s);
            for (uint32_t id = 0; id < n; id++) /* all done when run returns */
                assert_int_equal(s.ran[id], run);
        }
        assert_int_equal(s.errors, 0);
        workers_free(s.w);
    }
}

/* After a barrier everybody has made the step before it, and nobody the one after the next. */
static void walk(void *arg, uint32_t id)
{
    struct shared *s = arg;
    for (unsigned step = 1; step <= STEPS; step++) {
        s->step[id] = step;
        workers_barrier(s->w, id);
        for (uint32_t other = 0; other < s->n; other++)
            if (s->step[other] < step || s->step[other] > step + 1)
                s->errors++;
    }
}

static void barriers_hold(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MAX_TEAM; n++) {
        static struct shared s;
        s = (struct shared){.w = team(n), .n = n};
        for (int run = 0; run < 20; run++) {
            for (uint32_t id = 0; id < n; id++)
                s.step[id] = 0;
            workers_run(s.w, walk, &s);
            assert_int_equal(s.errors, 0);
        }
        workers_free(s.w);
    }
}

/* Two jobs with a barrier between: the second counts its chunks anew. */
static void take_chunks(void *arg, uint32_t id)
{
    struct shared *s = arg;
    uint32_t chunk;
    while (workers_next(s->w, id, CHUNKS, &chunk))
        s->given[chunk]++;
    workers_barrier(s->w, id);
    while (workers_next(s->w, id, CHUNKS / 2, &chunk))
        s->given[chunk]++;
}

static void chunks_are_given_once(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MAX_TEAM; n += 2) {
        static struct shared s;
        s = (struct shared){.w = team(n), .n = n};
        for (unsigned run = 1; run <= 20; run++) {
            workers_run(s.w, take_chunks, &s);
            for (uint32_t i = 0; i < CHUNKS; i++)
                assert_int_equal(s.given[i], i < CHUNKS / 2 ? 2 * run : run);
        }
        workers_free(s.w);
    }
}

static void sleeping_teams_wake(void **state)
{
    (void)state;
    static struct shared s;
    s = (struct shared){.w = team(4), .n = 4};
    for (unsigned run = 1; run <= 5; run++) {
        usleep(20000); /* long past spinning */
        workers_run(s.w, run_once, &s);
        for (uint32_t id = 0; id < 4; id++)
            assert_int_equal(s.ran[id], run);
    }
    usleep(20000);
    workers_free(s.w);
}

static void teams_come_and_go(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++)
        workers_free(team(1 + i % 5)); /* never run */
    workers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_runs_once),   cmocka_unit_test(barriers_hold),
        cmocka_unit_test(chunks_are_given_once), cmocka_unit_test(sleeping_teams_wake),
        cmocka_unit_test(teams_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
