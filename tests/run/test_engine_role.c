/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's process, driven over its line as the front drives it: forked, with a socket pair. */
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/json.h"
#include "run/engine_role.h"
#include "run/job.h"
#include "run/real_model.h"

struct engine {
    pid_t pid;
    int line;
    struct job_reader reader;
};

static bool accounts; /* of the next engine */

static void run_engine(const char *path, uint32_t n_ctx, int line)
{
    struct packed_params pack = {0};
    struct memplan plan;
    struct settings s;
    struct err e = {0};
    settings_init(&s);
    s.context_window = n_ctx;
    s.temperature = 0;
    struct engine_role r = {.g = gguf_open(path, &e),
                            .settings = &s,
                            .load = {.pack = &pack, .n_parallel = 4, .n_kept = 2},
                            .accounts = accounts,
                            .in = line,
                            .out = line};
    bool ok = r.g && engine_role_run(&r, &plan, &e);
    if (!ok)
        fprintf(stderr, "# engine: %s\n", e.msg);
    settings_clear(&s);
    _exit(ok ? 0 : err_exit_status(e.code));
}

static void start(struct engine *en, const char *path, uint32_t n_ctx)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    en->pid = fork();
    assert_true(en->pid >= 0);
    if (en->pid == 0) {
        close(pair[0]);
        run_engine(path, n_ctx, pair[1]);
    }
    close(pair[1]);
    en->line = pair[0];
    job_reader_init(&en->reader, false);
}

static int stop(struct engine *en)
{
    int status = 0;
    close(en->line);
    assert_int_equal(waitpid(en->pid, &status, 0), en->pid);
    job_reader_clear(&en->reader);
    return status;
}

static void say(const struct engine *en, enum job_kind kind, uint64_t id, const char *payload)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    job_put(&out, kind, id, str_of(payload));
    assert_int_equal(write(en->line, out.p, out.n), (ssize_t)out.n);
    buf_clear(&out);
}

/* The next message; false at the end of the line. */
static bool hear(struct engine *en, struct job_message *m)
{
    char piece[4096];
    struct err e;
    bool got;
    for (;;) {
        if (!job_next(&en->reader, m, &got, &e))
            fail_msg("%s", e.msg);
        if (got)
            return true;
        ssize_t n = read(en->line, piece, sizeof piece);
        if (n <= 0)
            return false;
        assert_true(job_feed(&en->reader, piece, (size_t)n, &e));
    }
}

static void hear_kind(struct engine *en, struct job_message *m, enum job_kind kind)
{
    if (!hear(en, m) || m->kind != kind)
        fail_msg("message %d, not %d: %.*s", (int)m->kind, (int)kind, STR_ARG(m->payload));
}

/* All of an answer up to its end. */
static void hear_answer(struct engine *en, struct buf *text, struct job_done *d)
{
    struct job_message m;
    struct job_text t;
    struct err e;
    buf_reset(text);
    hear_kind(en, &m, JOB_STARTED);
    while (hear(en, &m) && m.kind == JOB_TEXT) {
        assert_true(job_text(&m, &t, &e));
        buf_str(text, t.text);
    }
    assert_int_equal(m.kind, JOB_DONE);
    assert_true(job_done(&m, d, &e));
}

static void expect_error(struct engine *en, uint64_t id, const char *job, enum err_code code,
                         const char *field)
{
    struct job_message m;
    struct job_error p;
    struct err e;
    say(en, JOB_SUBMIT, id, job);
    hear_kind(en, &m, JOB_ERROR);
    assert_true(job_error(&m, &p, &e));
    assert_int_equal(m.id, id);
    assert_int_equal(p.err.code, code);
    assert_string_equal(p.field, field);
}

static void expect_result(struct engine *en, uint64_t id, const char *job, const char *result)
{
    struct job_message m;
    say(en, JOB_SUBMIT, id, job);
    hear_kind(en, &m, JOB_RESULT);
    assert_int_equal(m.id, id);
    if (!str_is(m.payload, result))
        fail_msg("%.*s is not %s", STR_ARG(m.payload), result);
}

static void an_engine_answers_over_its_line(void **state)
{
    char path[1024];
    struct engine en;
    struct job_message m;
    struct job_done d;
    struct buf text;
    struct err e;
    (void)state;
    start(&en, real_model("smollm2", path), 2048);
    buf_init(&text, 1 << 20);
    hear_kind(&en, &m, JOB_READY);
    json_t *facts = job_json(&m, &e);
    assert_int_equal(json_integer_value(json_object_get(facts, "n_ctx")), 2048);
    assert_true(json_is_true(json_object_get(facts, "template")));
    assert_true(json_integer_value(json_object_get(facts, "n_params")) > 100000000);
    json_decref(facts);
    say(&en, JOB_SUBMIT, 1,
        "{\"task\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a long story "
        "about the sea.\"}],\"settings\":{\"max_tokens\":32}}");
    hear_answer(&en, &text, &d);
    assert_true(text.n > 0 && d.n_generated == 32 && d.n_prompt > 10 && d.first_token_s > 0);
    assert_string_equal(d.finish, "length");
    say(&en, JOB_SUBMIT, 1,
        "{\"task\":\"text\",\"prompt\":\"The capital of France "
        "is\",\"settings\":{\"max_tokens\":8,\"stop_sequences\":[\".\"]}}");
    hear_answer(&en, &text, &d);
    assert_non_null(strstr(buf_c(&text), "Paris"));
    expect_result(&en, 2, "{\"task\":\"tokenize\",\"prompt\":\"Hello world\"}",
                  "{\"tokens\":[19556,905]}");
    expect_result(&en, 3, "{\"task\":\"detokenize\",\"prompt\":[19556,905]}",
                  "{\"content\":\"Hello world\"}");
    say(&en, JOB_STATS, 4, "");
    hear_kind(&en, &m, JOB_STATS);
    json_t *stats = job_json(&m, &e);
    assert_int_equal(json_integer_value(json_object_get(stats, "n_ended")), 2);
    assert_int_equal(json_array_size(json_object_get(stats, "slots")), 4);
    json_decref(stats);
    say(&en, JOB_SHUTDOWN, 0, "");
    assert_false(hear(&en, &m));
    assert_int_equal(stop(&en), 0);
    buf_clear(&text);
}

static void what_is_wrong_is_said_and_survived(void **state)
{
    char path[1024];
    struct engine en;
    struct job_message m;
    struct job_done d;
    struct buf text;
    (void)state;
    start(&en, real_model("smollm2", path), 2048);
    buf_init(&text, 1 << 20);
    hear_kind(&en, &m, JOB_READY);
    expect_error(&en, 1, "{", ERR_USAGE, "");
    expect_error(&en, 2, "{\"task\":\"x\"}", ERR_USAGE, "task");
    expect_error(&en, 3, "{\"task\":\"infill\",\"prompt\":\"a\"}", ERR_UNSUPPORTED, "");
    expect_error(&en, 4, "{\"task\":\"chat\",\"messages\":[{\"role\":7}]}", ERR_USAGE, "messages");
    say(&en, JOB_CANCEL, 99, ""); /* none of ours */
    say(&en, JOB_SUBMIT, 5,
        "{\"task\":\"text\",\"prompt\":\"One, two, three, four, five, six, seven, eight, nine,\"}");
    hear_kind(&en, &m, JOB_STARTED);
    say(&en, JOB_CANCEL, 5, "");
    while (hear(&en, &m) && m.kind == JOB_TEXT)
        ;
    assert_int_equal(m.kind, JOB_DONE);
    assert_non_null(strstr(m.payload.p, "\"cancelled\""));
    say(&en, JOB_SUBMIT, 6,
        "{\"task\":\"text\",\"prompt\":\"One, two, three, four, five, six, seven, eight, "
        "nine,\",\"settings\":{\"max_tokens\":4}}");
    hear_answer(&en, &text, &d);
    assert_true(d.n_reused > 0);
    assert_string_equal(d.finish, "length");
    /* what is no message ends the line, and the engine says why */
    say(&en, JOB_READY, 7, "{}");
    assert_false(hear(&en, &m));
    int status = stop(&en);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == err_exit_status(ERR_CORRUPT));
    buf_clear(&text);
}

static void an_engine_ends_when_its_line_does(void **state)
{
    char path[1024];
    struct engine en;
    struct job_message m;
    (void)state;
    start(&en, real_model("smollm2", path), 2048);
    hear_kind(&en, &m, JOB_READY);
    say(&en, JOB_SUBMIT, 1, "{\"task\":\"text\",\"prompt\":\"On and on\"}");
    hear_kind(&en, &m, JOB_STARTED);
    assert_int_equal(stop(&en), 0);
}

/* Against the vectors that NumPy made (tests/data/embed), all sent before one is read. */
static void texts_become_vectors(void **state)
{
    struct engine en;
    struct job_message m;
    struct err e;
    char job[1024];
    size_t i, n = 0;
    const json_t *item;
    (void)state;
    json_t *cases = json_read_file("tests/data/embed/bert.json", 1 << 20, &e);
    assert_non_null(cases);
    start(&en, "tests/data/embed/bert.gguf", 0);
    hear_kind(&en, &m, JOB_READY);
    json_array_foreach(cases, i, item)
    {
        json_t *text = json_object_get(item, "text");
        if (!json_object_get(item, "mean"))
            continue;
        json_t *j = json_pack("{ss sO}", "task", "embed", "prompt", text);
        size_t bytes = json_dumpb(j, job, sizeof job - 1, 0);
        assert_true(bytes < sizeof job);
        job[bytes] = '\0';
        say(&en, JOB_SUBMIT, i + 1, job);
        json_decref(j);
        n++;
    }
    assert_true(n > 1);
    for (size_t done = 0; done < n; done++) {
        double square = 0, worst = 0;
        hear_kind(&en, &m, JOB_RESULT);
        json_t *result = job_json(&m, &e), *got = json_object_get(result, "embedding");
        const json_t *want = json_object_get(json_array_get(cases, m.id - 1), "mean");
        assert_int_equal(json_array_size(got), json_array_size(want));
        for (size_t k = 0; k < json_array_size(want); k++)
            square += pow(json_number_value(json_array_get(want, k)), 2);
        for (size_t k = 0; k < json_array_size(want); k++)
            worst = fmax(worst, fabs(json_number_value(json_array_get(got, k)) -
                                     json_number_value(json_array_get(want, k)) / sqrt(square)));
        assert_true(worst < 0.02);
        json_decref(result);
    }
    expect_error(&en, 900, "{\"task\":\"text\",\"prompt\":\"a\"}", ERR_UNSUPPORTED, "");
    expect_error(&en, 901, "{\"task\":\"embed\",\"prompt\":7}", ERR_USAGE, "prompt");
    expect_error(&en, 902, "{\"task\":\"embed\",\"prompt\":[2,99999,3]}", ERR_USAGE, "prompt");
    expect_error(&en, 903, "{\"task\":\"embed\",\"prompt\":[]}", ERR_USAGE, "prompt");
    say(&en, JOB_SUBMIT, 904, "{\"task\":\"embed\",\"prompt\":[2,4,3]}");
    hear_kind(&en, &m, JOB_RESULT);
    json_t *result = job_json(&m, &e);
    assert_int_equal(json_integer_value(json_object_get(result, "n_prompt")), 3);
    json_decref(result);
    assert_int_equal(stop(&en), 0);
    json_decref(cases);
}

static json_t *hear_json(struct engine *en, enum job_kind kind, const char *key, json_int_t *v)
{
    struct job_message m;
    struct err e;
    hear_kind(en, &m, kind);
    assert_int_equal(m.id, 0);
    json_t *j = job_json(&m, &e);
    *v = json_integer_value(json_object_get(j, key));
    return j;
}

/* How far packing is: at least once, never less than before. *m is what comes after it. */
static void hear_loading(struct engine *en, struct job_message *m)
{
    json_int_t before = 0;
    struct err e;
    while (hear(en, m) && m->kind == JOB_LOADING) {
        json_t *j = job_json(m, &e);
        json_int_t done = json_integer_value(json_object_get(j, "done"));
        json_int_t total = json_integer_value(json_object_get(j, "total"));
        assert_true(done >= before && done > 0 && done <= total && total > 1 << 20);
        before = done;
        json_decref(j);
    }
    assert_true(before > 0);
    assert_int_equal(m->kind, JOB_READY);
}

/* Asks and is given `bytes`, or told to end where that is 0; how it ended. */
static int ask_for_memory(const char *path, json_int_t bytes, json_int_t *least, json_int_t *most)
{
    char text[64];
    struct engine en;
    struct job_message m;
    struct err e;
    json_int_t total = 0, blocks = 0;
    start(&en, path, 256);
    json_t *plan = hear_json(&en, JOB_PLAN, "least", least);
    *most = json_integer_value(json_object_get(plan, "most"));
    json_decref(plan);
    snprintf(text, sizeof text, "{\"bytes\":%lld}", (long long)bytes);
    say(&en, bytes ? JOB_GRANT : JOB_SHUTDOWN, 0, bytes ? text : "");
    if (bytes >= *least) {
        hear_loading(&en, &m);
        json_t *ready = job_json(&m, &e);
        total = json_integer_value(json_object_get(json_object_get(ready, "memory"), "total"));
        json_decref(ready);
        assert_true(total > 0 && total <= bytes);
        json_decref(hear_json(&en, JOB_STATS, "kv_blocks", &blocks)); /* unasked */
        assert_true(blocks >= 256 / 16);
    } else {
        assert_false(hear(&en, &m));
    }
    return stop(&en);
}

static void an_engine_takes_the_memory_it_is_given(void **state)
{
    char path[1024];
    json_int_t least = 0, most = 0, again;
    (void)state;
    real_model("smollm2", path);
    accounts = true;
    assert_int_equal(ask_for_memory(path, 0, &least, &most), 0);
    assert_true(least > 0 && most > least);
    assert_int_equal(ask_for_memory(path, least, &again, &most), 0);
    assert_int_equal(again, least);
    assert_int_equal(ask_for_memory(path, most, &least, &most), 0);
    int status = ask_for_memory(path, least - 1, &least, &most);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), err_exit_status(ERR_LIMIT));
    accounts = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_answers_over_its_line),
        cmocka_unit_test(what_is_wrong_is_said_and_survived),
        cmocka_unit_test(an_engine_ends_when_its_line_does),
        cmocka_unit_test(texts_become_vectors),
        cmocka_unit_test(an_engine_takes_the_memory_it_is_given),
    };
    signal(SIGPIPE, SIG_IGN);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
