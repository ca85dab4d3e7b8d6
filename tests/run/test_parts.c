/* SPDX-License-Identifier: Apache-2.0 */
/* tests/run/test_parts: an answer taken apart says the same however it comes in. */
#include "run/parts.h"
#include "test.h"

/* What was told, as text: content bare, the rest in brackets with a letter. */
static void note(void *arg, enum job_part part, struct str text)
{
    static const char letters[] = "crinaex";
    static enum job_part last;
    struct buf *out = arg;
    bool joins = out->n && part == last && part != JOB_CALL_END;
    if (!joins)
        buf_fmt(out, "[%c]", letters[part]);
    last = part;
    buf_str(out, text);
}

static void told(const char *format, const char *answer, bool bound, size_t cut, struct buf *out)
{
    struct err e;
    struct str all = str_of(answer);
    struct parts *p = parts_new(toolcall_format_by_name(format), NULL, STR(""), bound, &e);
    assert_non_null(p);
    buf_reset(out);
    for (size_t at = 0; at < all.n; at += cut)
        parts_push(p, str_sub(all, at, at + cut < all.n ? cut : all.n - at), note, out);
    parts_end(p, note, out);
    parts_free(p);
}

static void expect(const char *format, const char *answer, bool bound, const char *what)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    for (size_t cut = 1; cut <= strlen(answer); cut++) {
        told(format, answer, bound, cut, &out);
        assert_string_equal(buf_c(&out), what);
    }
    buf_clear(&out);
}

static void an_answer_is_taken_apart(void **state)
{
    (void)state;
    expect("hermes", "plain words", false, "[c]plain words");
    expect("hermes",
           "<think>so</think>Yes.<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n"
           "</tool_call>",
           true, "[r]so[c]Yes.[n]f[a]{\"a\": 1}[e]");
}

/* A grammar lets a call be cut only by the end of the answer: what was told stays, and it says so.
 * Without one nothing is told of a call before it is whole. */
static void a_call_that_is_cut(void **state)
{
    const char *cut = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": ";
    (void)state;
    expect("hermes", cut, true,
           "[n]f[a]{\"a\": [x]<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": ");
    expect("hermes", cut, false, "[c]<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_taken_apart),
        cmocka_unit_test(a_call_that_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
