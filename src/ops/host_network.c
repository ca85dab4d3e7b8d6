/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_network: whether this machine has a way out, and by which proxy. See host.h. Nothing is
 * dialled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/host.h"
#include "ops/host_file.h"

static const char *const proxy_names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                          "all_proxy",   "ALL_PROXY",   "no_proxy",   "NO_PROXY"};

/* Name and password are nobody's business: "http://user:secret@host" loses them. */
static void add_proxy(struct host_network *n, const char *name, struct str value)
{
    if (n->n_proxies == HOST_PROXIES || value.n == 0)
        return;
    size_t scheme = str_find(value, STR("://")), user = str_find(value, STR("@"));
    struct str head = scheme == SIZE_MAX ? STR("") : str_sub(value, 0, scheme + 3);
    struct str tail = user == SIZE_MAX ? str_from(value, head.n) : str_from(value, user + 1);
    char text[HOST_WORD];
    snprintf(text, sizeof text, "%s=%.*s%.*s", name, STR_ARG(head), STR_ARG(tail));
    host_copy(n->proxy[n->n_proxies++], sizeof n->proxy[0], str_of(text));
}

/* The variables of this process; below a root those of /etc/environment. */
static void read_proxies(struct host_network *n, const char *root)
{
    struct buf text;
    host_text(&text, root, "/etc/environment");
    for (size_t i = 0; i < sizeof proxy_names / sizeof *proxy_names; i++) {
        const char *value = root[0] ? NULL : getenv(proxy_names[i]);
        struct str rest = root[0] ? buf_view(&text) : STR(""), line, name;
        if (value)
            add_proxy(n, proxy_names[i], str_of(value));
        while (str_cut(&rest, '\n', &line))
            if (str_cut(&line, '=', &name) && str_is(str_trim(name), proxy_names[i])) {
                line = str_trim(line);
                if (line.n >= 2 && line.p[0] == '"')
                    line = str_sub(line, 1, line.n - 2);
                add_proxy(n, proxy_names[i], line);
            }
    }
    buf_clear(&text);
}

static bool is_all_zeros(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == '0')
        n++;
    return n == s.n;
}

/* Lines "eth0 00000000 0100A8C0 ...": a destination of zeros is the way to everywhere else. */
static bool has_default_route(const char *root)
{
    struct buf text;
    struct str line, word[10];
    bool found = false;
    host_text(&text, root, "/proc/net/route");
    for (struct str rest = buf_view(&text); str_cut(&rest, '\n', &line);)
        found = found || (host_words(line, word, 2) == 2 && str_is(word[1], "00000000"));
    buf_clear(&text);
    host_text(&text, root, "/proc/net/ipv6_route");
    for (struct str rest = buf_view(&text); str_cut(&rest, '\n', &line);)
        found = found || (host_words(line, word, 10) == 10 && is_all_zeros(word[0]) &&
                          str_is(word[1], "00") && !str_is(word[9], "lo"));
    buf_clear(&text);
    return found;
}

void host_read_network(struct host_network *n, const char *root)
{
    struct buf text;
    *n = (struct host_network){.route = has_default_route(root)};
    host_text(&text, root, "/etc/resolv.conf");
    struct str rest = buf_view(&text), line;
    while (str_cut(&rest, '\n', &line))
        n->resolver = n->resolver || str_starts(line, STR("nameserver"));
    buf_clear(&text);
    read_proxies(n, root);
}
