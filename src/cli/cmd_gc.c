/* SPDX-License-Identifier: Apache-2.0 */
/* moat gc: gives back the disk space of what nobody needs any more. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/term.h"
#include "engine/packed.h"
#include "gguf/gguf.h"
#include "store/manifest.h"
#include "store/partial.h"

enum { PACK_DAYS = 30, DAY_S = 24 * 60 * 60 };

struct freed {
    uint64_t blobs, partial, packs;
};

/* --- packs ------------------------------------------------------------------------------------ */

struct packs {
    const struct store *s;
    struct map used; /* names of the packs of stored models */
    struct arena names;
    bool all, ok;
    uint64_t freed;
    struct err *e;
};

/* A model that cannot be read has no pack that could be known. */
static bool note_used(void *arg, const struct name *name, const struct manifest *m,
                      const struct err *why)
{
    struct packs *p = arg;
    char file[PACKED_NAME_BYTES];
    (void)why;
    int fd = m ? blob_open(p->s, &m->digest, NULL) : -1;
    struct gguf *g = fd >= 0 ? gguf_take_fd(fd, name->text, NULL) : NULL;
    if (g && packed_name(g, NULL, file, NULL)) {
        char *kept = arena_copy(&p->names, str_of(file), p->e);
        p->ok = kept && map_put(&p->used, str_of(kept), 1, p->e);
    }
    gguf_close(g);
    return p->ok;
}

/* What was neither made nor mapped for a while; a file that is mapped stays so. */
static void remove_pack(struct packs *p, int dir, const char *file)
{
    struct stat st;
    uint32_t ignored;
    time_t before = time(NULL) - (time_t)PACK_DAYS * DAY_S;
    if (map_get(&p->used, str_of(file), &ignored) ||
        fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    bool old = st.st_atime < before && st.st_mtime < before;
    if ((p->all || old) && unlinkat(dir, file, 0) == 0)
        p->freed += (uint64_t)st.st_blocks * 512;
}

static bool sweep_packs(const struct store *s, bool all, uint64_t *freed, struct err *e)
{
    struct packs p = {.s = s, .all = all, .ok = true, .e = e};
    char path[STORE_PATH];
    bool ok = manifest_each(s, note_used, &p, e) && p.ok;
    DIR *dir = ok ? opendir(store_path(s, path, "packs")) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (str_ends(str_of(d->d_name), STR(".pack")))
            remove_pack(&p, dirfd(dir), d->d_name);
    if (dir)
        closedir(dir);
    map_clear(&p.used);
    arena_clear(&p.names);
    *freed = p.freed;
    return ok;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool print(const struct freed *f, bool json, struct err *e)
{
    char size[16];
    uint64_t total = f->blobs + f->partial + f->packs;
    if (!json) {
        printf(_("%s freed\n"), term_size(total, size));
        return true;
    }
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j =
        json_pack("{s:I, s:I, s:I, s:I}", "freed", (json_int_t)total, "blobs", (json_int_t)f->blobs,
                  "partial", (json_int_t)f->partial, "packs", (json_int_t)f->packs);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool is_made(const struct store *s)
{
    return s->format != 0;
}

static bool run(bool all, bool json, struct err *e)
{
    struct store s;
    struct os_lock lock;
    struct freed f = {0};
    if (!store_open(&s, false, e))
        return false;
    if (!is_made(&s))
        return print(&f, json, e);
    if (!store_open(&s, true, e) || !store_lock(&s, &lock, e))
        return false;
    bool ok = blob_sweep(&s, &f.blobs, e) && sweep_packs(&s, all, &f.packs, e);
    os_lock_close(&lock);
    f.partial = partial_sweep(&s, all ? 0 : PARTIAL_DAYS);
    return ok && print(&f, json, e);
}

static int main_gc(int argc, char **argv)
{
    bool all = false, json = false, helped = false;
    struct err e = {0};
    const struct opt table[] = {
        {"all", 'a', OPT_FLAG, &all, NULL,
         N_("also unfinished pulls and packed weights that were used within the last 30 days"), 0,
         0, NULL},
        {"json", 0, OPT_FLAG, &json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&cmd_gc, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 0,
                    &helped, &e) ||
        (!helped && !run(all, json, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_gc = {
    .name = "gc",
    .args = "",
    .summary = N_("give back the disk space of what is no longer needed"),
    .detail =
        N_("That is: files that no name has, copies of processes that died, pulls that nobody "
           "went on with for 30 days, and packed weights of files that are run in place and "
           "were not for 30 days. Models are never touched (moat rm removes those), and what "
           "another moat works at stays."),
    .run = main_gc,
};
