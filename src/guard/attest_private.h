/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest: what its files share: the ways out, and the world outside that they lead to. */
#ifndef MOAT_GUARD_ATTEST_PRIVATE_H
#define MOAT_GUARD_ATTEST_PRIVATE_H

#include <netinet/in.h>
#include <sys/un.h>

#include "guard/attest.h"

enum { ATTEST_LISTENERS = 4, ATTEST_ACCEPTED = 2, ATTEST_SECRET = 16 };

struct attest_world {
    char folder[64]; /* in which what follows lies */
    char secret[96], target[96];
    struct sockaddr_in tcp, udp;
    struct sockaddr_un path, abstract;
    socklen_t abstract_bytes;
    int tcp_fd, udp_fd, path_fd, abstract_fd; /* the peers' */
    int victim;                               /* a process outside */
    unsigned char *canary;                    /* ATTEST_SECRET bytes in its memory */
    /* made anew for each role, before it enters: sockets of the network outside */
    int listener[ATTEST_LISTENERS], accepted[ATTEST_ACCEPTED], client[ATTEST_ACCEPTED];
};

/* What is sent: which attempt of which column it is. */
struct attest_token {
    char magic[8];
    uint32_t column, channel;
};

/* 0: got out; else -errno. */
typedef int attest_fn(const struct attest_world *w, const struct attest_token *t);

struct attest_way {
    const char *name; /* gettext id */
    attest_fn *fn;
    unsigned may;  /* 1 << column: who is meant to */
    bool at_peer;  /* it is out when the peer has the token */
    bool by_files; /* only the layer of files closes it */
};
extern const struct attest_way attest_ways[];
extern const unsigned attest_n_ways;

bool attest_world_open(struct attest_world *w, struct err *e) MUST_USE;
void attest_world_close(struct attest_world *w);
bool attest_world_renew(struct attest_world *w); /* the sockets of a role */
void attest_world_forget(struct attest_world *w);
/* A token that some peer has got, or false: no more now. */
bool attest_world_take(const struct attest_world *w, struct attest_token *t);

#endif
