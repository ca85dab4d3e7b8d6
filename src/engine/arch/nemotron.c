/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/nemotron: Nemotron-4 and Minitron (NVIDIA 2024).
 *
 *   x += attention(h), h = layer norm(x)   rotary positions over halves of part of a head
 *   x += ffn(layer norm(x))                max(x, 0)^2, no gate
 * Files hold the norms' weights with the 1 added that the model leaves out. */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    LAYER_VEC(attn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.bias, "ffn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_FFN_UNGATED(OPTIONAL),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    MODEL_VEC(output_norm.bias, "output_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_OUTPUT(REQUIRED),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_RELU2, a->x, a->x, true);
}

const struct arch arch_nemotron = {
    .name = "nemotron",
    .rope_neox = true,
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
