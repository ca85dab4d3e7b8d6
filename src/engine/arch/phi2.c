/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/phi2: Phi-1.5 and Phi-2 (Li et al. 2023).
 *
 *   x += attention(h) + ffn(h), h = layer norm(x)
 *                                rotary positions over halves of part of a head; GELU, no gate;
 *                                biases everywhere */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    LAYER_VEC(attn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_FFN_UNGATED(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    MODEL_VEC(output_norm.bias, "output_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_OUTPUT(REQUIRED),
    MODEL_VEC(output_bias, "output.bias", DIM_VOCAB, REQUIRED),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_ffn(t, l, GATE_GELU, a->x, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
}

const struct arch arch_phi2 = {
    .name = "phi2",
    .rope_neox = true,
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
