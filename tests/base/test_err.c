/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/err: messages are one safe line, whatever was put into them. */
#include "base/err.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "test.h"

static void fail_fills_and_returns_false(void **state)
{
    (void)state;
    struct err e = {0};
    assert_false(fail(&e, ERR_LIMIT, "%s has %d", "it", 7));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.msg, "it has 7");
    assert_false(fail(NULL, ERR_LIMIT, "nobody listens"));
    assert_false(err_at(NULL, "nobody listens"));
}

static void context_goes_before(void **state)
{
    (void)state;
    struct err e;
    fail(&e, ERR_CORRUPT, "cause %d", 1);
    assert_false(err_at(&e, "tensor %s", "x"));
    assert_false(err_at(&e, "file"));
    assert_string_equal(e.msg, "file: tensor x: cause 1");
    assert_int_equal(e.code, ERR_CORRUPT);
}

static void a_percent_sign_in_a_message_is_text(void **state)
{
    (void)state;
    struct err e;
    fail(&e, ERR_CORRUPT, "%s", "100%n %s");
    err_at(&e, "%s", "50%d");
    assert_string_equal(e.msg, "50%d: 100%n %s");
}

static void messages_are_printable(void **state)
{
    (void)state;
    struct err e;
    fail(&e, ERR_CORRUPT, "key %s", "a\n\t\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xff\xc3\xa9");
    assert_string_equal(e.msg, "key a???[2J????\xc3\xa9");
    err_at(&e, "%s", "b\rc");
    assert_string_equal(e.msg, "b?c: key a???[2J????\xc3\xa9");
}

static void ends_in_dots(const struct err *e)
{
    size_t n = strlen(e->msg);
    assert_true(n < sizeof e->msg && n > 4);
    assert_string_equal(e->msg + n - 3, "...");
    assert_true(str_utf8_valid((struct str){e->msg, n}));
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    struct err e;
    char text[3000];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe4\xb8\xad", 4);
        fail(&e, ERR_CORRUPT, "%s", text);
        ends_in_dots(&e);
        assert_true(strlen(e.msg) > 1000);
        err_at(&e, "%s", text); /* context and message are both cut */
        ends_in_dots(&e);
    }
}

/* Three bytes become one '?': the line is shorter than it was when it was cut. */
static void cut_messages_say_so_though_cleaned(void **state)
{
    (void)state;
    struct err e;
    char text[3001];
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x80\xae", 4);
    fail(&e, ERR_CORRUPT, "%s", text);
    ends_in_dots(&e);
}

static void a_message_that_fits_exactly_is_whole(void **state)
{
    (void)state;
    struct err e;
    char text[sizeof e.msg];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fail(&e, ERR_CORRUPT, "%s", text);
    assert_string_equal(e.msg, text);
    fail(&e, ERR_CORRUPT, "%sz", text);
    ends_in_dots(&e);
}

static void the_table_is_whole(void **state)
{
    (void)state;
    static const enum err_code codes[] = {
#define X(code, name, exit_status, http_status) code,
        ERR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_non_null(err_name(codes[i]));
        int status = err_exit_status(codes[i]), http = err_http_status(codes[i]);
        assert_true(codes[i] == ERR_NONE ? status == 0 : status > 1 && status < 256);
        assert_true(codes[i] == ERR_NONE ? http == 200 : http >= 400 && http < 600);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(err_name(codes[i]), err_name(codes[j]));
            assert_int_not_equal(status, err_exit_status(codes[j]));
        }
    }
    assert_int_equal(err_exit_status(ERR_USAGE), 2);
    assert_int_equal(err_exit_status(ERR_CANCELLED), 130);
}

static void must_stops_the_program(void **state)
{
    (void)state;
    must(1 + 1 == 2);
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        must(1 + 1 == 3);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_and_returns_false),
        cmocka_unit_test(context_goes_before),
        cmocka_unit_test(a_percent_sign_in_a_message_is_text),
        cmocka_unit_test(messages_are_printable),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(cut_messages_say_so_though_cleaned),
        cmocka_unit_test(a_message_that_fits_exactly_is_whole),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(must_stops_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
