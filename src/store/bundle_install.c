/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_install: writing what a checked bundle holds. See bundle.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/bundle_walk.h"
#include "store/publish.h"

struct install {
    const struct bundle_target *t;
    struct store store;
};

static void note(const struct install *i, const struct bundle_file *f, bool was_there)
{
    if (i->t->note)
        i->t->note(i->t->note_arg, f, was_there);
}

/* --- plain files ----------------------------------------------------------------------------- */

static bool take_plain(void *arg, const void *p, size_t n, struct err *e)
{
    return os_atomic_write(arg, p, n, e);
}

static bool make_folders(char *path, unsigned mode, struct err *e)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        bool ok = mkdir(path, mode) == 0 || errno == EEXIST;
        if (!ok)
            fail(e, ERR_IO, "cannot make the folder %s: %s", path, strerror(errno));
        *at = '/';
        if (!ok)
            return false;
    }
    return true;
}

/* The program is for all to use, the rest is the store's own. */
static bool write_plain(struct bundle_walk *w, const struct bundle_file *f, const char *folder,
                        unsigned mode, struct err *e)
{
    char path[STORE_PATH];
    struct os_atomic_file file = {.fd = -1};
    if (snprintf(path, sizeof path, "%s/%s", folder, f->path) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "path is too long: %s", folder);
    unsigned search = (mode & 0444) >> 2; /* may be entered, or run, by whom may read */
    bool ok = make_folders(path, mode | search, e) && os_atomic_open(&file, path, e) &&
              bundle_walk_stream(w, take_plain, &file, e);
    file.mode = f->executable ? mode | search : mode;
    ok = ok && os_atomic_commit(&file, e);
    os_atomic_close(&file);
    return ok;
}

/* --- models ---------------------------------------------------------------------------------- */

static bool take_blob(void *arg, const void *p, size_t n, struct err *e)
{
    return blob_write(arg, p, n, e);
}

static bool place_blob(void *arg, const struct digest *d, struct err *e)
{
    struct blob_writer *w = arg;
    return w->store == NULL || blob_commit(w, d, e);
}

static bool publish(const struct install *i, const struct bundle_file *f, struct blob_writer *w,
                    struct err *e)
{
    char source[] = "bundle";
    struct publication p = {.store = &i->store,
                            .m = {.name = f->name,
                                  .digest = f->digest,
                                  .size = f->bytes,
                                  .source = mem_new(sizeof source, 1, e),
                                  .settings = json_incref((json_t *)(uintptr_t)f->settings)},
                            .place = place_blob,
                            .arg = w};
    if (p.m.source)
        memcpy(p.m.source, source, sizeof source);
    bool ok = p.m.source && publish_model(&p, e);
    manifest_clear(&p.m);
    return ok;
}

static bool write_model(const struct install *i, struct bundle_walk *walk,
                        const struct bundle_file *f, struct err *e)
{
    struct blob_writer w = {.file.fd = -1};
    struct digest d;
    char architecture[PUBLISH_ARCHITECTURE];
    int there = blob_open(&i->store, &f->digest, NULL);
    if (there >= 0) { /* only its name may be new */
        close(there);
        note(i, f, true);
        return publish(i, f, &w, e);
    }
    bool ok = blob_begin(&w, &i->store, f->bytes, e) &&
              bundle_walk_stream(walk, take_blob, &w, e) && blob_digest(&w, &d, e) &&
              publish_check(w.file.fd, f->name.text, NULL, architecture, e) && publish(i, f, &w, e);
    blob_abort(&w);
    if (ok)
        note(i, f, false);
    return ok;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool install_one(void *arg, struct bundle_walk *w, const struct bundle_file *f,
                        struct err *e)
{
    const struct install *i = arg;
    if (f->kind == BUNDLE_MODEL)
        return write_model(i, w, f, e);
    bool program = f->kind == BUNDLE_PROGRAM;
    if (!write_plain(w, f, program ? i->t->program : i->store.root, program ? 0644 : 0600, e))
        return false;
    note(i, f, false);
    return true;
}

static bool check_space(const struct install *i, const struct bundle *b, struct err *e)
{
    struct statvfs v;
    uint64_t need = 0, left = UINT64_MAX;
    for (uint32_t k = 0; k < b->n_files; k++)
        need += b->file[k].kind == BUNDLE_PROGRAM ? 0 : b->file[k].bytes;
    if (statvfs(i->store.root, &v) == 0)
        left = (uint64_t)v.f_bavail * v.f_frsize;
    return left >= need ||
           fail(e, ERR_IO, "the bundle needs %llu MiB, and %s has only %llu MiB free",
                (unsigned long long)(need >> 20), i->store.root, (unsigned long long)(left >> 20));
}

bool bundle_install(const struct bundle *b, const struct bundle_target *t, struct err *e)
{
    struct install i = {.t = t};
    return store_open(&i.store, true, e) && check_space(&i, b, e) &&
           bundle_walk(b, t->program != NULL, &t->progress, install_one, &i, e);
}
