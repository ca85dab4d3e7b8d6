/* SPDX-License-Identifier: Apache-2.0 */
/* serve/origin: see origin.h. */
#include "serve/origin.h"

#include <arpa/inet.h>
#include <string.h>

static bool lower_copy(struct str s, char *out, size_t cap)
{
    if (s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    out[s.n] = '\0';
    return true;
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

static bool is_local(char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    size_t n = strlen(host);
    if (strcmp(host, "localhost") == 0 || str_ends(str_of(host), STR(".localhost")))
        return true;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

bool origin_host_allowed(struct str host)
{
    char text[300];
    return lower_copy(host, text, sizeof text) && cut_port(text) && is_local(text);
}

bool origin_allowed(struct str origin)
{
    static const char *const schemes[] = {"http://", "https://"};
    static const char *const editors[] = {"vscode-webview://", "vscode-file://", "app://",
                                          "tauri://", "file://"};
    char text[300];
    if (!lower_copy(origin, text, sizeof text))
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_starts(str_of(text), str_of(schemes[i])))
            return origin_host_allowed(str_of(text + strlen(schemes[i])));
    for (size_t i = 0; i < sizeof editors / sizeof *editors; i++)
        if (str_starts(str_of(text), str_of(editors[i])))
            return true;
    return false;
}
