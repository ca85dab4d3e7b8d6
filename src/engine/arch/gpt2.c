/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/gpt2: GPT-2 (Radford et al. 2019), and starcoder (Li et al. 2023), in which all heads
 * share one key-value head.
 *
 *   x  = embedding + position, both learned
 *   x += attention(h), h = layer norm(x)
 *   x += ffn(h), h = layer norm(x)         GELU, no gate; biases everywhere */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    LAYER_VEC(attn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_QKV_BIAS(REQUIRED),
    LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.bias, "ffn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_FFN_UNGATED(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(output_norm.bias, "output_norm.bias", DIM_MODEL, REQUIRED),
    MODEL_MAT(positions, "position_embd.weight", DIM_CONTEXT, DIM_MODEL, REQUIRED),
    {0},
};

static void init_layer(const struct model *m, struct layer *l)
{
    (void)m;
    l->rope = NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_GELU, a->x, a->x, true);
}

const struct arch arch_gpt2 = {
    .name = "gpt2",
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};

const struct arch arch_starcoder = {
    .name = "starcoder",
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
