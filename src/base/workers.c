/* SPDX-License-Identifier: Apache-2.0 */
/* base/workers: see workers.h.
 *
 * (I1) `phase` counts runs; a thread that sees it change runs fn once.
 * (I2) A barrier is a counter that the last arrival resets before it raises `gate`.
 * (I3) Who sleeps has said so in `sleepers` before it looks at the word for the last time, and who
 *      changes a word looks at `sleepers` after: one of the two sees the other. Waking costs a
 *      system call only when somebody sleeps.
 * (I4) A thread's run of chunks is taken from the front by itself and from the back by others; both
 *      counts are in one word, so a chunk is never given twice. */
#include "base/workers.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define SPIN_ROUNDS 2000 /* about 30-50 us of pause instructions */

struct workers {
    _Alignas(64) atomic_uint phase; /* futex word: runs started */
    _Alignas(64) atomic_uint done;  /* futex word: threads that finished this run */
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint gate; /* barriers passed */
    _Alignas(64) atomic_uint sleepers;
    _Alignas(64) void (*fn)(void *arg, uint32_t id);
    void *arg;
    uint32_t n, n_started;
    bool stop;
    struct thread {
        struct workers *team;
        pthread_t handle;
        uint32_t id;
        _Alignas(64) atomic_uint_least64_t taken; /* of its run: front | back << 32 */
    } *threads;
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(atomic_uint *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

/* After a change of *word. */
static void wake(struct workers *w, atomic_uint *word)
{
    atomic_thread_fence(memory_order_seq_cst); /* (I3) */
    if (atomic_load_explicit(&w->sleepers, memory_order_relaxed) > 0)
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Waits until *word differs from seen: spin first, then sleep. */
static void wait_change(struct workers *w, atomic_uint *word, uint32_t seen)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen)
            return;
        pause_cpu();
    }
    atomic_fetch_add_explicit(&w->sleepers, 1, memory_order_seq_cst); /* (I3) */
    atomic_thread_fence(memory_order_seq_cst);
    while (atomic_load_explicit(word, memory_order_acquire) == seen)
        futex_wait(word, seen);
    atomic_fetch_sub_explicit(&w->sleepers, 1, memory_order_relaxed);
}

static void *thread_main(void *p)
{
    struct thread *t = p;
    struct workers *w = t->team;
    for (uint32_t seen = 0;; seen++) {
        wait_change(w, &w->phase, seen);
        if (w->stop)
            return NULL;
        w->fn(w->arg, t->id);
        atomic_fetch_add_explicit(&w->done, 1, memory_order_release);
        wake(w, &w->done);
    }
}

struct workers *workers_new(uint32_t n, struct err *e)
{
    must(n >= 1);
    struct workers *w = mem_new_aligned(1, sizeof *w, e);
    if (!w)
        return NULL;
    w->n = n;
    w->threads = mem_new_aligned(n, sizeof *w->threads, e);
    if (!w->threads) {
        mem_free(w);
        return NULL;
    }
    for (uint32_t id = 1; id < n; id++, w->n_started++) {
        struct thread *t = &w->threads[id];
        *t = (struct thread){.team = w, .id = id};
        int rc = pthread_create(&t->handle, NULL, thread_main, t);
        if (rc != 0) {
            fail(e, ERR_LIMIT, "cannot start thread %u of %u: %s; use fewer with --threads", id + 1,
                 n, strerror(rc));
            workers_free(w);
            return NULL;
        }
    }
    return w;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    w->stop = true;
    atomic_fetch_add_explicit(&w->phase, 1, memory_order_release);
    wake(w, &w->phase);
    for (uint32_t i = 1; i <= w->n_started; i++)
        pthread_join(w->threads[i].handle, NULL);
    mem_free(w->threads);
    mem_free(w);
}

static void forget_chunks(struct workers *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        atomic_store_explicit(&w->threads[i].taken, 0, memory_order_relaxed);
}

uint32_t workers_count(const struct workers *w)
{
    return w->n;
}

void workers_run(struct workers *w, void (*fn)(void *arg, uint32_t id), void *arg)
{
    w->fn = fn;
    w->arg = arg;
    forget_chunks(w);
    atomic_store_explicit(&w->done, 0, memory_order_relaxed);
    if (w->n > 1) {
        atomic_fetch_add_explicit(&w->phase, 1, memory_order_release); /* (I1) */
        wake(w, &w->phase);
    }
    fn(arg, 0);
    for (uint32_t seen; (seen = atomic_load_explicit(&w->done, memory_order_acquire)) < w->n - 1;)
        wait_change(w, &w->done, seen);
}

void workers_barrier(struct workers *w, uint32_t id)
{
    (void)id;
    if (w->n == 1) {
        forget_chunks(w);
        return;
    }
    uint32_t gate = atomic_load_explicit(&w->gate, memory_order_acquire);
    if (atomic_fetch_add_explicit(&w->arrived, 1, memory_order_acq_rel) == w->n - 1) {
        atomic_store_explicit(&w->arrived, 0, memory_order_relaxed); /* (I2) */
        forget_chunks(w);
        atomic_fetch_add_explicit(&w->gate, 1, memory_order_release);
        wake(w, &w->gate);
        return;
    }
    wait_change(w, &w->gate, gate);
}

/* A chunk of the run of thread `owner`, of its n chunks in all: the first left, or the last. */
static bool take(struct workers *w, uint32_t owner, bool first, uint32_t n, uint32_t *chunk)
{
    const uint32_t from = (uint32_t)((uint64_t)n * owner / w->n);
    const uint32_t to = (uint32_t)((uint64_t)n * (owner + 1) / w->n);
    atomic_uint_least64_t *word = &w->threads[owner].taken;
    uint64_t taken = atomic_load_explicit(word, memory_order_relaxed), more;
    do {
        uint32_t front = (uint32_t)taken, back = (uint32_t)(taken >> 32);
        if (front + back >= to - from)
            return false;
        *chunk = first ? from + front : to - 1 - back;
        more = taken + (first ? 1 : (uint64_t)1 << 32);
    } while (!atomic_compare_exchange_weak_explicit(word, &taken, more, memory_order_relaxed,
                                                    memory_order_relaxed)); /* (I4) */
    return true;
}

bool workers_next(struct workers *w, uint32_t id, uint32_t n, uint32_t *chunk)
{
    if (take(w, id, true, n, chunk))
        return true;
    for (uint32_t i = 1; i < w->n; i++)
        if (take(w, (id + i) % w->n, false, n, chunk))
            return true;
    return false;
}
