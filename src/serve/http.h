/* SPDX-License-Identifier: Apache-2.0 */
/* serve/http: the bytes of a connection -> requests of HTTP/1.1 (RFC 9112), one at a time.
 *
 * Two parsers must agree on a message: http_head checks the head line by line as strictly as the
 * grammar of the RFC allows and llhttp, in strict mode, reads it again and frames the body.
 * Whatever could be read in two ways is refused, so that no proxy before us sees other requests
 * than we do:
 *
 *  (H1) lines end in CRLF, no control character, no folded line, no blank before a colon
 *  (H2) one blank between the parts of the request line; the target begins with "/", has only
 *       characters of a URI, and each "%" two hexadecimal digits
 *  (H3) exactly one Host in HTTP/1.1
 *  (H4) Content-Length once at most, digits only; Transfer-Encoding only "chunked", once, in
 *       HTTP/1.1, and never with Content-Length
 *  (H5) no chunk extensions and no trailers
 *  (H6) sizes: LIMIT_HTTP_LINE, LIMIT_HTTP_HEAD, LIMIT_HTTP_HEADERS, and of the body max_body, but
 *       where it is streamed: LIMIT_PULL_BYTES
 *
 * No sockets and no clock here: serve/conn has them. */
#ifndef MOAT_SERVE_HTTP_H
#define MOAT_SERVE_HTTP_H

#include <llhttp.h>

#include "base/buf.h"

enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_COUNT
};
const char *http_method_name(enum http_method m);

enum http_state {
    HTTP_STATE_HEAD,     /* the head is not whole yet */
    HTTP_STATE_BODY,     /* the head is; the body is not */
    HTTP_STATE_COMPLETE, /* the request is whole: http_next goes on */
    HTTP_STATE_BAD       /* `status` and `err` say why; nothing more can be read */
};

/* Views into the head, as long as the request is current. An absent header is empty. */
struct http_request {
    enum http_method method;
    struct str path;  /* decoded, valid UTF-8 without control characters; begins with "/" */
    struct str query; /* after "?", as it stands */
    struct str host, origin, content_type, authorization, api_key, user_agent;
    struct str range, if_range, if_none_match, accept, accept_encoding;
    struct str cors_method, cors_headers; /* Access-Control-Request-Method and -Headers */
    bool old;                             /* HTTP/1.0 */
    bool has_body, chunked, keep_alive, expect_continue;
    uint64_t content_length;
};

struct http {
    enum http_state state;
    struct http_request req;
    struct buf body;
    int status; /* of the refusal */
    struct err err;

    llhttp_t parser;
    struct buf head;    /* as received, up to the empty line */
    char *path;         /* owned: the decoded path */
    uint64_t body_wire; /* bytes taken for the body, framing included */
    bool head_done, message_done;
    /* Whose body comes in pieces of any number, which the owner takes out of `body` as they come
     * (NULL: nobody's); and whether this request's does. */
    bool (*streams)(const struct http_request *r);
    bool streaming;
    uint64_t body_total; /* bytes of the body so far */
};

void http_init(struct http *h, uint64_t max_body);
void http_clear(struct http *h);
bool http_started(const struct http *h); /* some byte of a request has come */

/* Takes bytes and returns how many; stops after a head, after a request and at an error, so call
 * it again while it takes any and the state is HEAD or BODY. */
size_t http_feed(struct http *h, struct str in);
/* After COMPLETE: forget the request, be ready for another. */
void http_next(struct http *h, uint64_t max_body);

/* Refuses the message: false. The state is BAD from now on. */
bool http_refuse(struct http *h, int status, enum err_code code, const char *why);

/* serve/http_head: the characters of the head from an index on (H1), as they come; then, once it is
 * whole, its lines (H1 to H4) and the views. */
bool http_head_clean(struct http *h, size_t from) MUST_USE;
bool http_head_read(struct http *h) MUST_USE;
/* "a=b&c=d": the value of a name in a query, as it stands; false when it is not there. */
bool http_query_get(struct str query, const char *name, struct str *value);
const char *http_reason(int status); /* "Not Found" */

#endif
