/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_gather: see bundle_gather.h. */
#include "store/bundle_gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/self.h"
#include "store/bundle_head.h"
#include "store/manifest.h"

/* Starts the loader by its path, so that a system needs no library of its own; busybox has what it
 * calls. */
static const char launcher_head[] =
    "#!/bin/sh\n"
    "here=$(dirname \"$(readlink -f \"$0\")\")/../lib\n"
    "[ -e /usr/lib/locale/C.utf8 ] || export LOCPATH=\"$here/charset\"\n";

struct gather {
    struct bundle_plan *p;
    struct buf launcher;
};

static struct bundle_file *add(struct bundle_plan *p, enum bundle_kind kind, const char *name,
                               struct err *e)
{
    struct bundle_file *f = &p->file[p->n];
    if (p->n == LIMIT_BUNDLE_FILES) {
        fail(e, ERR_LIMIT, "more than %u files do not fit one bundle", LIMIT_BUNDLE_FILES);
        return NULL;
    }
    *f = (struct bundle_file){.kind = kind};
    int n = snprintf(f->path, sizeof f->path, "%s%s", bundle_kind_folder(kind), name);
    if (n >= (int)sizeof f->path || !bundle_path_valid(str_of(f->path))) {
        fail(e, ERR_USAGE,
             "%s cannot go into a bundle by that name; letters, digits, \".\", \"_\", \"+\" and "
             "\"-\" can",
             name);
        return NULL;
    }
    for (uint32_t i = 0; i < p->n; i++)
        if (strcmp(p->file[i].path, f->path) == 0) {
            fail(e, ERR_USAGE, "%s would be in the bundle twice", name);
            return NULL;
        }
    p->n++;
    return f;
}

static char *copy_text(const char *text, struct err *e)
{
    size_t n = strlen(text) + 1;
    char *copy = mem_new(n, 1, e);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

/* The digest and size of the file as it is now. */
static bool measure(struct bundle_file *f, const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return os_fail_open(path, e);
    bool ok = (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) ||
              fail(e, ERR_USAGE, "%s is not a regular file", path);
    const struct store_progress none = {0};
    ok = ok && blob_hash(fd, path, &none, &f->digest, e);
    f->bytes = ok ? (uint64_t)st.st_size : 0;
    close(fd);
    return ok;
}

static bool add_file(struct bundle_plan *p, enum bundle_kind kind, const char *name,
                     const char *path, bool executable, struct err *e)
{
    struct bundle_file *f = add(p, kind, name, e);
    if (!f || !measure(f, path, e))
        return false;
    f->executable = executable;
    return (p->source[p->n - 1].path = copy_text(path, e)) != NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool add_library(void *arg, const char *path, struct err *e)
{
    struct gather *g = arg;
    char name[BUNDLE_PATH];
    const char *base = base_name(path);
    if (snprintf(name, sizeof name, "lib/%s", base) >= (int)sizeof name)
        return fail(e, ERR_USAGE, "path is too long: %s", path);
    if (strncmp(base, "ld-", 3) == 0 || strncmp(base, "ld.", 3) == 0 ||
        strncmp(base, "ld64", 4) == 0)
        buf_fmt(&g->launcher,
                "exec \"$here/%s\" --library-path \"$here\" --argv0 \"$0\" \"$here/moat\" "
                "\"$@\"\n",
                base);
    return add_file(g->p, BUNDLE_PROGRAM, name, path, true, e);
}

static bool add_launcher(struct gather *g, struct err *e)
{
    static char text[1024]; /* borrowed by the plan */
    snprintf(text, sizeof text, "%s%s", launcher_head, buf_c(&g->launcher));
    struct bundle_file *f = add(g->p, BUNDLE_PROGRAM, "bin/moat", e);
    if (!f || !digest_of(&f->digest, str_of(text), e))
        return false;
    f->bytes = strlen(text);
    f->executable = true;
    g->p->source[g->p->n - 1].text = str_of(text);
    return true;
}

/* Without them the C library knows ASCII only, and messages are English only. */
static bool add_locale(struct bundle_plan *p, struct err *e)
{
    static const char *const files[] = {"LC_CTYPE", "LC_TIME", "LC_MESSAGES/SYS_LC_MESSAGES"};
    const char *folder = getenv("LOCPATH");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[STORE_PATH], name[BUNDLE_PATH];
        snprintf(path, sizeof path, "%s/C.utf8/%s", folder ? folder : "/usr/lib/locale", files[i]);
        snprintf(name, sizeof name, "lib/charset/C.utf8/%s", files[i]);
        if (access(path, R_OK) == 0 && !add_file(p, BUNDLE_PROGRAM, name, path, false, e))
            return false;
    }
    return true;
}

static bool add_program(struct bundle_plan *p, const char *messages, struct err *e)
{
    struct gather g = {.p = p};
    struct self self;
    buf_init(&g.launcher, 512);
    bool ok = self_find(&self, e) &&
              add_file(p, BUNDLE_PROGRAM, "lib/moat", self.program, true, e) &&
              self_each_library(add_library, &g, e);
    if (ok && g.launcher.n == 0)
        ok = fail(e, ERR_UNSUPPORTED,
                  "the loader of this program was not found; make the bundle with --no-program");
    ok = ok && add_launcher(&g, e) && add_locale(p, e);
    if (ok && messages)
        ok = add_file(p, BUNDLE_PROGRAM, "share/locale/zh_CN/LC_MESSAGES/moat.mo", messages, false,
                      e);
    buf_clear(&g.launcher);
    p->n_programs = p->n;
    return ok;
}

static bool add_model(struct bundle_plan *p, const struct store *s, const char *text, struct err *e)
{
    struct name name;
    struct manifest m;
    char path[STORE_PATH], file[BUNDLE_PATH];
    if (!name_parse(&name, str_of(text), e) || !manifest_read(s, &name, &m, e))
        return false;
    snprintf(file, sizeof file, "sha256-%s", m.digest.hex);
    struct bundle_file *f = add(p, BUNDLE_MODEL, file, e);
    if (f) {
        f->name = name;
        f->digest = m.digest;
        f->bytes = m.size;
        p->source[p->n - 1].settings = json_incref(m.settings);
        p->source[p->n - 1].path =
            copy_text(store_path(s, path, "blobs/sha256-%s", m.digest.hex), e);
    }
    manifest_clear(&m);
    return f && p->source[p->n - 1].path;
}

/* "FILE", or "FILE=NAME" where it is to have another name. */
static bool add_named(struct bundle_plan *p, enum bundle_kind kind, const char *given,
                      struct err *e)
{
    char path[STORE_PATH];
    const char *equals = strrchr(given, '=');
    size_t n = equals ? (size_t)(equals - given) : strlen(given);
    if (n >= sizeof path - sizeof SIGN_SUFFIX)
        return fail(e, ERR_USAGE, "path is too long: %s", given);
    snprintf(path, sizeof path, "%.*s", (int)n, given);
    if (!add_file(p, kind, equals ? equals + 1 : base_name(path), path, false, e))
        return false;
    memcpy(path + n, SIGN_SUFFIX, sizeof SIGN_SUFFIX);
    return kind != BUNDLE_CATALOG || access(path, R_OK) != 0 ||
           add_file(p, kind, base_name(path), path, false, e);
}

bool bundle_gather(struct bundle_plan *p, const struct bundle_wish *w, struct err *e)
{
    struct store s;
    *p = (struct bundle_plan){.file = mem_new(LIMIT_BUNDLE_FILES, sizeof *p->file, e),
                              .source = mem_new(LIMIT_BUNDLE_FILES, sizeof *p->source, e)};
    bool ok = p->file && p->source && store_open(&s, false, e) &&
              (!w->program || add_program(p, w->messages, e));
    for (int kind = BUNDLE_CATALOG; ok && kind < BUNDLE_KINDS; kind++)
        for (uint32_t i = 0; ok && i < w->n_files[kind]; i++)
            ok = add_named(p, (enum bundle_kind)kind, w->files[kind][i], e);
    for (uint32_t i = 0; ok && i < w->n_models; i++)
        ok = add_model(p, &s, w->models[i], e);
    if (ok && p->n == 0)
        ok = fail(e, ERR_USAGE, "nothing was named that could go into the bundle");
    return ok;
}

void bundle_plan_clear(struct bundle_plan *p)
{
    for (uint32_t i = 0; p->source && i < p->n; i++) {
        mem_free(p->source[i].path);
        json_decref(p->source[i].settings);
    }
    mem_free(p->file);
    mem_free(p->source);
    *p = (struct bundle_plan){0};
}

int bundle_source_open(const struct bundle_source *s, struct err *e)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        os_fail_open(s->path, e);
    return fd;
}
