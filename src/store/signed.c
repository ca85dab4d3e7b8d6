/* SPDX-License-Identifier: Apache-2.0 */
/* store/signed: see signed.h. */
#include "store/signed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

enum { CHUNK = 1 << 20, DEPTH = 32, PATH = 4096 };

/* --- the digests of a file -----------------------------------------------------------------------
 */

struct hashing {
    const struct oms_list *l;
    const char *name;
    const struct store_progress *progress;
    EVP_MD *md;
    EVP_MD_CTX *ctx;
    char *piece; /* [CHUNK] */
    uint64_t size;
};

static bool no_hash(const struct hashing *h, struct err *e)
{
    return fail(e, ERR_INTERNAL, "%s is not available in this OpenSSL", h->l->hash);
}

static bool begin(struct hashing *h, struct err *e)
{
    h->md = EVP_MD_fetch(NULL, h->l->hash, NULL);
    h->ctx = h->md ? EVP_MD_CTX_new() : NULL;
    return (h->ctx || no_hash(h, e)) && (h->piece = mem_new(CHUNK, 1, e));
}

static void end(struct hashing *h)
{
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->md);
    mem_free(h->piece);
}

/* Of the bytes from `at` to `to`. */
static bool hash_part(struct hashing *h, int fd, uint64_t at, uint64_t to, uint8_t *out,
                      struct err *e)
{
    if (EVP_DigestInit_ex(h->ctx, h->md, NULL) != 1)
        return no_hash(h, e);
    while (at < to) {
        uint64_t n = to - at < CHUNK ? to - at : CHUNK;
        if (os_read_at(fd, h->piece, n, at) != n)
            return fail(e, ERR_IO, "cannot read %s: %s", h->name, strerror(errno ? errno : EIO));
        if (EVP_DigestUpdate(h->ctx, h->piece, n) != 1)
            return no_hash(h, e);
        at += n;
        if (h->progress && !store_progress(h->progress, at, h->size, e))
            return false;
    }
    return EVP_DigestFinal_ex(h->ctx, out, NULL) == 1 || no_hash(h, e);
}

/* How many digests a file of this size has in such a list. */
static uint64_t count_of(const struct oms_list *l, uint64_t size)
{
    return l->shard ? size / l->shard + (size % l->shard != 0) : 1;
}

/* [n][digest_bytes] from mem_new; NULL: an error. */
static uint8_t *digests_of(const struct oms_list *l, int fd, uint64_t size, const char *name,
                           const struct store_progress *progress, struct err *e)
{
    struct hashing h = {.l = l, .name = name, .progress = progress, .size = size};
    uint64_t n = count_of(l, size), step = l->shard ? l->shard : size;
    uint8_t *out = mem_new(n + 1, l->digest_bytes, e);
    bool ok = out && begin(&h, e);
    for (uint64_t i = 0; ok && i < n; i++) {
        uint64_t at = i * step, to = size - at > step ? at + step : size;
        ok = hash_part(&h, fd, at, to, out + i * l->digest_bytes, e);
    }
    end(&h);
    if (ok)
        return out;
    mem_free(out);
    return NULL;
}

static bool size_of(int fd, const char *name, uint64_t *size, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(e, ERR_USAGE, "%s is no regular file", name);
    *size = (uint64_t)st.st_size;
    return true;
}

const struct oms_file *signed_file(const struct oms_list *l, int fd, const char *name,
                                   const struct store_progress *progress, struct err *e)
{
    uint64_t size = 0, n;
    const struct oms_file *found = NULL;
    if (!size_of(fd, name, &size, e))
        return NULL;
    n = count_of(l, size);
    uint8_t *d = n && n <= l->n_digest ? digests_of(l, fd, size, name, progress, e) : NULL;
    if (!d && n && n <= l->n_digest)
        return NULL;
    for (size_t i = 0; d && !found && i < l->n; i++)
        if (oms_is(l, &l->file[i], d, n))
            found = &l->file[i];
    mem_free(d);
    if (!found)
        fail(e, ERR_DENIED,
             "%s is none of the files that were signed: it is another one, or it was changed",
             name);
    return found;
}

/* --- a folder ------------------------------------------------------------------------------------
 */

struct walk {
    const struct oms_list *l;
    const struct signed_terms *terms;
    struct stat signature; /* st_ino 0: none */
    bool *seen;            /* [l->n], owned */
    char path[PATH];       /* within the folder */
};

/* Is path this one, or in it? */
static bool is_under(const char *path, const char *top)
{
    size_t n = strlen(top);
    return n && strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool is_ignored(const struct walk *w, const char *path)
{
    static const char *const always[] = {".git", ".gitignore", ".gitattributes", ".github"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (is_under(path, always[i]))
            return true;
    for (uint32_t i = 0; i < w->terms->n_ignore; i++)
        if (is_under(path, w->terms->ignore[i]))
            return true;
    for (size_t i = 0; i < json_array_size(w->l->ignore); i++)
        if (is_under(path, json_string_value(json_array_get(w->l->ignore, i))))
            return true;
    return false;
}

/* An empty file has no shards: the list cannot name it. */
static bool unnamed(const struct walk *w, uint64_t size, struct err *e)
{
    return w->terms->others || (w->l->shard && size == 0) ||
           fail(e, ERR_DENIED, "%s is not among the files that were signed", w->path);
}

static bool check_file(struct walk *w, int fd, struct err *e)
{
    uint64_t size = 0;
    if (!size_of(fd, w->path, &size, e))
        return false;
    const struct oms_file *f = oms_find(w->l, w->path);
    uint64_t n = count_of(w->l, size);
    if (!f)
        return unnamed(w, size, e);
    w->seen[f - w->l->file] = true;
    if (n != f->n)
        return fail(e, ERR_DENIED, "%s was changed after it was signed", w->path);
    uint8_t *d = digests_of(w->l, fd, size, w->path, w->terms->progress, e);
    if (!d)
        return false;
    bool same = oms_is(w->l, f, d, n);
    mem_free(d);
    return same || fail(e, ERR_DENIED, "%s was changed after it was signed", w->path);
}

static bool check_folder(struct walk *w, int fd, size_t n, int depth, struct err *e);

/* The entry at w->path, whose last part `name` is in the folder dir. */
static bool check_entry(struct walk *w, int dir, const char *name, int depth, struct err *e)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail(e, ERR_IO, "cannot look at %s: %s", w->path, strerror(errno));
    if (st.st_ino == w->signature.st_ino && st.st_dev == w->signature.st_dev)
        return true;
    bool link = S_ISLNK(st.st_mode);
    if (link && !w->l->links)
        return fail(e, ERR_DENIED, "%s is a link, and the signer followed none", w->path);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (link ? 0 : O_NOFOLLOW));
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return os_fail_open(w->path, e);
    }
    if (!S_ISDIR(st.st_mode)) {
        bool ok = check_file(w, fd, e);
        close(fd);
        return ok;
    }
    if (!link)
        return check_folder(w, fd, strlen(w->path), depth + 1, e);
    close(fd);
    return fail(e, ERR_UNSUPPORTED, "%s is a link to a folder, which moat does not follow",
                w->path);
}

/* Takes fd over; n: of w->path, its name. */
static bool check_folder(struct walk *w, int fd, size_t n, int depth, struct err *e)
{
    DIR *d = depth < DEPTH ? fdopendir(fd) : NULL;
    bool ok = d || fail(e, ERR_LIMIT, "folders are nested deeper than %d", DEPTH);
    if (!d)
        close(fd);
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(w->path + n, PATH - n, "%s%s", n ? "/" : "", entry->d_name) >= (int)(PATH - n))
            ok = fail(e, ERR_LIMIT, "a path is longer than %d bytes", PATH - 1);
        else if (!is_ignored(w, w->path))
            ok = check_entry(w, dirfd(d), entry->d_name, depth, e);
        if (ok)
            w->path[n] = '\0';
    }
    if (d)
        closedir(d);
    return ok;
}

static bool none_missing(const struct walk *w, struct err *e)
{
    for (size_t i = 0; i < w->l->n; i++)
        if (!w->seen[i])
            return fail(e, ERR_DENIED, "%s was signed and is missing", w->l->file[i].name);
    return true;
}

/* Takes fd over. */
static bool check_tree(const struct oms_list *l, int fd, const struct signed_terms *terms,
                       struct err *e)
{
    struct walk w = {.l = l, .terms = terms, .seen = mem_new(l->n, sizeof *w.seen, e)};
    if (!terms->signature || stat(terms->signature, &w.signature) != 0)
        w.signature = (struct stat){0};
    bool ok = w.seen != NULL;
    if (ok)
        ok = check_folder(&w, fd, 0, 0, e) && none_missing(&w, e);
    else
        close(fd);
    mem_free(w.seen);
    return ok;
}

bool signed_path(const struct oms_list *l, const char *path, const struct signed_terms *terms,
                 struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return os_fail_open(path, e);
    }
    if (S_ISDIR(st.st_mode))
        return check_tree(l, fd, terms, e) || err_at(e, "%s", path);
    bool ok = signed_file(l, fd, path, terms->progress, e) != NULL;
    close(fd);
    return ok;
}
