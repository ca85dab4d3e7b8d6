/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/glm4moe: GLM-4.5 and 4.6 (Zhipu AI 2025), and Solar Open.
 *
 *   x += attention(norm(x))      biases on q, k, v; in the largest every q and k head normalised;
 *                                rotary positions over halves of part of a head
 *   x += experts(norm(x))        SwiGLU experts chosen by sigmoid and a bias, and a shared one; the
 *                                first layers a plain FFN */
#include <string.h>

#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, OPTIONAL),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, OPTIONAL),
    LAYER_VEC(ffn_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_EXPERTS_FUSED(DIM_FF_EXPERT),
    LAYER_VEC(b_select, "exp_probs_b.bias", DIM_EXPERT, OPTIONAL_IF_EXPERTS),
    TENSORS_SHARED_EXPERT,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

/* Axes of images count where the file names two of them at least, as in glm4. */
static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_sections(h, g, e))
        return false;
    if (h->rope_sections[0] == 0 || h->rope_sections[1] == 0)
        memset(h->rope_sections, 0, sizeof h->rope_sections);
    h->expert_norm = false;
    h->expert_gating = EXPERTS_SIGMOID;
    return hparams_shared_experts(h, g, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_glm4moe = {
    .name = "glm4moe",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
