/* SPDX-License-Identifier: Apache-2.0 */
/* run/desk: see desk.h. */
#include "run/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

struct entry {
    struct desk_job job;
    uint64_t arrived_ns;
    struct str text; /* owned, until it is prepared */
    bool ready;
    struct entry *next;
};

struct desk {
    struct loaded *l;
    const struct settings *base;
    int bell[2]; /* a byte in it for each job that is ready */
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    /* under the mutex: */
    struct entry *first, *last;
    struct entry *todo; /* the first that is not ready */
    uint32_t n;
    uint64_t bytes;
    bool over;
};

static void free_entry(struct entry *j)
{
    mem_free((void *)(uintptr_t)j->text.p);
    mem_free(j);
}

static void ring(const struct desk *d)
{
    /* Full is as good as rung; the end that reads is closed only after this thread. */
    ssize_t n = write(d->bell[1], "", 1);
    (void)n;
}

/* Under the mutex, but for the preparing itself. */
static void prepare_next(struct desk *d)
{
    struct entry *j = d->todo;
    struct prepared *p = NULL;
    struct err e;
    if (!j->job.cancelled) {
        pthread_mutex_unlock(&d->mutex);
        p = prepared_new(d->l, d->base, j->job.id, j->text, j->arrived_ns, &e);
        pthread_mutex_lock(&d->mutex);
    }
    j->job.p = p;
    j->ready = true;
    d->todo = j->next;
    ring(d);
}

static void *run(void *arg)
{
    struct desk *d = arg;
    pthread_mutex_lock(&d->mutex);
    while (!d->over) {
        if (d->todo)
            prepare_next(d);
        else
            pthread_cond_wait(&d->work, &d->mutex);
    }
    pthread_mutex_unlock(&d->mutex);
    return NULL;
}

static bool open_bell(struct desk *d, struct err *e)
{
    if (pipe(d->bell) != 0) {
        d->bell[0] = d->bell[1] = -1;
        return fail(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++)
        if (fcntl(d->bell[i], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(d->bell[i], F_SETFD, FD_CLOEXEC) != 0)
            return fail(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    return true;
}

struct desk *desk_new(struct loaded *l, const struct settings *base, struct err *e)
{
    struct desk *d = mem_new(1, sizeof *d, e);
    if (!d)
        return NULL;
    d->l = l;
    d->base = base;
    d->bell[0] = d->bell[1] = -1;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->work, NULL);
    bool ok = open_bell(d, e);
    if (ok && !(d->started = pthread_create(&d->thread, NULL, run, d) == 0))
        ok = fail(e, ERR_LIMIT, "cannot start a thread");
    if (ok)
        return d;
    desk_free(d);
    return NULL;
}

void desk_free(struct desk *d)
{
    if (!d)
        return;
    if (d->started) {
        pthread_mutex_lock(&d->mutex);
        d->over = true;
        pthread_cond_signal(&d->work);
        pthread_mutex_unlock(&d->mutex);
        pthread_join(d->thread, NULL);
    }
    for (struct entry *j = d->first, *next; j; j = next) {
        next = j->next;
        prepared_free(j->job.p);
        free_entry(j);
    }
    for (int i = 0; i < 2; i++)
        if (d->bell[i] >= 0)
            close(d->bell[i]);
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->mutex);
    mem_free(d);
}

static struct entry *new_entry(uint64_t id, struct str job, struct err *e)
{
    struct entry *j = mem_new(1, sizeof *j, e);
    char *text = j ? mem_new(job.n + 1, 1, e) : NULL;
    if (!text) {
        mem_free(j);
        return NULL;
    }
    memcpy(text, job.p, job.n);
    *j = (struct entry){.job.id = id, .arrived_ns = os_now_ns(), .text = (struct str){text, job.n}};
    return j;
}

bool desk_give(struct desk *d, uint64_t id, struct str job, struct err *e)
{
    struct entry *j = new_entry(id, job, e);
    if (!j)
        return false;
    pthread_mutex_lock(&d->mutex);
    bool full = d->n >= DESK_JOBS || d->bytes + job.n > DESK_BYTES;
    if (!full) {
        if (d->last)
            d->last->next = j;
        else
            d->first = j;
        d->last = j;
        if (!d->todo)
            d->todo = j;
        d->n++;
        d->bytes += job.n;
        pthread_cond_signal(&d->work);
    }
    pthread_mutex_unlock(&d->mutex);
    if (full)
        free_entry(j);
    return !full || fail(e, ERR_BUSY, "too many requests at once; try again in a second");
}

bool desk_take(struct desk *d, struct desk_job *out)
{
    char rung[64];
    pthread_mutex_lock(&d->mutex);
    struct entry *j = d->first;
    bool ready = j && j->ready;
    if (ready) {
        d->first = j->next;
        if (!d->first)
            d->last = NULL;
        d->n--;
        d->bytes -= j->text.n;
        *out = j->job;
    } else {
        while (read(d->bell[0], rung, sizeof rung) > 0)
            ;
    }
    pthread_mutex_unlock(&d->mutex);
    if (ready)
        free_entry(j);
    return ready;
}

bool desk_cancel(struct desk *d, uint64_t id)
{
    bool found = false;
    pthread_mutex_lock(&d->mutex);
    for (struct entry *j = d->first; j && !found; j = j->next) {
        found = j->job.id == id;
        j->job.cancelled |= found;
    }
    pthread_mutex_unlock(&d->mutex);
    return found;
}

int desk_fd(const struct desk *d)
{
    return d->bell[0];
}
