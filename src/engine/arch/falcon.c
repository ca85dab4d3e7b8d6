/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/falcon: Falcon 7B and 40B (Almazrouei et al. 2023).
 *
 *   x += attention(h2) + ffn(h), h = layer norm(x), h2 = another one in the 40B, else h
 *                                rotary positions over halves; GELU, no gate */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    /* the second norm is the attention's where there is one */
    LAYER_VEC_OR(attn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED, "attn_norm_2.weight",
                 DIM_MODEL, DIM_NONE),
    LAYER_VEC_OR(attn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED, "attn_norm_2.bias",
                 DIM_MODEL, DIM_NONE),
    LAYER_VEC(ffn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_QKV,
    LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, REQUIRED),
    LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(output_norm.bias, "output_norm.bias", DIM_MODEL, REQUIRED),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_ffn(t, l, GATE_GELU, a->x, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
}

const struct arch arch_falcon = {
    .name = "falcon",
    .rope_neox = true,
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
