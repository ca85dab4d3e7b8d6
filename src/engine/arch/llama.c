/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/llama: Touvron et al. 2023 (Llama 1-3), and what kept its shape (Mistral, SmolLM2,
 * Yi); with experts: Mixtral, Jiang et al. 2024.
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs
 *   x += ffn(norm(x))            SwiGLU, or the same as a mixture of experts */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_FFN_BIAS,
    TENSORS_EXPERTS(DIM_FF, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(output_bias, "output.bias", DIM_VOCAB, OPTIONAL),
    TENSORS_ROPE_FACTORS,
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_llama = {
    .name = "llama",
    .rope_neox = false,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
