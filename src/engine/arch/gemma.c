/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/gemma: Gemma (Gemma Team 2024).
 *
 *   x  = sqrt(d_model) * embedding
 *   x += attention(norm(x))      rotary positions over halves
 *   x += ffn(norm(x))            GELU-gated; the output matrix is the embedding */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_GELU, a->x, a->x, true);
}

const struct arch arch_gemma = {
    .name = "gemma",
    .rope_neox = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .embed_scale = arch_embed_scale,
    .layer = layer,
};
