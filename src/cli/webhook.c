/* SPDX-License-Identifier: Apache-2.0 */
/* cli/webhook: see webhook.h. Over the pipe goes a length, then so many bytes; back comes a struct
 * err, whose code is ERR_NONE where it went well. */
#include "cli/webhook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "fetch/auth.h"
#include "fetch/role.h"
#include "serve/isolate.h"

enum { STALL_S = 10, TEXT_MOST = 4 << 20 };

/* --- pipes ---------------------------------------------------------------------------------------
 */

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)p + at, n - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

static bool read_all(int fd, void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)p + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

/* --- the process ---------------------------------------------------------------------------------
 */

static bool post(const struct fetch_job *job, const char *shown, const char *text, struct err *e)
{
    struct fetch_job q = *job;
    struct document d = {0};
    struct event last;
    q.text = text;
    bool ok = fetch_call(&q, -1, -1, NULL, NULL, NULL, &last, &d, e);
    if (!ok)
        err_at(e, "%s", shown);
    else if (d.status < 200 || d.status > 299)
        ok = fail(e, ERR_NETWORK, "%s answers with HTTP status %d", shown, d.status);
    buf_clear(&d.body);
    return ok;
}

static void serve(const struct fetch_job *job, const char *shown, int from, int to)
{
    uint32_t n;
    while (read_all(from, &n, sizeof n) && n <= TEXT_MOST) {
        struct err e = {0};
        char *text = mem_new((size_t)n + 1, 1, &e);
        if (!text || !read_all(from, text, n)) {
            mem_free(text);
            return;
        }
        if (post(job, shown, text, &e))
            e = (struct err){0};
        mem_free(text);
        if (!write_all(to, &e, sizeof e))
            return;
    }
}

/* It starts the fetch role as the starter of a server does, and has the sandbox of one. */
static _Noreturn void be_sender(const struct fetch_job *job, const char *shown, int from, int to)
{
    struct isolate i;
    struct err e = {0};
    signal(SIGINT, SIG_IGN); /* it ends with its command */
    signal(SIGPIPE, SIG_IGN);
    isolate_init(&i, SANDBOX_STARTER, false);
    if (sandbox_enter(&i.sandbox, &e)) {
        os_name_process("moat:webhook");
        serve(job, shown, from, to);
    }
    _exit(0);
}

/* --- the command's side --------------------------------------------------------------------------
 */

static bool start(struct webhook *w, const struct fetch_job *job, const char *shown, struct err *e)
{
    int down[2], up[2];
    if (pipe2(down, O_CLOEXEC) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    if (pipe2(up, O_CLOEXEC) != 0) {
        close(down[0]);
        close(down[1]);
        return fail(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    }
    fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        close(down[1]);
        close(up[0]);
        be_sender(job, shown, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    w->to = down[1];
    w->from = up[0];
    if (w->pid > 0)
        return true;
    w->pid = 0;
    close(w->to);
    close(w->from);
    return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
}

bool webhook_open(struct webhook *w, const char *url, const char *token_file, struct err *e)
{
    struct url u;
    struct fetch_job job = {.url = {url},
                            .n_url = 1,
                            .document = true,
                            .inner = true,
                            .method = "POST",
                            .type = "application/json",
                            .stall_s = STALL_S,
                            .ca = fetch_private_ca()};
    *w = (struct webhook){.url = url};
    return url_parse(&u, url, e) && (!token_file || fetch_auth_read(&job, &u, token_file, e)) &&
           start(w, &job, u.shown, e);
}

bool webhook_send(const struct webhook *w, struct str json, struct err *e)
{
    struct err answer = {0};
    uint32_t n = (uint32_t)json.n;
    if (json.n > TEXT_MOST)
        return fail(e, ERR_LIMIT, "what is to be told has %zu bytes, %d are the most", json.n,
                    TEXT_MOST);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    bool ok = write_all(w->to, &n, sizeof n) && write_all(w->to, json.p, json.n) &&
              read_all(w->from, &answer, sizeof answer);
    signal(SIGPIPE, before);
    if (!ok)
        return fail(e, ERR_INTERNAL, "the process that sends to the webhook has ended");
    if (answer.code == ERR_NONE)
        return true;
    *e = answer;
    return false;
}

void webhook_close(struct webhook *w)
{
    if (w->pid == 0)
        return;
    close(w->to);
    close(w->from);
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *w = (struct webhook){0};
}
