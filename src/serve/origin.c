/* SPDX-License-Identifier: Apache-2.0 */
/* serve/origin: see origin.h. */
#include "serve/origin.h"

#include <arpa/inet.h>
#include <string.h>

#include "serve/loop.h"
#include "serve/reply.h"

#define HOST_MOST 300u

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE"
#define TO_READ                                                                                    \
    "X-Request-Id, Retry-After, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "      \
    "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "         \
    "x-ratelimit-reset-tokens, Moat-Model-Digest, Moat-Policy-Version"

/* --- texts ---------------------------------------------------------------------------------------
 */

static bool lower_copy(struct str s, char *out, size_t cap)
{
    if (s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    out[s.n] = '\0';
    return memchr(out, '\0', s.n) == NULL;
}

/* "name:80" -> "name"; "[::1]:80" -> "[::1]"; false where the port is none. */
static bool cut_port(char *host)
{
    char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (host[0] == '[')
        end = end ? end + 1 : host;
    if (!end || !*end)
        return true;
    uint64_t port = 0;
    bool ok = *end == ':' && str_to_u64(str_of(end + 1), &port) && port < 65536;
    *end = '\0';
    return ok;
}

/* "10.0.0.1" and "[::1]"; an IPv4 address becomes the IPv6 one that stands for it. */
static bool to_address(const char *host, struct in6_addr *out)
{
    struct in_addr v4;
    char inner[64];
    size_t n = strlen(host);
    if (inet_pton(AF_INET, host, &v4) == 1) {
        *out = (struct in6_addr){{{0}}};
        memset(out->s6_addr + 10, 0xff, 2);
        memcpy(out->s6_addr + 12, &v4, sizeof v4);
        return true;
    }
    if (n < 3 || n >= sizeof inner || host[0] != '[' || host[n - 1] != ']')
        return false;
    memcpy(inner, host + 1, n - 2);
    inner[n - 2] = '\0';
    return inet_pton(AF_INET6, inner, out) == 1 && !IN6_IS_ADDR_V4MAPPED(out);
}

static bool is_loopback(const char *host)
{
    struct in6_addr a;
    if (strcmp(host, "localhost") == 0 || str_ends(str_of(host), STR(".localhost")))
        return true;
    if (!to_address(host, &a))
        return false;
    return IN6_IS_ADDR_V4MAPPED(&a) ? a.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&a);
}

bool origin_host_is_loopback(struct str host)
{
    char text[HOST_MOST];
    return lower_copy(host, text, sizeof text) && cut_port(text) && is_loopback(text);
}

static bool is_listed(const struct config_list *l, const char *text)
{
    char one[HOST_MOST];
    for (uint32_t i = 0; i < l->n; i++)
        if (lower_copy(str_of(l->v[i]), one, sizeof one) && strcmp(one, text) == 0)
            return true;
    return false;
}

/* What follows "http://" or "https://"; NULL: it begins with neither. */
static const char *authority(const char *origin, bool *https)
{
    *https = str_starts(str_of(origin), STR("https://"));
    if (*https || str_starts(str_of(origin), STR("http://")))
        return origin + (*https ? strlen("https://") : strlen("http://"));
    return NULL;
}

/* A scheme of theirs and a word. */
static bool is_editor(const char *origin)
{
    static const char *const schemes[] = {"vscode-webview://", "vscode-file://", "app://",
                                          "tauri://", "file://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_starts(str_of(origin), str_of(schemes[i])))
            return strspn(origin + strlen(schemes[i]), "abcdefghijklmnopqrstuvwxyz0123456789-._") ==
                   strlen(origin) - strlen(schemes[i]);
    return false;
}

bool origin_allowed(struct str origin, struct str host, bool tls, const struct config_list *allowed,
                    bool *listed)
{
    char text[HOST_MOST], own[HOST_MOST];
    bool https, fits = lower_copy(origin, text, sizeof text);
    *listed = fits && is_listed(allowed, text);
    if (*listed || !fits || !lower_copy(host, own, sizeof own))
        return *listed;
    bool here = origin_host_is_loopback(host);
    const char *at = authority(text, &https);
    if (!at)
        return here && is_editor(text);
    return ((https || !tls) && own[0] && strcmp(at, own) == 0) ||
           (here && origin_host_is_loopback(str_of(at)));
}

/* --- the configuration ---------------------------------------------------------------------------
 */

static bool is_host(const char *host)
{
    struct in6_addr a;
    if (host[0] == '[')
        return to_address(host, &a);
    for (const char *p = host; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '-' && *p != '.' &&
            *p != '_')
            return false;
    return host[0] && host[0] != '.';
}

bool origin_check_host(struct str text, struct err *e)
{
    char host[HOST_MOST];
    if (str_is(text, "*"))
        return fail(e, ERR_DENIED,
                    "allow_host: \"*\" would let every web page reach this server (DNS "
                    "rebinding); name the hosts");
    return (lower_copy(text, host, sizeof host) && is_host(host)) ||
           fail(e, ERR_USAGE,
                "allow_host: \"%.*s\" is no host name; write moat.example.org, 10.0.0.5 or "
                "[fd00::5], without a port",
                STR_ARG(text));
}

bool origin_check_origin(struct str text, struct err *e)
{
    char origin[HOST_MOST], host[HOST_MOST];
    bool https = false, ok = lower_copy(text, origin, sizeof origin);
    if (str_is(text, "*") || str_is(text, "null"))
        return fail(e, ERR_DENIED,
                    "allow_origin: \"%.*s\" would let every web page use this server; name the "
                    "origins",
                    STR_ARG(text));
    const char *at = ok ? authority(origin, &https) : NULL;
    if (ok && !at && is_editor(origin))
        return true;
    ok = at && lower_copy(str_of(at), host, sizeof host) && cut_port(host) && is_host(host);
    if (!ok)
        return fail(e, ERR_USAGE,
                    "allow_origin: \"%.*s\" is no origin; write https://HOST or https://HOST:PORT, "
                    "without a path",
                    STR_ARG(text));
    return https || is_loopback(host) ||
           fail(e, ERR_DENIED,
                "allow_origin: whoever is on the way can change the pages of %.*s; name one with "
                "https://",
                STR_ARG(text));
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* The address that the connection came to. */
static bool is_own_address(const struct conn *c, const char *host)
{
    struct in6_addr asked, own = {{{0}}};
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } sa;
    int n = sizeof sa;
    if (!to_address(host, &asked) || uv_tcp_getsockname(&c->io.tcp, &sa.any, &n) != 0)
        return false;
    if (sa.any.sa_family == AF_INET6) {
        own = sa.v6.sin6_addr;
    } else {
        memset(own.s6_addr + 10, 0xff, 2);
        memcpy(own.s6_addr + 12, &sa.v4.sin_addr, 4);
    }
    return memcmp(&own, &asked, sizeof own) == 0;
}

/* As certificates have it: without brackets. */
static bool is_certified(const struct conn *c, char *host)
{
    size_t n = strlen(host);
    if (!c->tls || !c->server->tls)
        return false;
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        host++;
    }
    return tls_server_named(c->server->tls, host);
}

/* (O1) */
static bool is_own_host(const struct conn *c, struct str host)
{
    char text[HOST_MOST];
    return lower_copy(host, text, sizeof text) && cut_port(text) &&
           (is_loopback(text) || is_listed(&c->server->config.allow_host, text) ||
            is_own_address(c, text) || is_certified(c, text));
}

int origin_check(struct conn *c, struct err *e)
{
    const struct http_request *req = &c->http.req;
    c->cors = false;
    if (req->host.n && !is_own_host(c, req->host)) {
        fail(e, ERR_DENIED,
             "the Host header names \"%.*s\", which is no name of this server; its owner can add "
             "it with --allow-host",
             STR_ARG(req->host));
        return 403;
    }
    if (!req->origin.n || origin_allowed(req->origin, req->host, c->tls != NULL,
                                         &c->server->config.allow_origin, &c->cors))
        return 0;
    fail(e, ERR_DENIED,
         "pages of \"%.*s\" may not use this server; its owner can let them with --allow-origin",
         STR_ARG(req->origin));
    return 403;
}

/* --- CORS ----------------------------------------------------------------------------------------
 */

bool origin_is_preflight(const struct conn *c)
{
    return c->cors && c->http.req.method == HTTP_METHOD_OPTIONS && c->http.req.cors_method.n > 0;
}

void origin_headers(const struct conn *c, struct buf *out)
{
    if (c->server->config.allow_origin.n)
        buf_cstr(out, "Vary: Origin\r\n");
    if (!c->cors)
        return;
    buf_cstr(out, "Access-Control-Allow-Origin: ");
    buf_str(out, c->http.req.origin); /* it is one of the configuration's */
    buf_cstr(out, "\r\nAccess-Control-Expose-Headers: " TO_READ "\r\n");
}

/* Names of headers, as a list, and nothing else. */
static bool is_names(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = (char)(c | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
            c != ',' && c != ' ')
            return false;
    }
    return s.n > 0 && s.n <= 2048;
}

void origin_preflight(struct exchange *x)
{
    struct buf lines;
    struct str wanted = x->conn->http.req.cors_headers;
    buf_init(&lines, 4096);
    buf_cstr(&lines, "Access-Control-Allow-Methods: " METHODS "\r\n");
    if (is_names(wanted)) {
        buf_cstr(&lines, "Access-Control-Allow-Headers: ");
        buf_str(&lines, wanted);
        buf_cstr(&lines, "\r\n");
    }
    buf_cstr(&lines, "Access-Control-Max-Age: 600\r\nCache-Control: no-store\r\n");
    reply_head(x, 204, NULL, 0, buf_c(&lines));
    buf_clear(&lines);
    exchange_end(x);
}
