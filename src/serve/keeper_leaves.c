/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_leaves: the hashes of a file's leaves; see keeper_private.h. One pass makes them all
 * and checks the SHA-256 of the whole, so leaves of a damaged blob never come to be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "serve/keeper_private.h"
#include "store/partial.h"

#define FOLDER "leaves"

static const char *path_of(const struct store *s, const struct digest *d, char out[STORE_PATH])
{
    return store_path(s, out, FOLDER "/sha256-%s", d->hex);
}

struct leaves_job {
    const struct store *store;
    struct digest digest;
};

static int leaves_open(const struct store *s, const struct digest *d)
{
    char path[STORE_PATH];
    return open(path_of(s, d, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void to_hex(const struct hash *h, char out[2 * HASH_BYTES + 1])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", h->b[i]);
}

bool leaves_root(int fd, char hex[2 * HASH_BYTES + 1], struct err *e)
{
    struct os_file_id id = {0};
    struct hash root;
    hex[0] = '\0';
    if (!os_file_id(fd, &id, e))
        return false;
    struct hash *leaf = mem_new(id.bytes / HASH_BYTES + 1, sizeof *leaf, e);
    bool ok = leaf && (os_read_at(fd, leaf, id.bytes, 0) == id.bytes ||
                       fail(e, ERR_IO, "cannot read the hashes of the file's leaves"));
    ok = ok && hash_root(leaf, id.bytes / HASH_BYTES, &root, e);
    if (ok)
        to_hex(&root, hex);
    mem_free(leaf);
    return ok;
}

/* One pass over the file: every leaf, and the whole. */
static bool hash_all(int fd, const char *name, struct os_atomic_file *out, struct hash *whole,
                     struct err *e)
{
    struct hash_stream s = {0};
    struct hash leaf;
    char *piece = mem_new(HASH_LEAF_BYTES, 1, e);
    bool ok = piece && hash_begin(&s, e);
    uint64_t n = HASH_LEAF_BYTES;
    for (uint64_t at = 0; ok && n == HASH_LEAF_BYTES; at += n) {
        n = os_read_at(fd, piece, HASH_LEAF_BYTES, at);
        if (n < HASH_LEAF_BYTES && errno)
            ok = fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
        else if (n > 0)
            ok = hash_add(&s, piece, n, e) && hash_leaf(piece, n, &leaf, e) &&
                 os_atomic_write(out, leaf.b, HASH_BYTES, e);
    }
    ok = hash_end(&s, ok ? whole : NULL, ok ? e : NULL) && ok;
    mem_free(piece);
    return ok;
}

static bool make(const struct leaves_job *q, int fd, struct os_atomic_file *out, struct err *e)
{
    struct hash whole;
    char hex[2 * HASH_BYTES + 1];
    if (!hash_all(fd, q->digest.hex, out, &whole, e))
        return false;
    to_hex(&whole, hex);
    return strcmp(hex, q->digest.hex) == 0
               ? os_atomic_commit(out, e)
               : fail(e, ERR_CORRUPT,
                      "the file sha256-%s of the store is damaged; moat verify says which models "
                      "that is",
                      q->digest.hex);
}

static bool leaves_make(void *arg, int out, struct err *e)
{
    const struct leaves_job *q = arg;
    char path[STORE_PATH];
    struct os_atomic_file f = {.fd = -1};
    (void)out;
    int fd = blob_open(q->store, &q->digest, e);
    bool ok = fd >= 0 && os_mkdirs(store_path(q->store, path, FOLDER), e) &&
              os_atomic_open(&f, path_of(q->store, &q->digest, path), e) && make(q, fd, &f, e);
    os_atomic_close(&f);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool need_leaves(const struct asked *a, const struct digest *d, int *fd, struct err *e)
{
    char key[ERRAND_KEY];
    struct leaves_job q = {&a->k->shelf.store, *d};
    *fd = leaves_open(&a->k->shelf.store, d);
    if (*fd >= 0)
        return true;
    if (a->tried)
        return a->tried->code == ERR_NONE
                   ? fail(e, ERR_IO, "the hashes of the file's leaves cannot be kept")
                   : no_model(a, e);
    snprintf(key, sizeof key, "leaves %s", d->hex);
    struct errand *r = errand_find(&a->k->errands, key);
    if (!r)
        r = errand_start(&a->k->errands, key, leaves_make, &q, a->k->line, e);
    return r && errand_join(r, a->id, a->w, e);
}

/* --- what nobody needs any more ------------------------------------------------------------------
 */

static void sweep(const struct store *s, const char *folder,
                  bool (*useless)(const struct store *s, const char *file, const struct stat *st))
{
    char path[STORE_PATH];
    struct stat st;
    DIR *dir = opendir(store_path(s, path, "%s", folder));
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (d->d_name[0] != '.' && fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && useless(s, d->d_name, &st))
            unlinkat(dirfd(dir), d->d_name, 0);
    if (dir)
        closedir(dir);
}

static bool has_no_blob(const struct store *s, const char *file, const struct stat *st)
{
    char path[STORE_PATH];
    (void)st;
    return strlen(file) > 80 || access(store_path(s, path, "blobs/%s", file), F_OK) != 0;
}

static bool is_old(const struct store *s, const char *file, const struct stat *st)
{
    (void)s, (void)file;
    return time(NULL) - st->st_mtime > (time_t)PARTIAL_DAYS * 86400;
}

void keeper_sweep(const struct store *s)
{
    sweep(s, FOLDER, has_no_blob);
    sweep(s, LISTING_FOLDER, is_old);
}
