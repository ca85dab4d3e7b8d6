/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_time, logs_format and logs_mask. */
#include "work/logs_format.h"

#include "test.h"
#include "work/logs_mask.h"

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        int64_t s, ms;
    } all[] = {
        {"2015-10-18 18:01:47,978 INFO", 23, 1445191307, 978},
        {"2015-10-18T18:01:47Z x", 20, 1445191307, 0},
        {"2015-10-18T20:01:47.5+02:00", 27, 1445191307, 500},
        {"17/06/09 20:10:40 INFO", 17, 1497039040, 0},
        {"081109 203615 148", 13, 1226262975, 0},
        {"Sun Dec 04 04:47:44 2005]", 24, 1133671664, 0},
        {"10/Oct/2000:13:55:36 -0700]", 26, 971211336, 0},
        {"Jan  1 00:00:10 host", 15, 10, 0},
        {"03-17 16:13:38.811 ", 18, 6538418, 811},
        {"1117838570 2005", 10, 1117838570, 0},
        {"2005-06-03-15.42.50.675872 R", 26, 1117813370, 675},
        {"20171223-22:15:29:606|S", 21, 1514067329, 606},
        {"2015-13-18 18:01:47", 0, 0, 0},
        {"25:61:00 x", 0, 0, 0},
        {"block 17 done", 0, 0, 0},
        {"1.2.3.4 is up", 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int64_t ms = 0;
        size_t n = logs_time_match(str_of(all[i].text), &ms);
        if (n != all[i].n || (n && ms != all[i].s * 1000 + all[i].ms))
            fail_msg("%s: %zu bytes, %lld\n", all[i].text, n, (long long)ms);
    }
    char text[32];
    assert_string_equal(logs_time_text(1445191307000, text), "2015-10-18 18:01:47");
    assert_string_equal(logs_time_text(LOGS_NO_TIME, text), "");
}

static void expect(const struct logs_format *f, const char *line, const char *level,
                   const char *component, const char *message)
{
    struct logs_record r;
    logs_format_split(f, str_of(line), &r);
    if (!str_is(r.level, level) || !str_is(r.component, component) || !str_is(r.message, message))
        fail_msg("%s: [%.*s] [%.*s] [%.*s]\n", line, STR_ARG(r.level), STR_ARG(r.component),
                 STR_ARG(r.message));
}

static void learns_headers(void **state)
{
    static const struct {
        const char *line, *level, *component, *message;
    } all[] = {
        {"2024-01-02 03:04:05,678 WARN [main] a.b.C: disk full", "WARN", "a.b.C", "disk full"},
        {"Jan  2 03:04:05 host7 sshd[17]: bye", "", "sshd", "bye"},
        {"[2024-01-02T03:04:05Z] [error] worker died", "error", "", "worker died"},
        {"01-02 03:04:05.678  17  99 E Tag: lost", "E", "Tag", "lost"},
        {"2024-01-02 03:04:05 a.exe - b open", "", "a.exe", "b open"},
        {"20240102-03:04:05:678|Step|17|on 5 ok", "", "Step", "on 5 ok"},
        {"no header here", "", "", "no header here"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[4096] = "";
        struct logs_format f;
        for (int k = 0; k < 20; k++) {
            strcat(text, all[i].line);
            strcat(text, "\n");
        }
        logs_format_learn(str_of(text), &f);
        expect(&f, all[i].line, all[i].level, all[i].component, all[i].message);
        if (f.n)
            expect(&f, "  at java.lang.Thread.run", "", "", "  at java.lang.Thread.run");
    }
}

static void takes_a_format(void **state)
{
    struct logs_format f;
    struct logs_record r;
    struct err e;
    (void)state;
    assert_false(logs_format_given(&f, "<Date> <Time>", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_true(
        logs_format_given(&f, "<Date> <Time> {<Level>} (<Pid>) <Component>: <Content>", &e));
    logs_format_split(&f, str_of("2024-01-02 03:04:05   {WARN} (17) x.y: a: b"), &r);
    assert_true(r.header && str_is(r.level, "WARN") && str_is(r.pid, "17"));
    assert_true(str_is(r.component, "x.y") && str_is(r.message, "a: b") && r.ms == 1704164645000);
    logs_format_split(&f, str_of("something else"), &r);
    assert_true(!r.header && str_is(r.message, "something else"));
}

static void masks_secrets(void **state)
{
    static const char *const all[][2] = {
        {"login password=hunter2 ok", "login password=*** ok"},
        {"{\"db_password\": \"x y\"}", "{\"db_password\": \"*** y\"}"},
        {"Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"},
        {"key AKIAABCDEFGHIJKLMNOP used", "key *** used"},
        {"card 4111 1111 1111 1111 paid", "card *** paid"},
        {"card 4111111111111112 paid", "card 4111111111111112 paid"},
        {"to https://u:pw@h/x", "to https://u:***@h/x"},
        {"max token: 128 of 4096", "max token: 128 of 4096"},
        {"token = true, API_KEY = 'abc-123'", "token = true, API_KEY = '***'"},
        {"nothing to hide", "nothing to hide"},
    };
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        buf_reset(&out);
        bool masked = logs_mask(str_of(all[i][0]), &out);
        assert_string_equal(buf_c(&out), all[i][1]);
        assert_int_equal(masked, strcmp(all[i][0], all[i][1]) != 0);
    }
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times),
        cmocka_unit_test(learns_headers),
        cmocka_unit_test(takes_a_format),
        cmocka_unit_test(masks_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
