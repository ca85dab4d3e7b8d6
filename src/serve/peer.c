/* SPDX-License-Identifier: Apache-2.0 */
/* serve/peer: see peer.h. */
#include "serve/peer.h"

#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* OVERFLOW_ID stands for all users, and for all groups, that a namespace does not hold. */
enum { GROUPS = 1024, OVERFLOW_ID = 65534 };

static bool credentials(const struct conn *c, struct ucred *out, int *fd)
{
    socklen_t n = sizeof *out;
    return c->local && uv_fileno(&c->io.handle, fd) == 0 &&
           getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, out, &n) == 0 && out->uid != OVERFLOW_ID;
}

bool peer_user(const struct conn *c, uint32_t *uid)
{
    struct ucred who;
    int fd;
    if (!credentials(c, &who, &fd))
        return false;
    *uid = who.uid;
    return true;
}

unsigned peer_roles(const struct conn *c, const struct roles *r)
{
    struct ucred who;
    int fd;
    gid_t gid[GROUPS + 1];
    socklen_t bytes = GROUPS * sizeof *gid;
    if (!r->told)
        return ROLE_ALL;
    if (!credentials(c, &who, &fd))
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gid, &bytes) != 0)
        bytes = 0;
    size_t all = bytes / sizeof *gid, n = 0;
    gid[all++] = who.gid;
    for (size_t i = 0; i < all; i++)
        if (gid[i] != OVERFLOW_ID)
            gid[n++] = gid[i];
    return roles_of(r, who.uid, gid, n);
}
