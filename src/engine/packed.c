/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed: see packed.h. Here is the order in which things are tried. */
#include "engine/packed.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/packed_file.h"

/* Left free when packing into memory: the rest of the program needs some. */
#define MEMORY_RESERVE (256ull << 20)

static bool open_file(struct packed *p, const char *path, const struct packed_header *want,
                      const struct packed_plan *plan)
{
    if (!packed_file_open(&p->map, &p->root, path, want, plan, NULL))
        return false;
    os_use_large_pages(p->map.p, p->map.n);
    p->state = PACKED_FILE;
    p->leaves = packed_file_leaves(&p->map, want);
    p->data = p->map.p + want->data_at;
    plan_install(plan, p->data);
    return true;
}

/* Makes the file, unless another start did while this one waited for the lock. */
static bool make_file(struct packed *p, const struct gguf *g, const struct packed_params *params,
                      const struct packed_header *want, const struct packed_plan *plan,
                      struct workers *team, struct err *e)
{
    struct os_lock lock;
    struct packed_header h = *want, after;
    char path[sizeof lock.path];
    if (snprintf(path, sizeof path, "%s.lock", params->path) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "path is too long: %s", params->path);
    if (!os_lock_open(&lock, path, e))
        return false;
    bool ok = true;
    if (!open_file(p, params->path, want, plan)) {
        ok = packed_file_make(params->path, &h, plan, params, team, e) &&
             packed_header_init(&after, plan, g, params->digest, e);
        if (ok && !hash_eq(&want->key, &after.key))
            ok = fail(e, ERR_IO, "the model file changed while it was read");
        if (ok && !open_file(p, params->path, want, plan))
            ok = fail(e, ERR_IO, "%s does not hold what was written", params->path);
        p->made = ok;
    }
    os_lock_close(&lock);
    return ok;
}

struct memory_job {
    const struct packed_plan *plan;
    const struct packed_params *params;
    struct workers *team;
    unsigned char *data;
    int fd; /* copy: of the pack, whose data begin at data_at */
    uint64_t data_at;
    const struct hash *leaves; /* copy: what they must be */
    atomic_bool failed;
    struct err *errors; /* [threads] */
    _Atomic uint64_t done;
};

typedef bool leaf_fn(struct memory_job *j, uint64_t at, uint64_t n, struct err *e);

static bool make_leaf(struct memory_job *j, uint64_t at, uint64_t n, struct err *e)
{
    if (!plan_prepare(j->plan, at, n, e))
        return false;
    plan_make(j->plan, at, n, j->data + at);
    plan_forget(j->plan, at, n);
    return true;
}

static void each_leaf(struct memory_job *j, uint32_t id, leaf_fn *fn)
{
    uint32_t leaf;
    while (!j->failed && workers_next(j->team, id, (uint32_t)plan_leaves(j->plan), &leaf)) {
        uint64_t at = (uint64_t)leaf * HASH_LEAF_BYTES, left = j->plan->bytes - at;
        uint64_t n = left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES;
        if (!fn(j, at, n, &j->errors[id]))
            j->failed = true;
        j->done += n;
        if (id == 0 && j->params->progress)
            j->params->progress(j->params->progress_arg, j->done, j->plan->bytes);
    }
}

static void make_leaves(void *arg, uint32_t id)
{
    each_leaf(arg, id, make_leaf);
}

static bool first_error(const struct err *errors, const struct workers *team, struct err *e)
{
    for (uint32_t i = 0; i < workers_count(team); i++)
        if (errors[i].code != ERR_NONE)
            return *e = errors[i], false;
    return true;
}

/* Memory for all packed data, filled by all threads. ERR_LIMIT: there is no room for it. */
static bool fill_memory(struct packed *p, struct memory_job *j, void (*fn)(void *arg, uint32_t id),
                        struct err *e)
{
    if (j->plan->bytes + MEMORY_RESERVE > os_memory_free() ||
        !(p->memory = mem_new_lazy(j->plan->bytes, 1, NULL)))
        return fail(e, ERR_LIMIT,
                    "there is no room to pack %llu MiB of weights; this model will run slowly",
                    (unsigned long long)(j->plan->bytes >> 20));
    os_use_large_pages(p->memory, j->plan->bytes);
    j->data = p->memory;
    j->errors = mem_new(workers_count(j->team), sizeof *j->errors, e);
    if (j->errors)
        workers_run(j->team, fn, j);
    bool ok = j->errors && first_error(j->errors, j->team, e);
    mem_free(j->errors);
    if (!ok)
        return false;
    p->data = p->memory;
    plan_install(j->plan, p->data);
    p->state = PACKED_MEMORY;
    return true;
}

static bool make_in_memory(struct packed *p, const struct packed_params *params,
                           const struct packed_plan *plan, struct workers *team, struct err *e)
{
    struct memory_job j = {.plan = plan, .params = params, .team = team};
    if (!fill_memory(p, &j, make_leaves, e))
        return false;
    plan_forget(plan, 0, plan->bytes);
    p->made = true;
    return true;
}

/* --- what was approved --------------------------------------------------------------------------
 */

static bool copy_leaf(struct memory_job *j, uint64_t at, uint64_t n, struct err *e)
{
    struct hash got;
    const struct hash *want = &j->leaves[at / HASH_LEAF_BYTES];
    return (os_read_at(j->fd, j->data + at, n, j->data_at + at) == n &&
            hash_leaf(j->data + at, n, &got, NULL) && hash_eq(&got, want)) ||
           fail(e, ERR_DENIED,
                "its packed weights are not what was approved: MiB %llu is another one",
                (unsigned long long)(at / HASH_LEAF_BYTES));
}

static void copy_leaves(void *arg, uint32_t id)
{
    each_leaf(arg, id, copy_leaf);
}

static bool is_approved(const struct gguf *g, const struct hash *root)
{
    for (uint32_t i = 0; i < g->approval->n_packs; i++)
        if (hash_eq(&g->approval->pack[i], root))
            return true;
    return false;
}

/* The root of the leaves as they were copied counts, whatever becomes of the file. */
static bool copy_approved(struct packed *p, const struct gguf *g, const struct os_map *map,
                          const struct packed_params *params, const struct packed_header *want,
                          const struct packed_plan *plan, struct workers *team, struct err *e)
{
    struct memory_job j = {
        .plan = plan, .params = params, .team = team, .fd = map->fd, .data_at = want->data_at};
    uint64_t bytes = want->n_leaves * sizeof(struct hash);
    struct hash *leaves = mem_new(want->n_leaves, sizeof *leaves, e);
    if (!leaves)
        return false;
    memcpy(leaves, packed_file_leaves(map, want), bytes);
    j.leaves = leaves;
    bool ok = hash_root(leaves, want->n_leaves, &p->root, e) &&
              (is_approved(g, &p->root) ||
               fail(e, ERR_DENIED, "its packed weights are not among those approved")) &&
              fill_memory(p, &j, copy_leaves, e);
    mem_free(leaves);
    return ok;
}

/* *there: a pack that was approved lies at its place. */
static bool open_approved(struct packed *p, const struct gguf *g,
                          const struct packed_params *params, const struct packed_plan *plan,
                          struct workers *team, bool *there, struct err *e)
{
    struct packed_header want;
    struct os_map map;
    struct hash root;
    *there = false;
    if (!params->path || !packed_header_init(&want, plan, g, params->digest, e) ||
        !packed_file_open(&map, &root, params->path, &want, plan, NULL))
        return true;
    bool ok = true;
    if ((*there = is_approved(g, &root)))
        ok = copy_approved(p, g, &map, params, &want, plan, team, e);
    os_map_close(&map);
    return ok;
}

struct need_job {
    struct checked *file;
    const unsigned char *from;
    uint64_t bytes;
    struct workers *team;
    struct err *errors; /* [threads] */
    atomic_bool failed;
};

static void need_leaves(void *arg, uint32_t id)
{
    struct need_job *j = arg;
    uint32_t leaf, n_leaves = (uint32_t)((j->bytes + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES);
    while (!j->failed && workers_next(j->team, id, n_leaves, &leaf)) {
        uint64_t at = (uint64_t)leaf * HASH_LEAF_BYTES, left = j->bytes - at;
        uint64_t n = left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES;
        if (!checked_need(j->file, j->from + at, n, &j->errors[id]))
            j->failed = true;
    }
}

/* A tensor of the file, by all threads. */
static bool need_tensor(const struct gguf *g, const struct gguf_tensor *t, struct workers *team,
                        struct err *e)
{
    struct need_job j = {
        .file = gguf_checked(g), .from = t->data, .bytes = t->n_bytes, .team = team};
    if (t->n_bytes < 4 * (uint64_t)HASH_LEAF_BYTES)
        return gguf_need(g, t, e);
    if (!(j.errors = mem_new(workers_count(team), sizeof *j.errors, e)))
        return false;
    workers_run(team, need_leaves, &j);
    bool ok = first_error(j.errors, team, e);
    mem_free(j.errors);
    return ok;
}

/* Whatever the engine reads from the file itself. */
static bool need_rest(const struct gguf *g, const struct packed *p, const struct packed_plan *plan,
                      struct workers *team, struct err *e)
{
    const unsigned char *start = checked_bytes(gguf_checked(g)), *data = NULL;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        data = !data || t->data < data ? t->data : data;
        if ((p->state == PACKED_NONE || !plan_covers(plan, t->data, t->n_bytes)) &&
            !need_tensor(g, t, team, e))
            return false;
    }
    return !data || checked_need(gguf_checked(g), start, (uint64_t)(data - start), e);
}

static bool open_checked(struct packed *p, const struct gguf *g, const struct packed_params *params,
                         const struct packed_plan *plan, struct workers *team, struct err *e)
{
    bool there = false, wanted = params && plan->bytes;
    struct err none = {0};
    if (wanted && !open_approved(p, g, params, plan, team, &there, e))
        return false;
    if (wanted && !there && !make_in_memory(p, params, plan, team, &none) && none.code != ERR_LIMIT)
        return *e = none, false;
    p->notice = none;
    return need_rest(g, p, plan, team, e);
}

/* --- what is tried ------------------------------------------------------------------------------
 */

static bool open_planned(struct packed *p, const struct gguf *g, const struct packed_params *params,
                         const struct packed_plan *plan, struct workers *team)
{
    struct packed_header want;
    if (params->path) {
        if (packed_header_init(&want, plan, g, params->digest, &p->notice) &&
            (open_file(p, params->path, &want, plan) ||
             make_file(p, g, params, &want, plan, team, &p->notice)))
            return true;
        err_at(&p->notice, "packed weights are not kept for the next start");
    }
    (void)!make_in_memory(p, params, plan, team, &p->notice);
    return true;
}

/* (I1) The matrices of a thin file are holes: it is used with its pack or not at all. */
static bool open_thin(struct packed *p, const struct gguf *g, const struct packed_params *params,
                      const struct packed_plan *plan, struct err *e)
{
    struct packed_header want;
    if (params && params->required && params->path &&
        packed_header_init(&want, plan, g, params->digest, e) &&
        open_file(p, params->path, &want, plan))
        return true;
    return fail(e, ERR_CORRUPT,
                "the packed weights of this model are not there or damaged, and its file has none "
                "of its own; pull or import it again");
}

bool packed_open(struct packed *p, struct model *m, const struct gguf *g,
                 const struct packed_params *params, struct workers *team, struct err *e)
{
    struct packed_plan plan;
    *p = (struct packed){.map.fd = -1};
    if (!plan_init(&plan, m, g, e))
        return false;
    p->bytes = plan.bytes;
    bool ok = g->thin           ? open_thin(p, g, params, &plan, e)
              : gguf_checked(g) ? open_checked(p, g, params, &plan, team, e)
              : plan.bytes == 0 ? true
                                : open_planned(p, g, params, &plan, team);
    plan_clear(&plan);
    return ok;
}

void packed_close(struct packed *p)
{
    os_map_close(&p->map);
    mem_free_lazy(p->memory, p->bytes, 1);
    *p = (struct packed){.map.fd = -1};
}

/* --- checking -----------------------------------------------------------------------------------
 */

struct verify_job {
    const struct packed *p;
    struct workers *team;
    uint32_t n_leaves;
    _Atomic uint64_t n_wrong;
};

static void verify_leaves(void *arg, uint32_t id)
{
    struct verify_job *j = arg;
    uint32_t leaf;
    while (workers_next(j->team, id, j->n_leaves, &leaf)) {
        uint64_t at = (uint64_t)leaf * HASH_LEAF_BYTES, left = j->p->bytes - at;
        struct hash h;
        if (!hash_leaf(j->p->data + at, left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES, &h,
                       NULL) ||
            !hash_eq(&h, &j->p->leaves[leaf]))
            j->n_wrong++;
    }
}

bool packed_verify(const struct packed *p, struct workers *team, struct err *e)
{
    must(p->state == PACKED_FILE);
    struct hash root;
    struct verify_job j = {.p = p, .team = team};
    j.n_leaves = (uint32_t)((p->bytes + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES);
    if (!hash_root(p->leaves, j.n_leaves, &root, e))
        return false;
    workers_run(team, verify_leaves, &j);
    if (hash_eq(&root, &p->root) && j.n_wrong == 0)
        return true;
    return fail(e, ERR_CORRUPT,
                "%llu of %u MiB of packed weights are not what was packed; delete the pack, and "
                "check the disk",
                (unsigned long long)j.n_wrong, j.n_leaves);
}

/* The device is left out: its number may change when the machine starts again, and then the old
 * pack shall be replaced, not left behind. */
bool packed_name(const struct gguf *g, const struct hash *digest, char name[PACKED_NAME_BYTES],
                 struct err *e)
{
    struct os_file_id id;
    struct hash h;
    if (!gguf_file_id(g, 0, &id, e))
        return false;
    struct str file[] = {STR("file"),
                         {(const char *)&id.inode, sizeof id.inode},
                         {(const char *)&id.bytes, sizeof id.bytes}};
    struct str blob[] = {STR("digest"), {digest ? (const char *)digest->b : "", HASH_BYTES}};
    if (!(digest ? hash_of(blob, 2, &h, e) : hash_of(file, 3, &h, e)))
        return false;
    for (int i = 0; i < 16; i++)
        snprintf(name + 2 * i, 3, "%02x", h.b[i]);
    snprintf(name + 32, PACKED_NAME_BYTES - 32, ".pack");
    return true;
}

bool packed_open_threads(struct packed *p, struct model *m, const struct gguf *g,
                         const struct packed_params *params, uint32_t n_threads, struct err *e)
{
    *p = (struct packed){0};
    if (!params && !g->thin && !gguf_checked(g))
        return true;
    struct workers *team = workers_new(n_threads, e);
    bool ok = team && packed_open(p, m, g, params, team, e);
    workers_free(team);
    return ok;
}
