/* SPDX-License-Identifier: Apache-2.0 */
/* serve/http: see http.h. The head is collected and checked whole, then llhttp reads it; the body
 * goes through llhttp as it comes. */
#include "serve/http.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

const char *http_method_name(enum http_method m)
{
    static const char *const names[HTTP_METHOD_COUNT] = {"GET",   "HEAD",   "POST",   "PUT",
                                                         "PATCH", "DELETE", "OPTIONS"};
    return names[m];
}

bool http_refuse(struct http *h, int status, enum err_code code, const char *why)
{
    h->state = HTTP_STATE_BAD;
    h->status = status;
    return fail(&h->err, code, "%s", err_text(why));
}

/* --- what llhttp calls --------------------------------------------------------------------------
 */

static int on_headers_complete(llhttp_t *p)
{
    struct http *h = p->data;
    h->head_done = true;
    p->upgrade = 0; /* an offer to change the protocol is not taken up */
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    struct http *h = p->data;
    buf_add(&h->body, at, n);
    h->body_total += n;
    return h->body.bad || h->body_total > LIMIT_PULL_BYTES ? -1 : 0;
}

static int on_message_complete(llhttp_t *p)
{
    struct http *h = p->data;
    h->message_done = true;
    return HPE_PAUSED;
}

static int on_extension(llhttp_t *p, const char *at, size_t n)
{
    (void)p, (void)at, (void)n;
    return -1; /* (H5) */
}

static int on_header(llhttp_t *p, const char *at, size_t n)
{
    const struct http *h = p->data;
    (void)at, (void)n;
    return h->head_done ? -1 : 0; /* (H5): a trailer */
}

static const llhttp_settings_t callbacks = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_header_field = on_header,
};

/* --- one message --------------------------------------------------------------------------------
 */

void http_init(struct http *h, uint64_t max_body)
{
    *h = (struct http){0};
    buf_init(&h->head, LIMIT_HTTP_HEAD);
    buf_init(&h->body, max_body);
    llhttp_init(&h->parser, HTTP_REQUEST, &callbacks);
    h->parser.data = h;
}

void http_clear(struct http *h)
{
    buf_clear(&h->head);
    buf_clear(&h->body);
    mem_free(h->path);
    h->path = NULL;
}

bool http_started(const struct http *h)
{
    return h->head.n != 0;
}

void http_next(struct http *h, uint64_t max_body)
{
    bool (*streams)(const struct http_request *r) = h->streams;
    http_clear(h);
    http_init(h, max_body);
    h->streams = streams;
}

/* Runs llhttp over n bytes; how many it took. */
static size_t execute(struct http *h, const char *p, size_t n)
{
    llhttp_errno_t status = llhttp_execute(&h->parser, p, n);
    if (status == HPE_OK)
        return n;
    if (status == HPE_PAUSED && h->message_done)
        return (size_t)(llhttp_get_error_pos(&h->parser) - p);
    if (h->body.bad || h->body_total > LIMIT_PULL_BYTES)
        http_refuse(h, 413, ERR_LIMIT, N_("the body is larger than the server takes"));
    else if (h->state != HTTP_STATE_BAD)
        http_refuse(h, 400, ERR_USAGE, N_("the request is not well-formed HTTP/1.1"));
    return n;
}

/* The index after the empty line that ends the head, or 0 where it is not there yet. */
static size_t head_end(const struct buf *head, size_t from)
{
    from = from > 3 ? from - 3 : 0;
    size_t at = str_find(str_from(buf_view(head), from), STR("\r\n\r\n"));
    return at == SIZE_MAX ? 0 : from + at + 4;
}

/* (H6), while the head is not whole: a line that is too long is refused before its end comes. */
static void check_growing(struct http *h)
{
    bool first_line = !memchr(buf_c(&h->head), '\n', h->head.n);
    if (first_line && h->head.n > LIMIT_HTTP_LINE)
        http_refuse(h, 414, ERR_LIMIT, N_("the request line is longer than 8 KiB"));
    else if (h->head.n == LIMIT_HTTP_HEAD)
        http_refuse(h, 431, ERR_LIMIT, N_("the head of the request is larger than 16 KiB"));
}

static void head_complete(struct http *h)
{
    if (!http_head_read(h))
        return;
    h->state = HTTP_STATE_BODY;
    execute(h, buf_c(&h->head), h->head.n);
    if (h->state != HTTP_STATE_BAD && h->message_done)
        h->state = HTTP_STATE_COMPLETE;
    if (h->state != HTTP_STATE_BAD && !h->head_done)
        http_refuse(h, 400, ERR_USAGE, N_("the request is not well-formed HTTP/1.1"));
    h->req.keep_alive = llhttp_should_keep_alive(&h->parser);
    h->streaming = h->streams && h->streams(&h->req);
    uint64_t most = h->streaming ? LIMIT_PULL_BYTES : h->body.max;
    if (h->state == HTTP_STATE_BODY && h->req.content_length > most)
        http_refuse(h, 413, ERR_LIMIT, N_("the body is larger than the server takes"));
}

static size_t feed_head(struct http *h, struct str in)
{
    size_t before = h->head.n, room = LIMIT_HTTP_HEAD - before;
    size_t n = in.n < room ? in.n : room;
    buf_add(&h->head, in.p, n);
    if (h->head.bad) {
        http_refuse(h, 503, ERR_LIMIT, N_("the server is short of memory"));
        return n;
    }
    size_t end = head_end(&h->head, before);
    if (end) { /* what follows is not the head's */
        h->head.n = end;
        h->head.p[end] = '\0';
    }
    if (!http_head_clean(h, before))
        return n;
    if (!end) {
        check_growing(h);
        return n;
    }
    head_complete(h);
    return end - before;
}

static size_t feed_body(struct http *h, struct str in)
{
    size_t taken = execute(h, in.p, in.n);
    h->body_wire += taken;
    if (h->state == HTTP_STATE_BODY && h->message_done)
        h->state = HTTP_STATE_COMPLETE;
    else if (h->state == HTTP_STATE_BODY &&
             h->body_wire / 8 > h->body_total + 8192) /* idle framing */
        http_refuse(h, 400, ERR_USAGE, N_("the chunks of the body are too small"));
    return taken;
}

size_t http_feed(struct http *h, struct str in)
{
    if (in.n == 0 || h->state == HTTP_STATE_COMPLETE || h->state == HTTP_STATE_BAD)
        return 0;
    return h->state == HTTP_STATE_HEAD ? feed_head(h, in) : feed_body(h, in);
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}
