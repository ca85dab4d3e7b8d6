/* SPDX-License-Identifier: Apache-2.0 */
/* serve/quota: see quota.h. */
#include "serve/quota.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/log.h"

/* One manifest; those of one blob stand together. */
struct entry {
    const struct manifest *m;
    int64_t used; /* of the blob: the latest of its manifests' */
    bool kept;    /* the blob: somebody else's manifest names it */
};

static int by_digest(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->m->digest.hex, y->m->digest.hex);
}

static bool same_blob(const struct entry *a, const struct entry *b)
{
    return strcmp(a->m->digest.hex, b->m->digest.hex) == 0;
}

/* The end of the group that begins at i. */
static size_t group_end(const struct entry *v, size_t n, size_t i)
{
    size_t end = i + 1;
    while (end < n && same_blob(&v[i], &v[end]))
        end++;
    return end;
}

/* [s->n], sorted; the caller frees it. */
static struct entry *entries(const struct shelf *s, struct err *e)
{
    struct entry *v = mem_new(s->n + 1, sizeof *v, e);
    if (!v)
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        v[i] = (struct entry){.m = &s->v[i],
                              .used = s->v[i].through ? manifest_used(&s->store, &s->v[i].name) : 0,
                              .kept = !s->v[i].through};
    qsort(v, s->n, sizeof *v, by_digest);
    for (size_t i = 0, end; i < s->n; i = end) {
        end = group_end(v, s->n, i);
        for (size_t k = i + 1; k < end; k++) {
            v[i].kept |= v[k].kept;
            v[i].used = v[k].used > v[i].used ? v[k].used : v[i].used;
        }
    }
    return v;
}

static struct quota_use count(const struct entry *v, size_t n)
{
    struct quota_use u = {0};
    for (size_t i = 0; i < n; i = group_end(v, n, i)) {
        u.bytes += v[i].kept ? 0 : v[i].m->size;
        u.files += !v[i].kept;
    }
    return u;
}

bool quota_used(const struct shelf *s, struct quota_use *u, struct err *e)
{
    struct entry *v = entries(s, e);
    if (!v)
        return false;
    *u = count(v, s->n);
    mem_free(v);
    return true;
}

/* The blob that was asked for least lately; SIZE_MAX: none may go. */
static size_t oldest(const struct entry *v, size_t n)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n; i = group_end(v, n, i))
        if (!v[i].kept && (best == SIZE_MAX || v[i].used < v[best].used))
            best = i;
    return best;
}

static bool remove_blob(const struct store *s, const struct entry *v, size_t end, struct err *e)
{
    char path[STORE_PATH];
    for (size_t i = 0; i < end; i++) {
        log_event("evicted", "%s: %llu bytes", v[i].m->name.text, (unsigned long long)v[i].m->size);
        if (!manifest_remove(s, &v[i].m->name, e))
            return false;
    }
    unlink(store_path(s, path, "leaves/sha256-%s", v->m->digest.hex));
    return true;
}

static bool make_room(const struct shelf *s, struct entry *v, uint64_t quota, uint64_t need,
                      struct err *e)
{
    uint64_t used = count(v, s->n).bytes;
    while (used + need > quota) {
        size_t i = oldest(v, s->n);
        if (i == SIZE_MAX)
            return fail(e, ERR_BUSY,
                        "the mirror's quota is full of models that are being fetched; try again");
        if (!remove_blob(&s->store, &v[i], group_end(v, s->n, i) - i, e))
            return false;
        used -= v[i].m->size;
        v[i].kept = true; /* it is gone: not looked at again */
    }
    return true;
}

bool quota_make_room(const struct store *s, uint64_t quota, uint64_t need, uint64_t *freed,
                     struct err *e)
{
    struct shelf now = {.store = *s};
    struct os_lock lock;
    *freed = 0;
    if (!store_lock(s, &lock, e))
        return false;
    shelf_refresh(&now);
    struct entry *v = entries(&now, e);
    bool ok = v && make_room(&now, v, quota, need, e);
    if (v)
        (void)!blob_sweep(s, freed, NULL);
    os_lock_close(&lock);
    mem_free(v);
    shelf_clear(&now);
    return ok;
}
