/* SPDX-License-Identifier: Apache-2.0 */
/* store/blob: see blob.h. */
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "store/manifest.h"
#include "store/thin.h"

#define CHUNK      (1u << 20)
#define INCOMING   "blobs/incoming"
#define TEMP_MARK  ".tmp-" /* of base/os: NAME.tmp-XXXXXX */
#define BLOB_START "sha256-"

bool digest_parse(struct digest *d, struct str text, struct err *e)
{
    struct str hex = str_starts(text, STR("sha256:")) ? str_from(text, 7) : text;
    bool ok = hex.n == DIGEST_HEX;
    for (size_t i = 0; ok && i < DIGEST_HEX; i++) {
        char c = hex.p[i];
        c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        d->hex[i] = c;
    }
    d->hex[DIGEST_HEX] = '\0';
    return ok || fail(e, ERR_USAGE, "\"%.*s\" is not a SHA-256 digest: 64 hexadecimal digits",
                      STR_ARG(text));
}

void digest_from_hash(struct digest *d, const struct hash *h)
{
    hash_hex(h, d->hex);
}

void digest_to_hash(const struct digest *d, struct hash *h)
{
    must(hash_parse(h, str_of(d->hex))); /* digest_parse has seen to it */
}

bool digest_of(struct digest *d, struct str bytes, struct err *e)
{
    struct hash h;
    if (!hash_of(&bytes, 1, &h, e))
        return false;
    digest_from_hash(d, &h);
    return true;
}

static bool end_hash(EVP_MD_CTX *hash, struct digest *d, struct err *e)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(hash, sum, &n) != 1 || 2 * n != DIGEST_HEX)
        return fail(e, ERR_INTERNAL, "SHA-256 is not available in this OpenSSL");
    for (unsigned i = 0; i < n; i++)
        snprintf(d->hex + 2 * i, 3, "%02x", sum[i]);
    return true;
}

static EVP_MD_CTX *begin_hash(struct err *e)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1)
        return hash;
    EVP_MD_CTX_free(hash);
    fail(e, ERR_INTERNAL, "SHA-256 is not available in this OpenSSL");
    return NULL;
}

/* --- writing ------------------------------------------------------------------------------- */

/* Makes the temporary file and locks it, so that a sweep can tell it from one left behind. */
static bool open_incoming(struct blob_writer *w, struct err *e)
{
    char path[STORE_PATH];
    struct os_lock lock;
    uint64_t freed;
    if (!store_lock(w->store, &lock, e))
        return false;
    bool ok = blob_sweep(w->store, &freed, e) &&
              os_atomic_open(&w->file, store_path(w->store, path, INCOMING), e);
    if (ok && !os_try_lock(w->file.fd))
        ok = fail(e, ERR_IO, "cannot lock %s: %s", w->file.tmp, strerror(errno));
    os_lock_close(&lock);
    w->file.mode = 0444;
    return ok;
}

static bool reserve(struct blob_writer *w, uint64_t size, struct err *e)
{
    return size == 0 || os_atomic_reserve(&w->file, size, e) ||
           err_at(e, "the store needs %llu bytes more", (unsigned long long)size);
}

bool blob_begin(struct blob_writer *w, const struct store *s, uint64_t size, struct err *e)
{
    *w = (struct blob_writer){.store = s, .file.fd = -1};
    w->hash = begin_hash(e);
    return w->hash && open_incoming(w, e) && reserve(w, size, e);
}

bool blob_write(struct blob_writer *w, const void *p, size_t n, struct err *e)
{
    if (!os_atomic_write(&w->file, p, n, e))
        return false;
    w->n += n;
    if (EVP_DigestUpdate(w->hash, p, n) != 1)
        return fail(e, ERR_INTERNAL, "SHA-256 is not available in this OpenSSL");
    return true;
}

void blob_abort(struct blob_writer *w)
{
    os_atomic_close(&w->file);
    EVP_MD_CTX_free(w->hash);
    w->hash = NULL;
}

/* One chunk at `at`: bytes read, 0 at the end, -1 on an error. */
static ssize_t read_chunk(int fd, void *p, uint64_t at, const char *name, struct err *e)
{
    for (;;) {
        ssize_t n = pread(fd, p, CHUNK, (off_t)at);
        if (n >= 0)
            return n;
        if (errno != EINTR) {
            fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
            return -1;
        }
    }
}

/* Reads the file to its end, into the writer or (shared blocks) only into its hash. */
static bool copy_all(struct blob_writer *w, int fd, const char *name, uint64_t size, bool shared,
                     const struct store_progress *progress, struct err *e)
{
    char *chunk = mem_new(CHUNK, 1, e);
    bool ok = chunk != NULL;
    while (ok) {
        ssize_t n = read_chunk(fd, chunk, w->n, name, e);
        ok = n >= 0;
        if (n <= 0)
            break;
        if (!shared)
            ok = blob_write(w, chunk, (size_t)n, e);
        else if ((ok = EVP_DigestUpdate(w->hash, chunk, (size_t)n) == 1))
            w->n += (uint64_t)n;
        ok = ok && store_progress(progress, w->n, size, e);
    }
    mem_free(chunk);
    if (ok && w->n != size)
        return fail(e, ERR_IO, "%s changed its size while it was read", name);
    return ok;
}

bool blob_copy(struct blob_writer *w, int fd, const char *name, uint64_t size,
               const struct store_progress *progress, bool *shared, struct err *e)
{
    *shared = os_reflink(w->file.fd, fd);
    if (*shared) /* what is hashed is what will be kept, not the source */
        return copy_all(w, w->file.fd, name, size, true, progress, e);
    return reserve(w, size, e) && copy_all(w, fd, name, size, false, progress, e);
}

bool blob_digest(struct blob_writer *w, struct digest *d, struct err *e)
{
    return end_hash(w->hash, d, e);
}

bool blob_commit(struct blob_writer *w, const struct digest *d, struct err *e)
{
    char path[STORE_PATH];
    return os_atomic_rename(&w->file, store_path(w->store, path, "blobs/" BLOB_START "%s", d->hex),
                            e) &&
           os_atomic_commit(&w->file, e);
}

/* --- reading ------------------------------------------------------------------------------- */

int blob_open(const struct store *s, const struct digest *d, struct err *e)
{
    char path[STORE_PATH];
    int fd = open(store_path(s, path, "blobs/" BLOB_START "%s", d->hex),
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && thin_exists(s, d))
        fail(e, ERR_UNSUPPORTED,
             "only the packed weights of this model are kept; moat pack NAME --restore brings its "
             "file back");
    else if (fd < 0)
        fail(e, errno == ENOENT ? ERR_CORRUPT : ERR_IO,
             "cannot open %s: %s; import the model again", path, strerror(errno));
    return fd;
}

bool blob_hash(int fd, const char *name, const struct store_progress *progress, struct digest *d,
               struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
    struct blob_writer w = {.file.fd = -1, .hash = begin_hash(e)};
    bool ok = w.hash && copy_all(&w, fd, name, (uint64_t)st.st_size, true, progress, e) &&
              end_hash(w.hash, d, e);
    blob_abort(&w);
    return ok;
}

bool blob_export(const struct store *s, const struct digest *d, uint64_t size, const char *path,
                 const struct store_progress *progress, bool *shared, struct err *e)
{
    struct blob_writer w = {.store = s, .file.fd = -1};
    struct digest got;
    char name[STORE_PATH];
    int fd = blob_open(s, d, e);
    w.hash = fd >= 0 ? begin_hash(e) : NULL;
    store_path(s, name, "blobs/" BLOB_START "%s", d->hex);
    bool ok = w.hash && os_atomic_open(&w.file, path, e) &&
              blob_copy(&w, fd, name, size, progress, shared, e) && end_hash(w.hash, &got, e);
    if (ok && strcmp(got.hex, d->hex) != 0)
        ok = fail(e, ERR_CORRUPT, "%s is damaged: its SHA-256 is %s; import the model again", name,
                  got.hex);
    ok = ok && os_atomic_commit(&w.file, e);
    blob_abort(&w);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* --- sweeping ------------------------------------------------------------------------------ */

struct sweep {
    const struct store *s;
    struct map live; /* digests in use */
    struct arena digests;
    bool unsure; /* a manifest could not be read: keep all blobs */
    bool ok;
    uint64_t freed;
    struct err *e;
};

static bool note_live(void *arg, const struct name *name, const struct manifest *m,
                      const struct err *why)
{
    struct sweep *w = arg;
    (void)name;
    (void)why;
    if (!m) {
        w->unsure = true;
        return true;
    }
    char *hex = arena_copy(&w->digests, str_of(m->digest.hex), w->e);
    w->ok = hex && map_put(&w->live, str_of(hex), 1, w->e);
    return w->ok;
}

/* A temporary file whose maker is gone: nobody holds its lock. */
static void remove_if_left(int dir, const char *file)
{
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && os_try_lock(fd))
        unlinkat(dir, file, 0);
    if (fd >= 0)
        close(fd);
}

static void remove_if_orphan(struct sweep *w, int dir, struct str file)
{
    struct stat st;
    uint32_t value;
    struct str hex = str_from(file, strlen(BLOB_START));
    if (w->unsure || hex.n != DIGEST_HEX || map_get(&w->live, hex, &value) ||
        fstatat(dir, file.p, &st, AT_SYMLINK_NOFOLLOW) != 0 || unlinkat(dir, file.p, 0) != 0)
        return;
    w->freed += (uint64_t)st.st_size;
}

bool blob_sweep(const struct store *s, uint64_t *freed, struct err *e)
{
    struct sweep w = {.s = s, .ok = true, .e = e};
    char path[STORE_PATH];
    manifest_sweep(s);
    bool ok = manifest_each(s, note_live, &w, e) && w.ok;
    DIR *dir = ok ? opendir(store_path(s, path, "blobs")) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir));) {
        struct str file = str_of(d->d_name);
        if (str_find(file, STR(TEMP_MARK)) != SIZE_MAX)
            remove_if_left(dirfd(dir), d->d_name);
        else if (str_starts(file, STR(BLOB_START)))
            remove_if_orphan(&w, dirfd(dir), file);
    }
    if (dir)
        closedir(dir);
    if (ok && !w.unsure)
        w.freed += thin_sweep(s, &w.live);
    map_clear(&w.live);
    arena_clear(&w.digests);
    *freed = w.freed;
    return ok;
}
