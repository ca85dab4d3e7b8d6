/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/deepseek: DeepSeekMoE (Dai et al. 2024) and, as dots1, dots.llm1 (rednote 2025).
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs; in dots1 over halves,
 *                                and every q and k head normalised
 *   x += experts(norm(x))        SwiGLU experts chosen by softmax, in dots1 by sigmoid and a bias,
 *                                and shared ones; the first layers a plain FFN */
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

#define TENSORS_REST                                                                               \
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED), TENSORS_FFN(IF_DENSE),     \
        TENSORS_EXPERTS(DIM_FF_EXPERT, IF_EXPERTS), TENSORS_SHARED_EXPERT

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    TENSORS_REST,
    {0},
};

static const struct tensor_spec dots_layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    TENSORS_QK_NORM,
    TENSORS_REST,
    LAYER_VEC(b_select, "exp_probs_b.bias", DIM_EXPERT, OPTIONAL_IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

/* Its experts' weights are a softmax over all of them, whatever the file says. */
static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_shared_experts(h, g, e))
        return false;
    h->expert_norm = false;
    h->expert_gating = EXPERTS_SOFTMAX;
    return true;
}

static bool read_dots(struct hparams *h, const struct gguf *g, struct err *e)
{
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

const struct arch arch_deepseek = {
    .name = "deepseek",
    .rope_neox = false,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};

const struct arch arch_dots1 = {
    .name = "dots1",
    .rope_neox = true,
    .read_hparams = read_dots,
    .layer_tensors = dots_layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
