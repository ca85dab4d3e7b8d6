/* SPDX-License-Identifier: Apache-2.0 */
/* store/thin: see thin.h. */
#include "store/thin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define START "sha256-"

enum { DAY_S = 24 * 60 * 60 };

const char *thin_path(const struct store *s, const struct digest *d, const char *ending,
                      char out[STORE_PATH])
{
    return store_path(s, out, "thin/" START "%s.%s", d->hex, ending);
}

bool thin_exists(const struct store *s, const struct digest *d)
{
    char path[STORE_PATH];
    return access(thin_path(s, d, "gguf", path), F_OK) == 0;
}

int thin_open(const struct store *s, const struct digest *d, struct err *e)
{
    char path[STORE_PATH];
    int fd = open(thin_path(s, d, "gguf", path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        fail(e, ERR_IO, "cannot open %s: %s; import the model again", path, strerror(errno));
    return fd;
}

int thin_or_blob_open(const struct store *s, const struct digest *d, struct err *e)
{
    int fd = blob_open(s, d, e);
    return fd >= 0 || !thin_exists(s, d) ? fd : thin_open(s, d, e);
}

/* "sha256-<hex>.gguf" -> the digest */
static bool digest_of_file(const char *file, struct digest *d)
{
    struct str s = str_of(file);
    return str_starts(s, STR(START)) && s.n > sizeof START - 1 + DIGEST_HEX &&
           s.p[sizeof START - 1 + DIGEST_HEX] == '.' &&
           digest_parse(d, str_sub(s, sizeof START - 1, DIGEST_HEX), NULL);
}

bool thin_find(const struct store *s, const struct os_file_id *id, struct digest *d)
{
    char path[STORE_PATH];
    struct stat st;
    bool found = false;
    DIR *dir = opendir(store_path(s, path, "thin"));
    for (struct dirent *f; !found && dir && (f = readdir(dir));)
        found = digest_of_file(f->d_name, d) &&
                fstatat(dirfd(dir), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_ino == id->inode && st.st_dev == id->device;
    if (dir)
        closedir(dir);
    return found;
}

void thin_remove(const struct store *s, const struct digest *d)
{
    char path[STORE_PATH];
    unlink(thin_path(s, d, "gguf", path));
    unlink(thin_path(s, d, "pack", path));
}

/* Is it what a model lives from, or may it be so soon? */
static bool is_needed(const struct store *s, const struct digest *d, const struct stat *st,
                      const struct map *live)
{
    char blob[STORE_PATH];
    uint32_t ignored;
    bool young = time(NULL) - st->st_mtime < DAY_S;
    if (!map_get(live, str_of(d->hex), &ignored))
        return false;
    if (access(store_path(s, blob, "blobs/" START "%s", d->hex), F_OK) != 0)
        return true;
    return young && !thin_exists(s, d);
}

uint64_t thin_sweep(const struct store *s, const struct map *live)
{
    char path[STORE_PATH];
    struct digest d;
    struct stat st;
    uint64_t freed = 0;
    DIR *dir = opendir(store_path(s, path, "thin"));
    for (struct dirent *f; dir && (f = readdir(dir));) {
        if (!digest_of_file(f->d_name, &d) ||
            fstatat(dirfd(dir), f->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            is_needed(s, &d, &st, live))
            continue;
        if (unlinkat(dirfd(dir), f->d_name, 0) == 0)
            freed += (uint64_t)st.st_blocks * 512;
    }
    if (dir)
        closedir(dir);
    return freed;
}
