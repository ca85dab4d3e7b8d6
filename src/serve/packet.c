/* SPDX-License-Identifier: Apache-2.0 */
/* serve/packet: see packet.h. */
#include "serve/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/json.h"

union rights { /* room for one descriptor, aligned */
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool packet_pair(int line[2], struct err *e)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) == 0 ||
           fail(e, ERR_INTERNAL, "cannot make a line between two processes: %s", strerror(errno));
}

static void attach(struct msghdr *m, union rights *extra, int fd)
{
    m->msg_control = extra->bytes;
    m->msg_controllen = sizeof extra->bytes;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

bool packet_send(int line, const json_t *j, int fd, bool wait, struct err *e)
{
    struct buf text;
    union rights extra = {0};
    buf_init(&text, PACKET_MOST);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "memory is short");
    struct iovec io = {text.p, text.n};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (fd >= 0)
        attach(&m, &extra, fd);
    ssize_t n = -1;
    do {
        n = ok ? sendmsg(line, &m, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) : -1;
    } while (ok && n < 0 && errno == EINTR);
    if (ok && n < 0)
        ok = errno == EAGAIN ? fail(e, ERR_BUSY, "the server has more to do than it can; try again")
                             : fail(e, ERR_INTERNAL, "the line to the other process is broken: %s",
                                    strerror(errno));
    buf_clear(&text);
    return ok;
}

static int descriptor_of(struct msghdr *m)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof fd))
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

enum packet_state packet_take(int line, json_t **j, int *fd)
{
    static char text[PACKET_MOST]; /* each process has one thread that takes packets */
    union rights extra = {0};
    struct iovec io = {text, sizeof text};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = extra.bytes,
                       .msg_controllen = sizeof extra.bytes};
    *j = NULL;
    *fd = -1;
    ssize_t n = recvmsg(line, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return PACKET_NONE;
    if (n > 0)
        *fd = descriptor_of(&m);
    if (n > 0 && !(m.msg_flags & MSG_TRUNC))
        *j = json_parse((struct str){text, (size_t)n}, "packet", NULL);
    if (json_is_object(*j))
        return PACKET_GOT;
    json_decref(*j);
    *j = NULL;
    if (*fd >= 0)
        close(*fd);
    return PACKET_END;
}
