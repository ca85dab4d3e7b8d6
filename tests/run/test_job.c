/* SPDX-License-Identifier: Apache-2.0 */
/* The line between front and engine: what is written is read, however it is cut; what is cut off,
 * changed or none of ours is an error or waits for more, and never more than that. */
#include <stdlib.h>

#include "run/job.h"
#include "test.h"

static const uint32_t ids[] = {1, 70000, 3};

/* One message of each kind that the engine sends. */
static void fill(struct buf *out)
{
    struct job_done d = {.finish = "stop",
                         .stop = "\n\n",
                         .n_prompt = 7,
                         .n_reused = 4,
                         .n_generated = 9,
                         .decode_s = 0.25,
                         .seed = 1ull << 52,
                         .n_same = 3,
                         .differs = "the date is"};
    struct job_error p = {.field = "messages", .retry_s = 2, .n_prompt = 9000, .n_ctx = 8192};
    json_t *ready = json_pack("{si}", "n_ctx", 8192);
    fail(&p.err, ERR_LIMIT, "too long");
    job_put_json(out, JOB_READY, 0, ready);
    job_put_started(out, 5, 7, 4);
    job_put_text(out, 5, JOB_CONTENT, STR("h\xc3\xa9"), ids, 3, STR("[{\"id\":1}]"));
    job_put_text(out, 5, JOB_REASONING, STR(""), NULL, 0, STR(""));
    job_put_done(out, 5, &d);
    job_put(out, JOB_RESULT, 6, STR("{\"tokens\":[1]}"));
    job_put_error(out, UINT64_MAX, &p);
    job_put(out, JOB_STATS, 7, STR("{}"));
    json_decref(ready);
    assert_false(out->bad);
}

static void read_text(const struct job_message *m, uint32_t n)
{
    struct job_text t;
    struct err e;
    assert_true(job_text(m, &t, &e));
    assert_int_equal(t.part, n == 2 ? JOB_CONTENT : JOB_REASONING);
    assert_true(str_is(t.text, n == 2 ? "h\xc3\xa9" : ""));
    assert_true(str_is(t.logprobs, n == 2 ? "[{\"id\":1}]" : ""));
    assert_int_equal(t.n_ids, n == 2 ? 3 : 0);
    for (uint32_t i = 0; i < t.n_ids; i++)
        assert_int_equal(job_text_id(&t, i), ids[i]);
}

static void read_end(const struct job_message *m)
{
    struct job_done d;
    struct job_error p;
    struct err e;
    if (m->kind == JOB_DONE) {
        assert_true(job_done(m, &d, &e));
        assert_string_equal(d.finish, "stop");
        assert_string_equal(d.stop, "\n\n");
        assert_string_equal(d.differs, "the date is");
        assert_true(d.n_prompt == 7 && d.n_reused == 4 && d.n_generated == 9 && d.n_same == 3);
        assert_true(d.seed == 1ull << 52 && d.decode_s > 0.249 && d.decode_s < 0.251);
    } else {
        assert_true(job_error(m, &p, &e));
        assert_int_equal(m->id, UINT64_MAX);
        assert_int_equal(p.err.code, ERR_LIMIT);
        assert_string_equal(p.err.msg, "too long");
        assert_string_equal(p.field, "messages");
        assert_true(p.retry_s == 2 && p.n_prompt == 9000 && p.n_ctx == 8192);
    }
}

static void check_message(const struct job_message *m, uint32_t n)
{
    static const enum job_kind kinds[] = {JOB_READY, JOB_STARTED, JOB_TEXT,  JOB_TEXT,
                                          JOB_DONE,  JOB_RESULT,  JOB_ERROR, JOB_STATS};
    uint32_t n_prompt, n_reused;
    struct err e;
    assert_true(n < 8);
    assert_int_equal(m->kind, kinds[n]);
    if (m->kind == JOB_TEXT)
        read_text(m, n);
    else if (m->kind == JOB_DONE || m->kind == JOB_ERROR)
        read_end(m);
    else if (m->kind == JOB_STARTED)
        assert_true(job_started(m, &n_prompt, &n_reused, &e) && n_prompt == 7 && n_reused == 4);
}

static void what_is_written_is_read_in_any_pieces(void **state)
{
    struct buf line;
    struct err e;
    (void)state;
    buf_init(&line, 1 << 20);
    fill(&line);
    for (size_t piece = 1; piece < line.n + 3; piece += 1 + piece / 3) {
        struct job_reader r;
        struct job_message m;
        uint32_t n = 0;
        bool got = true;
        job_reader_init(&r, false);
        for (size_t at = 0; at < line.n; at += piece) {
            struct str part = str_sub(buf_view(&line), at, piece);
            assert_true(job_feed(&r, part.p, part.n, &e));
            while (job_next(&r, &m, &got, &e) && got)
                check_message(&m, n++);
            assert_false(got);
        }
        assert_int_equal(n, 8);
        job_reader_clear(&r);
    }
    buf_clear(&line);
}

/* Whatever the bytes: whole messages, a broken line, or a wait; payloads parse or fail. */
static uint32_t read_anything(struct str bytes, bool to_engine)
{
    struct job_reader r;
    struct job_message m;
    struct job_text t;
    struct job_done d;
    struct job_error p;
    struct err e = {0};
    uint32_t n = 0, a, b;
    bool got = true;
    job_reader_init(&r, to_engine);
    assert_true(job_feed(&r, bytes.p, bytes.n, &e));
    while (job_next(&r, &m, &got, &e) && got) {
        n++;
        e.msg[0] = '\0';
        assert_true(job_started(&m, &a, &b, &e) || e.msg[0]);
        assert_true(job_done(&m, &d, &e) || e.msg[0]);
        assert_true(job_error(&m, &p, &e) || e.msg[0]);
        if (job_text(&m, &t, &e) && t.n_ids)
            (void)job_text_id(&t, t.n_ids - 1);
    }
    job_reader_clear(&r);
    return n;
}

/* A copy of exact size, so that a sanitizer sees a byte too far. */
static void read_copy(struct str s, bool to_engine)
{
    char *copy = malloc(s.n + 1);
    assert_non_null(copy);
    memcpy(copy, s.p, s.n);
    (void)read_anything((struct str){copy, s.n}, to_engine);
    free(copy);
}

static void cut_and_changed_lines_are_survived(void **state)
{
    struct buf line;
    uint32_t random = 1;
    (void)state;
    buf_init(&line, 1 << 20);
    fill(&line);
    assert_int_equal(read_anything(buf_view(&line), true), 0);
    for (size_t n = 0; n <= line.n; n++)
        read_copy(str_sub(buf_view(&line), 0, n), false);
    for (uint32_t round = 0; round < 20000; round++) {
        random = random * 1664525u + 1013904223u;
        size_t at = (random >> 8) % line.n;
        char old = line.p[at];
        line.p[at] = (char)(random >> 24);
        read_copy(buf_view(&line), round & 1);
        line.p[at] = old;
    }
    buf_clear(&line);
}

static void a_length_beyond_the_limit_breaks_the_line(void **state)
{
    unsigned char head[JOB_HEAD] = {1, 0, 0, 4, JOB_SUBMIT};
    struct job_reader r;
    struct job_message m;
    struct err e;
    bool got;
    (void)state;
    job_reader_init(&r, true);
    assert_true(job_feed(&r, head, sizeof head, &e));
    assert_false(job_next(&r, &m, &got, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    job_reader_clear(&r);
    struct buf out;
    buf_init(&out, 1 << 20);
    job_put(&out, JOB_CANCEL, 1, STR(""));
    size_t n = out.n;
    struct str big = {calloc(1, 2 << 20), 2 << 20};
    job_put(&out, JOB_SUBMIT, 1, big); /* does not fit: nothing of it is written */
    assert_true(out.bad && out.n == n);
    free((void *)(uintptr_t)big.p);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_any_pieces),
        cmocka_unit_test(cut_and_changed_lines_are_survived),
        cmocka_unit_test(a_length_beyond_the_limit_breaks_the_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
