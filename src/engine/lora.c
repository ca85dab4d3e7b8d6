/* SPDX-License-Identifier: Apache-2.0 */
/* engine/lora: see lora.h. */
#include "engine/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "compute/quant.h"
#include "engine/arch.h"
#include "engine/blocks.h"

/* --- a file ----------------------------------------------------------------------------------- */

/* Where the two matrices of a weight are, as the file has them. */
struct lora_pair {
    const struct gguf_tensor *a, *b;
    struct str weight; /* its name */
    float scale;
};

static bool check_text(const struct gguf *g, const char *key, const char *want, struct err *e)
{
    struct str value = {0};
    if (!gguf_get_str(g, key, &value, e))
        return false;
    if (value.p && str_is(value, want))
        return true;
    return fail(e, ERR_UNSUPPORTED, "the file is not a LoRA adapter: its %s is not \"%s\"", key,
                want);
}

static bool check_file(const struct model *m, const struct gguf *g, float *alpha, struct err *e)
{
    struct str arch = STR("");
    if (!check_text(g, "general.type", "adapter", e) || !check_text(g, "adapter.type", "lora", e) ||
        !gguf_get_str(g, "general.architecture", &arch, e) ||
        !gguf_get_f32(g, "adapter.lora.alpha", alpha, e))
        return false;
    if (!str_is(arch, m->h.arch->name))
        return fail(e, ERR_UNSUPPORTED, "the adapter is for architecture \"%.*s\", the model is %s",
                    STR_ARG(arch), m->h.arch->name);
    if (!isfinite(*alpha))
        return fail(e, ERR_CORRUPT, "%s is not a finite number", "adapter.lora.alpha");
    if (gguf_find(g, "adapter.alora.invocation_tokens"))
        return fail(e, ERR_UNSUPPORTED,
                    "the adapter begins at certain tokens only (aLoRA), which is not supported");
    return true;
}

static bool has_ending(struct str name, const char *ending, struct str *rest)
{
    size_t n = strlen(ending);
    if (name.n <= n || memcmp(name.p + name.n - n, ending, n) != 0)
        return false;
    *rest = (struct str){name.p, name.n - n};
    return true;
}

/* The pair whose A is tensor i; pair->a NULL: it is a B, whose A comes by itself. */
static bool find_pair(const struct gguf *g, uint64_t i, struct lora_pair *pair, struct err *e)
{
    char other[LIMIT_GGUF_TENSOR_NAME + 8];
    const struct gguf_tensor *t = &g->tensors[i];
    bool is_a = has_ending(t->name, ".lora_a", &pair->weight);
    *pair = (struct lora_pair){.weight = pair->weight};
    if (!is_a && !has_ending(t->name, ".lora_b", &pair->weight))
        return fail(e, ERR_UNSUPPORTED, "tensor %.*s is not part of a LoRA adapter",
                    STR_ARG(t->name));
    snprintf(other, sizeof other, "%.*s.lora_%c", STR_ARG(pair->weight), is_a ? 'b' : 'a');
    const struct gguf_tensor *second = gguf_tensor_find(g, str_of(other));
    if (!second)
        return fail(e, ERR_CORRUPT,
                    "the model has no tensor %s; the file is incomplete, download it again", other);
    pair->a = is_a ? t : NULL;
    pair->b = second;
    return true;
}

/* --- a weight of the model ------------------------------------------------------------------- */

/* The name after "blk.N.", and N; of another name all, and UINT32_MAX. */
static struct str split_name(struct str name, uint32_t *layer)
{
    uint32_t n = 0;
    size_t i = 4;
    *layer = UINT32_MAX;
    if (name.n < 6 || memcmp(name.p, "blk.", 4) != 0)
        return name;
    for (; i < name.n && i < 10 && name.p[i] >= '0' && name.p[i] <= '9'; i++)
        n = n * 10 + (uint32_t)(name.p[i] - '0');
    if (i == 4 || i >= name.n || name.p[i] != '.')
        return name;
    *layer = n;
    return (struct str){name.p + i + 1, name.n - i - 1};
}

static bool decode(struct model *m, const struct gguf *g, const struct gguf_tensor *t, bool turn,
                   const float **out, struct err *e)
{
    uint64_t cols = t->ne[0], rows = t->ne[1], n = cols * rows;
    float *v = arena_new(&m->arena, n, sizeof *v, e), *turned;
    if (!v || !gguf_need(g, t, e))
        return false;
    quant_decode(t->type, t->data, v, n);
    *out = v;
    if (!turn)
        return true;
    *out = turned = arena_new(&m->arena, n, sizeof *turned, e);
    for (uint64_t r = 0; turned && r < rows; r++)
        for (uint64_t c = 0; c < cols; c++)
            turned[c * rows + r] = v[r * cols + c];
    return turned != NULL;
}

/* Both matrices in F32, B turned. */
static bool read_pair(struct model *m, const struct gguf *g, const struct lora_pair *pair,
                      const struct mat *w, uint64_t whole, struct lora_part *part, struct err *e)
{
    uint64_t rank = pair->a->ne[1];
    bool flat =
        pair->a->ne[2] == 1 && pair->b->ne[2] == 1 && pair->a->ne[3] == 1 && pair->b->ne[3] == 1;
    if (!flat || rank == 0 || rank > LIMIT_LORA_RANK || pair->b->ne[0] != rank ||
        pair->a->ne[0] != w->cols || pair->b->ne[1] != whole)
        return fail(e, ERR_CORRUPT,
                    "the adapter's matrices of %.*s are [%llu, %llu] and [%llu, %llu], which does "
                    "not fit the model's %llu rows of %u (and ranks up to %u)",
                    STR_ARG(pair->weight), (unsigned long long)pair->a->ne[0],
                    (unsigned long long)pair->a->ne[1], (unsigned long long)pair->b->ne[0],
                    (unsigned long long)pair->b->ne[1], (unsigned long long)whole, w->cols,
                    LIMIT_LORA_RANK);
    if (!quant_can_decode(pair->a->type) || !quant_can_decode(pair->b->type))
        return fail(e, ERR_UNSUPPORTED, "tensor %.*s has type %s, which cannot be a weight",
                    STR_ARG(pair->a->name), dtype_name(pair->a->type));
    part->rank = (uint32_t)rank;
    part->stride = (uint32_t)whole;
    m->lora_bytes += (pair->a->ne[0] + 2 * whole) * rank * sizeof(float);
    return decode(m, g, pair->a, false, &part->a, e) && decode(m, g, pair->b, true, &part->b, e);
}

/* At the end, so that adapters are in their order. */
static bool attach(struct model *m, struct mat *w, const struct lora_part *part, uint64_t first,
                   struct err *e)
{
    const struct lora_part **at = &w->lora;
    struct lora_part *own = arena_new(&m->arena, 1, sizeof *own, e);
    if (!own)
        return false;
    *own = *part;
    own->b += first;
    own->next = NULL;
    while (*at)
        at = (const struct lora_part **)(uintptr_t) & (*at)->next;
    *at = own;
    return true;
}

/* The matrices of a table that a name means: one, or all that it is fused of. Rows of the whole
 * are those of its last part's end. */
static uint32_t find_mats(const struct tensor_spec *specs, struct str name, void *base,
                          struct mat *out[4])
{
    uint32_t n = 0;
    for (const struct tensor_spec *s = specs; s->name && n < 4; s++) {
        struct mat *w = (struct mat *)(void *)((char *)base + s->offset);
        bool named = str_is(name, s->name) || (s->fused && str_is(name, s->fused));
        if (s->kind == TENSOR_MAT && named && w->data)
            out[n++] = w;
    }
    return n;
}

static bool is_left_out(struct str name)
{
    static const char *const names[] = {"token_embd.weight", "position_embd.weight",
                                        "attn_kv_b.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static bool add_pair(struct model *m, const struct gguf *g, struct lora_pair *pair, uint32_t *width,
                     struct err *e)
{
    struct mat *w[4];
    uint32_t layer, n = 0;
    uint64_t whole = 0, first = 0;
    struct str name = split_name(pair->weight, &layer);
    if (layer == UINT32_MAX)
        n = find_mats(m->h.arch->model_tensors, name, m, w);
    else if (layer < m->h.n_layer)
        n = find_mats(m->h.arch->layer_tensors, name, &m->layers[layer], w);
    if (n == 0 && layer == UINT32_MAX && str_is(name, "output.weight") && m->output.data)
        w[n++] = &m->output; /* it is the embedding */
    if (n == 0 || is_left_out(name))
        return fail(e, ERR_UNSUPPORTED,
                    "the adapter changes %.*s, which the model does not have as a matrix of its "
                    "own; merge the adapter into the model",
                    STR_ARG(pair->weight));
    for (uint32_t i = 0; i < n; i++)
        whole += w[i]->rows;
    struct lora_part part = {.adapter = m->n_adapters};
    if (!read_pair(m, g, pair, w[0], whole, &part, e))
        return false;
    part.scale = pair->scale != 0 ? pair->scale / (float)part.rank : 1;
    part.at = width[layer == UINT32_MAX ? m->h.n_layer : layer];
    for (uint32_t i = 0; i < n; first += w[i++]->rows)
        if (!attach(m, w[i], &part, first, e))
            return false;
    width[layer == UINT32_MAX ? m->h.n_layer : layer] += part.rank;
    return true;
}

static bool add_file(struct model *m, const struct gguf *g, struct err *e)
{
    float alpha = 0;
    if (!check_file(m, g, &alpha, e))
        return false;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        struct lora_pair pair;
        if (!find_pair(g, i, &pair, e))
            return false;
        pair.scale = alpha;
        if (pair.a && !add_pair(m, g, &pair, m->lora_widths, e))
            return false;
    }
    m->n_adapters++;
    return true;
}

bool lora_add(struct model *m, const struct lora_files *files, struct err *e)
{
    if (files->n == 0)
        return true;
    m->lora_widths = arena_new(&m->arena, (uint64_t)m->h.n_layer + 1, sizeof *m->lora_widths, e);
    if (!m->lora_widths)
        return false;
    for (uint32_t i = 0; i < files->n; i++)
        if (!add_file(m, files->v[i].g, e))
            return err_at(e, "adapter %u", i);
    for (uint32_t i = 0; i <= m->h.n_layer; i++)
        m->lora_width = m->lora_widths[i] > m->lora_width ? m->lora_widths[i] : m->lora_width;
    return true;
}

void lora_use(struct forward *f, const struct lora_files *files)
{
    float scale[LIMIT_ADAPTERS];
    for (uint32_t i = 0; i < files->n; i++)
        scale[i] = files->v[i].scale;
    for (uint32_t seq = 0; files->n && seq < f->p.kv.n_seq; seq++)
        forward_adapt(f, seq, scale);
}

void lora_files_close(struct lora_files *files)
{
    for (uint32_t i = 0; i < files->n; i++)
        gguf_close(files->v[i].g);
    files->n = 0;
}

/* --- inside a pass --------------------------------------------------------------------------- */

bool lora_applies(const struct task *t, const struct product *p, uint32_t n)
{
    for (uint32_t i = 0; t->f->adapted && i < n; i++)
        if (p[i].w->lora)
            return true;
    return false;
}

static float *row_of(const struct task *t, uint32_t row)
{
    return t->f->act.lora + (size_t)row * t->f->m->lora_width;
}

void lora_begin(struct task *t, const struct product *p, uint32_t n)
{
    uint32_t width = 0, from, to, item = 0;
    if (!lora_applies(t, p, n))
        return;
    for (uint32_t i = 0; i < n; i++)
        for (const struct lora_part *l = p[i].w->lora; l; l = l->next)
            width += l->rank;
    task_share(t, t->in.n * width, &from, &to);
    for (uint32_t row = 0; row < t->in.n && item < to; row++)
        for (uint32_t i = 0; i < n; i++)
            for (const struct lora_part *l = p[i].w->lora; l; l = l->next)
                for (uint32_t j = 0; j < l->rank; j++, item++)
                    if (item >= from && item < to)
                        row_of(t, row)[l->at + j] =
                            t->f->kernels->dot(l->a + (size_t)j * t->in.k,
                                               t->in.f32 + (size_t)row * t->in.stride, t->in.k);
    task_barrier(t);
}

void lora_finish(const struct task *t, const struct product *p, uint32_t row, uint32_t end)
{
    const struct forward *f = t->f;
    if (!lora_applies(t, p, 1))
        return;
    for (uint32_t i = 0; i < t->in.n; i++) {
        uint32_t seq = f->batch.seq[t->rows ? t->rows[i] : i];
        const float *scale = f->lora_scale + (size_t)seq * f->m->n_adapters;
        float *y = p->y + (size_t)i * p->w->rows + row;
        for (const struct lora_part *l = p->w->lora; l; l = l->next)
            for (uint32_t j = 0; scale[l->adapter] != 0 && j < l->rank; j++)
                f->kernels->axpy(y, scale[l->adapter] * l->scale * row_of(t, i)[l->at + j],
                                 l->b + (size_t)j * l->stride + row, end - row);
    }
}
