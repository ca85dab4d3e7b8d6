/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3moe: Qwen3 with a mixture of experts in every layer (Yang et al. 2025).
 *
 *   x += attention(norm(x))      every q and k head normalised; rotary positions over halves
 *   x += experts(norm(x))        SwiGLU experts, weights renormalised over the chosen */
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    TENSORS_QK_NORM,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS(DIM_FF_EXPERT, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen3moe = {
    .name = "qwen3moe",
    .rope_neox = true,
    .read_hparams = hparams_only_experts,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
