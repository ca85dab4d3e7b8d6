/* SPDX-License-Identifier: Apache-2.0 */
/* lab/quantize: see quantize.h. */
#include "lab/quantize.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/workers.h"
#include "compute/quant.h"
#include "compute/quant_encode.h"
#include "gguf/gguf_write.h"

#define PASS_WEIGHTS (4u << 20)  /* of all threads together, before they are written */
#define CHUNK        (64u << 10) /* weights a thread takes at a time */

/* One tensor: what it will be. */
struct plan {
    const struct gguf_tensor *from;
    enum dtype type;
    bool encode;
};

struct job {
    const struct gguf *g;
    const struct quantize_options *o;
    struct quantize_result *r;
    const struct fit_kernels *fit;
    struct workers *workers;
    struct plan *plan;
    float *rows;    /* [threads][widest] decoded, of each thread its own */
    float *weights; /* importance of the tensor at hand, or NULL */
    float *weights_memory;
    char *out; /* [PASS_WEIGHTS] encoded */
    uint64_t widest, done, total;
    /* The pass at hand: rows first.. of tensor p, n_rows of them, chunk by chunk. */
    const struct plan *p;
    uint64_t first, n_rows, out_row;
    uint32_t rows_of_chunk;
    atomic_bool not_finite;
};

/* --- the plan --------------------------------------------------------------------------------- */

/* Greedy: a star takes as little as it can, and more when what follows does not fit. */
bool quantize_matches(struct str pattern, struct str name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, from = 0;
    while (n < name.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = n;
        } else if (p < pattern.n && pattern.p[p] == name.p[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static struct mix_model mix_model_of(const struct gguf *g)
{
    struct mix_model m = {.tied = !gguf_tensor_find(g, STR("output.weight"))};
    struct str arch = {0};
    char key[128];
    struct err ignored;
    uint32_t heads = 1, kv = 0;
    if (!gguf_get_str(g, "general.architecture", &arch, &ignored) || arch.n > 64)
        return m;
    snprintf(key, sizeof key, "%.*s.block_count", (int)arch.n, arch.p);
    bool ok = gguf_get_u32(g, key, &m.n_layer, &ignored);
    snprintf(key, sizeof key, "%.*s.attention.head_count", (int)arch.n, arch.p);
    ok = ok && gguf_get_u32(g, key, &heads, &ignored);
    snprintf(key, sizeof key, "%.*s.attention.head_count_kv", (int)arch.n, arch.p);
    if (ok && gguf_get_u32(g, key, &kv, &ignored) && kv)
        m.heads_per_kv = heads / kv;
    return m;
}

static bool is_plain(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static bool check_source(const struct job *j, const struct gguf_tensor *t, struct err *e)
{
    if (!quant_can_decode(t->type) || t->ne[0] > LIMIT_WIDTH)
        return fail(e, ERR_UNSUPPORTED, "tensor %.*s cannot be quantised: it is %s, %llu to a row",
                    STR_ARG(t->name), dtype_name(t->type), (unsigned long long)t->ne[0]);
    return is_plain(t->type) || j->o->requantize ||
           fail(e, ERR_USAGE,
                "tensor %.*s is %s already, and what was lost does not come back; take the file "
                "that was converted, or give --requantize",
                STR_ARG(t->name), dtype_name(t->type));
}

static enum dtype wanted(const struct job *j, const struct mix_model *m,
                         const struct gguf_tensor *t)
{
    for (unsigned i = 0; i < j->o->n_overrides; i++)
        if (quantize_matches(j->o->overrides[i].pattern, t->name))
            return mix_fitting(j->o->overrides[i].type, t->ne[0]);
    return mix_type(j->o->mix, m, t);
}

static bool plan_all(struct job *j, struct err *e)
{
    struct mix_model m = mix_model_of(j->g);
    for (uint64_t i = 0; i < j->g->n_tensors; i++) {
        const struct gguf_tensor *t = &j->g->tensors[i];
        struct plan *p = &j->plan[i];
        *p = (struct plan){.from = t, .type = t->type};
        j->total += t->n_bytes;
        if (!mix_applies(t))
            continue;
        enum dtype type = wanted(j, &m, t);
        if (type == t->type)
            continue;
        if (!quant_can_encode(type))
            return fail(e, ERR_UNSUPPORTED, "%s cannot be made yet", dtype_name(type));
        if (!check_source(j, t, e))
            return false;
        p->type = type;
        p->encode = true;
        if (t->ne[0] > j->widest)
            j->widest = t->ne[0];
    }
    return true;
}

/* --- one tensor ------------------------------------------------------------------------------- */

static bool all_finite(const float *x, uint64_t n)
{
    float sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += x[i] * 0;
    return sum == 0;
}

static void encode_row(struct job *j, uint32_t id, uint64_t row)
{
    const struct gguf_tensor *t = j->p->from;
    uint64_t n = t->ne[0], expert = (j->first + row) / t->ne[1] % t->ne[2];
    float *x = j->rows + id * j->widest;
    quant_decode(t->type, t->data + (j->first + row) * t->row_bytes, x, n);
    if (!all_finite(x, n)) {
        atomic_store(&j->not_finite, true);
        return;
    }
    quant_encode(j->fit, j->p->type, x, j->weights ? j->weights + expert * n : NULL,
                 j->out + row * j->out_row, n);
}

static void encode_chunks(void *arg, uint32_t id)
{
    struct job *j = arg;
    uint32_t chunk, n = (uint32_t)((j->n_rows + j->rows_of_chunk - 1) / j->rows_of_chunk);
    while (workers_next(j->workers, id, n, &chunk)) {
        uint64_t row = (uint64_t)chunk * j->rows_of_chunk, end = row + j->rows_of_chunk;
        for (; row < end && row < j->n_rows; row++)
            encode_row(j, id, row);
    }
}

static bool tell(struct job *j, uint64_t bytes, struct err *e)
{
    j->done += bytes;
    return !j->o->progress || j->o->progress(j->o->arg, j->done, j->total) ||
           fail(e, ERR_CANCELLED, "stopped; nothing was written");
}

static bool find_importance(struct job *j, const struct gguf_tensor *t, struct err *e)
{
    bool there = false;
    uint64_t n;
    j->weights = NULL;
    mem_free(j->weights_memory);
    j->weights_memory = NULL;
    if (!j->o->importance)
        return true;
    if (__builtin_mul_overflow(t->ne[0], t->ne[2], &n) ||
        !(j->weights_memory = mem_new(n, sizeof(float), e)))
        return fail(e, ERR_LIMIT, "tensor %.*s is too large", STR_ARG(t->name));
    if (!importance_of(j->o->importance, t, j->weights_memory, &there, e))
        return false;
    j->weights = there ? j->weights_memory : NULL;
    j->r->n_without += !there;
    return true;
}

static bool encode_tensor(struct job *j, const struct plan *p, struct gguf_sink *out, struct err *e)
{
    const struct gguf_tensor *t = p->from;
    uint64_t rows = t->ne[1] * t->ne[2] * t->ne[3], pass = PASS_WEIGHTS / t->ne[0];
    if (!find_importance(j, t, e) || !dtype_row_bytes(p->type, t->ne[0], &j->out_row))
        return false;
    j->p = p;
    j->rows_of_chunk = t->ne[0] < CHUNK ? (uint32_t)(CHUNK / t->ne[0]) : 1;
    for (j->first = 0; j->first < rows; j->first += j->n_rows) {
        j->n_rows = rows - j->first < pass ? rows - j->first : pass;
        workers_run(j->workers, encode_chunks, j);
        if (atomic_load(&j->not_finite))
            return fail(e, ERR_CORRUPT,
                        "tensor %.*s holds values that are not finite; the model is damaged",
                        STR_ARG(t->name));
        os_map_forget(t->data + j->first * t->row_bytes, j->n_rows * t->row_bytes);
        if (!gguf_put(out, j->out, j->n_rows * j->out_row, e) ||
            !tell(j, j->n_rows * t->row_bytes, e))
            return false;
    }
    j->r->n_encoded++;
    return true;
}

static bool make(void *arg, uint64_t tensor, struct gguf_sink *out, struct err *e)
{
    struct job *j = arg;
    const struct plan *p = &j->plan[tensor];
    bool ok = true;
    if (p->encode) {
        ok = encode_tensor(j, p, out, e);
    } else {
        ok = gguf_put(out, p->from->data, p->from->n_bytes, e) && tell(j, p->from->n_bytes, e);
        j->r->n_kept++;
    }
    os_map_forget(p->from->data, p->from->n_bytes);
    return ok;
}

/* --- the file --------------------------------------------------------------------------------- */

/* What says how weights are stored, or that the file is one of several. */
static bool is_replaced(struct str key)
{
    static const char *const keys[] = {"general.file_type", "general.quantization_version",
                                       "general.alignment"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_is(key, keys[i]))
            return true;
    return str_starts(key, STR("split."));
}

static void declare(struct job *j, struct gguf_writer *w)
{
    char name[LIMIT_GGUF_TENSOR_NAME + 1];
    for (uint64_t i = 0; i < j->g->n_kv; i++)
        if (!is_replaced(j->g->kv[i].key))
            gguf_write_kv(w, &j->g->kv[i]);
    gguf_write_u32(w, "general.file_type", mix_file_type(j->o->mix));
    gguf_write_u32(w, "general.quantization_version", 2);
    for (uint64_t i = 0; i < j->g->n_tensors; i++) {
        const struct gguf_tensor *t = j->plan[i].from;
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        gguf_write_tensor(w, name, j->plan[i].type, t->n_dim, t->ne, NULL);
    }
}

static bool prepare(struct job *j, struct err *e)
{
    uint32_t threads = j->o->threads ? j->o->threads : os_cpu_count();
    size_t floats;
    j->plan = mem_new(j->g->n_tensors, sizeof *j->plan, e);
    if (!j->plan || !plan_all(j, e) || !(j->fit = fit_init(e)) ||
        !(j->workers = workers_new(threads, e)))
        return false;
    if (!mem_mul(threads, (size_t)j->widest + 1, &floats))
        return fail(e, ERR_LIMIT, "not enough memory");
    j->rows = mem_new(floats, sizeof *j->rows, e);
    j->out = mem_new(PASS_WEIGHTS, sizeof(float), e);
    return j->rows && j->out;
}

bool quantize_model(const struct gguf *g, const struct quantize_options *o,
                    struct quantize_result *r, struct err *e)
{
    struct job j = {.g = g, .o = o, .r = r};
    struct gguf_writer w;
    *r = (struct quantize_result){.bytes_in = g->file_bytes};
    gguf_write_init(&w, 32);
    bool ok = prepare(&j, e);
    if (ok) {
        declare(&j, &w);
        ok = gguf_write_made(&w, o->out, make, &j, e);
        r->bytes_out = gguf_write_size(&w);
    }
    gguf_write_clear(&w);
    workers_free(j.workers);
    mem_free(j.plan);
    mem_free(j.rows);
    mem_free(j.weights_memory);
    mem_free(j.out);
    return ok;
}
