/* SPDX-License-Identifier: Apache-2.0 */
/* store/leaves: see leaves.h. */
#include "store/leaves.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/workers.h"

static bool read_leaf(int fd, char *piece, uint64_t at, uint64_t n, const char *name, struct err *e)
{
    return os_read_at(fd, piece, n, at) == n ||
           fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno ? errno : EIO));
}

static bool hash_all(struct leaves *l, int fd, uint64_t size, const char *name,
                     const struct store_progress *progress, struct err *e)
{
    char *piece = mem_new(HASH_LEAF_BYTES, 1, e);
    bool ok = piece != NULL;
    for (uint64_t at = 0; ok && at < size; at += HASH_LEAF_BYTES) {
        uint64_t n = size - at < HASH_LEAF_BYTES ? size - at : HASH_LEAF_BYTES;
        ok = read_leaf(fd, piece, at, n, name, e) &&
             hash_leaf(piece, n, &l->v[at / HASH_LEAF_BYTES], e) &&
             (!progress || store_progress(progress, at + n, size, e));
    }
    mem_free(piece);
    return ok;
}

/* --- by several threads --------------------------------------------------------------------------
 */

#define SHARED_BYTES (64ull << 20) /* of a file for which threads are worth starting */

struct team_job {
    struct leaves *l;
    int fd;
    uint64_t size;
    const char *name;
    struct workers *team;
    struct err *errors; /* [threads] */
    atomic_bool failed;
};

static void hash_some(void *arg, uint32_t id)
{
    struct team_job *j = arg;
    struct err *e = &j->errors[id];
    char *piece = mem_new(HASH_LEAF_BYTES, 1, e);
    bool ok = piece != NULL;
    uint32_t leaf;
    while (ok && !j->failed && workers_next(j->team, id, (uint32_t)j->l->n, &leaf)) {
        uint64_t at = (uint64_t)leaf * HASH_LEAF_BYTES, left = j->size - at;
        uint64_t n = left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES;
        ok = read_leaf(j->fd, piece, at, n, j->name, e) && hash_leaf(piece, n, &j->l->v[leaf], e);
    }
    if (!ok)
        j->failed = true;
    mem_free(piece);
}

static bool hash_by_team(struct leaves *l, int fd, uint64_t size, const char *name, struct err *e)
{
    struct team_job j = {.l = l, .fd = fd, .size = size, .name = name};
    uint32_t n = os_cpu_count();
    bool ok = (j.team = workers_new(n, e)) && (j.errors = mem_new(n, sizeof *j.errors, e));
    if (ok)
        workers_run(j.team, hash_some, &j);
    for (uint32_t i = 0; ok && i < n; i++)
        if (j.errors[i].code != ERR_NONE)
            ok = (*e = j.errors[i], false);
    mem_free(j.errors);
    workers_free(j.team);
    return ok;
}

bool leaves_read(struct leaves *l, int fd, const char *name, const struct store_progress *progress,
                 struct err *e)
{
    struct os_file_id id;
    struct hash root;
    struct digest hex;
    *l = (struct leaves){0};
    if (!os_file_id(fd, &id, e))
        return false;
    l->n = id.bytes / HASH_LEAF_BYTES + (id.bytes % HASH_LEAF_BYTES != 0);
    l->v = mem_new(l->n + 1, sizeof *l->v, e);
    bool alone = progress || id.bytes < SHARED_BYTES;
    bool ok = l->v &&
              (alone ? hash_all(l, fd, id.bytes, name, progress, e)
                     : hash_by_team(l, fd, id.bytes, name, e)) &&
              hash_root(l->v, l->n, &root, e);
    if (ok) {
        digest_from_hash(&hex, &root);
        memcpy(l->root, hex.hex, sizeof l->root);
    } else {
        leaves_clear(l);
    }
    return ok;
}

bool leaves_write(const struct leaves *l, const char *path, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    bool ok = os_atomic_open(&f, path, e) && os_atomic_write(&f, l->v, l->n * sizeof *l->v, e) &&
              os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

void leaves_clear(struct leaves *l)
{
    mem_free(l->v);
    *l = (struct leaves){0};
}
