/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/stablelm: StableLM 3B and StableLM 2 (Stability AI 2023-2024).
 *
 *   x += attention(h), h = layer norm(x)   rotary positions over halves of part of a head; in the
 *                                          12B every q and k head has a layer norm of its own
 *   x += ffn(layer norm(x))                SwiGLU; in the 12B of h, beside the attention */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    LAYER_VEC(attn_norm.bias, "attn_norm.bias", DIM_MODEL, REQUIRED),
    TENSORS_QKV_BIAS(OPTIONAL),
    TENSORS_QK_NORM_OWN,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, OPTIONAL),
    LAYER_VEC(ffn_norm.bias, "ffn_norm.bias", DIM_MODEL, OPTIONAL),
    TENSORS_FFN(REQUIRED),
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
    if (l->ffn_norm.weight) {
        block_attention(t, l, a->x, a->x, true);
        block_ffn(t, l, GATE_SILU, a->x, a->x, true);
        return;
    }
    struct layer beside = *l;
    beside.ffn_norm = l->attn_norm;
    block_attention(t, l, a->x, a->o, false);
    block_ffn(t, &beside, GATE_SILU, a->x, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
}

const struct arch arch_stablelm = {
    .name = "stablelm",
    .rope_neox = true,
    .layer_norm = true,
    .qk_norm = QK_NORM_OWN,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
