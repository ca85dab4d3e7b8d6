/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_parse: see gguf_parse.h.
 *
 * (I1) Nothing is allocated by a count from the file before cursor_has() said that the file can
 *      hold that many entries, and every count has a cap in base/limits.h.
 * (I2) A tensor returned lies wholly inside the file, its rows are whole blocks, and no two
 *      tensors share a byte.
 * (I3) Every string of an array was walked over once before views of them are made. */
#include "gguf/gguf_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* The shortest entries: key length, one byte of key, type, one byte of value; and name length, one
 * byte of name, number of dimensions, one dimension, type, offset. */
enum { LOOK_BYTES = 64 }; /* that tell what a file is */
enum { MIN_KV_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

/* --- the header ------------------------------------------------------------------------------- */

static bool is_safetensors(const struct cursor *c)
{
    static const unsigned char high[4];
    return c->n > 9 && c->p[8] == '{' && memcmp(c->p + 4, high, 4) == 0;
}

/* Says what the file is instead, since a wrong download is the commonest cause. */
static bool not_gguf(const struct cursor *c, struct err *e)
{
    static const struct {
        const char *start, *what;
    } kinds[] = {
        {"PK\003\004", N_("a zip archive (a wheel or a PyTorch file)")},
        {"<!", N_("a web page")},
        {"<h", N_("a web page")},
        {"version https://git-lfs", N_("a Git LFS pointer, not the file itself")},
        {"\037\213", N_("a gzip archive")},
        {"\3757zXZ", N_("an xz archive")},
        {"\050\265\057\375", N_("a zstd archive")},
        {"tjgg", N_("a model of the old GGJT format")},
        {"lmgg", N_("a model of the old GGML format")},
        {"fmgg", N_("a model of the old GGMF format")},
        {"{", N_("a JSON document")},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].start);
        if (c->n >= n && memcmp(c->p, kinds[i].start, n) == 0)
            return fail(e, ERR_UNSUPPORTED, "not a GGUF model but %s; take the model's .gguf file",
                        err_text(kinds[i].what));
    }
    if (is_safetensors(c))
        return fail(e, ERR_UNSUPPORTED,
                    "not a GGUF model but a safetensors file; take the model's .gguf file");
    return fail(e, ERR_UNSUPPORTED, "not a GGUF model (it does not begin with \"GGUF\")");
}

static bool check_version(uint32_t version, struct err *e)
{
    if (version == 2 || version == 3)
        return true;
    if (version == 1)
        return fail(e, ERR_UNSUPPORTED,
                    "GGUF version 1 is no longer read; convert it again or download a newer file");
    if ((version & 0xffff) == 0 && version != 0)
        return fail(e, ERR_UNSUPPORTED,
                    "the file is big-endian; download or convert the little-endian one");
    return fail(e, ERR_UNSUPPORTED, "GGUF version %u is not known (versions 2 and 3 are)", version);
}

static bool read_header(struct gguf_file *f, struct err *e)
{
    struct cursor *c = &f->at;
    const unsigned char *magic;
    if (c->n == 0)
        return fail(e, ERR_CORRUPT, "the file is empty; download it again");
    if (c->checked && !checked_need(c->checked, c->p, c->n < LOOK_BYTES ? c->n : LOOK_BYTES, e))
        return false;
    f->thin = c->n >= 4 && memcmp(c->p, "GGUT", 4) == 0;
    if (c->n < 4 || (!f->thin && memcmp(c->p, "GGUF", 4) != 0))
        return not_gguf(c, e);
    if (!cursor_take(c, 4, &magic, e) || !cursor_u32(c, &f->version, e) ||
        !check_version(f->version, e) || !cursor_u64(c, &f->n_tensors, e) ||
        !cursor_u64(c, &f->n_kv, e))
        return false;
    if (f->n_kv > LIMIT_GGUF_KV || f->n_tensors > LIMIT_GGUF_TENSORS)
        return fail(e, ERR_LIMIT,
                    "the header announces %zu metadata entries and %zu tensors; the limits are %u "
                    "and %u",
                    f->n_kv, f->n_tensors, LIMIT_GGUF_KV, LIMIT_GGUF_TENSORS);
    return cursor_has(c, f->n_kv, MIN_KV_BYTES, e) &&
           cursor_has(c, f->n_kv * MIN_KV_BYTES + f->n_tensors * MIN_TENSOR_BYTES, 1, e);
}

/* --- metadata --------------------------------------------------------------------------------- */

/* Names and keys are printed, looked up and compared: text only. */
static bool check_name(struct str s, size_t max, const char *what, struct err *e)
{
    if (s.n == 0)
        return fail(e, ERR_CORRUPT, "empty %s", err_text(what));
    if (s.n > max)
        return fail(e, ERR_LIMIT, "%s of %zu bytes; the limit is %zu", err_text(what), s.n, max);
    if (!str_utf8_valid(s))
        return fail(e, ERR_CORRUPT, "%s is not valid UTF-8", err_text(what));
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return fail(e, ERR_CORRUPT, "%s holds control characters", err_text(what));
    return true;
}

static bool check_bools(const unsigned char *p, uint64_t n, struct err *e)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] > 1)
            return fail(e, ERR_CORRUPT, "boolean with value %u (only 0 and 1 are)", p[i]);
    return true;
}

/* Checks only: views are made by gguf_parse_strings, when the whole file has been found good. */
static bool skip_strings(struct cursor *c, const struct gguf_kv *kv, struct err *e)
{
    if (kv->n > LIMIT_GGUF_STRINGS)
        return fail(e, ERR_LIMIT, "array of %zu strings; the limit is %u", kv->n,
                    LIMIT_GGUF_STRINGS);
    struct str s;
    for (uint64_t i = 0; i < kv->n; i++)
        if (!cursor_str(c, &s, e))
            return err_at(e, "element %zu", i);
    return true;
}

static bool read_array(struct cursor *c, struct gguf_kv *kv, struct err *e)
{
    uint32_t elem;
    if (!cursor_u32(c, &elem, e) || !cursor_u64(c, &kv->n, e))
        return false;
    if (elem == GGUF_ARRAY)
        return fail(e, ERR_UNSUPPORTED, "an array of arrays is not supported");
    if (elem >= GGUF_TYPE_COUNT)
        return fail(e, ERR_CORRUPT, "array of unknown type %u", elem);
    kv->elem = (enum gguf_type)elem;
    uint32_t size = elem == GGUF_STRING ? 8 : gguf_type_bytes(kv->elem);
    if (!cursor_has(c, kv->n, size, e))
        return false;
    kv->data = c->p + c->at;
    if (elem == GGUF_STRING)
        return skip_strings(c, kv, e);
    return cursor_take(c, kv->n * size, &kv->data, e) &&
           (elem != GGUF_BOOL || check_bools(kv->data, kv->n, e));
}

static bool read_value(struct cursor *c, struct gguf_kv *kv, struct err *e)
{
    uint32_t type;
    if (!cursor_u32(c, &type, e))
        return false;
    if (type >= GGUF_TYPE_COUNT)
        return fail(e, ERR_CORRUPT, "unknown value type %u", type);
    kv->type = kv->elem = (enum gguf_type)type;
    kv->n = 1;
    if (type == GGUF_ARRAY)
        return read_array(c, kv, e);
    if (type == GGUF_STRING) {
        bool ok = cursor_str(c, &kv->text, e);
        kv->data = (const unsigned char *)kv->text.p;
        return ok;
    }
    return cursor_take(c, gguf_type_bytes(kv->type), &kv->data, e) &&
           (type != GGUF_BOOL || check_bools(kv->data, 1, e));
}

static bool read_kv(struct gguf_file *f, uint32_t i, struct map *keys, struct err *e)
{
    struct gguf_kv *kv = &f->kv[i];
    uint32_t same;
    if (!cursor_str(&f->at, &kv->key, e) || !check_name(kv->key, LIMIT_GGUF_NAME, N_("key"), e))
        return err_at(e, "metadata entry %u of %zu", i + 1, f->n_kv);
    if (map_get(keys, kv->key, &same))
        return fail(e, ERR_CORRUPT, "metadata key %.*s is there twice (entries %u and %u)",
                    STR_ARG(kv->key), same + 1, i + 1);
    if (!map_put(keys, kv->key, i, e))
        return false;
    if (!read_value(&f->at, kv, e))
        return err_at(e, "metadata entry %u of %zu (%.*s)", i + 1, f->n_kv, STR_ARG(kv->key));
    return true;
}

static bool own_u32(const struct gguf_file *f, const struct map *keys, const char *key,
                    uint32_t *out, struct err *e)
{
    uint32_t i;
    if (!map_get(keys, str_of(key), &i) || gguf_parse_u32(&f->kv[i], out))
        return true;
    return fail(e, ERR_CORRUPT, "metadata key %s must be an unsigned 32-bit integer, not %s", key,
                gguf_type_name(f->kv[i].type));
}

static bool check_alignment(uint32_t alignment, struct err *e)
{
    if (alignment >= 8 && alignment <= LIMIT_GGUF_ALIGNMENT && (alignment & (alignment - 1)) == 0)
        return true;
    return fail(e, ERR_CORRUPT,
                "general.alignment is %u; it must be a power of two from 8 to %u: the file is "
                "damaged, download it again",
                alignment, LIMIT_GGUF_ALIGNMENT);
}

bool gguf_parse_meta(struct gguf_file *f, struct arena *a, struct map *keys, struct err *e)
{
    f->at = (struct cursor){f->map.p, f->map.n, 0, f->checked};
    f->alignment = 32;
    if (!read_header(f, e))
        return false;
    f->kv = arena_new(a, f->n_kv, sizeof *f->kv, e); /* (I1) */
    if (!f->kv || !map_reserve(keys, f->n_kv, e))
        return false;
    for (uint32_t i = 0; i < f->n_kv; i++)
        if (!read_kv(f, i, keys, e))
            return false;
    return own_u32(f, keys, "general.alignment", &f->alignment, e) &&
           check_alignment(f->alignment, e) && own_u32(f, keys, "split.no", &f->split_no, e) &&
           own_u32(f, keys, "split.count", &f->split_count, e) &&
           own_u32(f, keys, "split.tensors.count", &f->split_tensors, e);
}

bool gguf_parse_strings(struct gguf_file *f, struct arena *a, struct err *e)
{
    for (uint64_t i = 0; i < f->n_kv; i++) {
        struct gguf_kv *kv = &f->kv[i];
        if (kv->type != GGUF_ARRAY || kv->elem != GGUF_STRING)
            continue;
        struct cursor c = {f->map.p, f->map.n, (uint64_t)(kv->data - f->map.p), NULL};
        struct str *all = arena_new(a, kv->n, sizeof *all, e);
        if (!all)
            return false;
        for (uint64_t j = 0; j < kv->n; j++)
            must(cursor_str(&c, &all[j], NULL)); /* (I3) */
        kv->strings = all;
    }
    return true;
}

/* --- tensors ---------------------------------------------------------------------------------- */

static bool check_type(uint32_t type, struct err *e)
{
    if (dtype_known(type))
        return true;
    return fail(e, ERR_UNSUPPORTED,
                "weight type %u is not known to this version of moat; take the model in another "
                "quantisation",
                type);
}

/* Sets the sizes that follow from type and shape. */
static bool measure(struct gguf_tensor *t, struct err *e)
{
    uint64_t rows = 1;
    if (t->ne[0] % dtype_block(t->type))
        return fail(e, ERR_CORRUPT, "rows of %zu weights are not whole %s blocks of %u", t->ne[0],
                    dtype_name(t->type), dtype_block(t->type));
    bool wraps = !dtype_row_bytes(t->type, t->ne[0], &t->row_bytes);
    for (unsigned i = 1; i < 4; i++)
        wraps |= __builtin_mul_overflow(rows, t->ne[i], &rows);
    wraps |= __builtin_mul_overflow(rows, t->row_bytes, &t->n_bytes);
    if (wraps || t->n_bytes > INT64_MAX)
        return fail(e, ERR_CORRUPT,
                    "shape [%zu, %zu, %zu, %zu] is larger than any file; download it again",
                    t->ne[0], t->ne[1], t->ne[2], t->ne[3]);
    return true;
}

/* Everything of one entry but its name. file_offset still counts from the start of the data. */
static bool read_shape(struct cursor *c, struct gguf_tensor *t, struct err *e)
{
    uint32_t type;
    if (!cursor_u32(c, &t->n_dim, e))
        return false;
    if (t->n_dim == 0 || t->n_dim > 4)
        return fail(e, ERR_CORRUPT, "%u dimensions (1 to 4 are possible)", t->n_dim);
    for (unsigned i = 0; i < 4; i++) {
        t->ne[i] = 1;
        if (i < t->n_dim && !cursor_u64(c, &t->ne[i], e))
            return false;
        if (t->ne[i] == 0)
            return fail(e, ERR_CORRUPT, "dimension %u is zero", i + 1);
    }
    if (!cursor_u32(c, &type, e) || !cursor_u64(c, &t->file_offset, e) || !check_type(type, e))
        return false;
    t->type = (enum dtype)type;
    return measure(t, e);
}

static bool read_tensor(struct gguf_file *f, uint32_t i, uint32_t index, struct gguf_tensor *t,
                        struct map *names, struct err *e)
{
    uint32_t same;
    if (!cursor_str(&f->at, &t->name, e) ||
        !check_name(t->name, LIMIT_GGUF_TENSOR_NAME, N_("tensor name"), e))
        return err_at(e, "tensor %u of %zu", i + 1, f->n_tensors);
    if (map_get(names, t->name, &same))
        return fail(e, ERR_CORRUPT, "tensor %.*s is there twice", STR_ARG(t->name));
    if (!map_put(names, t->name, index, e))
        return false;
    if (!read_shape(&f->at, t, e))
        return err_at(e, "tensor %u of %zu (%.*s)", i + 1, f->n_tensors, STR_ARG(t->name));
    if (t->file_offset % f->alignment)
        return fail(e, ERR_CORRUPT, "tensor %.*s: offset %zu is not a multiple of %u",
                    STR_ARG(t->name), t->file_offset, f->alignment);
    return true;
}

/* Turns offsets into places, having checked that the file reaches that far. */
static bool place(struct gguf_file *f, struct gguf_tensor *t, struct err *e)
{
    uint64_t pad = -f->at.at & (f->alignment - 1), start = f->at.at + pad, need = 0;
    for (uint64_t i = 0; i < f->n_tensors; i++) {
        uint64_t end;
        if (__builtin_add_overflow(t[i].file_offset, start, &t[i].file_offset) ||
            __builtin_add_overflow(t[i].file_offset, t[i].n_bytes, &end) || end > INT64_MAX)
            return fail(e, ERR_CORRUPT,
                        "tensor %.*s: its place is past the end of any file; download it again",
                        STR_ARG(t[i].name));
        need = end > need ? end : need;
    }
    if (need > f->map.n)
        return fail(e, ERR_CORRUPT,
                    "the file is truncated: %zu bytes, needs %zu; download it again", f->map.n,
                    need);
    for (uint64_t i = 0; i < f->n_tensors; i++)
        t[i].data = f->map.p + t[i].file_offset;
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const struct gguf_tensor *const *s = a, *const *t = b;
    return ((*s)->file_offset > (*t)->file_offset) - ((*s)->file_offset < (*t)->file_offset);
}

static bool check_overlaps(const struct gguf_tensor *t, uint64_t n, struct err *e)
{
    const struct gguf_tensor **sorted = mem_new(n, sizeof *sorted, e);
    if (!sorted)
        return false;
    bool ok = true, in_order = true;
    for (uint64_t i = 0; i < n; i++) {
        sorted[i] = &t[i];
        in_order &= i == 0 || t[i - 1].file_offset <= t[i].file_offset;
    }
    if (!in_order)
        qsort(sorted, n, sizeof *sorted, by_offset);
    for (uint64_t i = 1; ok && i < n; i++)
        if (sorted[i - 1]->file_offset + sorted[i - 1]->n_bytes > sorted[i]->file_offset)
            ok = fail(e, ERR_CORRUPT, "tensors %.*s and %.*s overlap; download it again",
                      STR_ARG(sorted[i - 1]->name), STR_ARG(sorted[i]->name));
    mem_free(sorted);
    return ok;
}

bool gguf_parse_tensors(struct gguf_file *f, uint32_t split, uint32_t first, struct gguf_tensor *t,
                        struct map *names, struct err *e)
{
    for (uint32_t i = 0; i < f->n_tensors; i++) {
        t[i].split = split;
        if (!read_tensor(f, i, first + i, &t[i], names, e))
            return false;
    }
    return place(f, t, e) && check_overlaps(t, f->n_tensors, e); /* (I2) */
}
