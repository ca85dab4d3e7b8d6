/* SPDX-License-Identifier: Apache-2.0 */
/* base/child: see child.h. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/self.h"

enum { IN_READ, IN_WRITE, OUT_READ, OUT_WRITE, N_PIPE, ABOVE = 16 };

extern char **environ;

static int starter_line = -1; /* set once, before there are threads */

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Copies out of the way of the numbers the child's descriptors will have. */
static bool lift(const int *fds, size_t n, int *out)
{
    for (size_t i = 0; i < n; i++)
        if ((out[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ABOVE)) < 0)
            return false;
    return true;
}

enum { MOST_WORDS = 16 };

/* What starts this program anew with argv: through the loader where it was started so. */
static bool command_of(const char *const argv[], struct self *self, char folder[PATH_MAX],
                       const char *words[MOST_WORDS])
{
    struct err ignored;
    size_t n = 0;
    if (self_find(self, &ignored) && self->by_loader) {
        snprintf(folder, PATH_MAX, "%s", self->program);
        *strrchr(folder, '/') = '\0';
        const char *const before[] = {argv[0],   "--library-path", folder,
                                      "--argv0", argv[0],          self->program};
        for (; n < sizeof before / sizeof *before; n++)
            words[n] = before[n];
        argv++;
    }
    while (*argv && n + 1 < MOST_WORDS)
        words[n++] = *argv++;
    words[n] = NULL;
    return *argv == NULL;
}

static int spawn(struct child *c, const char *const argv[], const int *pipes, const int *fds,
                 size_t n)
{
    posix_spawn_file_actions_t actions;
    struct self self;
    char folder[PATH_MAX];
    const char *words[MOST_WORDS];
    pid_t pid = 0;
    must(command_of(argv, &self, folder, words)); /* commands of ours are short */
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawn_file_actions_adddup2(&actions, pipes[IN_READ], STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, pipes[OUT_WRITE], STDOUT_FILENO);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i], CHILD_FDS + (int)i);
    if (rc == 0)
        rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, (char *const *)(uintptr_t)words,
                         environ);
    posix_spawn_file_actions_destroy(&actions);
    c->pid = rc == 0 ? pid : 0;
    return rc;
}

/* --- through a starter ---------------------------------------------------------------------------
 */

enum { WORD_BYTES = 32, MOST_FDS = 2 + CHILD_FDS };

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int) * MOST_FDS)];
};

/* One packet: the word, the ends of the pipes and the descriptors. 0, or errno. */
static int ask_starter(const char *word, const int *pipes, const int *fds, size_t n)
{
    int all[MOST_FDS] = {pipes[IN_READ], pipes[OUT_WRITE]};
    union control control = {0};
    char text[WORD_BYTES] = "";
    size_t bytes = sizeof(int) * (2 + n);
    memcpy(all + 2, fds, sizeof(int) * n);
    snprintf(text, sizeof text, "%s", word);
    struct iovec v = {text, sizeof text};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(bytes)};
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(&control.head), all, bytes);
    ssize_t sent;
    while ((sent = sendmsg(starter_line, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return sent == sizeof text ? 0 : sent < 0 ? errno : EIO;
}

/* The descriptors of a packet, in fds; how many, or -1 at the end of the line. */
static int take_order(int line, char text[WORD_BYTES], int fds[MOST_FDS])
{
    union control control = {0};
    struct iovec v = {text, WORD_BYTES};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control};
    ssize_t got = recvmsg(line, &m, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR)
        return 0;
    if (got <= 0)
        return -1;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    size_t n =
        head && head->cmsg_type == SCM_RIGHTS ? (head->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    if (n)
        memcpy(fds, CMSG_DATA(head), n * sizeof(int));
    text[got == WORD_BYTES ? WORD_BYTES - 1 : 0] = '\0';
    return (int)n;
}

void child_starter(int line, const char *word)
{
    char text[WORD_BYTES];
    int fds[MOST_FDS], n;
    signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    while ((n = take_order(line, text, fds)) >= 0) {
        int pipes[N_PIPE] = {-1, -1, -1, -1}, high[MOST_FDS];
        if (n >= 2 && strcmp(text, word) == 0 && lift(fds, (size_t)n, high)) {
            struct child c;
            pipes[IN_READ] = high[0];
            pipes[OUT_WRITE] = high[1];
            const char *const argv[] = {"moat", word, NULL};
            (void)spawn(&c, argv, pipes, high + 2, (size_t)n - 2); /* else its pipes end */
            close_all(high, (size_t)n);
        }
        close_all(fds, (size_t)n);
    }
}

void child_start_through(int line)
{
    starter_line = line;
}

void child_start_nothing(void)
{
    if (starter_line >= 0)
        close(starter_line);
    starter_line = -1;
}

/* ---------------------------------------------------------------------------------------------- */

static int start(struct child *c, const char *const argv[], const int *pipes, const int *fds,
                 size_t n)
{
    if (starter_line < 0)
        return spawn(c, argv, pipes, fds, n);
    c->pid = CHILD_ELSEWHERE;
    return ask_starter(argv[1], pipes, fds, n);
}

bool child_start(struct child *c, const char *const argv[], const int *fds, size_t n, struct err *e)
{
    int pipes[N_PIPE] = {-1, -1, -1, -1}, high[N_PIPE] = {-1, -1, -1, -1};
    int given[CHILD_FDS] = {-1, -1, -1};
    must(n <= CHILD_FDS);
    *c = (struct child){.to = -1, .from = -1};
    int rc = pipe2(pipes, O_CLOEXEC) == 0 && pipe2(pipes + OUT_READ, O_CLOEXEC) == 0 &&
                     lift(pipes, N_PIPE, high) && lift(fds, n, given)
                 ? start(c, argv, high, given, n)
                 : errno;
    close_all(pipes, N_PIPE);
    close_all(given, n);
    if (rc != 0) {
        close_all(high, N_PIPE);
        return fail(e, ERR_IO, "cannot start a process: %s", strerror(rc));
    }
    close_all((int[]){high[IN_READ], high[OUT_WRITE]}, 2);
    c->to = high[IN_WRITE];
    c->from = high[OUT_READ];
    return true;
}

void child_end(struct child *c)
{
    if (c->pid == 0)
        return;
    close_all((int[]){c->to, c->from}, 2);
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
    while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *c = (struct child){.to = -1, .from = -1};
}
