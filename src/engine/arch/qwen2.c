/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen2: Qwen2 and Qwen2.5 (Yang et al. 2024).
 *
 *   x += attention(norm(x))      biases on q, k, v; rotary positions over halves
 *   x += ffn(norm(x))            SwiGLU */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(output_bias, "output.bias", DIM_VOCAB, OPTIONAL),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen2 = {
    .name = "qwen2",
    .rope_neox = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
