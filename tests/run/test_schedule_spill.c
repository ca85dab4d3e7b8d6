/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences that the memory has no more room for come back from disk: to their tenant, with the
 * same answers; what fails there costs time and nothing else. */
#include <stdlib.h>

#include "run/scheduled.h"

enum { FILE_BYTES = 64 << 20 };

/* A file in memory. */
struct disk {
    unsigned char *bytes; /* [FILE_BYTES] */
    uint64_t to, from, farthest;
    uint32_t n_read;
    bool broken; /* reading fails */
};

static uint64_t disk_bytes(uint64_t n)
{
    return n;
}

static bool disk_write_begin(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    struct disk *d = arg;
    (void)e;
    assert_true(at + n <= FILE_BYTES);
    assert_true(owner.n == 0 || str_starts(owner, STR("key:"))); /* as the job's tenant */
    d->to = at;
    d->farthest = at + n > d->farthest ? at + n : d->farthest;
    return true;
}

static bool disk_write(void *arg, const void *p, size_t n, struct err *e)
{
    struct disk *d = arg;
    (void)e;
    memcpy(d->bytes + d->to, p, n);
    d->to += n;
    return true;
}

static bool disk_read_begin(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e)
{
    struct disk *d = arg;
    (void)e, (void)owner;
    assert_true(at + n <= FILE_BYTES);
    d->from = at;
    d->n_read++;
    return true;
}

static bool disk_read(void *arg, void *p, size_t n, struct err *e)
{
    struct disk *d = arg;
    memcpy(p, d->bytes + d->from, n);
    d->from += n;
    return !d->broken || fail(e, ERR_CORRUPT, "broken");
}

static void open_with_disk(struct opened *o, const char *model, struct load_options load,
                           struct disk *d, uint64_t most)
{
    struct err e;
    *d = (struct disk){.bytes = malloc(FILE_BYTES)};
    assert_non_null(d->bytes);
    open_model(o, model, load, 1024, 0);
    const struct spill_file f = {
        d, most, disk_bytes, disk_write_begin, disk_write, disk_read_begin, disk_read};
    check(schedule_spill(o->s, &f, &e), &e);
}

static const struct load_options two_places = {.n_parallel = 1, .n_kept = 1};

static json_t *ask_words(uint32_t seed, const char *tenant)
{
    struct buf words;
    long_text(&words, 500, seed);
    json_t *job = ask(buf_c(&words), 8);
    json_object_set_new(job, "tenant", json_string(tenant));
    buf_clear(&words);
    return job;
}

/* A prompt of its own for each seed; the job has ended, and what is to be written is. */
static struct told *tell(struct opened *o, uint64_t id, uint32_t seed, const char *tenant)
{
    submit(o, id, ask_words(seed, tenant));
    run_all(o);
    assert_int_equal(o->told[id].error.err.code, ERR_NONE);
    return &o->told[id];
}

static void what_was_thrown_out_comes_back(void **state)
{
    static const char *const models[] = {"smollm2", "gemma3"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct opened o;
        struct disk d;
        struct schedule_stats s;
        open_with_disk(&o, models[i], two_places, &d, FILE_BYTES);
        const struct told *first = tell(&o, 1, 1, "key:a");
        for (uint32_t j = 2; j < 5; j++)
            assert_true(tell(&o, j, j, "key:a")->n_reused < 16);
        const struct told *again = tell(&o, 5, 1, "key:a");
        assert_true(again->n_reused > 400 && again->n_reused == again->done.n_reused);
        assert_string_equal(buf_c(&again->text), buf_c(&first->text));
        assert_int_equal(again->started, 1);
        schedule_stats(o.s, &s);
        assert_true(s.spill.n_read == 1 && s.spill.n_written >= 2 && s.spill.n_failed == 0);
        assert_int_equal(s.spill.read_tokens, again->n_reused);
        assert_true(s.spill.bytes <= FILE_BYTES && d.farthest <= FILE_BYTES);

        assert_true(tell(&o, 6, 1, "key:b")->n_reused < 16); /* another's */
        assert_int_equal(d.n_read, 1);
        for (uint32_t j = 7; j < 10; j++)
            (void)tell(&o, j, j, "key:a");
        d.broken = true;
        const struct told *anew = tell(&o, 10, 1, "key:a");
        assert_true(d.n_read == 2 && anew->n_reused < 16);
        assert_string_equal(buf_c(&anew->text), buf_c(&first->text));
        schedule_stats(o.s, &s);
        assert_int_equal(s.spill.n_failed, 1);
        free(d.bytes);
        close_model(&o);
    }
}

/* The longest unused goes; what is larger than the file is not written. */
static void the_file_has_its_bound(void **state)
{
    struct opened o;
    struct disk d;
    struct schedule_stats s;
    (void)state;
    open_with_disk(&o, "smollm2", two_places, &d,
                   30 << 20); /* one such prompt has 15 MiB or less */
    for (uint32_t j = 1; j < 7; j++)
        (void)tell(&o, j, j, "key:a");
    schedule_stats(o.s, &s);
    assert_true(s.spill.n >= 1 && s.spill.n < s.spill.n_written && s.spill.bytes <= 30 << 20);
    assert_true(d.farthest <= 30 << 20);
    assert_true(tell(&o, 7, 1, "key:a")->n_reused < 16);
    free(d.bytes);
    close_model(&o);

    open_with_disk(&o, "smollm2", two_places, &d, 1 << 20);
    for (uint32_t j = 1; j < 5; j++)
        (void)tell(&o, j, j, "key:a");
    schedule_stats(o.s, &s);
    assert_true(s.spill.n == 0 && s.spill.bytes == 0 && d.farthest == 0);
    free(d.bytes);
    close_model(&o);
}

/* A job that is given up while its beginning is read, and one that comes meanwhile. */
static void a_cancel_ends_reading(void **state)
{
    struct opened o;
    struct disk d;
    (void)state;
    open_with_disk(&o, "smollm2", two_places, &d, FILE_BYTES);
    for (uint32_t j = 1; j < 5; j++)
        (void)tell(&o, j, j, "key:a");
    submit(&o, 5, ask_words(1, "key:a"));
    (void)schedule_step(o.s);
    if (!o.told[5].ended)
        assert_true(schedule_cancel(o.s, 5));
    assert_true(o.told[5].ended);
    submit(&o, 6, ask_words(1, "key:a"));
    run_all(&o);
    assert_true(o.told[6].n_reused > 400);
    assert_string_equal(buf_c(&o.told[6].text), buf_c(&o.told[1].text));
    free(d.bytes);
    close_model(&o);
}

/* What is read back has its place beside what was promised to others: none is broken off. */
static void little_memory_is_enough(void **state)
{
    struct opened o;
    struct disk d;
    struct schedule_stats s;
    struct load_options load = {.n_parallel = 4, .n_kept = 4};
    (void)state;
    open_model(&o, "smollm2", load, 1024, 0);
    load.memory = o.plan.total - o.plan.kv + o.plan.kv * 3 / 16; /* for a context and a half */
    close_model(&o);
    open_with_disk(&o, "smollm2", load, &d, FILE_BYTES);
    for (uint32_t j = 1; j < 7; j++)
        (void)tell(&o, j, j, "key:a");
    for (uint32_t j = 1; j < 7; j++) {
        submit(&o, 5 + 2 * j, ask_words(j, "key:a"));
        submit(&o, 6 + 2 * j, ask("Once upon a time,", 300));
    }
    run_all(&o);
    for (uint32_t id = 7; id < 19; id++)
        assert_true(o.told[id].ended && o.told[id].error.err.code == ERR_NONE);
    for (uint32_t j = 1; j < 7; j++)
        assert_string_equal(buf_c(&o.told[5 + 2 * j].text), buf_c(&o.told[j].text));
    schedule_stats(o.s, &s);
    print_message("# %u blocks of memory, %u sequences read back\n", s.kv_blocks,
                  (uint32_t)s.spill.n_read);
    assert_true(s.spill.n_read > 0);
    free(d.bytes);
    close_model(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_thrown_out_comes_back),
        cmocka_unit_test(the_file_has_its_bound),
        cmocka_unit_test(a_cancel_ends_reading),
        cmocka_unit_test(little_memory_is_enough),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
