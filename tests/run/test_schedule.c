/* SPDX-License-Identifier: Apache-2.0 */
/* Many answers at once: each is the one that run/generate gives alone, whatever runs beside it;
 * what is shared and kept is not computed again; short jobs overtake; cancels, deadlines, a full
 * queue and little memory end or delay what they must and nothing else. */
#include <math.h>

#include "alloc_fail.h"
#include "run/generate.h"
#include "run/scheduled.h"

/* --- the same as alone ------------------------------------------------------------------------ */

static const char *const prompts[] = {
    "The capital of France is",
    "Once upon a time, in a village by the sea, there lived",
    "1, 2, 3, 4,",
    "def fibonacci(n):\n    ",
    "Water boils at",
    "The three primary colours are red,",
    "Roses are red,",
    "In 1969, the first human",
    "My favourite book is",
    "A recipe for bread: take flour,",
};
enum { PROMPTS = sizeof prompts / sizeof *prompts, ANSWER = 24 };

static bool add_piece(void *arg, struct str text)
{
    buf_str(arg, text);
    return true;
}

static void alone(const char *name, uint32_t n_ctx, struct buf text[PROMPTS])
{
    struct settings s;
    struct load_options load = {.pack = &pack};
    struct memplan plan;
    struct generation r;
    struct err e;
    char path[1024];
    settings_init(&s);
    s.context_window = n_ctx;
    s.temperature = 0;
    s.max_tokens = ANSWER;
    struct gguf *file = gguf_open(real_model(name, path), &e);
    struct generator *g = file ? generator_open(file, &s, &load, &plan, &e) : NULL;
    check(g != NULL, &e);
    for (uint32_t i = 0; i < PROMPTS; i++) {
        buf_init(&text[i], 1 << 16);
        check(generate(g, str_of(prompts[i]), &s, NULL, add_piece, &text[i], &r, &e), &e);
        assert_true(text[i].n > 0);
    }
    generator_close(g);
    settings_clear(&s);
}

static void each_is_as_alone(const char *name, uint32_t n_parallel)
{
    struct opened o;
    struct buf want[PROMPTS];
    alone(name, 512, want);
    open_model(&o, name, (struct load_options){.n_parallel = n_parallel, .n_kept = 2}, 512, 0);
    for (uint32_t i = 0; i < PROMPTS; i++) {
        submit(&o, i + 1, ask(prompts[i], ANSWER));
        if (i % 3 == 0)
            (void)schedule_step(o.s); /* they come while others run */
    }
    run_all(&o);
    for (uint32_t i = 0; i < PROMPTS; i++) {
        const struct told *t = &o.told[i + 1];
        assert_true(t->ended && t->started == 1 && t->error.err.code == ERR_NONE);
        assert_string_equal(buf_c(&t->text), buf_c(&want[i]));
        assert_int_equal(t->n_ids, t->done.n_generated);
        buf_clear(&want[i]);
    }
    close_model(&o);
}

static void eight_at_once_are_each_as_alone(void **state)
{
    (void)state;
    each_is_as_alone("smollm2", 8);
}

static void more_than_a_pass_takes_are_each_as_alone(void **state)
{
    (void)state;
    each_is_as_alone("smollm2", 10);
}

static void so_are_those_of_a_model_with_windows(void **state)
{
    (void)state;
    each_is_as_alone("gemma3", 4);
}

/* --- guesses -----------------------------------------------------------------------------------
 */

enum { REPEATED = 5 };

/* Prompts that repeat themselves, and the same beside them that do not. */
static json_t *repeated(uint32_t i, const char *how, bool drawn)
{
    static const char *const text[REPEATED] = {
        "def add(a, b):\n    return a + b\n\n\ndef add(a, b):\n    return a + b\n\n\n"
        "def add(a, b):\n    return a + b\n\n\ndef add(a, b):\n",
        "red, green, blue, red, green, blue, red, green, blue, red, green,",
        "A recipe for bread: take flour,",
        "1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3",
        "Once upon a time, in a village by the sea, there lived",
    };
    return json_pack("{ss ss si s{si ss sf si}}", "task", "text", "prompt", text[i], "logprobs", 1,
                     "settings", "max_tokens", 60, "speculation", how, "temperature",
                     drawn ? 0.8 : 0.0, "seed", 11);
}

/* Arrays told in pieces, however they were cut. */
static void assert_same_pieces(const struct buf *a, const struct buf *b)
{
    const char *p = buf_c(a), *q = buf_c(b);
    for (; *p || *q; p++, q++) {
        bool cut_p = strncmp(p, "][", 2) == 0, cut_q = strncmp(q, "][", 2) == 0;
        assert_true(*p == *q || (cut_p && *q == ',') || (cut_q && *p == ','));
        p += cut_p;
        q += cut_q;
    }
}

/* Guessed ahead or not, alone or beside others, drawn or not: the same texts, ids and logprobs. */
static void guesses_change_no_answer(const char *model, bool drawn)
{
    struct opened off, on;
    struct schedule_stats stats;
    open_model(&off, model, (struct load_options){.n_parallel = 1, .n_kept = 1}, 512, 0);
    open_model(&on, model, (struct load_options){.n_parallel = 3, .n_kept = 1}, 512, 0);
    for (uint32_t i = 0; i < REPEATED; i++) {
        submit(&off, i + 1, repeated(i, "off", drawn));
        submit(&on, i + 1, repeated(i, "lookup", drawn));
        (void)schedule_step(on.s);
    }
    run_all(&off);
    run_all(&on);
    for (uint32_t i = 1; i <= REPEATED; i++) {
        const struct told *a = &off.told[i], *b = &on.told[i];
        assert_true(a->text.n > 0 && a->done.n_guessed == 0);
        assert_string_equal(buf_c(&a->text), buf_c(&b->text));
        assert_int_equal(b->n_ids, b->done.n_generated);
        assert_int_equal(a->n_ids, b->n_ids);
        assert_same_pieces(&a->logprobs, &b->logprobs);
        assert_true(b->done.n_right <= b->done.n_guessed);
    }
    schedule_stats(on.s, &stats);
    print_message("# %s: %llu of %llu guesses held\n", model, (unsigned long long)stats.n_right,
                  (unsigned long long)stats.n_guessed);
    assert_true(stats.n_guessed > 10 && (drawn || stats.n_right > 10));
    close_model(&off);
    close_model(&on);
}

static void guesses_change_nothing(void **state)
{
    (void)state;
    guesses_change_no_answer("smollm2", false);
    guesses_change_no_answer("smollm2", true);
    guesses_change_no_answer("gemma3", false);
}

/* What was guessed and did not hold is not there for the next that begins like it. */
static void wrong_guesses_are_not_reused(void **state)
{
    struct opened o;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 2, .n_kept = 2}, 512, 0);
    for (uint32_t i = 1; i <= 3; i++) { /* the second and third go on where the first ended */
        submit(&o, i, repeated(1, i == 2 ? "off" : "lookup", false));
        run_all(&o);
        assert_string_equal(buf_c(&o.told[i].text), buf_c(&o.told[1].text));
    }
    assert_true(o.told[3].done.n_reused > 0);
    close_model(&o);
}

/* --- what is there already -------------------------------------------------------------------- */

static void a_second_turn_reuses_the_first(void **state)
{
    struct opened o;
    struct buf words;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 2, .n_kept = 2}, 4096, 0);
    long_text(&words, 1200, 1);
    json_t *talk = json_pack("[{ss ss}]", "role", "user", "content", buf_c(&words));
    submit(
        &o, 1,
        json_pack("{ss sO s{si}}", "task", "chat", "messages", talk, "settings", "max_tokens", 16));
    run_all(&o);
    json_array_append_new(
        talk, json_pack("{ss ss}", "role", "assistant", "content", buf_c(&o.told[1].text)));
    json_array_append_new(talk, json_pack("{ss ss}", "role", "user", "content", "Go on."));
    submit(
        &o, 2,
        json_pack("{ss sO s{si}}", "task", "chat", "messages", talk, "settings", "max_tokens", 4));
    run_all(&o);
    const struct job_done *d = &o.told[2].done;
    print_message("# %u of %u tokens reused\n", d->n_reused, d->n_prompt);
    assert_true(o.told[2].ended && d->n_prompt > 1200);
    assert_true(d->n_reused >= o.told[1].done.n_prompt); /* and the answer, as it tokenises alike */
    uint32_t there = o.told[1].done.n_prompt + o.told[1].done.n_generated;
    assert_true(d->n_reused * 100 >= there * 99);
    /* another tenant gets nothing of it */
    submit(&o, 3,
           json_pack("{ss sO ss s{si}}", "task", "chat", "messages", talk, "tenant", "other",
                     "settings", "max_tokens", 1));
    run_all(&o);
    assert_int_equal(o.told[3].done.n_reused, 0);
    assert_string_equal(o.told[3].done.differs, "");
    /* a line in front that changes: it says so, and where */
    json_array_insert_new(talk, 0, json_pack("{ss ss}", "role", "system", "content", "Monday"));
    submit(
        &o, 4,
        json_pack("{ss sO s{si}}", "task", "chat", "messages", talk, "settings", "max_tokens", 1));
    run_all(&o);
    assert_true(o.told[4].done.n_reused < 64);
    json_decref(talk);
    buf_clear(&words);
    close_model(&o);
}

static void several_answers_read_their_prompt_once(void **state)
{
    enum { N = 4 };
    struct opened o;
    struct buf words;
    struct schedule_stats stats;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 4, .n_kept = 1}, 1024, 0);
    long_text(&words, 300, 2);
    for (uint32_t i = 1; i <= N; i++)
        submit(&o, i,
               json_pack("{ss ss si s{si sf si}}", "task", "text", "prompt", buf_c(&words),
                         "choice", i, "settings", "max_tokens", 12, "temperature", 1.0, "seed", 7));
    run_all(&o);
    schedule_stats(o.s, &stats);
    uint32_t computed = (uint32_t)(stats.n_prompt - stats.n_reused), n = o.told[1].done.n_prompt;
    print_message("# %u tokens read for %d answers to a prompt of %u\n", computed, N, n);
    assert_true(computed < n + N * 16); /* for less than 16 tokens nobody waits */
    assert_string_not_equal(buf_c(&o.told[1].text), buf_c(&o.told[2].text));
    /* a choice that is asked for alone is the same again */
    char *second = strdup(buf_c(&o.told[2].text));
    submit(&o, 9,
           json_pack("{ss ss si s{si sf si}}", "task", "text", "prompt", buf_c(&words), "choice", 2,
                     "settings", "max_tokens", 12, "temperature", 1.0, "seed", 7));
    run_all(&o);
    assert_string_equal(buf_c(&o.told[9].text), second);
    free(second);
    buf_clear(&words);
    close_model(&o);
}

static void what_breaks_a_prefix_is_said(void **state)
{
    struct opened o;
    struct buf words, text;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 1, .n_kept = 2}, 1024, 0);
    long_text(&words, 200, 3);
    buf_init(&text, 1 << 16);
    for (uint32_t i = 1; i <= 2; i++) {
        buf_reset(&text);
        buf_fmt(&text,
                "You are a careful assistant that answers with few words and never guesses. "
                "Today is day %u of the month. %s",
                i * 7, buf_c(&words));
        submit(&o, i, ask(buf_c(&text), 1));
        run_all(&o);
    }
    const struct job_done *d = &o.told[2].done;
    print_message("# same: %u, then \"%s\"\n", d->n_same, d->differs);
    assert_true(d->n_same >= 16 && d->n_same < 64);
    assert_non_null(strstr(d->differs, "of the month"));
    buf_clear(&text);
    buf_clear(&words);
    close_model(&o);
}

/* --- who goes first --------------------------------------------------------------------------- */

/* False: too many of the steps were late, as on a machine that others use. */
static bool short_jobs_overtake(void)
{
    struct opened o;
    struct buf words;
    double slowest = 0;
    uint32_t over = 0, steps = 0;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 2, .n_kept = 0}, 4096, 0);
    long_text(&words, 3000, 4);
    submit(&o, 1, ask(buf_c(&words), 4));
    (void)schedule_step(o.s);
    submit(&o, 2, ask("The sky is", 8));
    while (!o.told[2].ended) {
        uint64_t t0 = os_now_ns();
        assert_true(schedule_step(o.s));
        double ms = (double)(os_now_ns() - t0) * 1e-6;
        slowest = fmax(slowest, ms);
        over += ms > 100;
        steps++;
    }
    print_message("# %u steps beside a long prompt, slowest %.0f ms\n", steps, slowest);
    assert_false(o.told[1].ended);
    assert_true(schedule_cancel(o.s, 1));
    assert_true(o.told[1].ended && !schedule_cancel(o.s, 1));
    assert_string_equal(o.told[1].done.finish, "cancelled");
    assert_false(schedule_step(o.s));
    buf_clear(&words);
    close_model(&o);
    return over * 4 <= steps;
}

static void short_jobs_overtake_and_cancels_are_quick(void **state)
{
    (void)state;
    assert_true(short_jobs_overtake() || short_jobs_overtake() || short_jobs_overtake());
}

static void submit_waited(struct opened *o, uint64_t id, json_t *job, uint32_t seconds)
{
    struct prepared *p = prepare(o, id, job);
    p->arrived_ns -= seconds * 1000000000ull;
    schedule_submit(o->s, p);
}

/* However long it has waited: that is worth a place, not the places of all others. */
static void a_long_prompt_does_not_become_urgent(void **state)
{
    struct opened o;
    struct buf words;
    uint32_t steps = 0;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 2, .n_kept = 0}, 4096, 0);
    long_text(&words, 3000, 4);
    submit_waited(&o, 1, ask(buf_c(&words), 4), 600);
    (void)schedule_step(o.s);
    submit(&o, 2, ask("The sky is", 2));
    while (!o.told[2].ended && steps++ < 4)
        assert_true(schedule_step(o.s));
    assert_true(o.told[2].ended && !o.told[1].ended);
    assert_true(schedule_cancel(o.s, 1));
    buf_clear(&words);
    close_model(&o);
}

static uint32_t tokens_of(const struct opened *o, uint64_t id)
{
    struct schedule_slot slot = {0};
    for (uint32_t i = 0; slot.id != id && i < schedule_slots(o->s); i++)
        schedule_slot(o->s, i, &slot);
    return slot.id == id ? slot.n_tokens : 0;
}

/* Nor is it starved: while shorter ones come one after another it is read on in. */
static void a_long_prompt_has_its_share(void **state)
{
    enum { SHORT = 12 };
    struct opened o;
    struct buf words;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = SHORT + 1, .n_kept = 0}, 4096, 0);
    long_text(&words, 3000, 4);
    submit(&o, 1, ask(buf_c(&words), 4));
    (void)schedule_step(o.s);
    uint32_t before = tokens_of(&o, 1);
    for (uint32_t i = 0; i < SHORT; i++) {
        buf_clear(&words);
        long_text(&words, 400, 10 + i);
        submit(&o, 2 + i, ask(buf_c(&words), 1));
    }
    for (uint32_t i = 0; i < 5; i++)
        (void)schedule_step(o.s);
    assert_true(!o.told[1].ended && o.n_ended < SHORT);
    assert_true(tokens_of(&o, 1) > before);
    buf_clear(&words);
    close_model(&o);
}

/* Alone it is read in long pieces, and cancelled inside one; what runs next does not notice. */
static void a_cancel_stops_a_pass(void **state)
{
    static const char *const models[] = {"smollm2", "gemma3"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct opened o;
        struct buf words, want[PROMPTS];
        alone(models[i], 512, want);
        open_model(&o, models[i], (struct load_options){.n_parallel = 2, .n_kept = 0}, 512, 0);
        long_text(&words, 380, 6);
        submit(&o, 1, ask(buf_c(&words), 4));
        o.cancel = 1;
        o.cancel_at = 7;
        run_all(&o);
        assert_string_equal(o.told[1].done.finish, "cancelled");
        assert_int_equal(o.told[1].done.n_generated, 0);
        submit(&o, 2, ask(prompts[0], ANSWER));
        submit(&o, 3, ask(buf_c(&words), 1));
        run_all(&o);
        assert_string_equal(buf_c(&o.told[2].text), buf_c(&want[0]));
        assert_int_equal(o.told[3].done.n_reused, 0);
        for (uint32_t j = 0; j < PROMPTS; j++)
            buf_clear(&want[j]);
        buf_clear(&words);
        close_model(&o);
    }
}

/* A paused answer stands still, others are as alone, and when it goes on so is it. */
static void a_pause_holds_one_answer(void **state)
{
    struct opened o;
    struct buf want[PROMPTS];
    (void)state;
    alone("smollm2", 512, want);
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 2, .n_kept = 0}, 512, 0);
    submit(&o, 1, ask(prompts[0], ANSWER));
    submit(&o, 2, ask(prompts[1], ANSWER));
    while (o.told[1].n_ids < 5 || o.told[2].n_ids < 1)
        assert_true(schedule_step(o.s));
    submit(&o, 3, ask(prompts[2], ANSWER)); /* waits for a place */
    assert_true(schedule_pause(o.s, 1, true) && schedule_pause(o.s, 3, true));
    assert_false(schedule_pause(o.s, 9, true));
    uint32_t before = o.told[1].n_ids;
    run_all(&o);
    assert_true(o.told[2].ended && !o.told[1].ended && !o.told[3].ended);
    assert_true(o.told[1].n_ids == before && o.told[3].n_ids <= 1);
    assert_string_equal(buf_c(&o.told[2].text), buf_c(&want[1]));
    assert_true(schedule_pause(o.s, 3, false));
    run_all(&o);
    assert_string_equal(buf_c(&o.told[3].text), buf_c(&want[2]));
    submit(&o, 4, ask(prompts[3], ANSWER)); /* beside one that stands still */
    run_all(&o);
    assert_string_equal(buf_c(&o.told[4].text), buf_c(&want[3]));
    assert_true(schedule_pause(o.s, 1, false));
    run_all(&o);
    assert_string_equal(buf_c(&o.told[1].text), buf_c(&want[0]));
    json_t *late = ask(prompts[4], ANSWER);
    json_object_set_new(late, "deadline_ms", json_integer(2000));
    submit(&o, 5, late);
    submit(&o, 6, ask(prompts[5], ANSWER));
    while (o.told[5].n_ids < 2 || o.told[6].n_ids < 2)
        assert_true(schedule_step(o.s) && !o.told[5].ended);
    assert_true(schedule_pause(o.s, 5, true) && schedule_pause(o.s, 6, true));
    assert_true(schedule_cancel(o.s, 6)); /* a pause keeps nothing alive */
    for (uint64_t end = os_now_ns() + 5000000000u; !o.told[5].ended && os_now_ns() < end;)
        (void)schedule_step(o.s);
    assert_string_equal(o.told[5].done.finish, "deadline");
    assert_string_equal(o.told[6].done.finish, "cancelled");
    for (uint32_t i = 0; i < PROMPTS; i++)
        buf_clear(&want[i]);
    close_model(&o);
}

static void a_full_queue_says_when_to_come_again(void **state)
{
    struct opened o;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 1, .n_kept = 0}, 512, 2);
    for (uint32_t i = 1; i <= 3; i++) {
        submit(&o, i, ask(prompts[i], 4));
        if (i == 1)
            (void)schedule_step(o.s);
    }
    submit(&o, 4, ask("One too many", 4));
    assert_true(o.told[4].ended);
    assert_int_equal(o.told[4].error.err.code, ERR_BUSY);
    assert_in_range(o.told[4].error.retry_s, 1, 60);
    run_all(&o);
    for (uint32_t i = 1; i <= 3; i++)
        assert_string_equal(o.told[i].done.finish, "length");
    close_model(&o);
}

static void a_deadline_ends_what_is_late(void **state)
{
    struct opened o;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 1, .n_kept = 0}, 512, 0);
    submit(
        &o, 1,
        json_pack("{ss ss si}", "task", "text", "prompt", "Count: one, two,", "deadline_ms", 300));
    submit(&o, 2, json_pack("{ss ss si}", "task", "text", "prompt", "Hello", "deadline_ms", 1));
    run_all(&o);
    assert_true(strcmp(o.told[1].done.finish, "deadline") == 0 ||
                strcmp(o.told[1].done.finish, "end") == 0);
    assert_true(o.told[1].done.first_token_s + o.told[1].done.decode_s < 5);
    assert_true(o.told[2].error.err.code == ERR_BUSY || /* or it was quick, and then cut */
                strcmp(o.told[2].done.finish, "deadline") == 0);
    close_model(&o);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void little_memory_delays_and_breaks_nothing_off(void **state)
{
    struct opened o;
    struct buf want[PROMPTS];
    struct schedule_stats stats;
    (void)state;
    alone("smollm2", 512, want);
    /* a budget with room for one context and a half */
    struct load_options load = {.n_parallel = 4, .n_kept = 4};
    open_model(&o, "smollm2", load, 512, 0);
    load.memory = o.plan.total - o.plan.kv + o.plan.kv * 3 / 16;
    close_model(&o);
    open_model(&o, "smollm2", load, 512, 0);
    schedule_stats(o.s, &stats);
    print_message("# %u blocks of memory\n", stats.kv_blocks);
    assert_in_range(stats.kv_blocks, 512 / 16, 512 / 16 * 2 - 1);
    for (uint32_t i = 0; i < PROMPTS; i++)
        submit(&o, i + 1, i % 2 ? ask(prompts[i], ANSWER) : ask(prompts[i], 300));
    run_all(&o);
    for (uint32_t i = 0; i < PROMPTS; i++) {
        const struct told *t = &o.told[i + 1];
        assert_int_equal(t->error.err.code, ERR_NONE);
        assert_true(t->ended);
        assert_true(str_starts(buf_view(&t->text), buf_view(&want[i])));
        buf_clear(&want[i]);
    }
    close_model(&o);
}

static void decoding_does_not_allocate(void **state)
{
    struct opened o;
    (void)state;
    if (!ALLOC_FAIL_WORKS)
        skip();
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 8, .n_kept = 0}, 512, 0);
    for (uint32_t i = 0; i < 8; i++) {
        submit(&o, i + 1,
               json_pack("{ss ss s{s{sb sb sb}}}", "task", "text", "prompt", prompts[i + 1],
                         "settings", "logit_bias", "0", 0, "1", 0, "2", 0)); /* no end */
        for (uint32_t j = 0; j < 4096; j++) /* what this test does with the text needs no more */
            buf_byte(&o.told[i + 1].text, ' ');
        buf_reset(&o.told[i + 1].text);
    }
    for (uint32_t i = 0; i < 40; i++)
        assert_true(schedule_step(o.s));
    assert_int_equal(o.n_ended, 0);
    alloc_fail_arm(1000000, false);
    for (uint32_t i = 0; i < 20; i++)
        (void)schedule_step(o.s);
    long n = alloc_fail.n;
    alloc_fail_disarm();
    assert_int_equal(o.n_ended, 0);
    assert_int_equal(n, 0);
    close_model(&o);
}

/* --- what a job may be ------------------------------------------------------------------------ */

static void jobs_are_refused_with_their_field(void **state)
{
    static const struct {
        const char *job, *field;
        enum err_code code;
    } cases[] = {
        {"[]", "", ERR_USAGE},
        {"{", "", ERR_USAGE},
        {"{\"task\":\"dance\"}", "task", ERR_USAGE},
        {"{\"task\":\"text\"}", "prompt", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"\"}", "", ERR_NONE}, /* BOS to start from */
        {"{\"task\":\"text\",\"prompt\":[99999999]}", "prompt", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":[49152]}", "prompt", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"settings\":{\"top_p\":7}}", "top_p", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"settings\":{\"topp\":1}}", "topp", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"grammar\":\"root ::=\"}", "grammar", ERR_NONE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"grammar\":\"root := (\"}", "grammar", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"schema\":7}", "schema", ERR_USAGE},
        {"{\"task\":\"text\",\"prompt\":\"a\",\"logprobs\":21}", "logprobs", ERR_USAGE},
        {"{\"task\":\"chat\",\"messages\":[]}", "messages", ERR_USAGE},
        {"{\"task\":\"embed\",\"prompt\":\"a\"}", "", ERR_UNSUPPORTED},
    };
    struct opened o;
    struct err e;
    struct buf words;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 1}, 256, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prepared *p =
            prepared_new(&o.l, &o.settings, 1, str_of(cases[i].job), os_now_ns(), &e);
        assert_non_null(p);
        bool right = cases[i].code == ERR_NONE ||
                     (p->error.err.code != ERR_NONE && strcmp(p->error.field, cases[i].field) == 0);
        if (!right)
            fail_msg("%s: %d %s, field \"%s\"", cases[i].job, (int)p->error.err.code,
                     p->error.err.msg, p->error.field);
        if (cases[i].code == ERR_UNSUPPORTED)
            assert_int_equal(p->error.err.code, ERR_UNSUPPORTED);
        prepared_free(p);
    }
    long_text(&words, 400, 5);
    struct prepared *p = prepare(&o, 1, ask(buf_c(&words), 1));
    assert_int_equal(p->error.err.code, ERR_LIMIT);
    assert_true(p->error.n_prompt >= 400 && p->error.n_ctx == 256);
    assert_string_equal(p->error.field, "prompt");
    prepared_free(p);
    buf_clear(&words);
    close_model(&o);
}

static double number(const json_t *entry, const char *key)
{
    return json_number_value(json_object_get(entry, key));
}

static void logprobs_are_of_the_tokens(void **state)
{
    struct opened o;
    struct err e;
    (void)state;
    open_model(&o, "smollm2", (struct load_options){.n_parallel = 1}, 256, 0);
    submit(&o, 1,
           json_pack("{ss ss si sb s{si}}", "task", "text", "prompt", prompts[0], "logprobs", 3,
                     "stream", 0, "settings", "max_tokens", 5));
    run_all(&o);
    assert_int_equal(o.told[1].n_parts, 1);
    json_t *list = json_parse(buf_view(&o.told[1].logprobs), "logprobs", &e);
    check(list != NULL, &e);
    assert_int_equal(json_array_size(list), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *entry = json_array_get(list, i), *top = json_object_get(entry, "top");
        double sum = 0;
        assert_int_equal(json_array_size(top), 3);
        for (size_t j = 0; j < 3; j++)
            sum += exp(number(json_array_get(top, j), "logprob"));
        assert_true(sum > 0.05 && sum <= 1.0001);
        /* greedy: the most likely */
        assert_true(number(json_array_get(top, 0), "id") == number(entry, "id"));
        assert_true(fabs(number(json_array_get(top, 0), "logprob") - number(entry, "logprob")) <
                    1e-9);
    }
    json_decref(list);
    close_model(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_at_once_are_each_as_alone),
        cmocka_unit_test(more_than_a_pass_takes_are_each_as_alone),
        cmocka_unit_test(so_are_those_of_a_model_with_windows),
        cmocka_unit_test(guesses_change_nothing),
        cmocka_unit_test(wrong_guesses_are_not_reused),
        cmocka_unit_test(a_second_turn_reuses_the_first),
        cmocka_unit_test(several_answers_read_their_prompt_once),
        cmocka_unit_test(what_breaks_a_prefix_is_said),
        cmocka_unit_test(short_jobs_overtake_and_cancels_are_quick),
        cmocka_unit_test(a_long_prompt_does_not_become_urgent),
        cmocka_unit_test(a_long_prompt_has_its_share),
        cmocka_unit_test(a_cancel_stops_a_pass),
        cmocka_unit_test(a_pause_holds_one_answer),
        cmocka_unit_test(a_full_queue_says_when_to_come_again),
        cmocka_unit_test(a_deadline_ends_what_is_late),
        cmocka_unit_test(little_memory_delays_and_breaks_nothing_off),
        cmocka_unit_test(decoding_does_not_allocate),
        cmocka_unit_test(jobs_are_refused_with_their_field),
        cmocka_unit_test(logprobs_are_of_the_tokens),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
