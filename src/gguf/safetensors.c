/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/safetensors: see safetensors.h.
 *
 * A file is an 8-byte length, that many bytes of JSON, and the data. Sorted by where they begin,
 * (I1) every tensor begins where the one before it ended, the first at 0, and the last ends with
 * the file: so none overlap and nothing is hidden between them. */
#include "gguf/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/os.h"

#define INDEX "model.safetensors.index.json"

struct safetensors_private {
    struct arena arena;
    struct os_map *files; /* [n_files] */
    uint32_t n_files;
    size_t cap_files, cap_tensors;
    struct safetensor *tensors; /* as the public one, not const */
    struct map by_name;
};

static const struct {
    const char *name;
    uint32_t bytes;
} types[] = {
#define X(id, text, bytes) [id] = {text, bytes},
    SAFETENSOR_TABLE(X)
#undef X
};

const char *safetensor_type_name(enum safetensor_type t)
{
    return types[t].name;
}

uint32_t safetensor_type_bytes(enum safetensor_type t)
{
    return types[t].bytes;
}

/* --- one tensor ------------------------------------------------------------------------------- */

/* What is being read: a file and its data. */
struct part {
    struct safetensors *s;
    const char *file;
    const unsigned char *data;
    uint64_t n_data;
};

static bool read_type(const struct part *p, struct safetensor *t, const json_t *v, struct err *e)
{
    const char *text = json_string_value(v);
    for (int i = 0; text && i < SAFETENSOR_TYPES; i++)
        if (strcmp(text, types[i].name) == 0) {
            t->type = (enum safetensor_type)i;
            return true;
        }
    return fail(e, ERR_UNSUPPORTED, "%s: tensor %s has the unknown type \"%s\"", p->file, t->name.p,
                text ? text : "");
}

static bool read_shape(const struct part *p, struct safetensor *t, const json_t *v, struct err *e)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > SAFETENSOR_DIMS)
        return fail(e, ERR_CORRUPT, "%s: tensor %s has no shape of up to %d dimensions", p->file,
                    t->name.p, SAFETENSOR_DIMS);
    t->n_dim = (uint32_t)n;
    t->n_values = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(v, i);
        json_int_t size = json_is_integer(d) ? json_integer_value(d) : -1;
        if (size < 0 || __builtin_mul_overflow(t->n_values, (uint64_t)size, &t->n_values))
            return fail(e, ERR_CORRUPT, "%s: tensor %s has an impossible shape", p->file,
                        t->name.p);
        t->shape[i] = (uint64_t)size;
    }
    return true;
}

static bool read_place(const struct part *p, struct safetensor *t, const json_t *v, struct err *e)
{
    const json_t *a = json_array_get(v, 0), *b = json_array_get(v, 1);
    json_int_t from = json_is_integer(a) ? json_integer_value(a) : -1;
    json_int_t to = json_is_integer(b) ? json_integer_value(b) : -1;
    if (json_array_size(v) != 2 || from < 0 || to < from || (uint64_t)to > p->n_data)
        return fail(e, ERR_CORRUPT,
                    "%s: the data of tensor %s are not inside the file, which is cut short or "
                    "damaged; fetch it again",
                    p->file, t->name.p);
    if (__builtin_mul_overflow(t->n_values, (uint64_t)types[t->type].bytes, &t->n_bytes) ||
        t->n_bytes != (uint64_t)(to - from))
        return fail(e, ERR_CORRUPT, "%s: tensor %s has %lld bytes, not those of its shape", p->file,
                    t->name.p, (long long)(to - from));
    t->data = p->data + from;
    return true;
}

static bool add_tensor(const struct part *p, const char *name, const json_t *v, struct err *e)
{
    struct safetensors_private *own = p->s->private;
    struct safetensor t = {.name = str_of(name)};
    uint32_t other;
    if (t.name.n == 0 || t.name.n > LIMIT_GGUF_TENSOR_NAME)
        return fail(e, ERR_CORRUPT, "%s: a tensor's name is empty or longer than %u bytes", p->file,
                    LIMIT_GGUF_TENSOR_NAME);
    if (p->s->n >= LIMIT_GGUF_TENSORS)
        return fail(e, ERR_LIMIT, "%s: more than %u tensors", p->file, LIMIT_GGUF_TENSORS);
    if (map_get(&own->by_name, t.name, &other))
        return fail(e, ERR_CORRUPT, "%s: tensor %s is there twice", p->file, name);
    t.name.p = arena_copy(&own->arena, t.name, e);
    if (!t.name.p || !read_type(p, &t, json_object_get(v, "dtype"), e) ||
        !read_shape(p, &t, json_object_get(v, "shape"), e) ||
        !read_place(p, &t, json_object_get(v, "data_offsets"), e) ||
        !mem_grow(&own->tensors, p->s->n, &own->cap_tensors, sizeof t, e) ||
        !map_put(&own->by_name, t.name, 0, e))
        return false;
    own->tensors[p->s->n++] = t;
    return true;
}

/* --- one file --------------------------------------------------------------------------------- */

/* An empty tensor lies before what begins where it does. */
static int by_place(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

static bool check_places(const struct part *p, uint64_t first, struct err *e) /* (I1) */
{
    struct safetensor *t = p->s->private->tensors;
    const unsigned char *at = p->data;
    if (p->s->n > first)
        qsort(t + first, p->s->n - first, sizeof *t, by_place);
    for (uint64_t i = first; i < p->s->n; i++) {
        if (t[i].data != at)
            return fail(e, ERR_CORRUPT,
                        "%s: the data of tensor %s overlap others or leave a hole; the file is "
                        "damaged",
                        p->file, t[i].name.p);
        at += t[i].n_bytes;
    }
    return at == p->data + p->n_data ||
           fail(e, ERR_CORRUPT, "%s: %llu bytes behind the last tensor belong to nothing", p->file,
                (unsigned long long)(p->n_data - (uint64_t)(at - p->data)));
}

static bool read_header(struct part *p, const json_t *head, struct err *e)
{
    uint64_t first = p->s->n;
    const char *name;
    json_t *v;
    if (!json_is_object(head))
        return fail(e, ERR_CORRUPT, "%s: the header is not a JSON object", p->file);
    json_object_foreach((json_t *)head, name, v)
    {
        if (strcmp(name, "__metadata__") != 0 && !add_tensor(p, name, v, e))
            return false;
    }
    return check_places(p, first, e);
}

static bool read_file(struct safetensors *s, const struct os_map *m, const char *file,
                      struct err *e)
{
    uint64_t n_head = 0;
    if (m->n < 8)
        return fail(e, ERR_CORRUPT, "%s: too short to be a safetensors file", file);
    memcpy(&n_head, m->p, 8);
    if (n_head > LIMIT_JSON_BYTES)
        return fail(e, ERR_LIMIT,
                    "%s: a header of %llu bytes is more than the %u allowed, or this is no "
                    "safetensors file",
                    file, (unsigned long long)n_head, LIMIT_JSON_BYTES);
    if (n_head > m->n - 8)
        return fail(e, ERR_CORRUPT, "%s: the file ends inside its header; fetch it again", file);
    struct part p = {s, file, m->p + 8 + n_head, m->n - 8 - n_head};
    json_t *head = json_parse((struct str){(const char *)m->p + 8, (size_t)n_head}, file, e);
    bool ok = head && read_header(&p, head, e);
    json_decref(head);
    s->file_bytes += m->n;
    return ok;
}

static bool add_file(struct safetensors *s, struct os_map m, const char *file, struct err *e)
{
    struct safetensors_private *own = s->private;
    if (!mem_grow(&own->files, own->n_files, &own->cap_files, sizeof m, e)) {
        os_map_close(&m);
        return false;
    }
    own->files[own->n_files++] = m;
    return read_file(s, &m, file, e);
}

static bool open_file(struct safetensors *s, const char *path, struct err *e)
{
    struct os_map m;
    return os_map_open(&m, path, e) && add_file(s, m, path, e);
}

/* --- several files ---------------------------------------------------------------------------- */

/* "model-00001-of-00002.safetensors", in the same folder. */
static bool check_part_name(const char *index, const char *name, struct err *e)
{
    struct str s = str_of(name);
    return (s.n && !strchr(name, '/') && name[0] != '.' && str_ends(s, STR(".safetensors"))) ||
           fail(e, ERR_CORRUPT, "%s names \"%s\", which is not a .safetensors file beside it",
                index, name);
}

static bool open_part(struct safetensors *s, struct map *seen, const char *folder,
                      const char *index, const char *name, struct err *e)
{
    char path[4096];
    uint32_t old;
    if (map_get(seen, str_of(name), &old))
        return true;
    if (!check_part_name(index, name, e) || !map_put(seen, str_of(name), 1, e))
        return false;
    if (seen->n > LIMIT_GGUF_SPLITS)
        return fail(e, ERR_LIMIT, "%s names more than %u files", index, LIMIT_GGUF_SPLITS);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "%s: the path is too long", folder);
    return open_file(s, path, e);
}

static bool open_parts(struct safetensors *s, const char *folder, const char *index,
                       const json_t *where, struct err *e)
{
    struct map seen = {0};
    const char *name;
    json_t *v;
    bool ok = json_is_object(where) ||
              fail(e, ERR_CORRUPT, "%s has no \"weight_map\" of tensors and files", index);
    json_object_foreach((json_t *)where, name, v)
    {
        uint32_t found;
        const char *file = json_string_value(v);
        ok = ok && (file || fail(e, ERR_CORRUPT, "%s: tensor %s has no file", index, name)) &&
             open_part(s, &seen, folder, index, file, e) &&
             (map_get(&s->private->by_name, str_of(name), &found) ||
              fail(e, ERR_CORRUPT, "%s: there is no tensor %s in %s", index, name, file));
    }
    map_clear(&seen);
    return ok;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool open_folder(struct safetensors *s, const char *folder, struct err *e)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, INDEX) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "%s: the path is too long", folder);
    if (exists(path)) {
        json_t *index = json_read_file(path, LIMIT_JSON_BYTES, e);
        bool ok = index && open_parts(s, folder, path, json_object_get(index, "weight_map"), e);
        json_decref(index);
        return ok;
    }
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (!exists(path))
        return fail(e, ERR_NOT_FOUND,
                    "%s has neither model.safetensors nor model.safetensors.index.json; name the "
                    "folder of a model in the form that Hugging Face tools save",
                    folder);
    return open_file(s, path, e);
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool number(struct safetensors *s, struct err *e)
{
    s->tensors = s->private->tensors;
    for (uint64_t i = 0; i < s->n; i++)
        if (!map_put(&s->private->by_name, s->tensors[i].name, (uint32_t)i, e))
            return false;
    return true;
}

static struct safetensors *make(struct err *e)
{
    struct safetensors *s = mem_new(1, sizeof *s, e);
    if (s && !(s->private = mem_new(1, sizeof *s->private, e))) {
        mem_free(s);
        return NULL;
    }
    return s;
}

static struct safetensors *finish(struct safetensors *s, bool ok, struct err *e)
{
    if (ok && number(s, e))
        return s;
    safetensors_close(s);
    return NULL;
}

struct safetensors *safetensors_open(const char *path, struct err *e)
{
    struct safetensors *s = make(e);
    return s ? finish(s, is_folder(path) ? open_folder(s, path, e) : open_file(s, path, e), e)
             : NULL;
}

struct safetensors *safetensors_take_fd(int fd, const char *name, struct err *e)
{
    struct os_map m;
    if (!os_map_take(&m, fd, name, e))
        return NULL;
    struct safetensors *s = make(e);
    if (!s)
        os_map_close(&m);
    return s ? finish(s, add_file(s, m, name, e), e) : NULL;
}

void safetensors_close(struct safetensors *s)
{
    if (!s)
        return;
    struct safetensors_private *own = s->private;
    for (uint32_t i = 0; i < own->n_files; i++)
        os_map_close(&own->files[i]);
    mem_free(own->files);
    mem_free(own->tensors);
    map_clear(&own->by_name);
    arena_clear(&own->arena);
    mem_free(own);
    mem_free(s);
}

const struct safetensor *safetensors_find(const struct safetensors *s, struct str name)
{
    uint32_t i;
    return map_get(&s->private->by_name, name, &i) ? &s->tensors[i] : NULL;
}
