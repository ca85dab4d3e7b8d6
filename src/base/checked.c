/* SPDX-License-Identifier: Apache-2.0 */
/* base/checked: see checked.h.
 *
 * (I1) A leaf's byte in `done` is set, and read, with its lock held or after an acquire of a set
 *      one: who sees it set sees the leaf's bytes. */
#include "base/checked.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

enum { N_LOCKS = 64 };

struct checked {
    int fd;
    uint64_t n, n_leaves;
    unsigned char *bytes; /* [n] */
    struct hash *leaves;  /* [n_leaves] */
    atomic_uchar *done;   /* [n_leaves] */
    pthread_mutex_t lock[N_LOCKS];
    char name[256];
};

struct checked *checked_new(int fd, uint64_t n, struct hash *leaves, const char *name,
                            struct err *e)
{
    struct checked *c = mem_new(1, sizeof *c, e);
    if (!c) {
        close(fd);
        mem_free(leaves);
        return NULL;
    }
    c->fd = fd;
    c->leaves = leaves;
    c->n = n;
    c->n_leaves = (n + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES;
    snprintf(c->name, sizeof c->name, "%s", name);
    for (int i = 0; i < N_LOCKS; i++)
        pthread_mutex_init(&c->lock[i], NULL);
    c->done = mem_new(c->n_leaves, sizeof *c->done, e);
    c->bytes = c->done ? mem_new_lazy(c->n_leaves, HASH_LEAF_BYTES, e) : NULL;
    if (c->bytes) {
        os_use_large_pages(c->bytes, c->n_leaves * HASH_LEAF_BYTES);
        return c;
    }
    checked_free(c);
    return NULL;
}

void checked_free(struct checked *c)
{
    if (!c)
        return;
    close(c->fd);
    mem_free_lazy(c->bytes, c->n_leaves, HASH_LEAF_BYTES);
    for (int i = 0; i < N_LOCKS; i++)
        pthread_mutex_destroy(&c->lock[i]);
    mem_free(c->done);
    mem_free(c->leaves);
    mem_free(c);
}

const unsigned char *checked_bytes(const struct checked *c)
{
    return c->bytes;
}

int checked_fd(const struct checked *c)
{
    return c->fd;
}

static bool read_bytes(const struct checked *c, uint64_t at, uint64_t n, struct err *e)
{
    if (os_read_at(c->fd, c->bytes + at, n, at) == n)
        return true;
    if (errno)
        return fail(e, ERR_IO, "cannot read %s: %s", c->name, strerror(errno));
    return fail(e, ERR_DENIED, "%s became shorter after it was opened", c->name);
}

static bool read_leaf(struct checked *c, uint64_t leaf, struct err *e)
{
    uint64_t at = leaf * HASH_LEAF_BYTES;
    uint64_t n = c->n - at < HASH_LEAF_BYTES ? c->n - at : HASH_LEAF_BYTES;
    struct hash got;
    if (!read_bytes(c, at, n, e) || !hash_leaf(c->bytes + at, n, &got, e))
        return false;
    if (hash_eq(&got, &c->leaves[leaf]))
        return true;
    memset(c->bytes + at, 0, n);
    return fail(e, ERR_DENIED,
                "%s is not what was approved: its MiB %llu is another one; fetch it again, or have "
                "it approved",
                c->name, (unsigned long long)leaf);
}

static bool need_leaf(struct checked *c, uint64_t leaf, struct err *e)
{
    if (atomic_load_explicit(&c->done[leaf], memory_order_acquire))
        return true;
    pthread_mutex_t *lock = &c->lock[leaf % N_LOCKS];
    pthread_mutex_lock(lock);
    bool ok = c->done[leaf] || read_leaf(c, leaf, e);
    atomic_store_explicit(&c->done[leaf], ok, memory_order_release); /* (I1) */
    pthread_mutex_unlock(lock);
    return ok;
}

bool checked_need(struct checked *c, const void *p, uint64_t n, struct err *e)
{
    uint64_t at = (uint64_t)((const unsigned char *)p - c->bytes);
    must(at <= c->n && n <= c->n - at);
    for (uint64_t leaf = at / HASH_LEAF_BYTES; n && leaf <= (at + n - 1) / HASH_LEAF_BYTES; leaf++)
        if (!need_leaf(c, leaf, e))
            return false;
    return true;
}

void checked_forget(struct checked *c)
{
    for (uint64_t i = 0; i < c->n_leaves; i++)
        c->done[i] = 0;
    os_map_forget(c->bytes, c->n_leaves * HASH_LEAF_BYTES);
}
