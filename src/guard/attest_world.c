/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest_world: the peers outside: sockets that wait for a token, a process with something in
 * its memory, a file to be read and one to be written. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "guard/attest_private.h"

static unsigned char canary[ATTEST_SECRET];

static int open_inet(int type, struct sockaddr_in *a)
{
    socklen_t n = sizeof *a;
    *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)a, sizeof *a) == 0 &&
        getsockname(fd, (struct sockaddr *)a, &n) == 0 &&
        (type != SOCK_STREAM || listen(fd, 128) == 0))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1; /* no loopback here: that way is absent */
}

static int open_unix(const struct sockaddr_un *a, socklen_t n)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)a, n) == 0 && listen(fd, 128) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void open_unix_both(struct attest_world *w)
{
    w->path.sun_family = w->abstract.sun_family = AF_UNIX;
    snprintf(w->path.sun_path, sizeof w->path.sun_path, "%s/socket", w->folder);
    int n = snprintf(w->abstract.sun_path + 1, sizeof w->abstract.sun_path - 1, "%s", w->folder);
    w->abstract_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    w->path_fd = open_unix(&w->path, sizeof w->path);
    w->abstract_fd = open_unix(&w->abstract, w->abstract_bytes);
    (void)chmod(w->path.sun_path, 0666); /* a role that is another user may try it too */
}

static bool make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && fchmod(fd, 0666) == 0 && write(fd, "outside\n", 8) == 8;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Whoever may trace at all may trace this one (Yama would else let only its parents). */
static _Noreturn void be_victim(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    for (;;)
        pause();
}

bool attest_world_open(struct attest_world *w, struct err *e)
{
    *w = (struct attest_world){.tcp_fd = -1, .udp_fd = -1, .path_fd = -1, .abstract_fd = -1};
    const char *tmp = getenv("TMPDIR");
    if (snprintf(w->folder, sizeof w->folder, "%s/moat-attest-XXXXXX",
                 tmp && strlen(tmp) < 24 ? tmp : "/tmp") < 0 ||
        !mkdtemp(w->folder)) {
        w->folder[0] = '\0';
        return fail(e, ERR_IO, "cannot make a folder for the test in /tmp: %s", strerror(errno));
    }
    (void)chmod(w->folder, 0755);
    snprintf(w->secret, sizeof w->secret, "%s/secret", w->folder);
    snprintf(w->target, sizeof w->target, "%s/target", w->folder);
    bool ok = os_random(canary, sizeof canary, e);
    if (ok && (!make_file(w->secret) || !make_file(w->target)))
        ok = fail(e, ERR_IO, "cannot write in %s: %s", w->folder, strerror(errno));
    w->canary = canary;
    w->tcp_fd = open_inet(SOCK_STREAM, &w->tcp);
    w->udp_fd = open_inet(SOCK_DGRAM, &w->udp);
    open_unix_both(w);
    w->victim = ok ? fork() : -1;
    if (w->victim == 0)
        be_victim();
    if (ok && w->victim < 0)
        ok = fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    if (!ok)
        attest_world_close(w);
    return ok;
}

void attest_world_close(struct attest_world *w)
{
    const int fds[] = {w->tcp_fd, w->udp_fd, w->path_fd, w->abstract_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (w->victim > 0) {
        kill(w->victim, SIGKILL);
        while (waitpid(w->victim, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (!w->folder[0])
        return;
    unlink(w->secret);
    unlink(w->target);
    unlink(w->path.sun_path);
    rmdir(w->folder);
    w->folder[0] = '\0';
}

/* A connection from here to a listener of its own: what the listener accepts, as a server has. */
static bool accept_one(int *accepted, int *client)
{
    struct sockaddr_in a;
    int listener = open_inet(SOCK_STREAM, &a);
    *client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = listener >= 0 && *client >= 0 && syscall(SYS_connect, *client, &a, sizeof a) == 0;
    *accepted = ok ? accept(listener, NULL, NULL) : -1;
    if (listener >= 0)
        close(listener);
    return *accepted >= 0;
}

bool attest_world_renew(struct attest_world *w)
{
    struct sockaddr_in a;
    bool ok = true;
    for (int i = 0; i < ATTEST_LISTENERS; i++) {
        w->listener[i] = open_inet(SOCK_STREAM, &a);
        ok &= w->listener[i] >= 0 && fcntl(w->listener[i], F_SETFL, 0) == 0;
    }
    for (int i = 0; i < ATTEST_ACCEPTED; i++)
        ok &= accept_one(&w->accepted[i], &w->client[i]);
    return ok;
}

void attest_world_forget(struct attest_world *w)
{
    for (int i = 0; i < ATTEST_LISTENERS; i++)
        if (w->listener[i] >= 0)
            close(w->listener[i]);
    for (int i = 0; i < ATTEST_ACCEPTED; i++) {
        if (w->accepted[i] >= 0)
            close(w->accepted[i]);
        if (w->client[i] >= 0)
            close(w->client[i]);
    }
}

bool attest_world_take(const struct attest_world *w, struct attest_token *t)
{
    const int listeners[] = {w->tcp_fd, w->path_fd, w->abstract_fd};
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++) {
        int fd;
        while ((fd = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
            struct pollfd p = {fd, POLLIN, 0};
            bool got = poll(&p, 1, 50) > 0 && read(fd, t, sizeof *t) == sizeof *t;
            close(fd);
            if (got)
                return true;
        }
    }
    return recv(w->udp_fd, t, sizeof *t, MSG_DONTWAIT) == sizeof *t;
}
