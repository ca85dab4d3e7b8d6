/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_thin: see packed_thin.h. */
#include "engine/packed_thin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "compute/pack.h"
#include "engine/packed_file.h"

enum { MAGIC = 4, STEP = 1 << 20 };

/* A matrix: where it lies in the model file and in the pack. */
struct part {
    uint64_t from, bytes; /* in the file */
    uint64_t at;          /* in the packed data */
    const struct mat *w;
};

struct parts {
    struct part *v; /* [n], owned, by place in the file, each place once */
    size_t n;
    struct str file;
    struct packed_plan plan;
    struct model *m;
};

static void parts_clear(struct parts *p)
{
    mem_free(p->v);
    plan_clear(&p->plan);
    model_free(p->m);
    *p = (struct parts){0};
}

static int by_place(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* (I1) Each matrix lies within the file; two have the same bytes (tied ones) or none in common. */
static bool sort_parts(struct parts *p, struct err *e)
{
    size_t n = 0;
    qsort(p->v, p->n, sizeof *p->v, by_place);
    for (size_t i = 0; i < p->n; i++) {
        const struct part *last = n ? &p->v[n - 1] : NULL;
        if (last && last->from == p->v[i].from && last->bytes == p->v[i].bytes)
            continue;
        if (p->v[i].from < (last ? last->from + last->bytes : MAGIC) || p->v[i].from > p->file.n ||
            p->v[i].bytes > p->file.n - p->v[i].from)
            return fail(e, ERR_UNSUPPORTED,
                        "the weights of this model overlap in its file: it cannot be kept packed "
                        "only");
        p->v[n++] = p->v[i];
    }
    p->n = n;
    return true;
}

static bool parts_init(struct parts *p, const struct gguf *g, struct err *e)
{
    *p = (struct parts){0};
    if (g->n_splits != 1)
        return fail(e, ERR_UNSUPPORTED, "a model in several files cannot be kept packed only");
    p->file = gguf_bytes(g, 0);
    p->m = model_new(g, NULL, e);
    bool ok = p->m && plan_init(&p->plan, p->m, g, e);
    if (ok && p->plan.n == 0)
        ok = fail(e, ERR_UNSUPPORTED, "none of the weights of this model are packed");
    ok = ok && (p->v = mem_new(p->plan.n, sizeof *p->v, e));
    p->n = ok ? p->plan.n : 0;
    for (size_t i = 0; i < p->n; i++)
        p->v[i] =
            (struct part){.from = (uint64_t)((const char *)p->plan.source[i].data - p->file.p),
                          .bytes = p->plan.entry[i].bytes,
                          .at = p->plan.entry[i].at,
                          .w = &p->plan.source[i]};
    ok = ok && sort_parts(p, e);
    if (!ok)
        parts_clear(p);
    return ok;
}

/* --- the thin file ---------------------------------------------------------------------------- */

static bool write_at(int fd, const char *p, uint64_t n, uint64_t at, struct err *e)
{
    while (n) {
        ssize_t done = pwrite(fd, p, n < STEP ? n : STEP, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(e, ERR_IO, "cannot write the file: %s", strerror(errno));
        p += done;
        at += (uint64_t)done;
        n -= (uint64_t)done;
    }
    return true;
}

bool packed_thin_write(const struct gguf *g, int fd, struct err *e)
{
    struct parts p;
    uint64_t at = MAGIC;
    if (!parts_init(&p, g, e))
        return false;
    bool ok = ftruncate(fd, (off_t)p.file.n) == 0 ||
              fail(e, ERR_IO, "cannot write the file: %s", strerror(errno));
    ok = ok && write_at(fd, "GGUT", MAGIC, 0, e);
    for (size_t i = 0; ok && i < p.n; i++) {
        ok = write_at(fd, p.file.p + at, p.v[i].from - at, at, e);
        at = p.v[i].from + p.v[i].bytes;
    }
    ok = ok && write_at(fd, p.file.p + at, p.file.n - at, at, e);
    parts_clear(&p);
    return ok;
}

/* --- and back -----------------------------------------------------------------------------------
 */

struct restoring {
    packed_bytes_fn *fn;
    void *arg;
    unsigned char *rows; /* 16 of the longest */
};

static bool restore_matrix(const struct restoring *r, const struct part *part,
                           const unsigned char *data, struct err *e)
{
    const struct mat *w = part->w;
    uint64_t group = R16_ROWS * w->row_bytes, rest = w->rows % R16_ROWS * w->row_bytes;
    bool ok = true;
    for (uint32_t x = 0; ok && x < w->n_expert; x++) {
        for (uint32_t i = 0; ok && i < w->rows / R16_ROWS; i++, data += group) {
            unpack_group(w->type, data, w->cols, r->rows);
            ok = r->fn(r->arg, r->rows, group, e);
        }
        ok = ok && (rest == 0 || r->fn(r->arg, data, rest, e));
        data += rest;
    }
    return ok;
}

static bool restore_all(const struct parts *p, const struct restoring *r, const unsigned char *data,
                        struct err *e)
{
    uint64_t at = MAGIC;
    bool ok = r->fn(r->arg, "GGUF", MAGIC, e);
    for (size_t i = 0; ok && i < p->n; i++) {
        uint64_t gap = p->v[i].from - at;
        ok = (gap == 0 || r->fn(r->arg, p->file.p + at, gap, e)) &&
             restore_matrix(r, &p->v[i], data + p->v[i].at, e);
        at = p->v[i].from + p->v[i].bytes;
    }
    return ok && (at == p->file.n || r->fn(r->arg, p->file.p + at, p->file.n - at, e));
}

bool packed_thin_restore(const struct gguf *thin, const struct packed_params *params,
                         packed_bytes_fn *fn, void *arg, struct err *e)
{
    struct parts p;
    struct packed_header want;
    struct os_map map = {.fd = -1};
    struct hash root;
    uint64_t most = 0;
    if (!parts_init(&p, thin, e))
        return false;
    for (size_t i = 0; i < p.n; i++)
        most = p.v[i].w->row_bytes > most ? p.v[i].w->row_bytes : most;
    struct restoring r = {fn, arg, mem_new_aligned(R16_ROWS, most, e)};
    bool ok = r.rows && packed_header_init(&want, &p.plan, thin, params->digest, e) &&
              packed_file_open(&map, &root, params->path, &want, &p.plan, e);
    ok = ok && restore_all(&p, &r, map.p + want.data_at, e);
    if (map.fd >= 0)
        os_map_close(&map);
    mem_free(r.rows);
    parts_clear(&p);
    return ok;
}
