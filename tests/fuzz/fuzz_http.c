/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes serve/http: a stream of requests. The same bytes in other pieces must be read the same,
 * and what is accepted must keep the promises of http.h. The first byte says how long the pieces
 * are. */
#include <string.h>

#include "base/limits.h"
#include "serve/http.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

#define BODY_MAX 4096u

static void check_request(const struct http *h)
{
    must(h->req.path.n && h->req.path.p[0] == '/' && str_utf8_valid(h->req.path));
    must(!memchr(h->req.path.p, 0, h->req.path.n));
    must(h->body.n <= BODY_MAX && h->head.n <= LIMIT_HTTP_HEAD);
    must(h->req.chunked || h->body.n == h->req.content_length);
    must(h->req.has_body || h->body.n == 0);
    must(llhttp_get_method((llhttp_t *)(uintptr_t)&h->parser) < HTTP_PRI ||
         h->req.method == HTTP_METHOD_PATCH);
}

/* A digest of everything that was read. */
static uint64_t run(struct str in, size_t step)
{
    struct http h;
    uint64_t digest = 1469598103934665603u;
    http_init(&h, BODY_MAX);
    size_t at = 0;
    while (at < in.n && h.state != HTTP_STATE_BAD) {
        struct str piece = str_sub(in, at, step);
        size_t taken = http_feed(&h, piece);
        must(taken <= piece.n);
        at += taken;
        if (h.state == HTTP_STATE_COMPLETE) {
            check_request(&h);
            struct str parts[] = {h.req.path, h.req.query, h.req.host, buf_view(&h.body)};
            for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                for (size_t j = 0; j <= parts[i].n; j++)
                    digest = (digest ^ (j < parts[i].n ? (unsigned char)parts[i].p[j] : 256u)) *
                             1099511628211u;
            http_next(&h);
        } else {
            must(taken > 0 || h.state == HTTP_STATE_BAD);
        }
    }
    must(h.state != HTTP_STATE_BAD || (h.err.msg[0] && h.status >= 400));
    digest = (digest ^ (uint64_t)h.state) * 1099511628211u;
    http_clear(&h);
    return digest;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    if (n < 1)
        return 0;
    struct str in = {(const char *)p + 1, n - 1};
    uint64_t whole = run(in, in.n ? in.n : 1), pieces = run(in, p[0] + 1u);
    must(whole == pieces);
    return 0;
}
