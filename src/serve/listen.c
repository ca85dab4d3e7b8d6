/* SPDX-License-Identifier: Apache-2.0 */
/* serve/listen: see listen.h. */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "serve/conn.h"

static bool is_loopback(const struct listen_address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return ntohl(a->sa.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->sa.v6.sin6_addr);
}

static bool parse_unix(struct str path, struct listen_address *a, struct err *e)
{
    if (path.n == 0 || path.n >= sizeof a->sa.un.sun_path)
        return fail(e, ERR_USAGE, "the path of a Unix socket has 1 to %zu bytes, not %zu",
                    sizeof a->sa.un.sun_path - 1, path.n);
    a->local = true;
    a->sa.un.sun_family = AF_UNIX;
    memcpy(a->sa.un.sun_path, path.p, path.n);
    a->sa_bytes = sizeof a->sa.un;
    return true;
}

static bool parse_port(struct str text, in_port_t *port)
{
    uint64_t v = 0;
    if (!str_to_u64(text, &v) || v > 65535)
        return false;
    *port = htons((uint16_t)v);
    return true;
}

static bool parse_host(struct str host, struct listen_address *a)
{
    char text[64];
    if (str_is(host, "localhost") || host.n == 0)
        host = STR("127.0.0.1");
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (text[0] == '[' && text[host.n - 1] == ']') {
        text[host.n - 1] = '\0';
        a->sa.v6.sin6_family = AF_INET6;
        a->sa_bytes = sizeof a->sa.v6;
        return inet_pton(AF_INET6, text + 1, &a->sa.v6.sin6_addr) == 1;
    }
    a->sa.v4.sin_family = AF_INET;
    a->sa_bytes = sizeof a->sa.v4;
    return inet_pton(AF_INET, text, &a->sa.v4.sin_addr) == 1;
}

/* "HOST:PORT" */
static bool parse_tcp(struct str text, struct listen_address *a)
{
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    struct str host = colon ? str_sub(text, 0, colon - 1) : STR("");
    in_port_t port = 0;
    if (!parse_port(str_from(text, colon), &port) || !parse_host(host, a))
        return false;
    if (a->sa.any.sa_family == AF_INET)
        a->sa.v4.sin_port = port;
    else
        a->sa.v6.sin6_port = port;
    return true;
}

bool listen_parse(struct str text, struct listen_address *a, struct err *e)
{
    struct str address = text;
    bool https = str_starts(text, STR("https://")), http = str_starts(text, STR("http://"));
    *a = (struct listen_address){0};
    if (str_starts(text, STR("unix:")))
        return parse_unix(str_from(text, 5), a, e);
    if (https || http)
        address = str_from(text, https ? strlen("https://") : strlen("http://"));
    if (!parse_tcp(address, a))
        return fail(
            e, ERR_USAGE,
            "\"%.*s\" is no address to listen at; write 127.0.0.1:8080, [::1]:8080, a port, "
            "https:// and one of these, or unix:PATH",
            STR_ARG(text));
    a->remote = !is_loopback(a);
    a->tls = a->remote || https;
    return !a->remote || !http ||
           fail(e, ERR_DENIED,
                "%.*s can be reached from other machines, which needs TLS; write it without "
                "http://",
                STR_ARG(text));
}

/* What every connection is to have: on Linux it gets it from the socket that it is taken from, and
 * a flood of them costs no call each. */
static void tune(int fd)
{
    const int on = 1, idle = (int)CONN_ALIVE_S, kernel = (int)CONN_KERNEL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kernel, sizeof kernel);
}

/* One server for a socket file: the lock goes with the process, so a file without it is stale. */
static bool take_path(struct listener *l, const char *path, struct err *e)
{
    char lock[sizeof(struct sockaddr_un) + 8];
    struct stat st;
    snprintf(lock, sizeof lock, "%s.lock", path);
    l->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock_fd < 0)
        return fail(e, ERR_IO, "%s: cannot be made: %s", lock, strerror(errno));
    if (!os_try_lock(l->lock_fd))
        return fail(e, ERR_BUSY, "%s: another moat listens there", path);
    if (lstat(path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode))
        return fail(e, ERR_USAGE, "%s: is there already and no socket; choose another path", path);
    return unlink(path) == 0 ||
           fail(e, ERR_IO, "%s: the stale socket cannot be removed: %s", path, strerror(errno));
}

static bool bind_and_listen(int fd, const struct listen_address *a, const char *text, struct err *e)
{
    int on = 1;
    mode_t before = umask(0177); /* a socket file is its owner's */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool bound = bind(fd, &a->sa.any, a->sa_bytes) == 0;
    int why = errno;
    umask(before);
    if (!bound && why == EADDRINUSE)
        return fail(e, ERR_BUSY, "%s: another program listens there; choose another port", text);
    if (!bound)
        return fail(e, ERR_IO, "%s: cannot listen there: %s", text, strerror(why));
    return listen(fd, LISTEN_BACKLOG) == 0 ||
           fail(e, ERR_IO, "%s: cannot listen there: %s", text, strerror(errno));
}

static void name_it(struct listener *l, const struct listen_address *a)
{
    struct listen_address got = *a;
    socklen_t n = sizeof got.sa;
    char host[64] = "";
    if (a->local) {
        snprintf(l->name, sizeof l->name, "unix:%s", a->sa.un.sun_path);
        return;
    }
    const char *scheme = a->tls ? "https://" : "";
    getsockname(l->fd, &got.sa.any, &n);
    if (got.sa.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &got.sa.v4.sin_addr, host, sizeof host);
        snprintf(l->name, sizeof l->name, "%s%s:%u", scheme, host, ntohs(got.sa.v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &got.sa.v6.sin6_addr, host, sizeof host);
        snprintf(l->name, sizeof l->name, "%s[%s]:%u", scheme, host, ntohs(got.sa.v6.sin6_port));
    }
}

static void close_one(struct listener *l)
{
    if (l->fd >= 0 && l->local)
        unlink(l->name + strlen("unix:"));
    if (l->fd >= 0)
        close(l->fd);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
}

bool listen_open(struct listeners *ls, const char *text, struct err *e)
{
    struct listen_address a;
    if (ls->n == LISTEN_MAX)
        return fail(e, ERR_LIMIT, "%d addresses to listen at are the most", LISTEN_MAX);
    if (!listen_parse(str_of(text), &a, e))
        return false;
    struct listener *l = &ls->v[ls->n];
    *l = (struct listener){.fd = -1, .lock_fd = -1, .local = a.local, .tls = a.tls};
    if (a.local && !take_path(l, a.sa.un.sun_path, e)) {
        close_one(l);
        return false;
    }
    int fd = socket(a.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_and_listen(fd, &a, text, e)) {
        if (fd < 0)
            fail(e, ERR_IO, "%s: cannot listen there: %s", text, strerror(errno));
        else
            close(fd);
        close_one(l);
        return false;
    }
    if (!a.local)
        tune(fd);
    l->fd = fd;
    name_it(l, &a);
    ls->n++;
    return true;
}

void listen_close(struct listeners *ls)
{
    for (uint32_t i = 0; i < ls->n; i++)
        close_one(&ls->v[i]);
    ls->n = 0;
}
