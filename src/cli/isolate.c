/* SPDX-License-Identifier: Apache-2.0 */
/* cli/isolate: see isolate.h. */
#include "cli/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/opts.h"
#include "fetch/role.h"
#include "serve/isolate.h"

static struct isolate command; /* of this process */

static bool enter(bool packs, const char *const *out, unsigned n, unsigned without, struct err *e)
{
    isolate_init(&command, SANDBOX_COMMAND, !fetch_is_built_in());
    command.sandbox.without = without;
    if (packs)
        isolate_packs(&command);
    for (unsigned i = 0; i < n; i++)
        if (out[i] && strcmp(out[i], "-") != 0)
            isolate_file(&command, out[i]);
    isolate_audit(&command);
    isolate_terminal(&command);
    return sandbox_enter(&command.sandbox, e);
}

bool isolate_command(bool packs, const char *out, struct err *e)
{
    return enter(packs, &out, 1, 0, e);
}

bool isolate_writer(bool packs, const char *const *out, unsigned n, struct err *e)
{
    return enter(packs, out, n, 0, e);
}

bool isolate_conversation(struct err *e)
{
    return enter(true, NULL, 0, 1u << SANDBOX_FILES, e);
}

bool isolate_loaded(struct err *e)
{
    return sandbox_seal(&command.sandbox, e);
}

bool isolate_import(bool fetches, struct err *e)
{
    bool airgap = !fetch_is_built_in();
    if (fetches && !airgap && sandbox_is_built_in() && !isolate_starter(false, e))
        return false;
    isolate_init(&command, SANDBOX_IMPORT, airgap);
    isolate_store(&command);
    isolate_terminal(&command);
    return sandbox_enter(&command.sandbox, e);
}

/* --- a process apart ----------------------------------------------------------------------------
 */

struct outcome {
    bool ok;
    struct err e;
};

static bool write_all(int fd, const void *p, size_t n)
{
    struct str left = {p, n};
    while (left.n) {
        ssize_t done = write(fd, left.p, left.n);
        if (done < 0 && errno != EINTR)
            return false;
        left = str_from(left, done > 0 ? (size_t)done : 0);
    }
    return true;
}

static bool read_all(int fd, void *p, size_t n)
{
    while (n) {
        ssize_t done = read(fd, p, n);
        if (done == 0 || (done < 0 && errno != EINTR))
            return false;
        p = (char *)p + (done > 0 ? done : 0);
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static _Noreturn void work_apart(int to, bool imports, isolate_fn *fn, void *arg, void *result,
                                 size_t n)
{
    struct outcome o = {0};
    o.ok = (imports ? isolate_import(true, &o.e) : isolate_command(false, NULL, &o.e)) &&
           fn(arg, &o.e);
    fflush(stdout);
    bool said = write_all(to, &o, sizeof o) && write_all(to, result, n);
    _exit(said ? 0 : 1);
}

bool isolate_apart(bool imports, isolate_fn *fn, void *arg, void *result, size_t n, struct err *e)
{
    int line[2], status = 0;
    struct outcome o = {0};
    fflush(stdout);
    if (pipe2(line, O_CLOEXEC) != 0)
        return fail(e, ERR_LIMIT, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(line[0]);
        work_apart(line[1], imports, fn, arg, result, n);
    }
    close(line[1]);
    void (*before)(int) = signal(SIGINT, SIG_IGN); /* it is told too, and says how it ended */
    bool ok = pid > 0 && read_all(line[0], &o, sizeof o) && read_all(line[0], result, n);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    signal(SIGINT, before);
    close(line[0]);
    if (pid < 0)
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    if (!ok)
        return fail(e, ERR_INTERNAL, "the process that reads models ended before it was done");
    if (!o.ok)
        *e = o.e;
    return o.ok;
}

/* May a user who owns nothing read it? */
static bool is_public(const char *path)
{
    char part[4096];
    struct stat st;
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part || stat(part, &st) != 0 ||
        !(st.st_mode & S_IROTH))
        return false;
    for (char *slash; (slash = strrchr(part, '/')) && slash != part;) {
        *slash = '\0';
        if (stat(part, &st) != 0 || !(st.st_mode & S_IXOTH))
            return false;
    }
    return true;
}

bool isolate_fetch(const struct fetch_job *q, struct err *e)
{
    const char *ca = q->ca;
    struct sandbox s = {.role = SANDBOX_FETCH,
                        .local = q->socket,
                        .read = {"/etc", "/usr", "/lib", "/lib64", "/proc/self",
                                 "/proc/sys/kernel/random/boot_id", "/dev/urandom",
                                 "/run/systemd/resolve", ca}};
    const char *variable = fetch_private_ca();
    if (variable && variable != ca)
        s.read[ca ? 9 : 8] = variable;
    if (q->socket || (ca && !is_public(ca)) || (variable && !is_public(variable)))
        s.without = 1u << SANDBOX_USER; /* it stays who it is, to reach that */
    return sandbox_enter(&s, e);
}
