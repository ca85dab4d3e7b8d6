/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_plan: which tensor of the output each tensor of the input becomes.
 *
 * A name is taken apart into what stands before (model., language_model., bert.), the number of the
 * layer, the words that the family's rules list, and ".weight" or ".bias". Every tensor has a rule
 * or is known to be of no use; any other is refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "lab/convert_private.h"

struct parts {
    char stem[LIMIT_GGUF_TENSOR_NAME + 1];
    const char *kind; /* "weight", "bias", or "" */
    int layer;        /* -1: none */
};

static bool skip(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = str_from(*s, prefix.n);
    return true;
}

/* "layers.12." */
static int cut_layer(struct str *s)
{
    struct str rest = *s, number;
    uint64_t n;
    if (!(skip(&rest, STR("layers.")) || skip(&rest, STR("encoder.layer."))) ||
        !str_cut(&rest, '.', &number) || !str_to_u64(number, &n) || n >= LIMIT_LAYERS)
        return -1;
    *s = rest;
    return (int)n;
}

/* Old BERT files call a norm's weight gamma and its bias beta. */
static const char *cut_kind(struct str *s)
{
    static const struct {
        struct str suffix;
        const char *kind;
    } kinds[] = {{STR(".weight"), "weight"}, {STR(".bias"), "bias"}, {STR(".gamma"), "weight"},
                 {STR(".beta"), "bias"},     {STR(".inv_freq"), ""}, {STR(".position_ids"), ""}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_ends(*s, kinds[i].suffix)) {
            *s = str_sub(*s, 0, s->n - kinds[i].suffix.n);
            return kinds[i].kind;
        }
    return "";
}

static void take_apart(struct str name, struct parts *p)
{
    while (skip(&name, STR("language_model.")) || skip(&name, STR("model.")) ||
           skip(&name, STR("bert.")))
        ;
    p->layer = cut_layer(&name);
    p->kind = cut_kind(&name);
    snprintf(p->stem, sizeof p->stem, "%.*s", (int)name.n, name.p);
}

static const struct tensor_rule *rule_of(const struct convert_family *f, const struct parts *p)
{
    const struct tensor_rule *r = p->layer < 0 ? f->model : f->layer;
    while (r->from && strcmp(r->from, p->stem) != 0)
        r++;
    return r->from ? r : NULL;
}

/* What a model that also sees or hears has beside its text model. */
static bool is_of_other_senses(struct str name)
{
    static const char *const parts[] = {"vision_tower.",
                                        "multi_modal_projector.",
                                        "visual.",
                                        "vision_model.",
                                        "audio_tower.",
                                        "model.vision_tower.",
                                        "embed_vision.",
                                        "model.multi_modal_projector.",
                                        "vision_embed_tokens."};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (str_starts(name, str_of(parts[i])))
            return true;
    return false;
}

/* --- types and shapes ------------------------------------------------------------------------- */

static bool stored_type(const struct safetensor *t, enum dtype *type, struct err *e)
{
    switch (t->type) {
    case SAFETENSOR_F32:
    case SAFETENSOR_F64:
        *type = DTYPE_F32;
        return true;
    case SAFETENSOR_F16:
        *type = DTYPE_F16;
        return true;
    case SAFETENSOR_BF16:
        *type = DTYPE_BF16;
        return true;
    default:
        return fail(e, ERR_UNSUPPORTED,
                    "tensor %s is stored as %s, which cannot be converted; save the model as F32, "
                    "F16 or BF16",
                    t->name.p, safetensor_type_name(t->type));
    }
}

static bool choose_type(const struct conversion *c, struct planned *p, struct err *e)
{
    if (!stored_type(p->from, &p->type, e))
        return false;
    if (!c->o->as_stored)
        p->type = c->o->type;
    if (p->from->n_dim < 2 || p->step == STEP_VALUES || p->step == STEP_NORM)
        p->type = DTYPE_F32;
    return true;
}

static bool check_shape(const struct conversion *c, const struct planned *p, struct err *e)
{
    const struct safetensor *t = p->from;
    if (t->n_dim < 1 || t->n_dim > 4 || t->n_values == 0)
        return fail(e, ERR_CORRUPT, "tensor %s is empty or has %u dimensions, not 1 to 4",
                    t->name.p, t->n_dim);
    uint32_t heads = p->step == STEP_Q ? c->n_head : c->n_head_kv;
    bool turned = c->family->turns_pairs && (p->step == STEP_Q || p->step == STEP_K);
    if (turned && (t->shape[0] % heads || t->shape[0] / heads % 2))
        return fail(e, ERR_CORRUPT, "tensor %s has %llu rows, which %u heads cannot share evenly",
                    t->name.p, (unsigned long long)t->shape[0], heads);
    return true;
}

/* --- the plan --------------------------------------------------------------------------------- */

static bool add(struct conversion *c, const struct planned *p, struct err *e)
{
    if (!mem_grow(&c->plan, c->n_plan, &c->cap_plan, sizeof *p, e))
        return false;
    c->plan[c->n_plan++] = *p;
    return true;
}

bool convert_plan_values(struct conversion *c, const char *name, const float *v, uint64_t n,
                         struct err *e)
{
    struct planned p = {.values = v, .layer = -1, .type = DTYPE_F32};
    snprintf(p.name, sizeof p.name, "%s", name);
    if (!add(c, &p, e))
        return false;
    gguf_write_tensor(&c->w, p.name, p.type, 1, &n, v);
    return true;
}

/* A model whose output is its embedding may hold the same weights twice. */
static bool is_tied_output(const struct conversion *c, const struct tensor_rule *r)
{
    const json_t *tied = json_object_get(c->hf.text, "tie_word_embeddings");
    bool gemma = c->family->norm_less_one;
    return strcmp(r->to, "output") == 0 && (tied ? json_is_true(tied) : gemma);
}

static bool plan_one(struct conversion *c, const struct safetensor *t, uint64_t *skipped,
                     struct err *e)
{
    struct parts parts;
    if (is_of_other_senses(t->name)) {
        ++*skipped;
        return true;
    }
    take_apart(t->name, &parts);
    const struct tensor_rule *r = rule_of(c->family, &parts);
    if (!r)
        return fail(e, ERR_UNSUPPORTED,
                    "tensor %s has no place in the architecture %s; a model with it cannot be "
                    "converted",
                    t->name.p, c->family->arch);
    if (r->step == STEP_SKIP || is_tied_output(c, r))
        return true;
    struct planned p = {.from = t, .layer = parts.layer, .step = r->step};
    if (p.layer < 0)
        snprintf(p.name, sizeof p.name, "%s.%s", r->to, parts.kind);
    else
        snprintf(p.name, sizeof p.name, "blk.%d.%s.%s", p.layer, r->to, parts.kind);
    return choose_type(c, &p, e) && check_shape(c, &p, e) && add(c, &p, e);
}

/* The pooler is of use to a classifier only. */
static bool is_wanted(const struct conversion *c, const struct safetensor *t)
{
    return !str_ends(t->name, STR("pooler.dense.weight")) &&
                   !str_ends(t->name, STR("pooler.dense.bias"))
               ? true
               : safetensors_find(c->hf.weights, STR("classifier.weight")) != NULL;
}

static int by_layer(const void *a, const void *b)
{
    const struct planned *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void declare(struct conversion *c, const struct planned *p)
{
    uint64_t ne[4];
    uint32_t n = p->from->n_dim;
    for (uint32_t i = 0; i < n; i++)
        ne[i] = p->from->shape[n - 1 - i];
    gguf_write_tensor(&c->w, p->name, p->type, n, ne, NULL);
    c->total += p->from->n_bytes;
}

bool convert_plan(struct conversion *c, struct err *e)
{
    uint64_t skipped = 0, first = c->n_plan;
    for (uint64_t i = 0; i < c->hf.weights->n; i++) {
        const struct safetensor *t = &c->hf.weights->tensors[i];
        if (is_wanted(c, t) && !plan_one(c, t, &skipped, e))
            return false;
    }
    if (c->n_plan == first)
        return fail(e, ERR_CORRUPT, "%s has no tensors of a text model", c->o->folder);
    qsort(c->plan + first, c->n_plan - first, sizeof *c->plan, by_layer);
    for (uint64_t i = first; i < c->n_plan; i++) {
        if (i > first && strcmp(c->plan[i].name, c->plan[i - 1].name) == 0)
            return fail(e, ERR_CORRUPT, "tensors %s and %s are the same one",
                        c->plan[i - 1].from->name.p, c->plan[i].from->name.p);
        declare(c, &c->plan[i]);
    }
    if (skipped)
        convert_notice(c,
                       N_("%llu tensors for pictures or sound are left out: the model reads text"),
                       (unsigned long long)skipped);
    return true;
}
