/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fetch/test_fetch: the parts of a download that need no network: ranges of pieces, answers,
 * pauses, addresses, the number of connections, the bound on the rate. */
#include <stdio.h>

#include "base/json.h"
#include "fetch/answer.h"
#include "fetch/bucket.h"
#include "fetch/line.h"
#include "fetch/pieces.h"
#include "fetch/retry.h"
#include "fetch/source.h"
#include "fetch/tune.h"
#include "fetch/url.h"
#include "test.h"

#define MIB    (1ull << 20)
#define SECOND 1000000000ull

static void sizes(void **state)
{
    (void)state;
    struct pieces p;
    struct err e;
    assert_false(pieces_init(&p, 0, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_false(pieces_init(&p, LIMIT_PULL_BYTES + 1, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    static const struct {
        uint64_t size, n, last;
    } cases[] = {
        {1, 1, 1}, {MIB - 1, 1, MIB - 1}, {MIB, 1, MIB}, {MIB + 1, 2, 1}, {5 * MIB, 5, MIB}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(pieces_init(&p, cases[i].size, &e));
        assert_int_equal(p.n, cases[i].n);
        assert_int_equal(pieces_bytes(&p, p.n - 1), cases[i].last);
        for (uint64_t at = 0; at < p.n; at++) {
            assert_false(pieces_all_done(&p));
            pieces_set_done(&p, at, 0);
        }
        assert_true(pieces_all_done(&p));
        assert_int_equal(pieces_done_bytes(&p), cases[i].size);
        pieces_clear(&p);
    }
}

static void runs(void **state)
{
    (void)state;
    struct pieces p;
    struct run a, b, c;
    assert_true(pieces_init(&p, 10 * MIB, NULL));
    pieces_set_done(&p, 3, 1);
    assert_true(pieces_take(&p, 8, &a)); /* up to what is there */
    assert_int_equal(a.first, 0);
    assert_int_equal(a.end, 3);
    assert_true(pieces_take(&p, 2, &b));
    assert_int_equal(b.first, 4);
    assert_int_equal(b.end, 6);
    assert_int_equal(pieces_waiting(&p), 4);
    pieces_set_done(&p, 0, 1);
    pieces_leave(&p, a); /* the others wait again, the first is there */
    assert_true(pieces_take(&p, 9, &c));
    assert_int_equal(c.first, 1);
    assert_int_equal(c.end, 3);
    pieces_join(&p, b); /* two at it: it waits only when both have left */
    pieces_leave(&p, b);
    assert_true(pieces_take(&p, 9, &c));
    assert_int_equal(c.first, 6);
    assert_int_equal(c.end, 10);
    assert_false(pieces_take(&p, 9, &c));
    pieces_leave(&p, b);
    assert_true(pieces_take(&p, 9, &c));
    assert_int_equal(c.first, 4);
    assert_int_equal(pieces_forget_source(&p, 1, false), 2);
    assert_int_equal(p.n_done, 0);
    pieces_clear(&p);
}

static void content_range(void **state)
{
    (void)state;
    uint64_t from, to, total;
    assert_true(answer_content_range(STR("bytes 0-99/1000"), &from, &to, &total));
    assert_true(from == 0 && to == 99 && total == 1000);
    assert_true(answer_content_range(STR("Bytes 5-5/6"), &from, &to, &total));
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes 0-99/*",
                                      "bytes */1000",
                                      "bytes 9-5/10",
                                      "bytes 0-10/10",
                                      "bytes 0-99",
                                      "items 0-1/2",
                                      "bytes -1-5/10",
                                      "bytes 0-5/10x",
                                      "bytes 0 - 5/10",
                                      "bytes 1-2-3/9",
                                      "bytes 18446744073709551616-1/2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (answer_content_range(str_of(bad[i]), &from, &to, &total))
            fail_msg("\"%s\" was taken\n", bad[i]);
}

static void retry_after(void **state)
{
    (void)state;
    uint64_t s;
    const int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    assert_true(answer_retry_after(STR("120"), now, &s) && s == 120);
    assert_true(answer_retry_after(STR("Sun, 06 Nov 1994 08:50:37 GMT"), now, &s) && s == 60);
    assert_true(answer_retry_after(STR("Sun, 06 Nov 1994 08:00:00 GMT"), now, &s) && s == 0);
    static const char *const bad[] = {"", "soon", "-1", "1.5", "Sun, 06 Nov 1994", "12 s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(answer_retry_after(str_of(bad[i]), now, &s));
}

static void answers(void **state)
{
    (void)state;
    struct answer a = {0};
    answer_line(&a, STR("HTTP/1.1 302 Found\r\n"), 0);
    answer_line(&a, STR("ETag: \"old\"\r\n"), 0);
    answer_line(&a, STR("HTTP/1.1 206 Partial Content\r\n"), 0);
    assert_string_equal(a.etag, "");
    answer_line(&a, STR("CONTENT-RANGE:bytes 1-2/3\r\n"), 0);
    answer_line(&a, STR("Content-Length: 2\r\n"), 0);
    answer_line(&a, STR("etag: W/\"weak\"\r\n"), 0);
    assert_int_equal(a.status, 206);
    assert_true(a.has_range && a.from == 1 && a.has_length && a.length == 2 && !a.encoded);
    assert_string_equal(answer_validator(&a), ""); /* a weak one is none for If-Range */
    answer_line(&a, STR("ETag: \"strong\"\r\n"), 0);
    assert_string_equal(answer_validator(&a), "\"strong\"");
    answer_line(&a, STR("ETag: \"bad\x01\"\r\n"), 0);
    assert_string_equal(a.etag, "");
    answer_line(&a, STR("Content-Encoding: gzip\r\n"), 0);
    answer_line(&a, STR("Content-Length: many\r\n"), 0);
    answer_line(&a, STR("no colon at all"), 0);
    answer_line(&a, STR(": no name"), 0);
    assert_true(a.encoded && !a.has_length);
    answer_line(&a, STR("HTTP/1.1"), 0);
    assert_int_equal(a.status, 0);
}

static void pauses(void **state)
{
    (void)state;
    for (uint32_t random = 0; random <= 4000000000u; random += 1000000000u) {
        assert_in_range(retry_pause_ns(1, 0, random), SECOND / 4, SECOND / 2);
        assert_in_range(retry_pause_ns(4, 0, random), 2 * SECOND, 4 * SECOND);
        assert_in_range(retry_pause_ns(4000000000u, 0, random), 30 * SECOND, 60 * SECOND);
    }
    assert_int_equal(retry_pause_ns(1, 7, 0), 7 * SECOND);
    assert_int_equal(retry_pause_ns(1, UINT64_MAX, 0), LIMIT_RETRY_S * SECOND);
    assert_true(retry_status(429) && retry_status(503) && retry_status(500) && retry_status(408));
    assert_false(retry_status(404) || retry_status(401) || retry_status(501) || retry_status(200));
}

static void addresses(void **state)
{
    (void)state;
    struct url u;
    struct err e;
    assert_true(url_parse(&u, "https://anna:geheim@Host.example/a/b%20c.gguf?sig=1#x", &e));
    assert_string_equal(u.origin, "https://host.example:443");
    assert_string_equal(u.shown, "https://host.example/a/b%20c.gguf");
    assert_string_equal(u.file, "b c.gguf");
    assert_true(u.tls && u.has_user);
    assert_true(url_parse(&u, "http://[::1]:8080/x", &e));
    assert_string_equal(u.origin, "http://[::1]:8080");
    assert_false(u.tls || u.has_user);
    static const char *const bad[] = {"",        "host/file", "ftp://host/x", "file:///etc/passwd",
                                      "http://", "http:///",  "http://a b/x", "https://h:99999/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (url_parse(&u, bad[i], &e))
            fail_msg("\"%s\" was taken\n", bad[i]);
}

/* A network that gives each connection 10 MiB a second, 100 at most. */
static void tuning(void **state)
{
    (void)state;
    struct tune t;
    uint64_t now = 0;
    double bytes = 0;
    tune_init(&t, 32, now, 0);
    uint32_t most = 0;
    for (int i = 0; i < 400; i++) {
        now += SECOND / 20;
        uint32_t n = t.wanted;
        bytes += (double)(n < 10 ? n * 10 : 100) * (double)MIB / 20;
        n = tune_step(&t, now, (uint64_t)bytes);
        most = n > most ? n : most;
    }
    assert_int_equal(most, 32); /* 16 was better than 8, 32 is tried */
    assert_int_equal(t.wanted, 16);
    tune_init(&t, 2, 0, 0);
    assert_int_equal(t.wanted, 2);
    for (int i = 1; i < 100; i++)
        assert_int_equal(tune_step(&t, (unsigned long long)i * SECOND, (unsigned long long)i * MIB),
                         2);
}

static void rates(void **state)
{
    (void)state;
    struct bucket b;
    uint64_t now = 5 * SECOND, taken = 0;
    bucket_init(&b, 0, now);
    assert_true(bucket_take(&b, UINT64_MAX, now));
    bucket_init(&b, 1000000, now);
    for (int i = 0; i < 10000; i++) { /* ten seconds */
        now += SECOND / 1000;
        while (bucket_take(&b, 16384, now))
            taken += 16384;
        assert_true(bucket_wait_ns(&b, now) < SECOND);
    }
    assert_in_range(taken, 9900000, 10100000);
    now += 100 * SECOND; /* a pause is no credit */
    taken = 0;
    while (bucket_take(&b, 1000, now))
        taken += 1000;
    assert_in_range(taken, 90000, 110000);
}

static void choices(void **state)
{
    (void)state;
    struct source v[3];
    struct err e;
    assert_true(source_init(&v[0], "http://a/x", &e) && source_init(&v[1], "http://b/x", &e) &&
                source_init(&v[2], "http://c/x", &e));
    assert_ptr_equal(source_first(v, 3, -1, 0), &v[0]);
    assert_ptr_equal(source_first(v, 3, 0, 0), &v[1]);
    source_failed(&v[0], 0, 1);
    assert_ptr_equal(source_first(v, 3, -1, 1), &v[1]);
    assert_ptr_equal(source_first(v, 3, -1, 1 + SECOND), &v[0]);
    source_worked(&v[0], 10 * MIB, SECOND);
    assert_ptr_equal(source_best(v, 3, -1, SECOND), &v[1]); /* never tried */
    source_worked(&v[1], 100 * MIB, SECOND);
    source_worked(&v[2], 90 * MIB, SECOND);
    assert_ptr_equal(source_best(v, 3, -1, SECOND), &v[1]);
    v[1].active = 1;
    assert_ptr_equal(source_best(v, 3, -1, SECOND), &v[2]);
    v[1].out = v[2].out = true;
    assert_ptr_equal(source_best(v, 3, -1, SECOND), &v[0]);
    v[0].asked = false;
    assert_null(source_best(v, 3, -1, SECOND));
}

static void lines(void **state)
{
    (void)state;
    struct err e;
    struct buf text;
    struct fetch_job q = {.url = {"http://a/x", "http://b/x"},
                          .n_url = 2,
                          .limit_rate = 7,
                          .digest_known = true,
                          .connections = 3,
                          .stall_s = 4,
                          .n_auth = 1},
                     back;
    snprintf(q.auth[0].origin, sizeof q.auth[0].origin, "http://a:80");
    snprintf(q.auth[0].bearer, sizeof q.auth[0].bearer, "t");
    buf_init(&text, 1u << 20);
    assert_true(line_write_job(&q, &text, &e));
    json_t *j = json_parse(buf_view(&text), "job", &e);
    assert_non_null(j);
    assert_true(line_read_job(&back, j, &e));
    assert_int_equal(back.n_url, 2);
    assert_string_equal(back.url[1], "http://b/x");
    assert_true(back.limit_rate == 7 && back.digest_known && back.connections == 3 &&
                back.stall_s == 4 && !back.document && !back.proxy && back.n_auth == 1);
    assert_string_equal(back.auth[0].bearer, "t");
    json_decref(j);
    buf_reset(&text);
    struct event v = {.kind = EVENT_END, .code = ERR_IO, .text = "full", .done = 1ull << 40}, w;
    assert_true(line_write_event(&v, &text, &e));
    j = json_parse(buf_view(&text), "event", &e);
    assert_true(line_read_event(&w, j, &e));
    assert_true(w.kind == EVENT_END && w.code == ERR_IO && w.done == v.done);
    assert_string_equal(w.text, "full");
    json_decref(j);
    buf_clear(&text);
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "1",
                                      "{\"event\":\"x\",\"code\":\"io\"}",
                                      "{\"event\":\"end\",\"code\":\"nothing\"}",
                                      "{\"event\":1,\"code\":2}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        j = json_parse(str_of(bad[i]), "event", &e);
        assert_false(line_read_event(&w, j, &e));
        assert_false(line_read_job(&back, j, &e));
        json_decref(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),       cmocka_unit_test(runs),    cmocka_unit_test(content_range),
        cmocka_unit_test(retry_after), cmocka_unit_test(answers), cmocka_unit_test(pauses),
        cmocka_unit_test(addresses),   cmocka_unit_test(tuning),  cmocka_unit_test(rates),
        cmocka_unit_test(choices),     cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
