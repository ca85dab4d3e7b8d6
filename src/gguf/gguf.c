/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf: see gguf.h. Opens the file or files and joins them; gguf_parse.c reads each. */
#include "gguf/gguf.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "gguf/gguf_parse.h"

struct gguf_private {
    struct arena arena;
    struct gguf_file *files; /* [n_splits] */
    uint32_t n_mapped;
    struct map keys, names;
    struct gguf_approval approval;
};

static struct gguf *new_gguf(struct err *e)
{
    struct gguf *g = mem_new(1, sizeof *g, e);
    if (g && !(g->private = mem_new(1, sizeof *g->private, e))) {
        mem_free(g);
        return NULL;
    }
    return g;
}

/* The bytes of a file are a mapping, or checked ones. */
static void close_bytes(struct os_map *map, struct checked *checked)
{
    if (checked)
        checked_free(checked);
    else
        os_map_close(map);
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    struct gguf_private *p = g->private;
    for (uint32_t i = 0; i < p->n_mapped; i++)
        close_bytes(&p->files[i].map, p->files[i].checked);
    map_clear(&p->keys);
    map_clear(&p->names);
    arena_clear(&p->arena);
    mem_free(p->files);
    mem_free(p);
    mem_free(g);
}

/* Parses the tensors of all files, whose metadata have been read, into one array. */
static bool read_tensors(struct gguf *g, char *const *names, struct err *e)
{
    struct gguf_private *p = g->private;
    uint64_t total = 0;
    for (uint32_t i = 0; i < g->n_splits; i++) {
        total += p->files[i].n_tensors;
        g->file_bytes += p->files[i].map.n;
    }
    if (total > LIMIT_GGUF_TENSORS)
        return fail(e, ERR_LIMIT, "%s: %zu tensors; the limit is %u", names[0], total,
                    LIMIT_GGUF_TENSORS);
    struct gguf_tensor *t = arena_new(&p->arena, total, sizeof *t, e);
    if (!t || !map_reserve(&p->names, total, e))
        return false;
    g->tensors = t;
    for (uint32_t i = 0; i < g->n_splits; i++) {
        if (!gguf_parse_tensors(&p->files[i], i, (uint32_t)g->n_tensors, t + g->n_tensors,
                                &p->names, e))
            return err_at(e, "%s", names[i]);
        g->n_tensors += p->files[i].n_tensors;
    }
    const struct gguf_file *f = &p->files[0];
    g->version = f->version;
    g->alignment = f->alignment;
    g->n_kv = f->n_kv;
    g->kv = f->kv;
    if (g->n_splits > 1 && f->split_tensors && f->split_tensors != g->n_tensors)
        return fail(e, ERR_CORRUPT,
                    "%s: the parts hold %zu tensors, split.tensors.count says %u; download all "
                    "parts again from one place",
                    names[0], g->n_tensors, f->split_tensors);
    return gguf_parse_strings(&p->files[0], &p->arena, e);
}

/* --- split models ----------------------------------------------------------------------------- */

/* "…-00002-of-00005.gguf" -> the path of part `no` (from 0); NULL when path has not that form. */
static char *part_path(struct arena *a, const char *path, uint32_t no, uint32_t count,
                       uint32_t own_no, struct err *e)
{
    struct str s = str_of(path);
    char own[64], want[64];
    snprintf(own, sizeof own, "-%05u-of-%05u.gguf", own_no + 1, count);
    snprintf(want, sizeof want, "-%05u-of-%05u.gguf", no + 1, count);
    if (!str_ends(s, str_of(own))) {
        fail(e, ERR_USAGE,
             "%s is part %u of a model split into %u files; its name must end in %s, as all parts "
             "are found by that name",
             path, own_no + 1, count, own);
        return NULL;
    }
    char *copy = arena_copy(a, s, e);
    if (copy)
        memcpy(copy + s.n - strlen(own), want, strlen(own));
    return copy;
}

static bool check_part(const struct gguf_file *f, uint32_t no, uint32_t count, const char *path,
                       struct err *e)
{
    if (f->split_no == no && f->split_count == count)
        return true;
    return fail(e, ERR_CORRUPT,
                "%s says it is part %zu of %u, not part %u of %u; download all parts again from "
                "one place",
                path, (size_t)f->split_no + 1, f->split_count, no + 1, count);
}

static bool open_part(struct gguf *g, uint32_t no, uint32_t count, const char *path, struct err *e)
{
    struct gguf_private *p = g->private;
    struct gguf_file *f = &p->files[no];
    struct map keys = {0};
    if (!os_map_open(&f->map, path, e)) {
        if (e && e->code == ERR_NOT_FOUND)
            return fail(e, ERR_NOT_FOUND,
                        "cannot find %s, part %u of %u of the model; put all parts into one "
                        "directory",
                        path, no + 1, count);
        return false;
    }
    p->n_mapped = no + 1;
    bool ok = gguf_parse_meta(f, &p->arena, no == 0 ? &p->keys : &keys, e);
    map_clear(&keys);
    return ok ? check_part(f, no, count, path, e) : err_at(e, "%s", path);
}

/* Opens every part; `own` is the one that was named, already read to know how many there are. */
static bool open_parts(struct gguf *g, const char *path, const struct gguf_file *own, struct err *e)
{
    struct gguf_private *p = g->private;
    uint32_t count = own->split_count, own_no = own->split_no;
    if (count > LIMIT_GGUF_SPLITS || own_no >= count)
        return fail(e, ERR_CORRUPT,
                    "%s: split.no %u and split.count %u make no sense (the limit is %u files)",
                    path, own_no, count, LIMIT_GGUF_SPLITS);
    char **names = arena_new(&p->arena, count, sizeof *names, e);
    p->files = mem_new(count, sizeof *p->files, e);
    if (!names || !p->files)
        return false;
    g->n_splits = count;
    for (uint32_t no = 0; no < count; no++) {
        names[no] = part_path(&p->arena, path, no, count, own_no, e);
        if (!names[no] || !open_part(g, no, count, names[no], e))
            return false;
    }
    return read_tensors(g, names, e);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* One open file: its metadata, in private->files[0]. */
static bool read_first(struct gguf *g, struct os_map map, struct checked *checked, const char *name,
                       struct err *e)
{
    struct gguf_private *p = g->private;
    p->files = mem_new(1, sizeof *p->files, e);
    if (!p->files) {
        close_bytes(&map, checked);
        return false;
    }
    p->files[0].map = map;
    p->files[0].checked = checked;
    p->n_mapped = g->n_splits = 1;
    bool ok = gguf_parse_meta(&p->files[0], &p->arena, &p->keys, e) || err_at(e, "%s", name);
    g->thin = p->files[0].thin;
    return ok;
}

/* A file that is part of a split model is opened again with its siblings, in their order. */
static struct gguf *open_map(struct os_map map, struct checked *checked, const char *name,
                             bool siblings, struct err *e)
{
    struct gguf *g = new_gguf(e);
    if (!g) {
        close_bytes(&map, checked);
        return NULL;
    }
    char *names[] = {(char *)(uintptr_t)name};
    bool ok = read_first(g, map, checked, name, e);
    if (ok && g->private->files[0].split_count > 1) {
        struct gguf_file own = g->private->files[0];
        gguf_close(g);
        if (!siblings) {
            fail(e, ERR_UNSUPPORTED, "%s is one of %u parts of a split model; open it by its path",
                 name, own.split_count);
            return NULL;
        }
        if (!(g = new_gguf(e)))
            return NULL;
        ok = open_parts(g, name, &own, e);
    } else if (ok) {
        ok = read_tensors(g, names, e);
    }
    if (ok)
        return g;
    gguf_close(g);
    return NULL;
}

struct gguf *gguf_open(const char *path, struct err *e)
{
    struct os_map map;
    return os_map_open(&map, path, e) ? open_map(map, NULL, path, true, e) : NULL;
}

struct gguf *gguf_take_fd(int fd, const char *name, struct err *e)
{
    struct os_map map;
    return os_map_take(&map, fd, name, e) ? open_map(map, NULL, name, false, e) : NULL;
}

struct gguf *gguf_take_checked(struct checked *c, uint64_t n, const struct gguf_approval *approval,
                               const char *name, struct err *e)
{
    struct os_map bytes = {checked_bytes(c), n, checked_fd(c)};
    struct gguf *g = open_map(bytes, c, name, false, e);
    if (g) {
        g->private->approval = *approval;
        g->approval = &g->private->approval;
    }
    return g;
}

struct checked *gguf_checked(const struct gguf *g)
{
    return g->private->files[0].checked;
}

bool gguf_need(const struct gguf *g, const struct gguf_tensor *t, struct err *e)
{
    struct checked *c = g->private->files[t->split].checked;
    return !c || checked_need(c, t->data, t->n_bytes, e);
}

struct str gguf_bytes(const struct gguf *g, uint32_t i)
{
    const struct os_map *map = &g->private->files[i].map;
    return (struct str){(const char *)map->p, (size_t)map->n};
}

int gguf_fd(const struct gguf *g, uint32_t i)
{
    must(i < g->n_splits);
    return g->private->files[i].map.fd;
}

bool gguf_file_id(const struct gguf *g, uint32_t i, struct os_file_id *id, struct err *e)
{
    must(i < g->n_splits);
    return os_file_id(g->private->files[i].map.fd, id, e);
}

const struct gguf_kv *gguf_find(const struct gguf *g, const char *key)
{
    uint32_t i;
    return map_get(&g->private->keys, str_of(key), &i) ? &g->kv[i] : NULL;
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, struct str name)
{
    uint32_t i;
    return map_get(&g->private->names, name, &i) ? &g->tensors[i] : NULL;
}
