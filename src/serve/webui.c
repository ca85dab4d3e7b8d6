/* SPDX-License-Identifier: Apache-2.0 */
/* serve/webui: see webui.h. */
#include "serve/webui.h"

#include <string.h>
#include <strings.h>

#include "serve/dialects.h"
#include "serve/reply.h"

#define HEADERS                                                                                    \
    "Cache-Control: no-cache\r\n"                                                                  \
    "Vary: Accept, Accept-Encoding\r\n"                                                            \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "                    \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify\r\n"      \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "X-DNS-Prefetch-Control: off\r\n"                                                              \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                \
    "Permissions-Policy: camera=(), microphone=(), geolocation=()\r\n"

const struct webui_asset *webui_find(struct str name)
{
    for (size_t i = 0; i < webui_n_assets; i++)
        if (str_is(name, webui_assets[i].name))
            return &webui_assets[i];
    return NULL;
}

/* "q=0", "q=0.000": not wanted. */
static bool is_refused(struct str parameters)
{
    size_t at = str_find(parameters, STR("q="));
    if (at == SIZE_MAX)
        return false;
    for (size_t i = at + 2; i < parameters.n; i++)
        if (parameters.p[i] >= '1' && parameters.p[i] <= '9')
            return false;
    return true;
}

bool webui_takes(struct str header, const char *word)
{
    size_t n = strlen(word);
    while (header.n) {
        size_t comma = str_find(header, STR(","));
        struct str item = str_trim(comma == SIZE_MAX ? header : (struct str){header.p, comma});
        size_t semicolon = str_find(item, STR(";"));
        size_t length = semicolon == SIZE_MAX ? item.n : semicolon;
        if (str_trim((struct str){item.p, length}).n == n && strncasecmp(item.p, word, n) == 0)
            return !is_refused(str_from(item, length));
        header = comma == SIZE_MAX ? STR("") : str_from(header, comma + 1);
    }
    return false;
}

static void send_asset(struct exchange *x, const struct webui_asset *a)
{
    const struct http_request *q = &x->conn->http.req;
    bool packed = webui_takes(q->accept_encoding, "gzip");
    bool same = str_find(q->if_none_match, str_of(a->tag)) != SIZE_MAX;
    struct str body = packed ? a->packed : a->plain;
    struct buf lines;
    buf_init(&lines, 1u << 12);
    buf_fmt(&lines, HEADERS "ETag: \"%s%s\"\r\n%s", a->tag, packed ? "-gz" : "",
            packed ? "Content-Encoding: gzip\r\n" : "");
    reply_head(x, same ? 304 : 200, same ? NULL : a->type, body.n, buf_c(&lines));
    buf_clear(&lines);
    if (!same && q->method != HTTP_METHOD_HEAD)
        conn_write(x->conn, body);
    exchange_end(x);
}

void webui_root(struct exchange *x)
{
    const struct webui_asset *page = webui_find(STR("index.html"));
    if (page && webui_takes(x->conn->http.req.accept, "text/html"))
        send_asset(x, page);
    else
        ollama_root(x);
}

void webui_file(struct exchange *x)
{
    const struct webui_asset *a = webui_find(x->rest);
    struct err e;
    if (a) {
        send_asset(x, a);
        return;
    }
    fail(&e, ERR_NOT_FOUND, "the page has no such part");
    reply_error(x, &e);
}
