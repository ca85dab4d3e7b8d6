/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_write: see gguf_write.h. Numbers are stored as the machine holds them, which is the
 * file's order: moat is built for little-endian machines only. */
#include "gguf/gguf_write.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF is written in the host's order");

#define MAX_META ((size_t)1 << 30) /* bytes of metadata, and of the tensor list */

struct gguf_write_data {
    const void *data;
    uint64_t n_bytes;
};

static const char zeros[4096];

static void put_u32(struct buf *b, uint32_t v)
{
    buf_add(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
    buf_add(b, &v, sizeof v);
}

static void put_str(struct buf *b, struct str s)
{
    put_u64(b, s.n);
    buf_str(b, s);
}

static uint64_t padding(uint64_t at, uint32_t alignment)
{
    return -at & (alignment - 1);
}

void gguf_write_init(struct gguf_writer *w, uint32_t alignment)
{
    *w = (struct gguf_writer){.alignment = alignment};
    buf_init(&w->kv, MAX_META);
    buf_init(&w->infos, MAX_META);
    if (alignment < 8 || alignment > LIMIT_GGUF_ALIGNMENT || (alignment & (alignment - 1)))
        fail(&w->bad, ERR_USAGE, "alignment %u is not a power of two from 8 to %u", alignment,
             LIMIT_GGUF_ALIGNMENT);
    else if (alignment != 32)
        gguf_write_u32(w, "general.alignment", alignment);
}

void gguf_write_clear(struct gguf_writer *w)
{
    buf_clear(&w->kv);
    buf_clear(&w->infos);
    mem_free(w->datas);
    *w = (struct gguf_writer){0};
}

/* --- metadata --------------------------------------------------------------------------------- */

static void put_key(struct gguf_writer *w, struct str key, enum gguf_type type)
{
    put_str(&w->kv, key);
    put_u32(&w->kv, (uint32_t)type);
    w->n_kv++;
}

static void put_array_head(struct gguf_writer *w, struct str key, enum gguf_type elem, uint64_t n)
{
    put_key(w, key, GGUF_ARRAY);
    put_u32(&w->kv, (uint32_t)elem);
    put_u64(&w->kv, n);
}

static void put_strings(struct gguf_writer *w, struct str key, const struct str *v, uint64_t n)
{
    put_array_head(w, key, GGUF_STRING, n);
    for (uint64_t i = 0; i < n; i++)
        put_str(&w->kv, v[i]);
}

static void put_numbers(struct gguf_writer *w, struct str key, enum gguf_type elem, const void *v,
                        uint64_t n)
{
    put_array_head(w, key, elem, n);
    buf_add(&w->kv, v, (size_t)n * gguf_type_bytes(elem));
}

void gguf_write_scalar(struct gguf_writer *w, const char *key, enum gguf_type type, const void *v)
{
    put_key(w, str_of(key), type);
    buf_add(&w->kv, v, gguf_type_bytes(type));
}

void gguf_write_u32(struct gguf_writer *w, const char *key, uint32_t v)
{
    gguf_write_scalar(w, key, GGUF_U32, &v);
}

void gguf_write_f32(struct gguf_writer *w, const char *key, float v)
{
    gguf_write_scalar(w, key, GGUF_F32, &v);
}

void gguf_write_bool(struct gguf_writer *w, const char *key, bool v)
{
    gguf_write_scalar(w, key, GGUF_BOOL, &(unsigned char){v});
}

void gguf_write_str(struct gguf_writer *w, const char *key, struct str v)
{
    put_key(w, str_of(key), GGUF_STRING);
    put_str(&w->kv, v);
}

void gguf_write_strs(struct gguf_writer *w, const char *key, const struct str *v, uint64_t n)
{
    put_strings(w, str_of(key), v, n);
}

void gguf_write_array(struct gguf_writer *w, const char *key, enum gguf_type elem, const void *v,
                      uint64_t n)
{
    put_numbers(w, str_of(key), elem, v, n);
}

void gguf_write_kv(struct gguf_writer *w, const struct gguf_kv *kv)
{
    if (kv->type == GGUF_ARRAY && kv->elem == GGUF_STRING) {
        put_strings(w, kv->key, kv->strings, kv->n);
    } else if (kv->type == GGUF_ARRAY) {
        put_numbers(w, kv->key, kv->elem, kv->data, kv->n);
    } else {
        put_key(w, kv->key, kv->type);
        if (kv->type == GGUF_STRING)
            put_str(&w->kv, kv->text);
        else
            buf_add(&w->kv, kv->data, gguf_type_bytes(kv->type));
    }
}

/* --- tensors ---------------------------------------------------------------------------------- */

static bool tensor_bytes(enum dtype type, uint32_t n_dim, const uint64_t *ne, uint64_t *bytes)
{
    if (n_dim < 1 || n_dim > 4 || !dtype_row_bytes(type, ne[0], bytes))
        return false;
    for (uint32_t i = 1; i < n_dim; i++)
        if (__builtin_mul_overflow(*bytes, ne[i], bytes))
            return false;
    return *bytes > 0 && *bytes < INT64_MAX;
}

void gguf_write_tensor(struct gguf_writer *w, const char *name, enum dtype type, uint32_t n_dim,
                       const uint64_t *ne, const void *data)
{
    struct gguf_write_data d = {.data = data};
    if (!tensor_bytes(type, n_dim, ne, &d.n_bytes)) {
        if (w->bad.code == ERR_NONE)
            fail(&w->bad, ERR_USAGE, "tensor %s: impossible shape for %s", name, dtype_name(type));
        return;
    }
    struct err why;
    if (!mem_grow(&w->datas, w->n_tensors, &w->cap, sizeof *w->datas, &why)) {
        if (w->bad.code == ERR_NONE)
            w->bad = why;
        return;
    }
    w->datas[w->n_tensors++] = d;
    put_str(&w->infos, str_of(name));
    put_u32(&w->infos, n_dim);
    for (uint32_t i = 0; i < n_dim; i++)
        put_u64(&w->infos, ne[i]);
    put_u32(&w->infos, (uint32_t)type);
    put_u64(&w->infos, w->data_bytes);
    w->data_bytes += d.n_bytes + padding(d.n_bytes, w->alignment);
}

/* --- output ----------------------------------------------------------------------------------- */

struct gguf_sink {
    struct buf *buf;             /* one of the two */
    struct os_atomic_file *file; /* is set */
    gguf_make_fn *make;          /* of data that are not there yet, or NULL */
    void *arg;
    uint64_t put; /* bytes of the tensor that is being made */
    struct err *e;
};

static bool out(struct gguf_sink *s, const void *p, uint64_t n)
{
    if (s->file)
        return os_atomic_write(s->file, p, (size_t)n, s->e);
    buf_add(s->buf, p, (size_t)n);
    return buf_ok(s->buf, "GGUF file", s->e);
}

static bool out_zeros(struct gguf_sink *s, uint64_t n)
{
    for (uint64_t part; n; n -= part) {
        part = n < sizeof zeros ? n : sizeof zeros;
        if (!out(s, zeros, part))
            return false;
    }
    return true;
}

bool gguf_put(struct gguf_sink *s, const void *p, uint64_t n, struct err *e)
{
    s->e = e;
    s->put += n;
    return out(s, p, n);
}

static bool out_tensor(struct gguf_sink *s, const struct gguf_write_data *d, uint64_t i)
{
    if (d->data)
        return out(s, d->data, d->n_bytes);
    must(s->make);
    s->put = 0;
    if (!s->make(s->arg, i, s, s->e))
        return false;
    must(s->put == d->n_bytes);
    return true;
}

static bool write_to(struct gguf_writer *w, struct gguf_sink *s)
{
    struct buf head;
    buf_init(&head, 24);
    buf_cstr(&head, "GGUF");
    put_u32(&head, 3);
    put_u64(&head, w->n_tensors);
    put_u64(&head, w->n_kv);
    uint64_t at = head.n + w->kv.n + w->infos.n;
    bool ok = buf_ok(&head, "GGUF header", s->e) && out(s, buf_c(&head), head.n) &&
              out(s, buf_c(&w->kv), w->kv.n) && out(s, buf_c(&w->infos), w->infos.n) &&
              out_zeros(s, padding(at, w->alignment));
    for (uint64_t i = 0; ok && i < w->n_tensors; i++)
        ok = out_tensor(s, &w->datas[i], i) &&
             out_zeros(s, padding(w->datas[i].n_bytes, w->alignment));
    buf_clear(&head);
    return ok;
}

static bool check(const struct gguf_writer *w, struct err *e)
{
    if (w->bad.code != ERR_NONE) {
        if (e)
            *e = w->bad;
        return false;
    }
    return buf_ok(&w->kv, "GGUF metadata", e) && buf_ok(&w->infos, "GGUF tensor list", e);
}

bool gguf_write_bytes(struct gguf_writer *w, struct buf *bytes, struct err *e)
{
    return check(w, e) && write_to(w, &(struct gguf_sink){.buf = bytes, .e = e});
}

bool gguf_write_made(struct gguf_writer *w, const char *path, gguf_make_fn *make, void *arg,
                     struct err *e)
{
    struct os_atomic_file f;
    struct gguf_sink sink = {.file = &f, .make = make, .arg = arg, .e = e};
    if (!check(w, e) || !os_atomic_open(&f, path, e))
        return false;
    bool ok = write_to(w, &sink) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

bool gguf_write_file(struct gguf_writer *w, const char *path, struct err *e)
{
    return gguf_write_made(w, path, NULL, NULL, e);
}

uint64_t gguf_write_size(const struct gguf_writer *w)
{
    return 24 + w->kv.n + w->infos.n + w->data_bytes;
}
