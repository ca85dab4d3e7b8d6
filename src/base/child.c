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
#include <sys/wait.h>
#include <unistd.h>

#include "base/self.h"

enum { IN_READ, IN_WRITE, OUT_READ, OUT_WRITE, N_PIPE, ABOVE = 16 };

extern char **environ;

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

bool child_start(struct child *c, const char *const argv[], const int *fds, size_t n, struct err *e)
{
    int pipes[N_PIPE] = {-1, -1, -1, -1}, high[N_PIPE] = {-1, -1, -1, -1};
    int given[CHILD_FDS] = {-1, -1, -1};
    must(n <= CHILD_FDS);
    *c = (struct child){.to = -1, .from = -1};
    int rc = pipe2(pipes, O_CLOEXEC) == 0 && pipe2(pipes + OUT_READ, O_CLOEXEC) == 0 &&
                     lift(pipes, N_PIPE, high) && lift(fds, n, given)
                 ? spawn(c, argv, high, given, n)
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
    if (c->pid <= 0)
        return;
    close_all((int[]){c->to, c->from}, 2);
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *c = (struct child){.to = -1, .from = -1};
}
