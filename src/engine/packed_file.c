/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_file: see packed_file.h. */
#include "engine/packed_file.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "compute/pack.h"

#define VERSION      2
#define HEADER_BYTES 4096u
/* What is made and written at once: whole leaves, and a large page, so that the file is in the
 * cache in large pages from the start. Small data are not worth the room that this takes. */
#define PIECE_BYTES OS_LARGE_PAGE
#define LARGE_DATA  (32 * PIECE_BYTES)

_Static_assert(PIECE_BYTES % HASH_LEAF_BYTES == 0, "a leaf is in one piece");

_Static_assert(sizeof(struct packed_header) <= HEADER_BYTES, "the header fits its page");
_Static_assert(sizeof(struct packed_entry) == 40 && sizeof(struct packed_header) == 152,
               "no padding: both are compared and hashed as bytes");

/* What tells this model file from any other, and from itself before a change. */
static bool key_of(const struct gguf *g, const struct hash *digest, struct hash *key, struct err *e)
{
    struct os_file_id id;
    struct str parts[] = {
        STR("file"), {(const char *)key->b, HASH_BYTES}, {(char *)&id, sizeof id}};
    if (digest)
        return hash_of((struct str[]){STR("digest"), {(const char *)digest->b, HASH_BYTES}}, 2, key,
                       e);
    *key = (struct hash){0};
    for (uint32_t i = 0; i < g->n_splits; i++)
        if (!gguf_file_id(g, i, &id, e) || !hash_of(parts, 3, key, e))
            return false;
    return true;
}

bool packed_header_init(struct packed_header *h, const struct packed_plan *p, const struct gguf *g,
                        const struct hash *digest, struct err *e)
{
    uint64_t n_leaves = plan_leaves(p);
    uint64_t index = p->n * sizeof *p->entry + n_leaves * sizeof(struct hash);
    uint64_t align = p->bytes < LARGE_DATA ? 4096 : PIECE_BYTES;
    uint64_t data_at = (HEADER_BYTES + index + align - 1) / align * align;
    *h = (struct packed_header){.magic = "MOATPACK",
                                .version = VERSION,
                                .layout = R16_VERSION,
                                .n_entries = p->n,
                                .n_leaves = n_leaves,
                                .data_at = data_at,
                                .data_bytes = p->bytes,
                                .file_bytes = data_at + p->bytes};
    return key_of(g, digest, &h->key, e);
}

static bool check_of(const struct packed_header *h, const struct packed_entry *entry,
                     struct hash *check, struct err *e)
{
    struct packed_header clear = *h;
    clear.check = (struct hash){0};
    return hash_of((struct str[]){{(const char *)&clear, sizeof clear},
                                  {(const char *)entry, h->n_entries * sizeof *entry}},
                   2, check, e);
}

/* --- opening ------------------------------------------------------------------------------------
 */

static bool is_wanted(const unsigned char *file, uint64_t n, const struct packed_header *want,
                      const struct packed_plan *p, struct hash *root)
{
    struct packed_header h;
    struct hash check, leaves_root;
    if (n != want->file_bytes)
        return false;
    memcpy(&h, file, sizeof h);
    struct packed_header expected = *want;
    expected.root = h.root;
    expected.check = h.check;
    const unsigned char *entries = file + HEADER_BYTES;
    const unsigned char *leaves = entries + p->n * sizeof *p->entry;
    if (memcmp(&h, &expected, sizeof h) != 0 ||
        memcmp(entries, p->entry, p->n * sizeof *p->entry) != 0 ||
        !check_of(&h, p->entry, &check, NULL) || !hash_eq(&check, &h.check) ||
        !hash_root((const struct hash *)leaves, h.n_leaves, &leaves_root, NULL) ||
        !hash_eq(&leaves_root, &h.root))
        return false;
    *root = h.root;
    return true;
}

const struct hash *packed_file_leaves(const struct os_map *map, const struct packed_header *h)
{
    return (const struct hash *)(map->p + HEADER_BYTES +
                                 h->n_entries * sizeof(struct packed_entry));
}

bool packed_file_open(struct os_map *map, struct hash *root, const char *path,
                      const struct packed_header *want, const struct packed_plan *p, struct err *e)
{
    if (!os_map_open_own(map, path, e))
        return false;
    if (is_wanted(map->p, map->n, want, p, root))
        return true;
    os_map_close(map);
    return fail(e, ERR_CORRUPT, "%s does not belong to this model file as it is now", path);
}

/* --- checking -----------------------------------------------------------------------------------
 */

/* (I1) Every size of the header fits the file before anything behind it is read. */
static bool header_fits(const struct packed_header *h, uint64_t n)
{
    uint64_t room = n > HEADER_BYTES ? n - HEADER_BYTES : 0;
    return h->file_bytes == n && h->data_at <= n && h->data_at >= HEADER_BYTES &&
           h->data_bytes == n - h->data_at && h->n_entries <= room / sizeof(struct packed_entry) &&
           h->n_leaves == (h->data_bytes + HASH_LEAF_BYTES - 1) / HASH_LEAF_BYTES &&
           h->n_leaves <= room / HASH_BYTES &&
           h->n_entries * sizeof(struct packed_entry) + h->n_leaves * HASH_BYTES <=
               h->data_at - HEADER_BYTES;
}

static bool data_is_whole(const struct os_map *map, const struct packed_header *h)
{
    const struct hash *leaf = packed_file_leaves(map, h);
    struct hash got;
    for (uint64_t i = 0; i < h->n_leaves; i++) {
        uint64_t at = i * HASH_LEAF_BYTES, left = h->data_bytes - at;
        size_t n = left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES;
        if (!hash_leaf(map->p + h->data_at + at, n, &got, NULL) || !hash_eq(&got, &leaf[i]))
            return false;
    }
    return true;
}

bool packed_file_check(const char *path, struct err *e)
{
    struct os_map map;
    struct packed_header h = {0};
    struct hash check, root;
    if (!os_map_open_own(&map, path, e))
        return false;
    if (map.n >= HEADER_BYTES)
        memcpy(&h, map.p, sizeof h);
    bool ok = true;
    if (memcmp(h.magic, "MOATPACK", 8) == 0 && (h.version != VERSION || h.layout != R16_VERSION))
        ok = fail(e, ERR_UNSUPPORTED, "%s was packed by another version of moat", path);
    else if (memcmp(h.magic, "MOATPACK", 8) != 0 || !header_fits(&h, map.n) ||
             !check_of(&h, (const struct packed_entry *)(map.p + HEADER_BYTES), &check, e) ||
             !hash_eq(&check, &h.check) ||
             !hash_root(packed_file_leaves(&map, &h), h.n_leaves, &root, e) ||
             !hash_eq(&root, &h.root) || !data_is_whole(&map, &h))
        ok = fail(e, ERR_CORRUPT,
                  "%s: the packed weights are damaged; remove it, the next start makes it anew",
                  path);
    os_map_close(&map);
    return ok;
}

/* --- making -------------------------------------------------------------------------------------
 */

struct job {
    const struct packed_plan *p;
    const struct packed_params *params;
    const struct packed_header *h;
    struct workers *team;
    struct os_atomic_file *f;
    struct hash *leaves;
    unsigned char *buffers; /* [threads][PIECE_BYTES] */
    struct err *errors;     /* [threads] */
    _Atomic uint64_t done;
    atomic_bool failed;
};

static bool hash_leaves(struct job *j, uint64_t at, const unsigned char *p, uint64_t n,
                        struct err *e)
{
    for (uint64_t from = 0; from < n; from += HASH_LEAF_BYTES) {
        uint64_t left = n - from;
        if (!hash_leaf(p + from, left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES,
                       &j->leaves[(at + from) / HASH_LEAF_BYTES], e))
            return false;
    }
    return true;
}

static bool make_piece(struct job *j, uint64_t piece, unsigned char *buffer, struct err *e)
{
    uint64_t at = piece * PIECE_BYTES, left = j->p->bytes - at;
    uint64_t n = left < PIECE_BYTES ? left : PIECE_BYTES;
    if (!plan_prepare(j->p, at, n, e))
        return false;
    plan_make(j->p, at, n, buffer);
    plan_forget(j->p, at, n);
    if (!hash_leaves(j, at, buffer, n, e) ||
        !os_atomic_write_at(j->f, buffer, n, j->h->data_at + at, e))
        return false;
    atomic_fetch_add_explicit(&j->done, n, memory_order_relaxed);
    return true;
}

static void make_pieces(void *arg, uint32_t id)
{
    struct job *j = arg;
    const uint32_t n = (uint32_t)((j->p->bytes + PIECE_BYTES - 1) / PIECE_BYTES);
    unsigned char *buffer = j->buffers + id * PIECE_BYTES;
    uint32_t piece;
    while (!j->failed && workers_next(j->team, id, n, &piece)) {
        if (!make_piece(j, piece, buffer, &j->errors[id]))
            j->failed = true;
        else if (id == 0 && j->params->progress)
            j->params->progress(j->params->progress_arg, j->done, j->p->bytes);
    }
}

static bool first_error(const struct job *j, struct err *e)
{
    for (uint32_t i = 0; i < workers_count(j->team); i++)
        if (j->errors[i].code != ERR_NONE) {
            if (e)
                *e = j->errors[i];
            return false;
        }
    return true;
}

static bool write_front(const struct job *j, struct packed_header *h, struct err *e)
{
    uint64_t entry_bytes = h->n_entries * sizeof *j->p->entry;
    return hash_root(j->leaves, h->n_leaves, &h->root, e) &&
           check_of(h, j->p->entry, &h->check, e) && os_atomic_write_at(j->f, h, sizeof *h, 0, e) &&
           os_atomic_write_at(j->f, j->p->entry, entry_bytes, HEADER_BYTES, e) &&
           os_atomic_write_at(j->f, j->leaves, h->n_leaves * sizeof *j->leaves,
                              HEADER_BYTES + entry_bytes, e);
}

static bool make_in(struct job *j, struct packed_header *h, struct err *e)
{
    uint32_t n = workers_count(j->team);
    j->leaves = mem_new(h->n_leaves, sizeof *j->leaves, e);
    j->buffers = j->leaves ? mem_new_aligned(n, PIECE_BYTES, e) : NULL;
    j->errors = j->buffers ? mem_new(n, sizeof *j->errors, e) : NULL;
    bool ok = j->errors && os_atomic_reserve(j->f, h->file_bytes, e);
    if (ok) {
        workers_run(j->team, make_pieces, j);
        plan_forget(j->p, 0, j->p->bytes);
        ok = first_error(j, e) && write_front(j, h, e);
    }
    mem_free(j->leaves);
    mem_free(j->buffers);
    mem_free(j->errors);
    return ok;
}

bool packed_file_make(const char *path, struct packed_header *h, const struct packed_plan *p,
                      const struct packed_params *params, struct workers *team, struct err *e)
{
    struct os_atomic_file f;
    struct job j = {.p = p, .params = params, .h = h, .team = team, .f = &f};
    must(h->n_leaves <= UINT32_MAX);
    if (!os_atomic_open(&f, path, e))
        return false;
    bool ok = make_in(&j, h, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}
