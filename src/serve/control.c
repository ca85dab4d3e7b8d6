/* SPDX-License-Identifier: Apache-2.0 */
/* serve/control: see control.h. */
#include "serve/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static bool send_some(int line, struct str bytes, int fd, size_t *sent)
{
    struct iovec io = {(char *)(uintptr_t)bytes.p, bytes.n};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } extra = {0};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = extra.bytes;
        m.msg_controllen = sizeof extra.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t n = sendmsg(line, &m, MSG_NOSIGNAL);
    *sent = n > 0 ? (size_t)n : 0;
    return n > 0 || errno == EINTR;
}

static bool send_all(int line, struct str bytes, int fd)
{
    while (bytes.n) {
        size_t sent = 0;
        if (!send_some(line, bytes, fd, &sent))
            return false;
        if (sent)
            fd = -1; /* it went with the first byte */
        bytes = str_from(bytes, sent);
    }
    return true;
}

bool control_send(int line, const struct control *m, struct str payload, int fd, struct err *e)
{
    struct control head = *m;
    head.bytes = (uint32_t)payload.n;
    if (send_all(line, (struct str){(const char *)&head, sizeof head}, fd) &&
        send_all(line, payload, -1))
        return true;
    return fail(e, ERR_INTERNAL, "the line to the front is broken: %s", strerror(errno));
}
