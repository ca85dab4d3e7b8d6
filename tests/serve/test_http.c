/* SPDX-License-Identifier: Apache-2.0 */
/* Requests through serve/http, whole and split at every byte: what is read and what is refused. */
#include <string.h>

#include "serve/http.h"
#include "test.h"

#define HOST     "Host: localhost\r\n"
#define BODY_MAX 1024u

/* Feeds in pieces of `step` bytes until the request is whole or refused; how many were taken. */
static size_t feed(struct http *h, struct str in, size_t step)
{
    size_t at = 0;
    while (at < in.n && h->state != HTTP_STATE_COMPLETE && h->state != HTTP_STATE_BAD) {
        struct str piece = str_sub(in, at, step);
        while (piece.n && h->state != HTTP_STATE_COMPLETE && h->state != HTTP_STATE_BAD) {
            size_t n = http_feed(h, piece);
            at += n;
            piece = str_from(piece, n);
        }
    }
    return at;
}

static void expect(const char *text, size_t n, enum http_state state, int status)
{
    static const size_t steps[] = {1, 2, 3, 7, 100000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct http h;
        http_init(&h, BODY_MAX);
        feed(&h, (struct str){text, n}, steps[i]);
        if (h.state != state || h.status != status)
            fail_msg("%.200s: state %d status %d (%s), steps of %zu", text, (int)h.state, h.status,
                     h.err.msg, steps[i]);
        if (state == HTTP_STATE_BAD)
            assert_true(h.err.msg[0]);
        http_clear(&h);
    }
}

#define REFUSED(text, status) expect(text, sizeof(text) - 1, HTTP_STATE_BAD, status)
#define READ(text)            expect(text, sizeof(text) - 1, HTTP_STATE_COMPLETE, 0)
#define WAITS(text, state)    expect(text, sizeof(text) - 1, state, 0)

static void test_read(void **state)
{
    (void)state;
    READ("GET / HTTP/1.1\r\n" HOST "\r\n");
    READ("GET / HTTP/1.0\r\n\r\n");
    READ("GET /a%20b?x=%2f HTTP/1.1\r\nhost: [::1]:80\r\nX:\t a \r\n\r\n");
    READ("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    READ("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    READ("GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n");
    WAITS("GET / HTTP/1.1\r\n" HOST "\r", HTTP_STATE_HEAD);
    WAITS("POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc", HTTP_STATE_BODY);
    WAITS("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r",
          HTTP_STATE_BODY);
}

/* The probes of the threat model, and their like. */
static void test_line(void **state)
{
    (void)state;
    REFUSED("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /  HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1 \r\n" HOST "\r\n", 505);
    REFUSED("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED(" GET / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /\r\n\r\n", 400);
    REFUSED("get / HTTP/1.1\r\n" HOST "\r\n", 501);
    REFUSED("CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 501);
    REFUSED("G@T / HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
    REFUSED("GET / HTTP/1.10\r\n" HOST "\r\n", 505);
    REFUSED("GET / http/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET http://a/ HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /% HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /%4 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /%0a HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /%ff HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /#a HTTP/1.1\r\n" HOST "\r\n", 400);
    REFUSED("GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void test_headers(void **state)
{
    (void)state;
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\n" HOST "\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X y: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417);
    REFUSED("GET / HTTP/1.1\r\n" HOST "Origin: a\r\nOrigin: b\r\n\r\n", 400);
}

static void test_framing(void **state)
{
    (void)state;
#define POST "POST / HTTP/1.1\r\n" HOST
    REFUSED(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length : 3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: +3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: -3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: 3, 3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: 0x3\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length:\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: 18446744073709551619\r\n\r\nabc", 400);
    REFUSED(POST "Content-Length: 1025\r\n\r\n", 413);
    REFUSED(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    REFUSED(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400);
    REFUSED(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    REFUSED(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501);
    REFUSED(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501);
    REFUSED(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
    REFUSED(POST "Transfer-Encoding: identity\r\n\r\n", 501);
    REFUSED("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    REFUSED(CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "3\r\nabc\r\n0\r\nX: y\r\n\r\n", 400);
    REFUSED(CHUNKED "3\nabc\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "-3\r\nabc\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400);
    REFUSED(CHUNKED "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n", 400);
}

static void test_sizes(void **state)
{
    (void)state;
    static char text[100000];
    struct buf b;
    buf_init(&b, sizeof text);
    memset(text, 'a', sizeof text);
    buf_fmt(&b, "GET /%.*s HTTP/1.1\r\n" HOST "\r\n", 20000, text);
    expect(buf_c(&b), b.n, HTTP_STATE_BAD, 414);
    buf_reset(&b);
    buf_fmt(&b, "GET / HTTP/1.1\r\n" HOST "X: %.*s\r\n\r\n", 70000, text);
    expect(buf_c(&b), b.n, HTTP_STATE_BAD, 431);
    buf_reset(&b);
    buf_cstr(&b, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 101; i++)
        buf_cstr(&b, "X: a\r\n");
    buf_cstr(&b, "\r\n");
    expect(buf_c(&b), b.n, HTTP_STATE_BAD, 431);
    buf_reset(&b);
    buf_cstr(&b, CHUNKED);
    for (int i = 0; i < 20; i++)
        buf_fmt(&b, "40\r\n%.64s\r\n", text);
    expect(buf_c(&b), b.n, HTTP_STATE_BAD, 413);
    buf_clear(&b);
}

/* Requests one after another in the same bytes, with every split. */
static void test_pipeline(void **state)
{
    (void)state;
    struct str in =
        STR("POST /a%2Fb?q=1&r HTTP/1.1\r\nHost: h:1\r\nContent-Type: x/y\r\nContent-Length: 3"
            "\r\n\r\nabcGET /c HTTP/1.1\r\nConnection: close\r\nHost: h\r\n\r\nrest");
    for (size_t step = 1; step <= in.n; step++) {
        struct http h;
        struct str q;
        http_init(&h, BODY_MAX);
        size_t at = feed(&h, in, step);
        assert_int_equal(h.state, HTTP_STATE_COMPLETE);
        assert_true(str_is(h.req.path, "/a/b") && h.req.method == HTTP_METHOD_POST);
        assert_true(str_is(buf_view(&h.body), "abc") && str_is(h.req.content_type, "x/y"));
        assert_true(http_query_get(h.req.query, "q", &q) && str_is(q, "1"));
        assert_false(http_query_get(h.req.query, "s", &q));
        assert_true(h.req.keep_alive);
        http_next(&h);
        assert_false(http_started(&h));
        at += feed(&h, str_from(in, at), step);
        assert_int_equal(h.state, HTTP_STATE_COMPLETE);
        assert_true(str_is(h.req.path, "/c") && !h.req.keep_alive && h.body.n == 0);
        assert_int_equal(in.n - at, 4);
        http_clear(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_line),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_framing),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
