/* SPDX-License-Identifier: Apache-2.0 */
/* serve/errand: see errand.h. */
#include "serve/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

/* --- in the errand -------------------------------------------------------------------------------
 */

void errand_tell(int out, json_t *j)
{
    struct buf text;
    buf_init(&text, LIMIT_LINE_BYTES);
    if (j && json_write(j, JSON_COMPACT, &text, NULL)) {
        buf_byte(&text, '\n');
        for (struct str left = buf_view(&text); left.n;) {
            ssize_t n = write(out, left.p, left.n); /* SIGPIPE: the keeper is gone */
            if (n < 0 && errno != EINTR)
                break;
            left = str_from(left, n > 0 ? (size_t)n : 0);
        }
    }
    json_decref(j);
    buf_clear(&text);
}

static _Noreturn void become_errand(errand_fn *fn, void *arg, int out)
{
    struct err e = {0};
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    bool ok = fn(arg, out, &e);
    errand_tell(out,
                json_pack("{si ss}", "end", ok ? ERR_NONE : (int)(e.code ? e.code : ERR_INTERNAL),
                          "error", e.msg));
    _exit(ok ? 0 : err_exit_status(e.code));
}

/* --- its keeper's side ---------------------------------------------------------------------------
 */

struct errand *errand_find(struct errands *all, const char *key)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (strcmp(all->v[i]->key, key) == 0)
            return all->v[i];
    return NULL;
}

static bool run(struct errand *w, errand_fn *fn, void *arg, int close_fd, struct err *e)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    w->pid = fork();
    if (w->pid == 0) {
        close(close_fd);
        close(pipes[0]);
        become_errand(fn, arg, pipes[1]);
    }
    close(pipes[1]);
    if (w->pid < 0) {
        close(pipes[0]);
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    w->from = pipes[0];
    (void)fcntl(w->from, F_SETFL, O_NONBLOCK);
    return true;
}

struct errand *errand_start(struct errands *all, const char *key, errand_fn *fn, void *arg,
                            int close_fd, struct err *e)
{
    if (all->n == ERRAND_MOST) {
        fail(e, ERR_BUSY, "the server brings %d models already; try again in a moment",
             ERRAND_MOST);
        return NULL;
    }
    struct errand *w = mem_new(1, sizeof *w, e);
    if (!w)
        return NULL;
    snprintf(w->key, sizeof w->key, "%s", key);
    w->from = -1;
    fail(&w->err, ERR_INTERNAL, "a process of the server ended in the middle of its work");
    buf_init(&w->in, LIMIT_LINE_BYTES);
    if (!run(w, fn, arg, close_fd, e)) {
        mem_free(w);
        return NULL;
    }
    all->v[all->n++] = w;
    return w;
}

bool errand_join(struct errand *w, json_int_t id, const struct want *want, struct err *e)
{
    if (w->n_askers == ERRAND_WAITING)
        return fail(e, ERR_BUSY, "%d requests wait for this model already; try again in a moment",
                    ERRAND_WAITING);
    if (!mem_grow(&w->asker, w->n_askers, &w->cap, sizeof *w->asker, e))
        return false;
    w->asker[w->n_askers].id = id;
    if (want)
        w->asker[w->n_askers].want = *want;
    w->n_askers++;
    return true;
}

bool errand_leave(struct errand *w, json_int_t id)
{
    for (size_t i = 0; i < w->n_askers; i++)
        if (w->asker[i].id == id) {
            w->asker[i] = w->asker[--w->n_askers];
            return true;
        }
    return false;
}

static void take_number(const json_t *j, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(j, key);
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        *out = (uint64_t)json_integer_value(v);
}

static void take_line(struct errand *w, struct str line, errand_said_fn *said, void *arg)
{
    json_t *j = json_parse(line, "errand", NULL);
    const json_t *end = json_object_get(j, "end");
    json_int_t code = json_integer_value(end);
    if (json_is_integer(end) && code >= ERR_NONE && code <= ERR_INTERNAL) {
        w->err = (struct err){0};
        if (code != ERR_NONE)
            fail(&w->err, (enum err_code)code, "%s",
                 json_string_value(json_object_get(j, "error")));
    } else {
        take_number(j, "done", &w->done);
        take_number(j, "received", &w->received);
        take_number(j, "freed", &w->freed);
        if (json_is_object(j))
            said(arg, w, j);
    }
    json_decref(j);
}

bool errand_read(struct errand *w, errand_said_fn *said, void *arg)
{
    char chunk[16384];
    ssize_t n = read(w->from, chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        close(w->from);
        w->from = -1;
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        w->pid = 0;
        return true;
    }
    buf_add(&w->in, chunk, (size_t)n);
    for (size_t at; (at = str_find(buf_view(&w->in), STR("\n"))) != SIZE_MAX;) {
        take_line(w, str_sub(buf_view(&w->in), 0, at), said, arg);
        buf_drop_front(&w->in, at + 1);
    }
    return false;
}

void errand_remove(struct errands *all, struct errand *w)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (all->v[i] == w)
            all->v[i] = all->v[--all->n];
    if (w->from >= 0)
        close(w->from);
    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    buf_clear(&w->in);
    mem_free(w->asker);
    mem_free(w);
}
