/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/granite: Granite 3 and 4 (IBM 2024), dense or, as granitemoe, a mixture of experts;
 * and MiniCPM (Hu et al. 2024), which has the same scales.
 *
 *   x  = embed_scale * embedding
 *   x += residual_scale * attention(norm(x))   rotary positions over neighbouring pairs, or none
 *   x += residual_scale * ffn(norm(x))         SwiGLU, or experts, of which one may be shared
 *   logits are divided by logit_scale */
#include <math.h>

#include "base/limits.h"
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_FFN_BIAS,
    TENSORS_EXPERTS(DIM_FF, IF_EXPERTS),
    TENSORS_SHARED_EXPERT,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    TENSORS_ROPE_FACTORS,
    {0},
};

/* A key that is absent or 0 leaves what the caller has set. */
static bool read_scales(struct hparams *h, const struct gguf *g, float divisor, struct err *e)
{
    float logits = divisor, residual = 0, embed = 0;
    if (!hparams_f32(g, h, "logit_scale", &logits, e) ||
        !hparams_f32(g, h, "residual_scale", &residual, e) ||
        !hparams_f32(g, h, "embedding_scale", &embed, e) ||
        !hparams_u32(g, h, "expert_shared_feed_forward_length", 0, LIMIT_WIDTH, &h->d_ff_shared, e))
        return false;
    if (logits == 0)
        return fail(e, ERR_CORRUPT, "%s.logit_scale is 0, which cannot divide", h->arch->name);
    h->logit_scale = 1 / logits;
    h->residual_scale = residual != 0 ? residual : h->residual_scale;
    h->embed_scale = embed != 0 ? embed : h->embed_scale;
    return true;
}

/* The key says whether there are positions at all, here alone. */
static bool read_granite(struct hparams *h, const struct gguf *g, struct err *e)
{
    bool rotated = true;
    if (!hparams_bool(g, h, "rope.scaling.finetuned", &rotated, e) ||
        !hparams_required(g, h, "logit_scale", e))
        return false;
    h->no_positions = !rotated;
    return read_scales(h, g, 1, e);
}

/* Files of the first models name no scales: they have those of the paper, section 4. */
static bool read_minicpm(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->embed_scale = 12;
    h->residual_scale = 1.4f / sqrtf((float)h->n_layer);
    return read_scales(h, g, (float)h->d_model / 256, e);
}

static void init_layer(const struct model *m, struct layer *l)
{
    l->rope = m->h.no_positions ? NULL : &m->rope;
}

static float embed_scale(const struct hparams *h)
{
    return h->embed_scale;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    float scale = t->f->m->h.residual_scale;
    block_attention(t, l, a->x, a->o, false);
    block_add_scaled(t, a->o, scale, a->x);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->o, false);
    block_add_scaled(t, a->o, scale, a->x);
}

const struct arch arch_granite = {
    .name = "granite",
    .rope_neox = false,
    .read_hparams = read_granite,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .embed_scale = embed_scale,
    .layer = layer,
};

const struct arch arch_granitemoe = {
    .name = "granitemoe",
    .rope_neox = false,
    .read_hparams = read_granite,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .embed_scale = embed_scale,
    .layer = layer,
};

const struct arch arch_minicpm = {
    .name = "minicpm",
    .rope_neox = false,
    .read_hparams = read_minicpm,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .embed_scale = embed_scale,
    .layer = layer,
};
