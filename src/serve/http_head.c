/* SPDX-License-Identifier: Apache-2.0 */
/* serve/http_head: the head of a request, line by line: the checks (H1) to (H4) of serve/http. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "serve/http.h"

static bool bad(struct http *h, const char *why)
{
    return http_refuse(h, 400, ERR_USAGE, why);
}

static bool is_token(struct str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~"; /* tchar of RFC 9110 section 5.6.2 */
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = (char)(c | 0x20);
        bool alnum = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        if (!alnum && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return s.n > 0;
}

static bool same_word(struct str s, const char *word)
{
    size_t n = strlen(word);
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != word[i])
            return false;
    }
    return true;
}

/* --- the request line ----------------------------------------------------------------------------
 */

static bool read_method(struct http *h, struct str word)
{
    for (int m = 0; m < HTTP_METHOD_COUNT; m++)
        if (str_is(word, http_method_name((enum http_method)m))) {
            h->req.method = (enum http_method)m;
            return true;
        }
    return http_refuse(h, 501, ERR_UNSUPPORTED, N_("the method of the request is not known here"));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A character that RFC 3986 allows in a path or query, "%" aside. */
static bool in_target(char c)
{
    char lower = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

static bool check_target(struct http *h, struct str t)
{
    if (t.n == 0 || t.p[0] != '/')
        return bad(h, N_("the target of the request must begin with \"/\""));
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '%') {
            if (i + 2 >= t.n || hex_digit(t.p[i + 1]) < 0 || hex_digit(t.p[i + 2]) < 0)
                return bad(h, N_("a \"%\" in the target needs two hexadecimal digits after it"));
            i += 2;
        } else if (!in_target(t.p[i])) {
            return bad(h, N_("the target holds a character that must be percent-encoded"));
        }
    }
    return true;
}

static bool decode_path(struct http *h, struct str raw)
{
    size_t n = 0;
    h->path = mem_new(raw.n + 1, 1, NULL);
    if (!h->path)
        return http_refuse(h, 503, ERR_LIMIT, N_("the server is short of memory"));
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c == '%') {
            c = (unsigned char)(hex_digit(raw.p[i + 1]) << 4 | hex_digit(raw.p[i + 2]));
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return bad(h, N_("the path holds a control character"));
        h->path[n++] = (char)c;
        h->req.path = (struct str){h->path, n}; /* also of a refusal: it says whose words to use */
    }
    return str_utf8_valid(h->req.path) || bad(h, N_("the path is not valid UTF-8"));
}

/* (H2) */
static bool read_request_line(struct http *h, struct str line)
{
    struct str method, target, rest = line;
    if (line.n > LIMIT_HTTP_LINE)
        return http_refuse(h, 414, ERR_LIMIT, N_("the request line is longer than 8 KiB"));
    if (!str_cut(&rest, ' ', &method) || !str_cut(&rest, ' ', &target) || !is_token(method))
        return bad(h, N_("the request line is not METHOD TARGET HTTP/1.1"));
    if (str_starts(rest, STR("HTTP/")) && !str_is(rest, "HTTP/1.1") && !str_is(rest, "HTTP/1.0"))
        return http_refuse(h, 505, ERR_UNSUPPORTED, N_("this server speaks HTTP/1.1"));
    if (!str_starts(rest, STR("HTTP/")))
        return bad(h, N_("the request line is not METHOD TARGET HTTP/1.1"));
    if (!read_method(h, method) || !check_target(h, target))
        return false;
    size_t question = str_find(target, STR("?"));
    if (question != SIZE_MAX)
        h->req.query = str_from(target, question + 1);
    return decode_path(h, question == SIZE_MAX ? target : str_sub(target, 0, question));
}

/* --- header lines --------------------------------------------------------------------------------
 */

/* What must be counted beside what is kept. */
struct seen {
    unsigned host, length, encoding, expect;
};

static bool read_length(struct http *h, struct str value)
{
    if (value.n > 18 || !str_to_u64(value, &h->req.content_length))
        return bad(h, N_("Content-Length is not a number"));
    h->req.has_body = h->req.content_length > 0;
    return true;
}

static bool read_encoding(struct http *h, struct str value)
{
    if (!same_word(value, "chunked"))
        return http_refuse(h, 501, ERR_UNSUPPORTED,
                           N_("the only Transfer-Encoding that is read here is \"chunked\""));
    h->req.chunked = h->req.has_body = true;
    return true;
}

static bool read_expect(struct http *h, struct str value)
{
    if (!same_word(value, "100-continue"))
        return http_refuse(h, 417, ERR_UNSUPPORTED,
                           N_("the only Expect that is met here is \"100-continue\""));
    h->req.expect_continue = true;
    return true;
}

static bool host_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = (char)(c | 0x20);
        bool alnum = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
        if (!alnum && (c == '\0' || !strchr("-._~:[]", c)))
            return false;
    }
    return s.n > 0;
}

static bool read_host(struct http *h, struct str value)
{
    h->req.host = value;
    return host_valid(value) || bad(h, N_("the Host header is not a host name with a port"));
}

static bool keep(struct http *h, struct str *slot, struct str value)
{
    if (slot->p)
        return bad(h, N_("a header that may stand once stands twice"));
    *slot = value;
    return true;
}

/* A preference may stand on several lines; the first is enough to know. */
static void prefer(struct str *slot, struct str value)
{
    if (!slot->p)
        *slot = value;
}

/* Those of which only the text is kept. */
static bool take_plain(struct http *h, struct str name, struct str value)
{
    struct http_request *r = &h->req;
    const struct {
        const char *name;
        struct str *slot;
    } kept[] = {{"origin", &r->origin},
                {"content-type", &r->content_type},
                {"authorization", &r->authorization},
                {"x-api-key", &r->api_key},
                {"user-agent", &r->user_agent},
                {"range", &r->range},
                {"if-range", &r->if_range},
                {"if-none-match", &r->if_none_match},
                {"access-control-request-method", &r->cors_method},
                {"access-control-request-headers", &r->cors_headers}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (same_word(name, kept[i].name))
            return keep(h, kept[i].slot, value);
    if (same_word(name, "accept"))
        prefer(&r->accept, value);
    else if (same_word(name, "accept-encoding"))
        prefer(&r->accept_encoding, value);
    return true;
}

static bool take_header(struct http *h, struct seen *seen, struct str name, struct str value)
{
    if (same_word(name, "host"))
        return ++seen->host == 1 ? read_host(h, value)
                                 : bad(h, N_("the request has two Host headers"));
    if (same_word(name, "content-length"))
        return ++seen->length == 1 ? read_length(h, value)
                                   : bad(h, N_("the request has two Content-Length headers"));
    if (same_word(name, "transfer-encoding"))
        return ++seen->encoding == 1 ? read_encoding(h, value)
                                     : bad(h, N_("the request has two Transfer-Encoding headers"));
    if (same_word(name, "expect"))
        return ++seen->expect == 1 ? read_expect(h, value)
                                   : bad(h, N_("a header that may stand once stands twice"));
    return take_plain(h, name, value);
}

/* (H1) */
static bool read_header(struct http *h, struct seen *seen, struct str line)
{
    size_t colon = str_find(line, STR(":"));
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(h, N_("a header is folded over two lines"));
    if (colon == SIZE_MAX || !is_token(str_sub(line, 0, colon)))
        return bad(h, N_("a header line is not NAME: VALUE"));
    struct str name = str_sub(line, 0, colon), value = str_from(line, colon + 1);
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = str_from(value, 1);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    return take_header(h, seen, name, value);
}

/* --- the head ------------------------------------------------------------------------------------
 */

bool http_head_clean(struct http *h, size_t from)
{
    const char *p = buf_c(&h->head);
    for (size_t i = from; i < h->head.n; i++) {
        unsigned char c = (unsigned char)p[i];
        bool after_cr = i > 0 && p[i - 1] == '\r';
        if ((c == '\n') != after_cr)
            return bad(h, N_("a line of the head does not end in CRLF"));
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
            return bad(h, N_("the head of the request holds a control character"));
    }
    return true;
}

/* Without its CRLF. */
static bool next_line(struct str *rest, struct str *line)
{
    size_t n = str_find(*rest, STR("\r\n"));
    if (n == SIZE_MAX)
        return false;
    *line = str_sub(*rest, 0, n);
    *rest = str_from(*rest, n + 2);
    return true;
}

/* (H3) and (H4), which need all headers. */
static bool check_together(struct http *h, const struct seen *seen)
{
    if (!seen->host && !h->req.old)
        return bad(h, N_("the request has no Host header"));
    if (seen->length && seen->encoding)
        return bad(h, N_("the request has both Content-Length and Transfer-Encoding"));
    if (seen->encoding && h->req.old)
        return bad(h, N_("Transfer-Encoding needs HTTP/1.1"));
    return true;
}

bool http_head_read(struct http *h)
{
    struct str rest = buf_view(&h->head), line = {0};
    struct seen seen = {0};
    unsigned n = 0;
    if (!next_line(&rest, &line) || !read_request_line(h, line))
        return false;
    h->req.old = str_ends(line, STR("HTTP/1.0"));
    while (next_line(&rest, &line) && line.n) {
        if (++n > LIMIT_HTTP_HEADERS)
            return http_refuse(h, 431, ERR_LIMIT, N_("the request has more than 100 headers"));
        if (!read_header(h, &seen, line))
            return false;
    }
    return check_together(h, &seen);
}

bool http_query_get(struct str query, const char *name, struct str *value)
{
    struct str pair, key;
    while (str_cut(&query, '&', &pair)) {
        struct str rest = pair;
        if (str_cut(&rest, '=', &key) && str_is(key, name)) {
            *value = rest;
            return true;
        }
    }
    return false;
}
