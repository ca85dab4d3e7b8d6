/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_scan: see docs_scan.h. */
#include "work/docs_scan.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/os.h"

struct scan {
    struct docs_index *ix;
    struct docs_scan *r;
};

static bool add_chunk(void *arg, const struct docs_chunk *c, struct err *e)
{
    return docs_index_add(arg, c, e);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What cannot be read or is no text is passed over: an index of a folder is not to fail for one
 * file. */
static bool passed_over(struct scan *s, struct err *e)
{
    if (e->code == ERR_UNSUPPORTED)
        s->r->n_skipped++;
    else
        s->r->n_failed++;
    return e->code != ERR_INTERNAL;
}

static bool add_content(struct scan *s, const struct docs_file *f, struct str raw, struct err *e)
{
    struct buf text;
    enum docs_kind kind;
    struct hash content;
    bool same;
    const char *name = last_part(f->path);
    if (!hash_of(&raw, 1, &content, e) || !docs_index_begin(s->ix, f, &content, &same, e))
        return false;
    if (same)
        return true;
    s->r->n_new++;
    buf_init(&text, LIMIT_DOCS_FILE);
    bool ok = docs_text(raw, name, &text, &kind, e)
                  ? docs_chunks(buf_view(&text), kind, name, add_chunk, s->ix, e)
                  : passed_over(s, e);
    buf_clear(&text);
    return ok;
}

static bool add_file(struct scan *s, const char *path, const struct stat *st, struct err *e)
{
    const struct docs_file f = {path,
                                (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                                (uint64_t)st->st_size};
    struct os_map map;
    bool same;
    if (++s->r->n_files > LIMIT_DOCS_FILES)
        return fail(e, ERR_LIMIT, "more than %u files; name folders with fewer", LIMIT_DOCS_FILES);
    if (!docs_index_look(s->ix, &f, &same, e))
        return false;
    if (same || st->st_size == 0)
        return true;
    if ((uint64_t)st->st_size > LIMIT_DOCS_FILE) {
        s->r->n_failed++;
        return true;
    }
    if (!os_map_open(&map, path, e))
        return passed_over(s, e);
    bool ok = add_content(s, &f, (struct str){(const char *)map.p, (size_t)map.n}, e);
    os_map_close(&map);
    return ok;
}

static bool add_path(struct scan *s, const char *path, uint32_t depth, struct err *e);

static bool add_folder(struct scan *s, const char *path, uint32_t depth, struct err *e)
{
    char part[4096];
    bool ok = true;
    DIR *dir = opendir(path);
    if (!dir) {
        s->r->n_failed++;
        return true;
    }
    for (struct dirent *d; ok && (d = readdir(dir));) {
        int n = snprintf(part, sizeof part, "%s/%s", path, d->d_name);
        if (d->d_name[0] != '.' && n < (int)sizeof part)
            ok = add_path(s, part, depth + 1, e);
    }
    closedir(dir);
    return ok;
}

static bool add_path(struct scan *s, const char *path, uint32_t depth, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) != 0 || depth > LIMIT_DOCS_DEPTH) {
        s->r->n_failed++;
        return true;
    }
    if (S_ISDIR(st.st_mode))
        return add_folder(s, path, depth, e);
    return !S_ISREG(st.st_mode) || add_file(s, path, &st, e);
}

bool docs_scan(struct docs_index *ix, const char *const *folders, uint32_t n, struct docs_scan *r,
               struct err *e)
{
    struct scan s = {ix, r};
    *r = (struct docs_scan){0};
    for (uint32_t i = 0; i < n; i++)
        if (!add_path(&s, folders[i], 0, e))
            return false;
    return docs_index_sweep(ix, &r->n_gone, e);
}
