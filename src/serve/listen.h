/* SPDX-License-Identifier: Apache-2.0 */
/* serve/listen: the addresses the server is reached at.
 *
 * "ADDR:PORT", "[ADDR]:PORT", "PORT" (of 127.0.0.1) or "unix:PATH"; "https://" before one that is
 * no path makes a loopback address one with TLS. Those that other machines can reach always are:
 * "http://" before one of them is ERR_DENIED. Port 0 is any free one. A socket file is 0600 and
 * belongs to whoever holds PATH.lock; a stale one is replaced. */
#ifndef MOAT_SERVE_LISTEN_H
#define MOAT_SERVE_LISTEN_H

#include <netinet/in.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/str.h"

enum {
    LISTEN_MAX = 16,
    LISTEN_BACKLOG =
        4096 /* clients that wait to be taken: one that finds no room tries again after a second */
};

struct listen_address {
    bool local;  /* a Unix socket */
    bool remote; /* other machines can reach it */
    bool tls;    /* and so it asks for a key; serve/access has what it needs */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } sa;
    unsigned sa_bytes;
};

struct listener {
    int fd, lock_fd;
    bool local, tls;
    char name[128]; /* "127.0.0.1:8080" with the port it got, "https://0.0.0.0:8443",
                     * "unix:/run/moat.sock" */
};

struct listeners {
    struct listener v[LISTEN_MAX];
    uint32_t n;
};

bool listen_parse(struct str text, struct listen_address *a, struct err *e) MUST_USE;
bool listen_open(struct listeners *l, const char *text, struct err *e) MUST_USE;
void listen_close(struct listeners *l); /* and removes socket files */

#endif
