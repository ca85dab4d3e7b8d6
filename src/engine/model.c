/* SPDX-License-Identifier: Apache-2.0 */
/* engine/model: see model.h. Loading is table-driven: an architecture names its tensors, their
 * place in struct layer or struct model, and their shape by name; this file finds, checks and binds
 * them. */
#include "engine/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "compute/quant.h"
#include "engine/arch.h"
#include "engine/rope.h"

struct loader {
    const struct gguf *g;
    struct model *m;
    unsigned char *used; /* [n_tensors] */
};

/* Those of Mamba-2. */
static uint64_t ssm_dim_size(const struct hparams *h, enum dim d)
{
    switch (d) {
    case DIM_SSM_HEADS:
        return h->n_ssm_head;
    case DIM_SSM_GROUPS:
        return h->n_ssm_group;
    case DIM_SSM_GROUP:
        return h->n_ssm_group ? h->d_ssm / h->n_ssm_group : 0;
    case DIM_SSM_INNER:
        return h->d_ssm;
    case DIM_SSM_CONV:
        return h->d_ssm + 2 * (uint64_t)h->n_ssm_group * h->d_ssm_state;
    case DIM_SSM_IN:
        return h->d_ssm + ssm_dim_size(h, DIM_SSM_CONV) + h->n_ssm_head;
    default:
        return 0;
    }
}

static uint64_t dim_size(const struct hparams *h, enum dim d)
{
    switch (d) {
    case DIM_NONE:
        return 1;
    case DIM_MODEL:
        return h->d_model;
    case DIM_VOCAB:
        return h->n_vocab;
    case DIM_CONTEXT:
        return h->n_ctx_train;
    case DIM_FF:
        return h->d_ff;
    case DIM_FF2:
        return 2 * (uint64_t)h->d_ff;
    case DIM_FF_EXPERT:
        return h->d_ff_expert;
    case DIM_FF_EXPERT2:
        return 2 * (uint64_t)h->d_ff_expert;
    case DIM_FF_SHARED:
        return h->d_ff_shared;
    case DIM_EXPERT:
        return h->n_expert;
    case DIM_HEADS:
        return h->n_head;
    case DIM_HEAD:
        return h->d_head;
    case DIM_Q:
        return (uint64_t)h->n_head * h->d_head;
    case DIM_K:
        return (uint64_t)h->n_head_kv * h->d_head;
    case DIM_V:
        return (uint64_t)h->n_head_kv * h->d_head_v;
    case DIM_QK:
        return dim_size(h, DIM_Q) + dim_size(h, DIM_K);
    case DIM_QKV:
        return dim_size(h, DIM_QK) + dim_size(h, DIM_V);
    case DIM_ATTN:
        return (uint64_t)h->n_head * h->d_head_v;
    case DIM_ROT2:
        return h->n_rot / 2;
    case DIM_MODEL3:
        return 3 * (uint64_t)h->d_model;
    case DIM_TAPS:
        return h->conv_taps;
    case DIM_TYPES:
        return h->n_token_types;
    case DIM_LABELS:
        return h->n_labels;
    case DIM_Q2:
        return 2 * (uint64_t)h->n_head * h->d_head;
    case DIM_Q2K:
        return dim_size(h, DIM_Q2) + dim_size(h, DIM_K);
    case DIM_Q2KV:
        return dim_size(h, DIM_Q2K) + dim_size(h, DIM_V);
    case DIM_DELTA_HEAD:
        return h->d_delta;
    case DIM_DELTA_HEADS:
        return h->n_delta_v;
    case DIM_DELTA_HEADS2:
        return 2 * (uint64_t)h->n_delta_v;
    case DIM_DELTA_VALUES:
        return (uint64_t)h->n_delta_v * h->d_delta;
    case DIM_DELTA_QKV:
        return (2 * (uint64_t)h->n_delta_k + h->n_delta_v) * h->d_delta;
    case DIM_DELTA_MIXED:
        return 2 * ((uint64_t)h->n_delta_k + h->n_delta_v) * h->d_delta;
    case DIM_Q_RANK:
        return h->q_rank;
    case DIM_KV_RANK:
        return h->kv_rank;
    case DIM_KV_LATENT:
        return h->kv_rank + h->n_rot;
    case DIM_Q_MLA:
        return (uint64_t)h->n_head * h->d_head_mla;
    case DIM_Q_DIRECT:
        return h->q_rank ? 0 : (uint64_t)h->n_head * h->d_head_mla;
    case DIM_K_MLA:
        return h->latent ? h->d_head_mla - h->n_rot : 0;
    case DIM_V_MLA:
        return h->latent ? h->d_head_v_mla : 0;
    case DIM_KV_HEADS:
        return h->latent ? 0 : (uint64_t)h->n_head * (h->d_head_mla - h->n_rot + h->d_head_v_mla);
    case DIM_ATTN_MLA:
        return (uint64_t)h->n_head * h->d_head_v_mla;
    case DIM_HEADS_KV:
        return h->n_head_kv;
    default:
        return ssm_dim_size(h, d);
    }
}

/* May the graph use it at all, in this layer? */
static bool has_place(const struct hparams *h, const struct tensor_spec *s, uint32_t layer)
{
    unsigned need = s->need;
    bool experts = hparams_has_experts(h, layer), recurrent = h->recurrent[layer];
    if ((need & IF_ATTENTION && recurrent) || (need & IF_RECURRENT && !recurrent))
        return false;
    return !(need & IF_DENSE && experts) && !(need & IF_EXPERTS && !experts) &&
           !(need & IF_SIZED && (!dim_size(h, s->rows) || !dim_size(h, s->cols)));
}

static bool check_shape(const struct hparams *h, const struct tensor_spec *s, bool fused,
                        const struct gguf_tensor *t, struct err *e)
{
    uint64_t depth = s->kind == TENSOR_EXPERTS ? h->n_expert
                     : s->kind == TENSOR_HEADS ? h->n_head
                                               : 1;
    bool vector = s->rows == DIM_NONE;
    uint64_t want[4] = {dim_size(h, fused && vector ? s->whole : s->cols),
                        dim_size(h, fused && !vector ? s->whole : s->rows), depth, 1};
    if (memcmp(want, t->ne, sizeof want) == 0)
        return true;
    return fail(
        e, ERR_CORRUPT,
        "tensor %.*s has shape [%llu, %llu, %llu], but the model's sizes ask for [%llu, %llu, "
        "%llu]",
        STR_ARG(t->name), (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
        (unsigned long long)t->ne[2], (unsigned long long)want[0], (unsigned long long)want[1],
        (unsigned long long)want[2]);
}

/* Its values from `first` on. */
static bool bind_values(struct loader *l, const struct gguf_tensor *t, uint64_t first,
                        const float **out, struct err *e)
{
    uint64_t n = t->ne[0] * t->ne[1];
    float *v = arena_new(&l->m->arena, n, sizeof *v, e);
    if (!v || !gguf_need(l->g, t, e))
        return false;
    quant_decode(t->type, t->data, v, n);
    *out = v + first;
    return true;
}

static bool bind_columns(struct loader *l, const struct gguf_tensor *t, const float **out,
                         struct err *e)
{
    uint64_t rows = t->ne[1], cols = t->ne[0];
    const float *v;
    float *turned = arena_new(&l->m->arena, rows * cols, sizeof *turned, e);
    if (!turned || !bind_values(l, t, 0, &v, e))
        return false;
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < cols; c++)
            turned[c * rows + r] = v[r * cols + c];
    *out = turned;
    return true;
}

/* Near ties of a router decide which experts run: it, and weights of plain formats before it, are
 * not worth rounding further. Quantised ones are: they have moved the ties already. */
static bool is_precise(const struct hparams *h, const struct tensor_spec *s,
                       const struct gguf_tensor *t)
{
    bool before = h->n_expert && s->rows != DIM_VOCAB;
    return s->rows == DIM_EXPERT || (before && dtype_block(t->type) == 1);
}

static void bind_matrix(const struct gguf_tensor *t, uint64_t first, uint64_t rows, bool precise,
                        struct mat *out)
{
    *out = (struct mat){.data = t->data + first * t->row_bytes,
                        .type = t->type,
                        .rows = (uint32_t)rows,
                        .cols = (uint32_t)t->ne[0],
                        .row_bytes = t->row_bytes,
                        .precise = precise,
                        .n_expert = (uint32_t)t->ne[2]};
}

static bool take(struct loader *l, const struct tensor_spec *s, bool fused,
                 const struct gguf_tensor *t, void *field, struct err *e)
{
    const struct hparams *h = &l->m->h;
    unsigned char *used = &l->used[t - l->g->tensors];
    uint64_t first = fused && s->first != DIM_NONE ? dim_size(h, s->first) : 0;
    if (!check_shape(h, s, fused, t, e))
        return false;
    if (!quant_can_decode(t->type))
        return fail(e, ERR_UNSUPPORTED, "tensor %.*s has type %s, which cannot be a weight",
                    STR_ARG(t->name), dtype_name(t->type));
    l->m->weight_bytes += *used ? 0 : t->n_bytes;
    *used = 1;
    if (s->kind == TENSOR_VALUES)
        return bind_values(l, t, first, field, e);
    if (s->kind == TENSOR_COLUMNS)
        return bind_columns(l, t, field, e);
    bind_matrix(t, first, dim_size(h, s->rows), is_precise(h, s, t), field);
    return true;
}

/* Binds the tensor of a spec, or its part of a larger one, into base + offset. */
static bool bind(struct loader *l, const struct tensor_spec *s, const char *prefix, uint32_t layer,
                 void *base, struct err *e)
{
    const struct hparams *h = &l->m->h;
    const struct gguf_tensor *t = NULL;
    char name[LIMIT_GGUF_TENSOR_NAME];
    if (s->fused) {
        snprintf(name, sizeof name, "%s%s", prefix, s->fused);
        t = gguf_tensor_find(l->g, str_of(name));
    }
    bool fused = t != NULL;
    snprintf(name, sizeof name, "%s%s", prefix, s->name);
    if (!fused)
        t = gguf_tensor_find(l->g, str_of(name));
    bool place = has_place(h, s, layer);
    if (!t && place && !(s->need & OPTIONAL))
        return fail(e, ERR_CORRUPT,
                    "the model has no tensor %s; the file is incomplete, download it again", name);
    if (!t || !place) /* one without a place is reported by check_all_used */
        return true;
    return take(l, s, fused, t, (char *)base + s->offset, e);
}

static bool bind_all(struct loader *l, const struct tensor_spec *specs, const char *prefix,
                     uint32_t layer, void *base, struct err *e)
{
    for (const struct tensor_spec *s = specs; s->name; s++)
        if (!bind(l, s, prefix, layer, base, e))
            return false;
    return true;
}

/* The experts' gate and up must be there in one of their two forms. */
static bool check_experts(const struct layer *y, struct err *e)
{
    bool apart = y->w_gate_exps.data && y->w_up_exps.data;
    bool any = y->w_gate_exps.data || y->w_up_exps.data;
    if (!y->w_down_exps.data || (apart && !y->w_gate_up_exps.data) ||
        (!any && y->w_gate_up_exps.data))
        return true;
    return fail(e, ERR_CORRUPT,
                "layer %u of the model does not have the gate and up of its experts exactly once",
                y->index);
}

/* Layers past the last one are for drafting (multi-token prediction), which moat does not use. */
static bool is_draft(const struct hparams *h, struct str name)
{
    uint32_t layer = 0;
    size_t i = 4;
    if (name.n < 5 || memcmp(name.p, "blk.", 4) != 0)
        return false;
    for (; i < name.n && i < 10 && name.p[i] >= '0' && name.p[i] <= '9'; i++)
        layer = layer * 10 + (uint32_t)(name.p[i] - '0');
    return i < name.n && name.p[i] == '.' && layer >= h->n_layer &&
           layer - h->n_layer < h->n_layer_draft;
}

/* A window lets go of keys that a later token no longer sees; here earlier ones would miss them. */
static bool check_window(const struct model *m, const struct layer *y, struct err *e)
{
    if (!m->h.bidirectional || !y->window)
        return true;
    return fail(e, ERR_UNSUPPORTED,
                "layer %u sees a window of the text on both sides, which is not supported yet",
                y->index);
}

static bool check_all_used(const struct loader *l, struct err *e)
{
    uint64_t n_unused = 0, first = 0;
    for (uint64_t i = l->g->n_tensors; i-- > 0;)
        if (!l->used[i] && !is_draft(&l->m->h, l->g->tensors[i].name)) {
            n_unused++;
            first = i;
        }
    if (n_unused == 0)
        return true;
    struct str name = l->g->tensors[first].name;
    if (n_unused == 1)
        return fail(e, ERR_UNSUPPORTED,
                    "tensor %.*s is not part of architecture %s as moat knows it; running without "
                    "it would give wrong answers",
                    STR_ARG(name), l->m->h.arch->name);
    return fail(e, ERR_UNSUPPORTED,
                "tensor %.*s and %llu more are not part of architecture %s as moat knows it; "
                "running without them would give wrong answers",
                STR_ARG(name), (unsigned long long)(n_unused - 1), l->m->h.arch->name);
}

static void init_layer(struct model *m, uint32_t i)
{
    struct layer *l = &m->layers[i];
    l->index = i;
    l->window = 0;
    l->rope = &m->rope;
    if (m->h.arch->init_layer)
        m->h.arch->init_layer(m, l);
    l->recurrent = m->h.recurrent[i];
    if (l->recurrent || m->h.state_beside)
        l->state_slot = m->n_kv_slots[KV_SLOTS_STATE]++;
    if (!l->recurrent)
        l->kv_slot = m->n_kv_slots[l->window != 0]++;
}

static bool init_ropes(struct model *m, struct err *e)
{
    const struct hparams *h = &m->h;
    const float *factors = m->rope_factors ? m->rope_factors : m->rope_short;
    bool extended = !m->rope_factors && m->rope_long;
    return rope_init(&m->rope, h, h->rope_base, true, factors, &m->arena, e) &&
           rope_init(&m->rope_local, h, h->rope_base_local, h->rope_local_scaled, NULL, &m->arena,
                     e) &&
           (!extended ||
            rope_init(&m->rope_extended, h, h->rope_base, true, m->rope_long, &m->arena, e));
}

/* Slopes of attention with linear biases (Press et al. 2022): a geometric sequence over the largest
 * power of two of heads, and every second term of the one half as steep for the rest. */
static bool init_alibi(struct model *m, struct err *e)
{
    uint32_t n = m->h.n_head, whole = 1;
    if (m->h.alibi == 0)
        return true;
    float *slope = arena_new(&m->arena, n, sizeof *slope, e);
    if (!slope)
        return false;
    while (whole <= n / 2)
        whole *= 2;
    for (uint32_t i = 0; i < n; i++) {
        float steps = i < whole ? (float)(i + 1) : (float)(2 * (i - whole) + 1) / 2;
        slope[i] = exp2f(-m->h.alibi * steps / (float)whole);
    }
    m->alibi = slope;
    return true;
}

static bool load(struct loader *l, struct err *e)
{
    struct model *m = l->m;
    m->layers = arena_new(&m->arena, m->h.n_layer, sizeof *m->layers, e);
    if (!m->layers || !bind_all(l, m->h.arch->model_tensors, "", 0, m, e))
        return false;
    if (!m->output.data && !m->h.arch->encoder)
        m->output = m->embed;
    if (!init_ropes(m, e) || !init_alibi(m, e))
        return false;
    for (uint32_t i = 0; i < m->h.n_layer; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blk.%u.", i);
        init_layer(m, i);
        if (!bind_all(l, m->h.arch->layer_tensors, prefix, i, &m->layers[i], e) ||
            !check_experts(&m->layers[i], e) || !check_window(m, &m->layers[i], e) ||
            (m->h.arch->check_layer && !m->h.arch->check_layer(&m->layers[i], e)))
            return false;
    }
    return check_all_used(l, e);
}

bool model_can_generate(const struct model *m, struct err *e)
{
    if (!m->h.arch->encoder && !m->h.bidirectional)
        return true;
    return fail(e, ERR_UNSUPPORTED,
                "the model turns texts into vectors and cannot write any; use moat embed");
}

struct model *model_new(const struct gguf *g, const struct rope_options *rope, struct err *e)
{
    struct model *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    struct loader l = {.g = g, .m = m};
    bool ok = hparams_read(&m->h, g, rope, e);
    /* every layer has tensors: a layer count past their number is not worth allocating for */
    if (ok && m->h.n_layer > g->n_tensors)
        ok = fail(e, ERR_CORRUPT, "the model claims %u layers but holds %llu tensors", m->h.n_layer,
                  (unsigned long long)g->n_tensors);
    if (ok)
        l.used = mem_new(g->n_tensors, 1, e);
    ok = ok && l.used && load(&l, e) && (!rope || rope_check(m, rope, e));
    mem_free(l.used);
    if (!ok) {
        model_free(m);
        return NULL;
    }
    return m;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    arena_clear(&m->arena);
    mem_free(m);
}
